//! Mail for strangers: encrypted where they can, in clear where they cannot.

use std::sync::Arc;

use postern_mail::TlsWish;
use postern_reports::ledger::PlaintextCause;
use postern_testkit::{Authority, Leaf, server_config};

use crate::{
    neighbour::{Neighbour, Tls},
    published::{Presenting, Published, sound, submit},
    world::{Plan, World},
};

const MESSAGE: &[u8] = b"Subject: hello\r\n\r\nHow are you?\r\n.leading dot\r\n";

async fn deliver_to(tls: Tls) -> (crate::neighbour::Arrival, Neighbour) {
    let mut neighbour = Neighbour::start(tls).await;
    let world = World::start(Plan {
        routes: vec![("*", vec![neighbour.address])],
        ..Plan::default()
    });
    let id = world
        .submit("<me@example.org>", &["<jo@stranger.example>"], MESSAGE)
        .await;
    let arrival = neighbour.arrival().await;
    world.until_gone(id).await;
    (arrival, neighbour)
}

#[tokio::test]
async fn a_stranger_with_tls_is_given_mail_over_tls_whatever_its_certificate() {
    let identity = Authority::self_signed(&Leaf::named("some.other.name"));
    let tls = Tls::With(Arc::new(server_config(&identity, None)));
    let (arrival, neighbour) = deliver_to(tls).await;
    assert!(arrival.over_tls);
    assert_eq!(arrival.content, MESSAGE);
    assert_eq!(
        arrival.envelope.reverse_path.to_string(),
        "<me@example.org>"
    );
    assert_eq!(neighbour.connections(), 1);
}

#[tokio::test]
async fn a_stranger_without_tls_is_given_mail_in_clear() {
    let (arrival, _) = deliver_to(Tls::None).await;
    assert!(!arrival.over_tls);
    assert_eq!(arrival.content, MESSAGE);
}

#[tokio::test]
async fn a_stranger_whose_tls_is_broken_is_given_mail_in_clear_on_a_new_connection() {
    let (arrival, neighbour) = deliver_to(Tls::Broken).await;
    assert!(!arrival.over_tls);
    assert_eq!(neighbour.connections(), 2);
}

#[tokio::test]
async fn mx_hosts_are_tried_in_order_until_one_answers() {
    let mut neighbour = Neighbour::start(Tls::None).await;
    let port = neighbour.address.port();
    // Nobody listens on the first address; both have the port of the neighbour by the route.
    let closed = std::net::SocketAddr::from(([127, 0, 0, 2], port));
    let world = World::start(Plan {
        routes: vec![("two.example", vec![closed, neighbour.address])],
        ..Plan::default()
    });
    let id = world
        .submit("<me@example.org>", &["<jo@two.example>"], MESSAGE)
        .await;
    neighbour.arrival().await;
    world.until_gone(id).await;
}

/// What fails when DNS says something of a domain's hosts, at the first attempt and the second.
async fn check_twice(zone: &str, first: &str, second: Option<&str>) {
    let world = World::start(Plan {
        zone: zone.to_owned(),
        ..Plan::default()
    });
    let id = world.submit("<>", &["<jo@to.example>"], MESSAGE).await;
    let failure = world.until_deferred(id).await;
    assert_eq!(failure.status().to_string(), first, "{zone}");
    world.retry(id).await;
    let Some(second) = second else {
        return world.until_gone(id).await;
    };
    let again = |message: Option<&postern_spool::QueuedMessage>| {
        message.is_some_and(|message| message.progress[0].attempts == 2)
    };
    let message = world.until(id, again).await.unwrap();
    let failure = message.progress[0].last_failure.as_ref().unwrap();
    assert_eq!(failure.status().to_string(), second, "{zone}");
}

#[tokio::test]
async fn a_host_that_is_down_outweighs_one_that_does_not_exist() {
    // Nothing listens at the SMTP port of that address.
    let down = "a.to.example A 127.11.12.13";
    for hosts in [
        "to.example MX 10 a.to.example\nto.example MX 20 missing.example",
        "to.example MX 20 a.to.example\nto.example MX 10 missing.example",
    ] {
        check_twice(&format!("{hosts}\n{down}"), "4.4.1", Some("4.4.1")).await;
    }
}

#[tokio::test]
async fn hosts_without_addresses_must_be_missing_twice() {
    check_twice("to.example MX 10 missing.example", "4.4.4", None).await;
    check_twice("to.example TXT no address", "4.4.4", None).await;
}

#[tokio::test]
async fn a_configured_host_that_is_not_found_is_waited_for() {
    let world = World::start(Plan::default());
    let mut plan = Plan::default();
    plan.next_hops.push(("*", "missing.example"));
    world.reload(plan);
    let id = world.submit("<>", &["<jo@to.example>"], MESSAGE).await;
    for attempts in 1..4 {
        let tried = |message: Option<&postern_spool::QueuedMessage>| {
            message.is_some_and(|message| message.progress[0].attempts == attempts)
        };
        world.until(id, tried).await;
        world.retry(id).await;
    }
}

