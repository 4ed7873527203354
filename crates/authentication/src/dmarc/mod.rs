//! Whether an author domain stands behind a message (RFC 9989).
//!
//! The tree walk and the reading of records are our own: mail-auth 0.13.3 refuses a whole record
//! for a tag it need not have understood, takes the first of several records, and cannot tell
//! a domain that does not exist from what a cache remembers; `tests/gaps.rs` shows it.

mod judgement;
mod outcome;
mod record;
#[cfg(test)]
mod tests;
mod walk;

pub(crate) use judgement::{Evidence, judge};
pub use outcome::{
    Alignment, DmarcOutcome, DmarcPolicy, DmarcRecordFacts, DmarcResult, FailureOption,
};
pub(crate) use walk::{Walk, walk};
