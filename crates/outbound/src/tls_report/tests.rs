use std::{sync::Arc, time::Duration};

use postern_fetch::StsTrouble;
use postern_mail::{Host, Reply, ReplyCode};
use postern_policy::{
    Dane, Defaults, DeliveryRequest, DnsProof, HostFacts, IdentityTerms, OutboundTerms, Partner,
    Policy, Stage, StsPolicy,
};
use postern_testkit::Authority;
use postern_tls::{
    CertificateSummary, Date, HandshakeError, Profile, ProfileName, TlsaRecord, TlsaSet,
    TrustAnchors, Whose,
};

use super::*;

#[track_caller]
fn check_fault(fault: ChainFault, expected: &str) {
    let mismatch = Mismatch::Chain {
        fault,
        fingerprint: CertificateSummary::of(b"").fingerprint,
    };
    assert_eq!(of_mismatch(&mismatch).as_str(), expected, "{mismatch}");
}

#[test]
fn faults_of_certificates_have_their_words() {
    let date = Date(UnixTime::since_unix_epoch(Duration::ZERO));
    let whose = Whose::Leaf;
    check_fault(
        ChainFault::NameMismatch {
            wanted: Vec::new(),
            presented: Vec::new(),
            common_name: None,
        },
        "certificate-host-mismatch",
    );
    check_fault(
        ChainFault::Expired { since: date, whose },
        "certificate-expired",
    );
    check_fault(
        ChainFault::NotYetValid { from: date, whose },
        "certificate-not-trusted",
    );
    check_fault(
        ChainFault::SelfSigned {
            subject: String::new(),
        },
        "certificate-not-trusted",
    );
    check_fault(ChainFault::NameConstraint, "certificate-not-trusted");
    check_fault(
        ChainFault::NotProven(String::new()),
        "certificate-not-trusted",
    );
    check_fault(ChainFault::TlsaUnusable(TlsaSet::new([])), "tlsa-invalid");
    check_fault(
        ChainFault::TlsaMismatch {
            wanted: TlsaSet::new([]),
            presented: Box::new(record(3, 1)),
        },
        "tlsa-invalid",
    );
}

#[test]
fn channels_without_tls_have_their_words() {
    let refused = Reply::new(ReplyCode::UNAVAILABLE, "no");
    for (reason, expected) in [
        (NotSecured::NotOffered, "starttls-not-supported"),
        (NotSecured::Refused(refused), "starttls-not-supported"),
        (
            NotSecured::HandshakeFailed(HandshakeError::NotTls),
            "validation-failure",
        ),
    ] {
        assert_eq!(
            of_mismatch(&Mismatch::NotEncrypted(reason)).as_str(),
            expected
        );
    }
    let host: Host = "mx.example".parse().unwrap();
    assert_eq!(
        of_mismatch(&Mismatch::Host(host)).as_str(),
        "validation-failure"
    );
}

fn record(usage: u8, matching: u8) -> TlsaRecord {
    TlsaRecord {
        usage,
        selector: 1,
        matching,
        association: vec![0; 32],
    }
}

/// What a session without TLS, or none at all, is counted as: type, domain and failure of each
/// policy, in short.
struct Case {
    dane: DaneFacts,
    sts: StsFinding,
    /// Whether a partner's rule demands DANE.
    demanded: bool,
    dialled: bool,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            dane: DaneFacts::Absent,
            sts: StsFinding::default(),
            demanded: false,
            dialled: true,
        }
    }
}

impl Case {
    #[track_caller]
    fn check(self, expected: &[&str]) {
        let destination: Host = "to.example".parse().unwrap();
        let policy = self.policy();
        let request = DeliveryRequest {
            sts: self.sts.known.as_ref(),
            ..DeliveryRequest::to(&destination)
        };
        let now = UnixTime::now();
        let plan = policy.plan_delivery(&request, now).for_host(&HostFacts {
            host: "mx.example".parse().unwrap(),
            provenance: Provenance::Dns(DnsProof::Secure),
            dane: self.dane,
        });
        let session = Session {
            plan: &plan,
            sts: &self.sts,
            security: self.dialled.then_some(Err(&NotSecured::NotOffered)),
            from: None,
            to: None,
        };
        let counted = session.counted(SystemTime::now(), now);
        let told: Vec<_> = counted
            .into_iter()
            .flat_map(|session| session.policies)
            .map(|outcome| {
                let AppliedPolicy {
                    policy_type,
                    policy_domain,
                    ..
                } = outcome.policy;
                let result = outcome.failure.map_or("met", |it| it.result_type.as_str());
                format!("{policy_type} {policy_domain}: {result}")
            })
            .collect();
        assert_eq!(told, expected);
    }

