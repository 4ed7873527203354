//! Whether a client is what its address is called: "iprev" (RFC 8601 §3).

use std::fmt;

use postern_dns::Name;
use serde::{Deserialize, Serialize};

/// The results of RFC 8601 §2.7.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IprevResult {
    /// The address has a name that has the address.
    Pass,
    /// Its names do not have the address.
    Fail,
    /// It could not be found out; later it may.
    TempError,
    /// The address has no name.
    PermError,
}

impl fmt::Display for IprevResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        })
    }
}

/// What the reverse mapping of an address says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IprevOutcome {
    /// The result.
    pub result: IprevResult,
    /// The name that leads back to the address.
    pub name: Option<Name>,
    /// Why it is not a pass. Printable ASCII, fit for a comment.
    pub reason: Option<String>,
}
