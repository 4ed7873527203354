//! What the MTA-STS policy of a destination does to mail (RFC 8461; P18 to P22).

use postern_fetch::{StsFinding, StsTrouble, StsTroubleKind};
use postern_mail::TlsWish;

use crate::{
    published::{Published, Succession, misnamed, plain, policy, sound, submit, wrong_tlsa},
    world::{Plan, World},
};

const INSECURE: &str = "insecure";

fn world_of(published: &Published, policies: impl IntoIterator<Item = StsFinding>) -> World {
    let zone = published.zone(INSECURE, INSECURE, "");
    World::start(Plan {
        sts: Succession::of(policies),
        ..published.plan(zone)
    })
}

#[tokio::test]
async fn a_host_that_the_policy_lists_and_its_certificate_names_is_given_mail() {
    for mx in ["a.to.example", "*.to.example", "A.TO.EXAMPLE"] {
        let mut published = Published::with(&[&sound]).await;
        let world = world_of(&published, [policy("enforce", &[mx])]);
        let id = submit(&world, TlsWish::Unstated).await;
        let arrival = published.hosts[0].arrival().await;
        assert_eq!(arrival.server_name.as_deref(), Some("a.to.example"));
        world.until_gone(id).await;
        assert_eq!(published.accounts.results(), ["sts met"], "{mx}");
    }
}

/// Nothing arrives under a policy in force, and the reason names whose demand that is.
async fn check_waits(published: &Published, world: &World, status: &str, counted: &[&str]) {
    let failure = world
        .until_deferred(submit(world, TlsWish::Unstated).await)
        .await;
    assert_eq!(failure.status().to_string(), status);
    let text = format!("{:?}", failure.cause());
    assert!(text.contains("MTA-STS of to.example"), "{text}");
    let said: usize = published.visits().iter().map(|(_, mail)| mail).sum();
    assert_eq!(said, 0, "MAIL was said");
    assert_eq!(published.accounts.results(), counted);
}

#[tokio::test]
async fn a_host_that_proves_too_little_is_given_nothing() {
    let published = Published::with(&[&misnamed]).await;
    let world = world_of(&published, [policy("enforce", &["a.to.example"])]);
    let counted = ["sts certificate-host-mismatch"];
    check_waits(&published, &world, "4.7.5", &counted).await;

    let published = Published::with(&[&plain]).await;
    let world = world_of(&published, [policy("enforce", &["a.to.example"])]);
    let counted = ["sts starttls-not-supported"];
    check_waits(&published, &world, "4.7.10", &counted).await;
}

#[tokio::test]
async fn hosts_that_the_policy_does_not_list_are_passed_over() {
    let mut published = Published::with(&[&sound, &sound]).await;
    let world = world_of(&published, [policy("enforce", &["b.to.example"])]);
    let id = submit(&world, TlsWish::Unstated).await;
    published.hosts[1].arrival().await;
    world.until_gone(id).await;
    assert_eq!(published.visits(), [(0, 0), (1, 1)]);
    let counted = ["sts validation-failure", "sts met"];
    assert_eq!(published.accounts.results(), counted);
}

#[tokio::test]
async fn mail_waits_where_the_policy_lists_no_host() {
    for listed in ["to.example", "*.a.to.example", "other.example"] {
        let published = Published::with(&[&sound, &sound]).await;
        let world = world_of(&published, [policy("enforce", &[listed])]);
        let counted = ["sts validation-failure"; 2];
        check_waits(&published, &world, "4.7.0", &counted).await;
        assert_eq!(published.visits(), [(0, 0), (0, 0)]);
    }
}

/// What is forged is passed over, wherever it leads, and returns no mail.
#[tokio::test]
async fn forged_hosts_do_not_get_mail_returned() {
    for forged in [
        "",
        "mx.evil.example A 10.0.0.1",
        "mx.evil.example A 127.0.0.9",
    ] {
        let published = Published::with(&[&sound]).await;
        let world = World::start(Plan {
            sts: Succession::of([policy("enforce", &["a.to.example"])]),
            ..published.plan(format!("to.example MX 1 mx.evil.example\n{forged}"))
        });
        check_waits(&published, &world, "4.7.0", &["sts validation-failure"]).await;
    }
}

#[tokio::test]
async fn a_policy_in_testing_mode_is_only_measured() {
    for (mx, tls, counted) in [
        ("other.example", true, "sts validation-failure"),
        ("a.to.example", true, "sts met"),
        ("a.to.example", false, "sts starttls-not-supported"),
    ] {
        let mut published = if tls {
            Published::with(&[&sound]).await
        } else {
            Published::with(&[&plain]).await
        };
        let world = world_of(&published, [policy("testing", &[mx])]);
        let id = submit(&world, TlsWish::Unstated).await;
        assert_eq!(published.hosts[0].arrival().await.over_tls, tls);
        world.until_gone(id).await;
        assert_eq!(published.accounts.results(), [counted]);
    }
}

/// RFC 8461 §5.1: the hosts have moved, and the policy with them.
#[tokio::test]
async fn a_newer_policy_is_looked_for_before_the_old_one_stops_mail() {
    let mut published = Published::with(&[&sound]).await;
    let policies = [
        policy("enforce", &["old.to.example"]),
        policy("enforce", &["a.to.example"]),
    ];
    let world = world_of(&published, policies);
    let id = submit(&world, TlsWish::Unstated).await;
    published.hosts[0].arrival().await;
    world.until_gone(id).await;
}

/// RFC 8461 §2: neither of the two overrides the other.
#[tokio::test]
async fn dane_and_mta_sts_must_both_be_met() {
    let published = Published::with(&[&sound]).await;
    let lines = format!("_PORT._tcp.a.to.example TLSA {}", wrong_tlsa());
    let zone = published.zone("secure", "secure", &lines);
    let world = World::start(Plan {
        sts: Succession::of([policy("enforce", &["a.to.example"])]),
        ..published.plan(zone)
    });
    let failure = world
        .until_deferred(submit(&world, TlsWish::Unstated).await)
        .await;
    assert_eq!(failure.status().to_string(), "4.7.5");
    assert_eq!(published.visits(), [(1, 0)]);
    let counted = ["tlsa tlsa-invalid", "sts met"];
    assert_eq!(published.accounts.results(), counted);
}

#[tokio::test]
async fn a_policy_that_cannot_be_had_is_told_and_stops_nothing() {
    let trouble = StsTrouble {
        kind: StsTroubleKind::WebPki,
        text: "expired".to_owned(),
    };
    let finding = StsFinding {
        known: None,
        trouble: Some(trouble),
    };
    let mut published = Published::with(&[&plain]).await;
    let world = world_of(&published, [finding]);
    let id = submit(&world, TlsWish::Unstated).await;
    published.hosts[0].arrival().await;
    world.until_gone(id).await;
    let counted = published.accounts.results();
    assert_eq!(counted, ["sts sts-webpki-invalid"]);
    assert_eq!(published.accounts.plaintext().len(), 1);
}

#[tokio::test]
async fn a_sender_may_waive_the_policy() {
    let mut published = Published::with(&[&plain]).await;
    let world = world_of(&published, [policy("enforce", &["other.example"])]);
    let id = submit(&world, TlsWish::Waived).await;
    published.hosts[0].arrival().await;
    world.until_gone(id).await;
    let counted = published.accounts.results();
    assert_eq!(counted, ["sts validation-failure"]);
}
