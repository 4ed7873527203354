//! How a finished handshake stands to a profile, point by point, for an auditor.
//!
//! [`CryptoBounds::admits`] decides and stops at the first fault; this tells everything: what
//! was found, what the profile demands, and what the guidance behind it thinks of what was
//! found. Nothing is decided by a report.

mod certificates;

use std::fmt;

use super::{CryptoBounds, Grade, Member, Profile, PublicKey};
use crate::{Evidence, ExtendedMasterSecret, HandshakeKind, PeerCertificates, Possession};

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

/// Holds a handshake against every criterion of a profile.
///
/// The criteria for certificates are about what the peer showed, which for a client is the
/// server. Whether anybody is authenticated is no matter of crypto, and not looked at.
pub fn conformance(evidence: &Evidence, profile: &'static Profile) -> Conformance {
    let report = Report { profile };
    let mut findings = vec![
        report.version(evidence),
        report.suite(evidence),
        report.key_exchange(evidence),
    ];
    let fresh = evidence.handshake() != HandshakeKind::Resumed;
    match evidence.peer() {
        PeerCertificates::Chain(chain) if fresh => {
            let signature =
                report.handshake_signature(chain.possession(), chain.signature_scheme());
            findings.push(signature);
            findings.extend(certificates::findings(&report, chain));
        }
        PeerCertificates::Chain(_) | PeerCertificates::None => {
            let found = "the peer showed no certificate in this handshake";
            let demanded = list(profile.bounds().schemes());
            let finding = report.finding(Criterion::HandshakeSignature, found, demanded);
            findings.push(finding.standing(Standing::NotApplicable));
        }
    }
    findings.extend(report.own_key(evidence));
    findings.push(master_secret(evidence));
    findings.push(freshness(evidence));
    Conformance { profile, findings }
}

/// What makes findings for one profile.
struct Report {
    profile: &'static Profile,
}

impl Report {
    fn bounds(&self) -> &'static CryptoBounds {
        self.profile.bounds()
    }

    /// A finding that is met so far.
    fn finding(&self, criterion: Criterion, found: impl fmt::Display, demanded: String) -> Finding {
        Finding {
            criterion,
            found: found.to_string(),
            demanded,
            standing: Standing::Met,
            why: None,
            source: self.profile.guidance().to_string(),
        }
    }

    fn version(&self, evidence: &Evidence) -> Finding {
        let (found, bounds) = (evidence.version(), self.bounds());
        self.finding(Criterion::Version, found, list(bounds.versions()))
            .unless(bounds.versions.contains(&found))
            .graded(self.grade(Member::Version(found)))
    }

    fn suite(&self, evidence: &Evidence) -> Finding {
        let (found, bounds) = (evidence.suite(), self.bounds());
        self.finding(Criterion::Suite, found, list(bounds.suites()))
            .unless(bounds.suites.contains(&found))
            .graded(self.grade(Member::Suite(found)))
    }

    fn key_exchange(&self, evidence: &Evidence) -> Finding {
        let bounds = self.bounds();
        let demanded = list(bounds.groups());
        let Some(found) = evidence.group() else {
            let found = "none, the session was resumed";
            return self
                .finding(Criterion::KeyExchange, found, demanded)
                .standing(Standing::NotKnown);
        };
        self.finding(Criterion::KeyExchange, found, demanded)
            .unless(bounds.groups.contains(&found))
            .graded(self.grade(Member::Group(found)))
    }

    fn handshake_signature(
        &self,
        possession: &Possession,
        scheme: Option<super::SignatureScheme>,
    ) -> Finding {
        let bounds = self.bounds();
        let name = scheme.map_or("a scheme unknown to us", |scheme| scheme.name());
        let found = match possession {
            Possession::Proven => name.to_owned(),
            Possession::Unproven(reason) => format!("{name}, not verified: {reason}"),
        };
        let within = scheme.is_some_and(|scheme| bounds.schemes.contains(&scheme));
        let grade = scheme.and_then(|scheme| self.grade(Member::Scheme(scheme)));
        self.finding(Criterion::HandshakeSignature, found, list(bounds.schemes()))
            .unless(within && *possession == Possession::Proven)
            .graded(grade)
    }

    fn own_key(&self, evidence: &Evidence) -> Option<Finding> {
        let own = evidence.own_certificate()?;
        let key = own.certificate.contents.as_ref()?.key;
        Some(self.keys(Criterion::OwnKey, &[key]))
    }

    /// The worst of some keys.
    fn keys(&self, criterion: Criterion, keys: &[PublicKey]) -> Finding {
        let bounds = self.bounds();
        let demanded = match bounds.least_rsa_bits() {
            least if bounds.keys.contains(&super::KeyKind::Rsa) => {
                format!("{} (RSA from {least} bits on)", list(bounds.keys()))
            }
            _ => list(bounds.keys()),
        };
        let admitted = keys.iter().all(|key| bounds.admits_key(*key).is_ok());
        let grades = keys.iter().filter_map(|key| self.grade_of_key(*key));
        self.finding(criterion, list(keys.iter()), demanded)
            .unless(admitted)
            .graded(grades.max_by_key(|(grade, _)| *grade))
    }

    fn grade(&self, what: Member) -> Option<(Grade, &'static str)> {
        let graded = self.profile.graded().iter();
        let mut graded = graded.filter(|graded| graded.what == what);
        graded.next().map(|graded| (graded.grade, graded.why))
    }

    fn grade_of_key(&self, key: PublicKey) -> Option<(Grade, &'static str)> {
        let graded = self.profile.graded().iter().filter(|graded| {
            matches!((graded.what, key.rsa_bits()),
                (Member::RsaBelow(least), Some(bits)) if bits < least)
                || graded.what == Member::Key(key.kind())
        });
        let grades = graded.map(|graded| (graded.grade, graded.why));
        grades.max_by_key(|(grade, _)| *grade)
    }
}

