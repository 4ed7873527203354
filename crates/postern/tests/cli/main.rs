//! The command line and the daemon, as a process.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets what it does not expect should stop at that line"
)]

mod daemon;
mod home;
mod keys;
mod looking;
mod partners;
mod publishing;
mod queue;
mod reload;
mod reports;
mod service;
mod signing;
mod systemd;
mod watching;
mod words;
mod world;
