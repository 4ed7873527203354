//! How a finished handshake stands to a profile, point by point, for an auditor.
//!
//! [`crate::CryptoBounds::admits`] decides and stops at the first fault; this tells everything: what
//! was found, what the profile demands, and what the guidance behind it thinks of what was
//! found. Nothing is decided by a report.

mod certificates;
mod report;

use std::fmt;

use super::Profile;

pub use report::conformance;

/// A report: every criterion of a profile, held against a handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conformance {
    profile: &'static Profile,
    findings: Vec<Finding>,
}

impl Conformance {
    /// The profile.
    pub fn profile(&self) -> &'static Profile {
        self.profile
    }

    /// What was found for each criterion, in the order of a handshake.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The worst of what was found.
    pub fn verdict(&self) -> Standing {
        let standings = self.findings.iter().map(|finding| finding.standing);
        standings.max().unwrap_or(Standing::NotKnown)
    }
}

/// One line for the verdict, and one for each finding.
impl fmt::Display for Conformance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.profile, self.verdict())?;
        self.findings
            .iter()
            .try_for_each(|finding| write!(f, "\n  {finding}"))
    }
}

/// What was found for one criterion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The criterion.
    pub criterion: Criterion,
    /// What the handshake has. Foreign texts in it have been made safe to show.
    pub found: String,
    /// What the profile demands.
    pub demanded: String,
    /// How the one stands to the other.
    pub standing: Standing,
    /// Why the guidance grades what was found as it does, where it is not the best.
    pub why: Option<&'static str>,
    /// Who demands it.
    pub source: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (criterion, standing) = (self.criterion, self.standing);
        write!(f, "{criterion}: {standing}: {}", self.found)?;
        write!(f, "; demanded: {}", self.demanded)?;
        self.why.map_or(Ok(()), |why| write!(f, " ({why})"))
    }
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Criterion {
    /// The protocol version.
    Version,
    /// The cipher suite.
    Suite,
    /// The group of the key exchange.
    KeyExchange,
    /// How the peer signed the handshake.
    HandshakeSignature,
    /// The key of the peer's certificate.
    LeafKey,
    /// How the peer's certificate is signed.
    LeafSignature,
    /// The keys of the certificates that the peer sent with it.
    ChainKeys,
    /// How those are signed.
    ChainSignatures,
    /// The key of the certificate that we showed.
    OwnKey,
    /// The extended master secret (RFC 7627).
    ExtendedMasterSecret,
    /// That nothing was resumed, and no data came early.
    Freshness,
}

impl Criterion {
    /// The name for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Suite => "suite",
            Self::KeyExchange => "key-exchange",
            Self::HandshakeSignature => "handshake-signature",
            Self::LeafKey => "leaf-key",
            Self::LeafSignature => "leaf-signature",
            Self::ChainKeys => "chain-keys",
            Self::ChainSignatures => "chain-signatures",
            Self::OwnKey => "own-key",
            Self::ExtendedMasterSecret => "extended-master-secret",
            Self::Freshness => "freshness",
        }
    }
}

impl fmt::Display for Criterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Version => "protocol version",
            Self::Suite => "cipher suite",
            Self::KeyExchange => "key exchange group",
            Self::HandshakeSignature => "signature of the handshake",
            Self::LeafKey => "key of the certificate",
            Self::LeafSignature => "signature of the certificate",
            Self::ChainKeys => "keys of the chain",
            Self::ChainSignatures => "signatures of the chain",
            Self::OwnKey => "key of our own certificate",
            Self::ExtendedMasterSecret => "extended master secret",
            Self::Freshness => "resumption and early data",
        })
    }
}

/// How what was found stands to what is demanded, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// There is nothing in this handshake that the criterion speaks of.
    NotApplicable,
    /// Met.
    Met,
    /// Met, with something better beside it.
    Sufficient,
    /// Met for some time to come.
    PhasingOut,
    /// It cannot be seen from here.
    NotKnown,
    /// Not met.
    NotMet,
}

impl Standing {
    /// The name for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotApplicable => "not-applicable",
            Self::Met => "met",
            Self::Sufficient => "sufficient",
            Self::PhasingOut => "phasing-out",
            Self::NotKnown => "not-known",
            Self::NotMet => "not-met",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotApplicable => "not applicable",
            Self::Met => "met",
            Self::Sufficient => "sufficient",
            Self::PhasingOut => "phasing out",
            Self::NotKnown => "not known",
            Self::NotMet => "not met",
        })
    }
}

#[cfg(test)]
mod tests;
