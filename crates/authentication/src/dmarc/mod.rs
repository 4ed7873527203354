//! Whether an author domain stands behind a message (RFC 9989).
//!
//! mail-auth walks the tree, chooses the record, compares domains and says what is asked for. It
//! gets records from our own DNS, and of SPF and DKIM what we found. What it does otherwise than
//! RFC 9989 is put right around it, as these say:
//! - [`record`]: tags that need not be understood, policies that are not right;
//! - [`records`]: several records at a name;
//! - [`judgement`]: messages without one author, signatures that must not count, records without
//!   a policy, author domains that do not exist.
//!
//! `tests/gaps` shows what the library does by itself.

mod judgement;
mod outcome;
mod record;
mod records;
#[cfg(test)]
mod tests;

pub(crate) use judgement::{Evidence, judge};
pub use outcome::{
    Alignment, DmarcOutcome, DmarcPolicy, DmarcRecordFacts, DmarcResult, FailureOption,
};
pub(crate) use records::Records;
