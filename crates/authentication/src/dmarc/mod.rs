//! Whether an author domain stands behind a message (RFC 9989).

mod outcome;

pub use outcome::{
    Alignment, DmarcOutcome, DmarcPolicy, DmarcRecordFacts, DmarcResult, FailureOption,
};
