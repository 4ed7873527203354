//! What a partner's rule does at each stage, and what is counted of it.

use std::time::Duration;

use postern_mail::TlsWish;
use postern_policy::{
    BreakGlass, ChannelLevel, Dane, Direction, IdentityTerms, Lowered, OutboundTerms, Partner,
    PartnerName, Stage,
};
use postern_reports::ledger::{AttemptOutcome, PartnerAttempt};
use postern_testkit::{Authority, Leaf};
use postern_tls::ReferenceIdentity;
use rustls_pki_types::UnixTime;

use crate::{
    neighbour::Tls,
    published::{Presenting, Published, misnamed, plain, policy, sound, submit, tlsa, wrong_tlsa},
    published::{Succession, serving},
    world::{Plan, World},
};

/// A partner whose mail goes where MX records say, to hosts that prove to be this.
fn partner(stage: Stage, names: &[&str], dane: Dane) -> Partner {
    let name: PartnerName = "Ministry".parse().unwrap();
    let names = names.iter().map(|name| {
        let name: postern_mail::Domain = name.parse().unwrap();
        ReferenceIdentity::from(name)
    });
    let terms = OutboundTerms {
        identity: IdentityTerms {
            names: names.collect(),
            ..IdentityTerms::default()
        },
        dane,
        ..OutboundTerms::requiring(ChannelLevel::Authenticated)
    };
    Partner::builder(name, stage)
        .domain("to.example".parse().unwrap())
        .outbound(terms)
        .build()
        .unwrap()
}

fn glass(allow: Lowered, seconds: u64) -> BreakGlass {
    let until = UnixTime::now().as_secs() + seconds;
    BreakGlass {
        partner: "Ministry".parse().unwrap(),
        direction: Some(Direction::Outbound),
        allow,
        reason: "their certificate ran out".into(),
        approved_by: "duty officer".into(),
        until: UnixTime::since_unix_epoch(Duration::from_secs(until)),
    }
}

fn plan_of(published: &Published, partner: Partner) -> Plan {
    let zone = published.zone("insecure", "insecure", "");
    Plan {
        partners: vec![partner],
        ..published.plan(zone)
    }
}

/// What came of the one attempt there was.
fn counted(published: &Published) -> PartnerAttempt {
    let attempts = published.accounts.partners();
    assert_eq!(attempts.len(), 1, "{attempts:?}");
    attempts.into_iter().next().unwrap()
}

async fn check_arrives(mut published: Published, plan: Plan) -> PartnerAttempt {
    let world = World::start(plan);
    let id = submit(&world, TlsWish::Unstated).await;
    published.hosts[0].arrival().await;
    world.until_gone(id).await;
    counted(&published)
}

async fn check_waits(published: Published, plan: Plan, status: &str) -> PartnerAttempt {
    let world = World::start(plan);
    let failure = world
        .until_deferred(submit(&world, TlsWish::Unstated).await)
        .await;
    assert_eq!(failure.status().to_string(), status);
    let said: usize = published.visits().iter().map(|(_, mail)| mail).sum();
    assert_eq!(said, 0, "MAIL was said");
    counted(&published)
}

#[tokio::test]
async fn a_rule_that_is_met_counts_as_met_at_every_stage() {
    for stage in [Stage::Observe, Stage::Warn, Stage::Enforce] {
        let published = Published::with(&[&sound]).await;
        let plan = plan_of(
            &published,
            partner(stage, &["a.to.example"], Dane::WherePublished),
        );
        let attempt = check_arrives(published, plan).await;
        assert_eq!(attempt.outcome, AttemptOutcome::Met, "{stage}");
        assert_eq!(attempt.identity.as_deref(), Some("a.to.example"));
        assert_eq!(attempt.peer, "a.to.example");
        let rule = "authenticated, name a.to.example";
        assert!(attempt.rule.starts_with(rule), "{}", attempt.rule);
        assert!(attempt.certificate_not_after.is_some());
        assert!(attempt.basis.starts_with("authenticated as a.to.example"));
    }
}

