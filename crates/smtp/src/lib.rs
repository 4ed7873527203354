//! SMTP on the wire, both ends, as state machines without IO.

pub mod client;
pub mod command;
mod framing;
pub mod server;