    fn policy(&self) -> Policy {
        let trust = TrustAnchors::from_pem("test", &Authority::new("CA").pem()).unwrap();
        let defaults = Defaults {
            profile: Profile::named(ProfileName::Intermediate),
            trust,
        };
        let terms = OutboundTerms {
            identity: IdentityTerms::default(),
            dane: Dane::Demanded,
            ..OutboundTerms::requiring(postern_policy::ChannelLevel::Authenticated)
        };
        let partner = Partner::builder("P".parse().unwrap(), Stage::Enforce)
            .domain("to.example".parse().unwrap())
            .outbound(terms);
        let partners = self
            .demanded
            .then(|| partner.build().unwrap())
            .into_iter()
            .collect();
        Policy::new(defaults, partners).unwrap()
    }
}

fn records(usage: u8) -> DaneFacts {
    DaneFacts::Records(DaneRecords {
        base: "base.example".parse().unwrap(),
        records: TlsaSet::new([record(usage, 1)]),
    })
}

fn policy(mode: &str, mx: &str) -> StsFinding {
    let text = format!("version: STSv1\nmode: {mode}\nmx: {mx}\nmax_age: 86400\n");
    let known = KnownPolicy::fetched(
        "to.example".parse().unwrap(),
        "1".parse().unwrap(),
        StsPolicy::parse(text.as_bytes()).unwrap(),
        UnixTime::now(),
    );
    StsFinding {
        known: Some(Arc::new(known)),
        trouble: None,
    }
}

fn trouble(kind: StsTroubleKind) -> StsFinding {
    StsFinding {
        known: None,
        trouble: Some(StsTrouble {
            kind,
            text: "no".to_owned(),
        }),
    }
}

#[test]
fn a_session_is_told_of_each_policy() {
    Case::default().check(&["no-policy-found to.example: starttls-not-supported"]);
    Case {
        dane: records(3),
        ..Case::default()
    }
    .check(&["tlsa base.example: starttls-not-supported"]);
    Case {
        dane: records(3),
        sts: policy("testing", "mx.example"),
        ..Case::default()
    }
    .check(&[
        "tlsa base.example: starttls-not-supported",
        "sts to.example: starttls-not-supported",
    ]);
    Case {
        sts: policy("testing", "other.example"),
        ..Case::default()
    }
    .check(&["sts to.example: validation-failure"]);
    Case {
        sts: policy("none", "mx.example"),
        ..Case::default()
    }
    .check(&["no-policy-found to.example: starttls-not-supported"]);
}

#[test]
fn policies_that_cannot_be_had_have_their_words() {
    for (kind, expected) in [
        (
            StsTroubleKind::Fetch,
            "sts to.example: sts-policy-fetch-error",
        ),
        (StsTroubleKind::WebPki, "sts to.example: sts-webpki-invalid"),
        (
            StsTroubleKind::Invalid,
            "sts to.example: sts-policy-invalid",
        ),
        (
            StsTroubleKind::Dns,
            "no-policy-found to.example: starttls-not-supported",
        ),
    ] {
        Case {
            sts: trouble(kind),
            ..Case::default()
        }
        .check(&[expected]);
    }
}

#[test]
fn a_host_that_was_not_dialled_is_told_of_where_a_policy_forbade_it() {
    let not_dialled = || Case {
        dialled: false,
        ..Case::default()
    };
    not_dialled().check(&[]);
    Case {
        dane: DaneFacts::Unknown("bogus".into()),
        ..not_dialled()
    }
    .check(&["tlsa mx.example: dnssec-invalid"]);
    Case {
        sts: policy("enforce", "other.example"),
        ..not_dialled()
    }
    .check(&["sts to.example: validation-failure"]);
    Case {
        demanded: true,
        ..not_dialled()
    }
    .check(&["tlsa mx.example: dane-required"]);
}