/// P6: whoever is to be known is known anew on every connection, even if only to measure it.
#[tokio::test]
async fn a_session_with_a_partner_is_not_resumed() {
    for stage in [Stage::Observe, Stage::Enforce] {
        let mut published = Published::with(&[&sound]).await;
        let partner = partner(stage, &["a.to.example"], Dane::WherePublished);
        let world = World::start(Plan {
            keep_alive: Duration::ZERO,
            ..plan_of(&published, partner)
        });
        for _ in 0..2 {
            let id = submit(&world, TlsWish::Unstated).await;
            assert!(!published.hosts[0].arrival().await.resumed);
            world.until_gone(id).await;
        }
        let attempts = published.accounts.partners();
        assert!(attempts.iter().all(|it| it.outcome == AttemptOutcome::Met));
        assert_eq!(attempts.len(), 2);
    }
}

#[tokio::test]
async fn a_rule_that_is_not_met_stops_mail_where_it_is_enforced() {
    for (tls, status, reason) in [
        (&misnamed as &Presenting<'_>, "4.7.5", "other.example"),
        (&plain, "4.7.10", "does not offer STARTTLS"),
        (&|_, _| Tls::HangsUp, "4.7.5", "closed the connection"),
        (&|_, _| Tls::Old, "4.7.5", "protocol_version"),
    ] {
        for stage in [Stage::Observe, Stage::Warn, Stage::Enforce] {
            let published = Published::with(&[tls]).await;
            let plan = plan_of(
                &published,
                partner(stage, &["a.to.example"], Dane::WherePublished),
            );
            let told = if stage.stops_mail() {
                match check_waits(published, plan, status).await.outcome {
                    AttemptOutcome::Failed(told) => told,
                    other => panic!("{other:?}"),
                }
            } else {
                match check_arrives(published, plan).await.outcome {
                    AttemptOutcome::WouldFail(told) => told,
                    other => panic!("{other:?}"),
                }
            };
            assert!(told.contains(reason), "{told}");
            assert!(told.contains("partner Ministry"), "{told}");
        }
    }
}

/// P1: an MX answer that nothing proves names a host that proves its name. It is not the name
/// that the rule demands.
#[tokio::test]
async fn a_forged_mx_host_is_not_the_partner_however_good_its_certificate() {
    let published = Published::with(&[&sound]).await;
    let plan = plan_of(
        &published,
        partner(
            Stage::Enforce,
            &["mx.ministry.example"],
            Dane::WherePublished,
        ),
    );
    let attempt = check_waits(published, plan, "4.7.5").await;
    assert!(matches!(attempt.outcome, AttemptOutcome::Failed(_)));
}

/// Neither of what the network says takes from what we demand.
#[tokio::test]
async fn records_and_policies_that_are_met_do_not_lower_a_rule() {
    let identity = Authority::self_signed(&Leaf::named("a.to.example"));
    let published = Published::with(&[&|_, _| serving(&identity)]).await;
    let lines = format!("_PORT._tcp.a.to.example TLSA {}", tlsa(&identity));
    let zone = published.zone("secure", "secure", &lines);
    let plan = Plan {
        partners: vec![partner(
            Stage::Enforce,
            &["a.to.example"],
            Dane::WherePublished,
        )],
        sts: Succession::of([policy("testing", &["a.to.example"])]),
        ..published.plan(zone)
    };
    check_waits(published, plan, "4.7.5").await;
}

#[tokio::test]
async fn a_waiver_of_the_sender_does_not_touch_a_rule() {
    let published = Published::with(&[&plain]).await;
    let plan = plan_of(
        &published,
        partner(Stage::Enforce, &["a.to.example"], Dane::WherePublished),
    );
    let world = World::start(plan);
    let failure = world
        .until_deferred(submit(&world, TlsWish::Waived).await)
        .await;
    assert_eq!(failure.status().to_string(), "4.7.10");
    assert_eq!(published.visits(), [(1, 0)]);
}

#[tokio::test]
async fn dane_that_a_rule_demands_must_be_there_and_be_met() {
    let identity = Authority::self_signed(&Leaf::named("nobody.example"));
    for (mx, record, met) in [
        ("secure", Some(tlsa(&identity)), true),
        ("secure", Some(wrong_tlsa()), false),
        ("secure", Some("0 0 1 00".to_owned()), false),
        ("secure", None, false),
        ("insecure", Some(tlsa(&identity)), false),
    ] {
        let published = Published::with(&[&|_, _| serving(&identity)]).await;
        let record = record.map(|record| format!("_PORT._tcp.a.to.example TLSA {record}"));
        let zone = published.zone(mx, "secure", &record.clone().unwrap_or_default());
        let plan = Plan {
            partners: vec![partner(Stage::Enforce, &[], Dane::Demanded)],
            ..published.plan(zone)
        };
        let world = World::start(plan);
        let id = submit(&world, TlsWish::Unstated).await;
        if met {
            world.until_gone(id).await;
            assert_eq!(counted(&published).outcome, AttemptOutcome::Met);
        } else {
            world.until_deferred(id).await;
            assert_eq!(published.visits()[0].1, 0, "{mx} {record:?}");
            let attempt = counted(&published);
            assert!(matches!(attempt.outcome, AttemptOutcome::Failed(_)));
        }
    }
}

/// RFC 7672 §2.2.2: a host that the operator names is asked about where the rule demands DANE.
#[tokio::test]
async fn dane_that_a_rule_demands_is_asked_for_at_configured_hosts() {
    let identity = Authority::self_signed(&Leaf::named("nobody.example"));
    for (record, met) in [(tlsa(&identity), true), (wrong_tlsa(), false)] {
        let published = Published::with(&[&|_, _| serving(&identity)]).await;
        let zone = format!(
            "$PROOF secure\nhop.example A {}\n_{port}._tcp.hop.example TLSA {record}",
            published.hosts[0].address.ip(),
            port = published.port(),
        );
        let terms = OutboundTerms {
            hosts: vec![format!("hop.example:{}", published.port()).parse().unwrap()],
            dane: Dane::Demanded,
            ..OutboundTerms::requiring(ChannelLevel::Authenticated)
        };
        let name: PartnerName = "Ministry".parse().unwrap();
        let partner = Partner::builder(name, Stage::Enforce)
            .domain("to.example".parse().unwrap())
            .outbound(terms);
        let plan = Plan {
            partners: vec![partner.build().unwrap()],
            ..published.plan(zone)
        };
        if met {
            assert_eq!(
                check_arrives(published, plan).await.outcome,
                AttemptOutcome::Met
            );
        } else {
            check_waits(published, plan, "4.7.5").await;
        }
    }
}

#[tokio::test]
async fn while_the_glass_is_broken_mail_travels_and_the_rule_is_measured() {
    for (allow, tls, arrives) in [
        (Lowered::Any, &plain as &Presenting<'_>, true),
        (Lowered::Encrypted, &misnamed, true),
        (Lowered::Encrypted, &plain, false),
    ] {
        let published = Published::with(&[tls]).await;
        let plan = Plan {
            broken_glass: vec![glass(allow, 3600)],
            ..plan_of(
                &published,
                partner(Stage::Enforce, &["a.to.example"], Dane::WherePublished),
            )
        };
        let attempt = if arrives {
            check_arrives(published, plan).await
        } else {
            check_waits(published, plan, "4.7.10").await
        };
        assert!(attempt.break_glass);
        assert!(matches!(attempt.outcome, AttemptOutcome::WouldFail(_)));
    }
}

#[tokio::test]
async fn an_exception_that_is_over_counts_no_more() {
    let published = Published::with(&[&plain]).await;
    let plan = Plan {
        broken_glass: vec![glass(Lowered::Any, 0)],
        ..plan_of(
            &published,
            partner(Stage::Enforce, &["a.to.example"], Dane::WherePublished),
        )
    };
    let attempt = check_waits(published, plan, "4.7.10").await;
    assert!(!attempt.break_glass);
}
