//! Notices as their readers see them: a mail client, a program that reads DSNs, a person.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

mod fixture;
mod golden;
mod grammar;
mod hostile;
mod structure;
mod tls_wish;
mod who;
