//! Postern.

fn main() {}
