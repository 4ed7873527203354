//! What would be done, told without doing it, and what dialling comes to.

use postern_mail::{Domain, Host, TlsWish};
use postern_outbound::{
    Situation,
    survey::{
        AddressProbe, Dane, DecidedBy, Judged, Outcome, Probe, ProbeOptions, Question, Survey,
        Trouble, probe, survey,
    },
};
use postern_policy::{
    ChannelLevel, DnsProof, IdentityTerms, OutboundTerms, Partner, PartnerName, Provenance, Stage,
};
use postern_smtp::server::RequireTls;
use postern_testkit::{Authority, Leaf};
use postern_tls::{ProfileName, ReferenceIdentity};
use tempfile::TempDir;

use crate::{
    neighbour::Tls,
    published::{
        Presenting, Published, Succession, misnamed, plain, policy, serving, sound, tlsa,
        wrong_tlsa,
    },
    world::{Plan, situation},
};

fn asked(plan: Plan) -> (Situation, Question) {
    let directory = TempDir::new().unwrap();
    let situation = situation(plan, &directory);
    let destination: Host = "to.example".parse().unwrap();
    let question = Question {
        way: situation.settings.routes.way_to(destination),
        wish: TlsWish::Unstated,
    };
    (situation, question)
}

async fn surveyed(plan: Plan) -> Survey {
    let (situation, question) = asked(plan);
    survey(&situation, &question).await
}

async fn probed(plan: Plan, options: &ProbeOptions) -> Probe {
    let (situation, question) = asked(plan);
    probe(&situation, &question, options).await
}

fn partner(stage: Stage) -> Partner {
    let name: PartnerName = "Ministry".parse().unwrap();
    let demanded: Domain = "a.to.example".parse().unwrap();
    let terms = OutboundTerms {
        identity: IdentityTerms {
            names: vec![ReferenceIdentity::from(demanded)],
            ..IdentityTerms::default()
        },
        ..OutboundTerms::requiring(ChannelLevel::Authenticated)
    };
    Partner::builder(name, stage)
        .domain("to.example".parse().unwrap())
        .outbound(terms)
        .build()
        .unwrap()
}

#[tokio::test]
async fn everything_that_is_known_is_told_and_nobody_is_dialled() {
    let identity = Authority::self_signed(&Leaf::named("a.to.example"));
    let published = Published::with(&[&|_, _| serving(&identity), &sound]).await;
    let lines = format!(
        "_PORT._tcp.a.to.example TLSA {}\n_PORT._tcp.a.to.example TLSA 0 0 1 00\n\
         _PORT._tcp.b.to.example TLSA FAIL bogus",
        tlsa(&identity)
    );
    let zone = published.zone("secure", "secure", &lines);
    let told = surveyed(Plan {
        sts: Succession::of([policy("testing", &["b.to.example"])]),
        partners: vec![partner(Stage::Observe)],
        ..published.plan(zone)
    })
    .await;
    assert_eq!(told.by, DecidedBy::Mx);
    let mx = told.mx.as_ref().unwrap();
    assert_eq!((mx.proof, mx.implicit), (DnsProof::Secure, false));
    let sts = told.mta_sts.as_ref().unwrap().policy.as_ref().unwrap();
    assert_eq!(
        (sts.mode.as_str(), sts.mx.as_slice()),
        ("testing", &["b.to.example".to_owned()][..])
    );
    let [a, b] = told.hosts.as_slice() else {
        panic!("two hosts: {told:?}");
    };
    assert_eq!(a.provenance, Provenance::Dns(DnsProof::Secure));
    assert_eq!(a.address.usable, [published.hosts[0].address.to_string()]);
    assert_eq!(a.server_name.as_deref(), Some("a.to.example"));
    let Dane::Records { base, records } = &a.dane else {
        panic!("{:?}", a.dane);
    };
    assert_eq!(base, "a.to.example");
    let unusable: Vec<_> = records.iter().map(|it| it.unusable.is_some()).collect();
    assert_eq!(unusable.iter().filter(|it| **it).count(), 1);
    assert_eq!(a.dialled, Judged::Allowed);
    let sources: Vec<_> = a
        .requirement
        .rules
        .iter()
        .map(|rule| rule.source.to_string())
        .collect();
    let expected = [
        "the default",
        "partner Ministry",
        "MTA-STS of to.example",
        "DANE of a.to.example",
    ];
    assert_eq!(sources, expected);
    // The policy is only tested: enforced, it would stop the mail.
    assert!(matches!(&a.if_enforced, Judged::Refused { reason, .. } if reason.contains("MTA-STS")));
    assert!(matches!(&b.dialled, Judged::Refused { status, .. } if status == "4.7.0"));
    assert_eq!(published.visits(), [(0, 0), (0, 0)]);
    let json = serde_json::to_value(&told).unwrap();
    assert_eq!(json["hosts"][1]["dane"]["state"], "unknown");
    assert_eq!(json["mx"]["proof"], "secure");
}

