//! The MTA-STS policies of others (RFC 8461): who asks, and what comes back.

mod announcement;
mod mta_sts;
mod places;
mod store;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use postern_mail::Domain;
use postern_policy::KnownPolicy;

pub use mta_sts::{MtaSts, StsSettings};
pub use places::StsStatus;
pub use store::StsCacheError;

/// Whoever knows the policies of domains.
#[async_trait]
pub trait StsPolicies: fmt::Debug + Send + Sync {
    /// The policy that counts for mail to `domain` now. Whether it is enforced, tested or taken
    /// back is for whoever judges: this finds it, and waits for it where nothing is known yet.
    async fn find(&self, domain: &Domain) -> StsFinding;

    /// The same after a look for a newer one, to be asked before a message that the policy kept
    /// from being delivered is given up (RFC 8461 §5.1).
    async fn renew(&self, domain: &Domain) -> StsFinding;
}

/// What was found. Both at once: a policy counts on while its successor cannot be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StsFinding {
    /// The policy.
    pub known: Option<Arc<KnownPolicy>>,
    /// What went wrong on the way, for the report that the domain may want (RFC 8460 §4.3).
    pub trouble: Option<StsTrouble>,
}

/// Why a policy is not known, or not known as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StsTrouble {
    /// What kind of trouble it was.
    pub kind: StsTroubleKind,
    /// What it was. Fit to be shown.
    pub text: String,
}

/// Kinds of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StsTroubleKind {
    /// Whether there is a record could not be found out.
    Dns,
    /// The policy could not be fetched (RFC 8460 §4.3.2.2, `sts-policy-fetch-error`).
    Fetch,
    /// The policy host did not prove to be it (`sts-webpki-invalid`).
    WebPki,
    /// The record or the policy is not what the grammar allows (`sts-policy-invalid`).
    Invalid,
}

impl fmt::Display for StsTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            StsTroubleKind::Dns => "the MTA-STS record cannot be looked up",
            StsTroubleKind::Fetch => "the MTA-STS policy cannot be fetched",
            StsTroubleKind::WebPki => "the MTA-STS policy host is not authenticated",
            StsTroubleKind::Invalid => "the MTA-STS record or policy is invalid",
        })?;
        write!(f, ": {}", self.text)
    }
}

/// Knows no policy of anybody, and asks nobody: for `honour = false`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NoSts;

#[async_trait]
impl StsPolicies for NoSts {
    async fn find(&self, _: &Domain) -> StsFinding {
        StsFinding::default()
    }

    async fn renew(&self, _: &Domain) -> StsFinding {
        StsFinding::default()
    }
}
