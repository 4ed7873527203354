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
