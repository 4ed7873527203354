//! Whether the authorities of a chain took back what they certified (RFC 5280 §6.3).
//!
//! A [`CrlSource`] holds what a file or a URL last gave; whoever reads it hands the octets to
//! [`CrlSource::replace`]. A [`RevocationCheck`] is several of them with what to do when they
//! say nothing, and goes into a [`crate::pkix::Demand`]. Every certificate on the path but the
//! anchor is looked up. What replaces a list acts on the next judgement of every holder; a
//! judgement under way keeps to the list that it began with.
//!
//! Signatures, scopes and entries are read by rustls-webpki. It takes complete lists of version 2
//! by the issuer of the certificate itself: delta lists (RFC 5280 §5.2.4), indirect ones and
//! those for some reasons only (RFC 5280 §5.2.5) are refused when they are loaded. The signature
//! is verified anew for each judgement, which takes about a millisecond for each mebibyte of the
//! list.
//!
//! Lists mostly come over plain HTTP, so octets that claim to be a list may be anybody's, and
//! whose they are can be told only when a certificate of that issuer is judged. Hence:
//!
//! - Of the lists of one issuer and one scope the newest counts that *verifies*. One that does
//!   not verify, however new it claims to be, takes nothing out of force.
//! - A list that has verified stays in force beside its successor until that one has verified
//!   too, and so does the very first, as long as none has. Putting a forged list into the way
//!   makes no revoked certificate good.
//! - A list older than the one that is held is refused, or who stands in the way could take back
//!   a revocation (rollback); but a list that failed to verify keeps nothing away, and neither
//!   does one that came beside another and has not verified yet.
//! - A list that expired no longer shows that anything is good. What it lists stays revoked.

mod judge;
mod list;
mod source;

use std::{fmt, sync::Arc};

use crate::Date;

pub(crate) use judge::JudgedPath;
pub use source::{CrlError, CrlFacts, CrlNumber, CrlSource, CrlStanding};

/// What to do with a certificate that no list speaks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnknownStatus {
    /// It may be revoked for all we know: refuse it.
    Refuse,
    /// Accept it, and say so. What is listed is refused all the same.
    Accept,
}

/// Lists to hold certificates against. Cloning is cheap.
///
/// Two checks are equal when they ask the same sources, by their labels, and treat silence alike;
/// what the sources hold at the moment does not matter.
#[derive(Clone)]
pub struct RevocationCheck(Arc<Check>);

struct Check {
    sources: Vec<Arc<CrlSource>>,
    unknown: UnknownStatus,
}

impl RevocationCheck {
    /// A check against what these sources hold, now and later.
    pub fn new(lists: impl IntoIterator<Item = Arc<CrlSource>>, unknown: UnknownStatus) -> Self {
        let mut sources: Vec<_> = lists.into_iter().collect();
        sources.sort_by(|a, b| a.label().cmp(b.label()));
        Self(Arc::new(Check { sources, unknown }))
    }

    /// The sources, in the order of their labels.
    pub fn sources(&self) -> &[Arc<CrlSource>] {
        &self.0.sources
    }

    /// What is done when they say nothing.
    pub fn unknown(&self) -> UnknownStatus {
        self.0.unknown
    }

    fn identity(&self) -> (Vec<&str>, UnknownStatus) {
        let labels = self.0.sources.iter().map(|source| source.label());
        (labels.collect(), self.0.unknown)
    }
}

impl PartialEq for RevocationCheck {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for RevocationCheck {}

impl PartialOrd for RevocationCheck {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RevocationCheck {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.identity().cmp(&other.identity())
    }
}

impl std::hash::Hash for RevocationCheck {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

/// `not revoked by a.crl or b.crl, refused where they do not say`
impl fmt::Display for RevocationCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (labels, unknown) = self.identity();
        let otherwise = match unknown {
            UnknownStatus::Refuse => "refused",
            UnknownStatus::Accept => "accepted",
        };
        write!(f, "not revoked by {}", labels.join(" or "))?;
        write!(f, ", {otherwise} where they do not say")
    }
}

impl fmt::Debug for RevocationCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RevocationCheck({self})")
    }
}

/// What is known about the revocation of a chain that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RevocationStatus {
    /// Nobody asked.
    NotChecked,
    /// Current lists cover every certificate on the path and list none of them.
    Good,
    /// It was accepted without knowing, as the demand allowed.
    Unknown(RevocationGap),
}

/// Why it is not known whether a certificate is revoked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevocationGap {
    /// No list is by the issuer.
    #[error("there is no revocation list of {issuer}{}", not_loaded(empty))]
    NoList {
        /// The issuer of the certificate.
        issuer: String,
        /// The sources that have not given anything yet.
        empty: Vec<String>,
    },
    /// The list is out of date.
    #[error("the revocation list of {issuer} ({list}) ran out on {since}")]
    Expired {
        /// The issuer of certificate and list.
        issuer: String,
        /// The label of the source.
        list: String,
        /// When the next list was due.
        since: Date,
    },
    /// The list bears the name of the issuer and does not verify.
    #[error("the revocation list that claims to be of {issuer} ({list}) is not by its key: {why}")]
    NotVerified {
        /// The issuer of the certificate.
        issuer: String,
        /// The label of the source.
        list: String,
        /// What is wrong.
        why: String,
    },
    /// All issuers have lists, but those of some are for other certificates (RFC 5280 §5.2.5).
    #[error(
        "a revocation list of {issuer} or of one above it is not about this kind of certificate"
    )]
    OutOfScope {
        /// The issuer of the leaf.
        issuer: String,
    },
}

fn not_loaded(empty: &[String]) -> String {
    match empty {
        [] => String::new(),
        sources => format!("; nothing has been loaded from {}", sources.join(", ")),
    }
}

#[cfg(test)]
mod tests;
