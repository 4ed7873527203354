//! Partners as Postern's command line shows them to programs: how their rules fare.

use serde::Deserialize;

use crate::fault::Fault;
use crate::postern::Installation;

/// A partner.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Partner {
    /// Mail that is delivered to it.
    pub outbound: Direction,
    /// Mail that comes from it.
    pub inbound: Direction,
}

/// One direction of a partner's mail.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Direction {
    /// How the rule fared, if it was ever held against a channel.
    pub measured: Option<Measured>,
    /// Whether it can be enforced.
    pub readiness: Readiness,
}

/// How a rule fared.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub struct Measured {
    /// How often it was met.
    pub met: u64,
    /// How often it was not, and mail passed all the same.
    pub would_have_failed: u64,
    /// How often it was not, and mail did not pass.
    pub failed: u64,
    /// Why it was not.
    pub reasons: Vec<Reason>,
}

/// Why a rule was not met.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Reason {
    /// In words.
    pub reason: String,
}

/// Whether a rule can be enforced.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Readiness {
    /// `not-measured`, `failing`, `too-few` or `safe`.
    pub verdict: String,
}

impl Installation {
    /// `postern partner show NAME --json`.
    pub fn partner(&self, name: &str) -> Result<Partner, Fault> {
        self.json(&["partner", "show", name, "--json"])
    }
}