#[tokio::test]
async fn trouble_with_mx_records_is_told() {
    let published = Published::with(&[&sound]).await;
    let told = surveyed(published.plan("to.example FAIL servfail".to_owned())).await;
    let Some(Trouble::NotKnown(text)) = told.trouble else {
        panic!("{:?}", told.trouble);
    };
    assert!(text.contains("could not be found out"));
    assert!(told.hosts.is_empty());
}

/// The one address that was dialled, of one host.
fn only(probe: &Probe) -> &AddressProbe {
    assert_eq!(probe.hosts.len(), 1);
    let [address] = probe.hosts[0].addresses.as_slice() else {
        panic!("one address: {probe:?}");
    };
    address
}

#[tokio::test]
async fn a_probe_goes_as_far_as_a_delivery_and_no_further() {
    let published = Published::with(&[&sound]).await;
    let zone = published.zone("insecure", "insecure", "");
    let plan = Plan {
        sts: Succession::of([policy("enforce", &["a.to.example"])]),
        partners: vec![partner(Stage::Warn)],
        ..published.plan(zone)
    };
    let options = ProbeOptions {
        profile: Some(ProfileName::Modern),
        ..ProbeOptions::default()
    };
    let probe = probed(plan, &options).await;
    let found = only(&probe);
    let Outcome::Permitted {
        identity,
        if_enforced,
        ..
    } = &found.outcome
    else {
        panic!("{:?}", found.outcome);
    };
    assert_eq!(identity.as_deref(), Some("a.to.example"));
    assert_eq!(*if_enforced, Judged::Allowed);
    let channel = found.channel.as_ref().unwrap();
    assert_eq!(channel.version, "TLSv1.3");
    let leaf = channel.certificates[0].contents.as_ref().unwrap();
    assert_eq!(leaf.names, ["a.to.example"]);
    assert!(leaf.days_left > 0);
    assert!(found.offered_in_clear.contains(&"STARTTLS".to_owned()));
    let offered = found.offered.as_ref().unwrap();
    assert!(offered.contains(&"REQUIRETLS".to_owned()));
    assert!(found.rules.iter().all(|rule| rule.met.is_some()));
    assert_eq!(found.conformance.as_ref().unwrap().profile, "modern");
    assert_eq!(published.visits(), [(1, 0)]);
    assert!(
        published.accounts.sessions().is_empty(),
        "nothing is counted"
    );
    assert!(
        published.accounts.partners().is_empty(),
        "nothing is counted"
    );
    serde_json::to_string(&probe).unwrap();
}

