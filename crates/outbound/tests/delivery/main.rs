//! Delivery from a real queue over real sockets to neighbours on loopback.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop at that line"
)]

mod faulty;
mod neighbour;
mod published;
mod scripted;
mod world;

mod clocks;
mod crowds;
mod dane;
mod denials;
mod down;
mod faults;
mod forwarding;
mod frozen;
mod limits;
mod mta_sts;
mod notices;
mod opportunistic;
mod pace;
mod partner;
mod peers;
mod quarantine;
mod reload;
mod requiretls;
mod reuse;
mod stages;
mod stopping;
mod stripping;
mod survey;
mod taken_in;

/// How long a test waits for what must come.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);
