//! The configuration as an administrator meets it: what is refused, what is warned of, and what
//! the sample and the reference say.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where its premise fails"
)]

mod bad;
mod exceptions;
mod files;
mod handling;
mod home;
mod manual;
mod mta_sts;
mod properties;
mod revocation;
mod warnings;
