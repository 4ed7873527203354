//! Reception over real sockets on loopback, with a real queue in a directory of its own.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets what it does not expect should stop at that line"
)]

mod accounts;
mod authors;
mod binding;
mod client;
mod content;
mod floods;
mod house;
mod judged;
mod judgement;
mod leaving;
mod limits;
mod log;
mod partners;
mod pki;
mod queue_trouble;
mod relay;
mod relayed;
mod reload;
mod sessions;
mod shutdown;
mod tls;
mod tls_wish;
mod withdrawn;
