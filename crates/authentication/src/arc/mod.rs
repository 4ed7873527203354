//! What those who pass mail on say that they saw (RFC 8617).
//!
//! mail-auth reads the sets and checks signatures and seals. Its tags that stand there twice,
//! SHA-1, names that are none, sets without signatures, and `l=` are refused here.
//!
//! A chain passes or does not; what a chain that passes is worth is for whoever knows its
//! sealers. Left out: which hop changed the message first (the optional step 5 of
//! RFC 8617 §5.2), which nothing here would use.

mod chain;
mod claims;
mod outcome;
#[cfg(test)]
mod tests;
mod verification;

pub(crate) use chain::{Broken, Chain};
pub use outcome::{ArcOutcome, ArcResult};
pub(crate) use verification::{failed as broken, none, unknown, verify};
