//! Signatures of domains (RFC 6376, RFC 8301, RFC 8463).

mod outcome;

pub use outcome::{DkimAlgorithm, DkimOutcome, DkimResult};
