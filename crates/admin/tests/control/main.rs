//! The control interface over a real socket, on a real queue.
#![expect(
    clippy::unwrap_used,
    reason = "a test that meets what it does not expect should stop at that line"
)]

mod daemon;
mod idle;
mod queue;
mod requests;
mod running;
mod socket;