impl Finding {
    fn standing(self, standing: Standing) -> Self {
        Self { standing, ..self }
    }

    fn unless(self, within: bool) -> Self {
        if within {
            self
        } else {
            self.standing(Standing::NotMet)
        }
    }

    /// Lowers what is met to its grade.
    fn graded(self, grade: Option<(Grade, &'static str)>) -> Self {
        let Some((grade, why)) = grade.filter(|_| self.standing == Standing::Met) else {
            return self;
        };
        let standing = match grade {
            Grade::Sufficient => Standing::Sufficient,
            Grade::PhasingOut => Standing::PhasingOut,
        };
        Self {
            why: Some(why),
            ..self.standing(standing)
        }
    }
}

fn master_secret(evidence: &Evidence) -> Finding {
    let (found, standing) = match evidence.extended_master_secret() {
        ExtendedMasterSecret::BuiltIn => ("part of TLS 1.3", Standing::Met),
        ExtendedMasterSecret::Required => ("used", Standing::Met),
        ExtendedMasterSecret::NotKnown => (
            "offered and not required; the library does not tell",
            Standing::NotKnown,
        ),
    };
    Finding {
        criterion: Criterion::ExtendedMasterSecret,
        found: found.to_owned(),
        demanded: "the extended master secret of RFC 7627".to_owned(),
        standing,
        why: None,
        source: "RFC 9325 §3.5".to_owned(),
    }
}

fn freshness(evidence: &Evidence) -> Finding {
    let (found, standing) = match evidence.handshake() {
        HandshakeKind::Full => ("a full handshake, no early data", Standing::Met),
        HandshakeKind::FullWithRetry => (
            "a full handshake, after another group was asked for, no early data",
            Standing::Met,
        ),
        HandshakeKind::Resumed => ("a resumed session, no early data", Standing::NotMet),
    };
    Finding {
        criterion: Criterion::Freshness,
        found: found.to_owned(),
        demanded: "a full handshake without early data, to be judged by".to_owned(),
        standing,
        why: None,
        source: "RFC 9325 §3.4 and §3.9".to_owned(),
    }
}

/// `a, b or c`
fn list<T: fmt::Display>(items: impl Iterator<Item = T>) -> String {
    let items: Vec<_> = items.map(|item| item.to_string()).collect();
    match items.split_last() {
        None => "none".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests;
