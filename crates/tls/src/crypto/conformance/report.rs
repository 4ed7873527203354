//! How a report is made.

use std::fmt;

use super::{Conformance, Criterion, Finding, Standing, certificates};
use crate::{
    CryptoBounds, Evidence, ExtendedMasterSecret, Grade, HandshakeKind, KeyKind, Member,
    PeerCertificates, Possession, Profile, PublicKey, SignatureScheme,
};

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
pub(super) struct Report {
    profile: &'static Profile,
}

impl Report {
    pub(super) fn bounds(&self) -> &'static CryptoBounds {
        self.profile.bounds()
    }

    /// A finding that is met so far.
    pub(super) fn finding(
        &self,
        criterion: Criterion,
        found: impl fmt::Display,
        demanded: String,
    ) -> Finding {
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
        scheme: Option<SignatureScheme>,
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
    pub(super) fn keys(&self, criterion: Criterion, keys: &[PublicKey]) -> Finding {
        let bounds = self.bounds();
        let demanded = match bounds.least_rsa_bits() {
            least if bounds.keys.contains(&KeyKind::Rsa) => {
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
    pub(super) fn standing(self, standing: Standing) -> Self {
        Self { standing, ..self }
    }

    pub(super) fn unless(self, within: bool) -> Self {
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
pub(super) fn list<T: fmt::Display>(items: impl Iterator<Item = T>) -> String {
    let items: Vec<_> = items.map(|item| item.to_string()).collect();
    match items.split_last() {
        None => "none".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}
