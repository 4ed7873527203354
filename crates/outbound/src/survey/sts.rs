//! What a survey tells of MTA-STS.

use postern_fetch::StsFinding;
use postern_policy::KnownPolicy;
use postern_tls::Date;
use rustls_pki_types::UnixTime;
use serde::Serialize;

use super::words;

/// What a destination says by MTA-STS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Sts {
    /// The policy that counts, if there is one.
    pub policy: Option<StsPolicyNote>,
    /// Why the policy is not known, or not known as it is now.
    pub trouble: Option<String>,
}

/// A policy, and from when to when it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct StsPolicyNote {
    /// What the record called it when it was fetched.
    pub id: String,
    /// Its mode.
    pub mode: String,
    /// The hosts that it lists.
    pub mx: Vec<String>,
    /// When it was fetched.
    pub fetched: String,
    /// How many seconds ago that was.
    pub age: u64,
    /// When it ceases to count, unless it is fetched again before.
    pub expires: String,
}

impl Sts {
    pub(super) fn of(finding: &StsFinding, now: UnixTime) -> Self {
        Self {
            policy: finding
                .known
                .as_deref()
                .map(|known| StsPolicyNote::of(known, now)),
            trouble: finding.trouble.as_ref().map(ToString::to_string),
        }
    }
}

impl StsPolicyNote {
    fn of(known: &KnownPolicy, now: UnixTime) -> Self {
        Self {
            id: known.id.to_string(),
            mode: known.policy.mode().to_string(),
            mx: words(known.policy.mx()),
            fetched: Date(known.fetched).to_string(),
            age: now.as_secs().saturating_sub(known.fetched.as_secs()),
            expires: Date(known.expires).to_string(),
        }
    }
}
