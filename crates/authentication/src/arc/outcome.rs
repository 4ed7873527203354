//! What ARC found.

use std::fmt;

use postern_mail::Domain;
use serde::{Deserialize, Serialize};

/// The state of a chain (RFC 8617 §4.4, §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ArcResult {
    /// There is no chain.
    None,
    /// All seals hold, and the newest signature is of this message.
    Pass,
    /// The chain is broken, for good.
    Fail,
    /// A key could not be got; later it may.
    TempError,
}

impl fmt::Display for ArcResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::TempError => "temperror",
        })
    }
}

/// What the chain of a message is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArcOutcome {
    /// The result.
    pub result: ArcResult,
    /// How many sets there are, the highest instance.
    pub sets: u32,
    /// Who sealed last, as far as that can be read; proven only by a pass.
    pub sealer: Option<Domain>,
    /// All who sealed, the first one first.
    pub sealers: Vec<Domain>,
    /// Why the chain does not pass. Printable ASCII, fit for a comment.
    pub reason: Option<String>,
    /// Whether the newest results in a chain that passes say that DMARC passed, for the author
    /// domain that the message has. What that is worth depends on the sealer.
    pub claims_dmarc_pass: bool,
}
