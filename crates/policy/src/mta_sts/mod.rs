//! MTA-STS (RFC 8461): the record that announces a policy, and the policy itself.
//!
//! Both are parsed strictly and in full: a text that is not what the RFC describes is no policy,
//! and never half of one. Who looks the record up and fetches the policy does so elsewhere.
//!
//! ```
//! use postern_policy::{StsMode, StsPolicy, StsRecord};
//!
//! let record = StsRecord::among(&[b"v=STSv1; id=20260723T1200;".to_vec()])?;
//! assert_eq!(record.map(|it| it.id().to_string()).as_deref(), Some("20260723T1200"));
//!
//! let text = b"version: STSv1\nmode: enforce\nmx: *.example.org\nmax_age: 604800\n";
//! let policy = StsPolicy::parse(text)?;
//! assert_eq!(policy.mode(), StsMode::Enforce);
//! assert_eq!(StsPolicy::parse(policy.to_text().as_bytes()), Ok(policy));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod policy;
mod policy_error;
mod record;
#[cfg(test)]
mod tests;

use postern_mail::Domain;
use rustls_pki_types::UnixTime;

pub use policy::{LONGEST_MAX_AGE, LONGEST_POLICY, StsMode, StsPolicy};
pub use policy_error::{StsField, StsPolicyError, StsSyntax};
pub use record::{StsId, StsIdError, StsRecord, StsRecordError};

/// A policy that was fetched, and for how long it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPolicy {
    /// Whose it is: the domain of the recipients (RFC 8461 §1.1, "Policy Domain").
    pub domain: Domain,
    /// What the record called it when it was fetched.
    pub id: StsId,
    /// What it says.
    pub policy: StsPolicy,
    /// When it was fetched.
    pub fetched: UnixTime,
    /// When it ceases to count, unless it is fetched again before (RFC 8461 §3.2, `max_age`).
    pub expires: UnixTime,
}

impl KnownPolicy {
    /// A policy that was fetched just now.
    pub fn fetched(domain: Domain, id: StsId, policy: StsPolicy, now: UnixTime) -> Self {
        let expires = UnixTime::since_unix_epoch(std::time::Duration::from_secs(
            now.as_secs().saturating_add(policy.max_age().as_secs()),
        ));
        Self {
            domain,
            id,
            policy,
            fetched: now,
            expires,
        }
    }

    /// Whether the policy's time is over.
    pub fn has_expired(&self, now: UnixTime) -> bool {
        self.expires <= now
    }
}

/// ```text
/// ext-name = ( ALPHA / DIGIT ) *31( ALPHA / DIGIT / "_" / "-" / "." )
/// ```
/// which the grammars of record and policy share (RFC 8461 §3.1, §3.2).
fn is_field_name(name: &str) -> bool {
    let within = |c: u8| c.is_ascii_alphanumeric() || b"_-.".contains(&c);
    name.len() <= 32
        && name.bytes().all(within)
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
}