#[tokio::test]
async fn a_domain_that_dns_cannot_find_out_is_tried_again() {
    let world = World::start(Plan {
        zone: "broken.example FAIL servfail".to_owned(),
        ..Plan::default()
    });
    let id = world
        .submit("<me@example.org>", &["<jo@broken.example>"], MESSAGE)
        .await;
    let failure = world.until_deferred(id).await;
    assert_eq!(failure.status().to_string(), "4.4.3");
}

#[tokio::test]
async fn a_domain_must_be_missing_twice_before_mail_is_returned() {
    let world = World::start(Plan::default());
    let id = world.submit("<>", &["<jo@missing.example>"], MESSAGE).await;
    let failure = world.until_deferred(id).await;
    assert_eq!(failure.status().to_string(), "4.1.2");
    world.retry(id).await;
    world.until_gone(id).await;
}

/// A host of `to.example` of which nothing is published.
async fn stranger(tls: &Presenting<'_>) -> (Published, World) {
    let published = Published::with(&[tls]).await;
    let plan = published.plan(published.zone("insecure", "insecure", ""));
    let world = World::start(Plan {
        keep_alive: std::time::Duration::ZERO,
        ..plan
    });
    (published, world)
}

#[tokio::test]
async fn a_host_that_fails_at_a_large_hello_is_tried_with_a_small_one() {
    let small_only = |authority: &Authority, name: &str| {
        let identity = authority.issue(&Leaf::named(name));
        Tls::SmallHelloOnly(Arc::new(server_config(&identity, None)))
    };
    let (mut published, world) = stranger(&small_only).await;
    let id = submit(&world, TlsWish::Unstated).await;
    assert!(published.hosts[0].arrival().await.over_tls);
    world.until_gone(id).await;
    assert_eq!(published.visits(), [(2, 1)]);
    let counted = published.accounts.results();
    assert_eq!(
        counted,
        ["no-policy-found validation-failure", "no-policy-found met"]
    );
    assert!(published.accounts.plaintext().is_empty());
}

/// Each way of failing at TLS, with the connections until the message went in clear. What failed
/// once is tried again with the next message: no failure is remembered.
#[tokio::test]
async fn a_host_whose_tls_fails_in_every_way_is_given_mail_in_clear_and_asked_again() {
    for (tls, connections) in [(Tls::HangsUp, 3), (Tls::Old, 3), (Tls::Broken, 2)] {
        let (mut published, world) = stranger(&|_, _| tls.clone()).await;
        for round in 1..=2 {
            let id = submit(&world, TlsWish::Unstated).await;
            assert!(!published.hosts[0].arrival().await.over_tls);
            world.until_gone(id).await;
            assert_eq!(published.visits(), [(round * connections, round)]);
            let clear = published.accounts.plaintext();
            assert_eq!(clear.len(), round);
            let destination = clear[0].destination.to_string();
            assert_eq!(destination, "to.example");
            let cause = clear[0].cause.to_string();
            assert!(cause.contains("the TLS handshake failed: "), "{cause}");
        }
    }
}

#[tokio::test]
async fn a_session_with_nobody_in_particular_is_resumed() {
    let (mut published, world) = stranger(&sound).await;
    for resumed in [false, true] {
        let id = submit(&world, TlsWish::Unstated).await;
        assert_eq!(published.hosts[0].arrival().await.resumed, resumed);
        world.until_gone(id).await;
    }
    assert_eq!(published.visits(), [(2, 2)]);
}

/// Of TLS 1.3 we learn of it late, and it is a failed handshake all the same (P5).
#[tokio::test]
async fn a_host_that_wants_a_certificate_of_us_is_given_mail_in_clear() {
    let clients = Authority::new("Somebody's CA");
    let demanding = |authority: &Authority, name: &str| {
        let identity = authority.issue(&Leaf::named(name));
        Tls::With(Arc::new(server_config(&identity, Some(&clients))))
    };
    let (mut published, world) = stranger(&demanding).await;
    let id = submit(&world, TlsWish::Unstated).await;
    assert!(!published.hosts[0].arrival().await.over_tls);
    world.until_gone(id).await;
    assert_eq!(published.visits(), [(2, 1)]);
    let counted = published.accounts.results();
    assert_eq!(counted, ["no-policy-found validation-failure"]);
}

#[tokio::test]
async fn a_host_without_tls_is_counted_with_that_reason() {
    let (mut published, world) = stranger(&|_, _| Tls::None).await;
    let id = submit(&world, TlsWish::Unstated).await;
    published.hosts[0].arrival().await;
    world.until_gone(id).await;
    let clear = published.accounts.plaintext();
    assert_eq!(clear[0].cause, PlaintextCause::NotOffered);
}
