//! Which clients may speak for a domain (RFC 7208).

mod outcome;

pub use outcome::{SpfOutcome, SpfResult};