#[tokio::test]
async fn a_probe_tells_why_a_delivery_would_be_refused() {
    for (tls, status) in [
        (&misnamed as &Presenting<'_>, "4.7.5"),
        (&plain, "4.7.10"),
        (&|_, _| Tls::HangsUp, "4.7.5"),
    ] {
        let published = Published::with(&[tls]).await;
        let zone = published.zone("insecure", "insecure", "");
        let plan = Plan {
            partners: vec![partner(Stage::Enforce)],
            ..published.plan(zone)
        };
        let probe = probed(plan, &ProbeOptions::default()).await;
        let found = only(&probe);
        let Outcome::Refused { status: told, .. } = &found.outcome else {
            panic!("{:?}", found.outcome);
        };
        assert_eq!(told, status);
        let hello = found.connections[0].hello;
        assert_eq!(hello.is_none(), status == "4.7.10", "{hello:?}");
        let refused = |source: &str| {
            let rule = found
                .rules
                .iter()
                .find(|it| it.source.to_string() == source);
            rule.unwrap().refused.is_some()
        };
        assert!(refused("partner Ministry"));
        assert!(!refused("the default"));
        assert_eq!(published.visits()[0].1, 0);
    }
}

#[tokio::test]
async fn a_probe_tells_what_enforcing_would_stop() {
    let published = Published::with(&[&misnamed]).await;
    let zone = published.zone("insecure", "insecure", "");
    let plan = Plan {
        partners: vec![partner(Stage::Observe)],
        ..published.plan(zone)
    };
    let probe = probed(plan, &ProbeOptions::default()).await;
    let Outcome::Permitted { if_enforced, .. } = &only(&probe).outcome else {
        panic!("{probe:?}");
    };
    assert!(matches!(if_enforced, Judged::Refused { status, .. } if status == "4.7.5"));
}

#[tokio::test]
async fn hosts_that_would_not_be_dialled_are_not() {
    let published = Published::offering(&[&sound, &sound], &[RequireTls::Offered; 2]).await;
    let lines = format!(
        "_PORT._tcp.a.to.example TLSA FAIL servfail\n_PORT._tcp.b.to.example TLSA {}",
        wrong_tlsa()
    );
    let zone = published.zone("secure", "secure", &lines);
    let all = probed(published.plan(zone.clone()), &ProbeOptions::default()).await;
    assert!(all.hosts[0].not_dialled.is_some());
    assert!(matches!(
        all.hosts[1].addresses[0].outcome,
        Outcome::Refused { .. }
    ));
    assert_eq!(published.visits(), [(0, 0), (1, 0)]);
    let options = ProbeOptions {
        hosts: vec!["a.to.example".parse().unwrap()],
        ..ProbeOptions::default()
    };
    let one = probed(published.plan(zone), &options).await;
    assert_eq!(one.hosts.len(), 1);
    assert_eq!(published.visits(), [(0, 0), (1, 0)]);
}

/// Each address may cost a minute, and whoever is probed says how many there are.
#[tokio::test]
async fn a_host_cannot_have_us_dial_without_end() {
    let published = Published::with(&[&sound]).await;
    let many = (1..100).map(|at| format!("a.to.example A 127.0.9.{at}\n"));
    let zone = format!(
        "to.example MX 10 a.to.example\n{}",
        many.collect::<String>()
    );
    let options = ProbeOptions {
        all_addresses: true,
        ..ProbeOptions::default()
    };
    let probe = probed(published.plan(zone), &options).await;
    assert_eq!(probe.hosts[0].addresses.len(), 16);
}

/// What a delivery would not be content with is not permitted by a probe either.
#[tokio::test]
async fn a_probe_for_mail_under_requiretls_asks_for_it() {
    for (offered, permitted) in [(RequireTls::Offered, true), (RequireTls::NotOffered, false)] {
        let published = Published::offering(&[&sound], &[offered]).await;
        let (situation, question) = asked(published.plan(published.zone("secure", "secure", "")));
        let question = Question {
            wish: TlsWish::Required,
            ..question
        };
        let probe = probe(&situation, &question, &ProbeOptions::default()).await;
        match &only(&probe).outcome {
            Outcome::Permitted { .. } => assert!(permitted),
            Outcome::Failed { status, .. } => {
                assert_eq!((permitted, status.as_str()), (false, "5.7.30"));
            }
            Outcome::Refused { .. } => panic!("{probe:?}"),
        }
    }
}
