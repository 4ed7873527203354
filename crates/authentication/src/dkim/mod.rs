//! Signatures of domains (RFC 6376, RFC 8301, RFC 8463).
//!
//! Keys and their use come from mail-auth. What is signed, and whether a signature may count, is
//! judged here: mail-auth 0.13.3 takes tags that stand there twice, domains with characters that
//! no domain has, signatures that leave out `From`, SHA-1, RSA keys of up to 8192 bit, and any
//! number of signatures; `tests/gaps.rs` shows it.
//!
//! `l=` never counts for less than the whole body: what somebody else wrote below would look
//! signed (RFC 6376 §8.2).

pub(crate) mod key;
mod outcome;
pub(crate) mod signature;
#[cfg(test)]
mod tests;
mod verification;

pub use outcome::{DkimAlgorithm, DkimOutcome, DkimResult};
#[cfg(test)]
pub(crate) use verification::signed_octets;
pub(crate) use verification::{Bodies, Candidate, candidates, check, without_signature};
