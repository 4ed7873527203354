//! What DMARC found.

use std::fmt;

use postern_mail::Domain;
use serde::{Deserialize, Serialize};

/// The results of RFC 8601 §2.7.6 and RFC 9989 §5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DmarcResult {
    /// The author domain stands behind the message.
    Pass,
    /// It does not, or there is no single author domain.
    Fail,
    /// The author domain has no record.
    None,
    /// It could not be found out; later it may.
    TempError,
    /// There is a record, but none that can be applied.
    PermError,
}

impl fmt::Display for DmarcResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::None => "none",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        })
    }
}

/// What a domain asks for mail that fails (RFC 9989 §4.7).
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum DmarcPolicy {
    /// Nothing.
    #[default]
    None,
    /// Suspicion.
    Quarantine,
    /// Refusal.
    Reject,
}

impl fmt::Display for DmarcPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::Quarantine => "quarantine",
            Self::Reject => "reject",
        })
    }
}

/// How near an authenticated domain must be to the author domain (RFC 9989 §4.10.2).
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Alignment {
    /// Of one organisation.
    #[default]
    Relaxed,
    /// The same.
    Strict,
}

impl Alignment {
    /// The letter that stands for it in records and reports.
    pub fn letter(self) -> char {
        match self {
            Self::Relaxed => 'r',
            Self::Strict => 's',
        }
    }
}

/// When a domain asks for failure reports: the values of `fo` (RFC 9989 §4.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FailureOption {
    /// `0`: when nothing passed that is aligned.
    AllFail,
    /// `1`: when anything did not pass aligned.
    AnyFail,
    /// `d`: when a DKIM signature did not hold.
    Dkim,
    /// `s`: when SPF did not pass.
    Spf,
}

impl FailureOption {
    /// The character that stands for it in records and reports.
    pub fn letter(self) -> char {
        match self {
            Self::AllFail => '0',
            Self::AnyFail => '1',
            Self::Dkim => 'd',
            Self::Spf => 's',
        }
    }
}

/// The record that applies, as reports need it (RFC 9990 §3.1.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DmarcRecordFacts {
    /// Where the record is, without the label `_dmarc`.
    pub domain: Domain,
    /// `p`; none where it is missing or not valid.
    pub p: DmarcPolicy,
    /// `sp`, where it is another than `p`.
    pub sp: Option<DmarcPolicy>,
    /// `np`, where it is another than `sp`.
    pub np: Option<DmarcPolicy>,
    /// `adkim`.
    pub adkim: Alignment,
    /// `aspf`.
    pub aspf: Alignment,
    /// Whether `t=y` is there, so that the next milder policy applies.
    pub testing: bool,
    /// Whether `psd=y` is there: a public suffix, which gets no failure reports (RFC 9991 §2).
    pub public_suffix: bool,
    /// Where aggregate reports go: `mailto` URIs, at most ten, without sizes.
    pub rua: Vec<String>,
    /// Where failure reports go: `mailto` URIs, at most ten, without sizes.
    pub ruf: Vec<String>,
    /// `fo`, in its order.
    pub fo: Vec<FailureOption>,
}

/// What DMARC says about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DmarcOutcome {
    /// The result.
    pub result: DmarcResult,
    /// What is asked for if the message fails: of `p`, `sp` and `np` the one that applies to this
    /// author domain, milder by one where `t=y` says so.
    pub policy: DmarcPolicy,
    /// What is wrong. Printable ASCII, fit for a comment.
    pub reason: Option<String>,
    /// The record that applies.
    pub record: Option<DmarcRecordFacts>,
    /// Whether SPF passed for a domain that is aligned.
    pub spf_aligned: bool,
    /// Whether a DKIM signature passed of a domain that is aligned.
    pub dkim_aligned: bool,
}
