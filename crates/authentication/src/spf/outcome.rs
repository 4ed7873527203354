//! What SPF found.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The results of RFC 7208 §2.6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpfResult {
    /// The domain says that this client may speak for it.
    Pass,
    /// The domain says that it may not.
    Fail,
    /// The domain says that it probably may not.
    SoftFail,
    /// The domain says nothing about this client.
    Neutral,
    /// There is no domain to ask, or it publishes no record.
    None,
    /// It could not be found out; later it may.
    TempError,
    /// The records of the domain cannot be understood.
    PermError,
}

impl fmt::Display for SpfResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::SoftFail => "softfail",
            Self::Neutral => "neutral",
            Self::None => "none",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        })
    }
}

/// What SPF says about one identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpfOutcome {
    /// The result.
    pub result: SpfResult,
    /// Whose record was asked for, in lower case and with A-labels. In place of a domain there
    /// is the address literal of a client that called itself by one.
    pub domain: String,
    /// Which mechanism matched, or what is wrong. Printable ASCII, fit for a comment.
    pub reason: Option<String>,
}
