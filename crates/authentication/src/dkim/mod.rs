//! Signatures of domains (RFC 6376, RFC 8301, RFC 8463).
//!
//! mail-auth reads, canonicalizes, hashes and checks. What it is given, and what its word is
//! worth, is decided here: mail-auth 0.13.3 takes tags that stand there twice, domains with
//! characters that no domain has, signatures that leave out `From`, SHA-1, RSA keys of up to 8192
//! bit, keys that are not for mail, and any number of signatures; `tests/gaps` shows it.
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
pub(crate) use verification::{Bodies, Candidate, candidates, verify};
