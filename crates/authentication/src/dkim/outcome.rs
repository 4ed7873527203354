//! What DKIM found.

use std::fmt;

use postern_mail::Domain;
use serde::{Deserialize, Serialize};

/// What is said about one signature (RFC 8601 §2.7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DkimResult {
    /// The domain signed these fields and this whole body.
    Pass,
    /// The signature is not of this message.
    Fail,
    /// The signature is none that we count, whether it holds or not.
    Policy,
    /// The signature cannot be understood.
    Neutral,
    /// The key could not be got; later it may.
    TempError,
    /// The signature or its key is not acceptable.
    PermError,
}

impl fmt::Display for DkimResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Policy => "policy",
            Self::Neutral => "neutral",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        })
    }
}

/// How a signature was made (RFC 6376 §3.3, RFC 8463 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DkimAlgorithm {
    /// Never acceptable (RFC 8301 §3.1).
    RsaSha1,
    /// RSA with PKCS#1 v1.5.
    RsaSha256,
    /// Ed25519.
    Ed25519Sha256,
}

impl fmt::Display for DkimAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::RsaSha1 => "rsa-sha1",
            Self::RsaSha256 => "rsa-sha256",
            Self::Ed25519Sha256 => "ed25519-sha256",
        })
    }
}

/// What one signature is worth. What it says of itself is there as far as it can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DkimOutcome {
    /// The result.
    pub result: DkimResult,
    /// Why it is not a pass. Printable ASCII, fit for a comment.
    pub reason: Option<String>,
    /// Who signs, `d=`.
    pub domain: Option<Domain>,
    /// On whose behalf, `i=`, decoded; not more than 320 printable characters of ASCII.
    pub identity: Option<String>,
    /// Which key, `s=`.
    pub selector: Option<String>,
    /// The algorithm, `a=`.
    pub algorithm: Option<DkimAlgorithm>,
    /// The first octets of the signature as it is written, which tell it from others
    /// (RFC 6008 §4): at most 12 of the alphabet of Base64.
    pub signature_start: String,
}
