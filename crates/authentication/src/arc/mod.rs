//! What those who pass mail on say that they saw (RFC 8617).

mod outcome;

pub use outcome::{ArcOutcome, ArcResult};
