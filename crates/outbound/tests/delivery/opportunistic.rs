//! Mail for strangers: encrypted where they can, in clear where they cannot.

use std::sync::Arc;

use postern_testkit::{Authority, Leaf, server_config};

use crate::{
    neighbour::{Neighbour, Tls},
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
    world.spool.retry(id).await.unwrap();
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
        world.spool.retry(id).await.unwrap();
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
    world.spool.retry(id).await.unwrap();
    world.until_gone(id).await;
}
