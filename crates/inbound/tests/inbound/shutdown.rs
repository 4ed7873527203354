//! The end of reception, met in every state of a session.

use std::time::Duration;

use postern_inbound::{Drained, TlsMode};
use postern_testkit::client_config;
use tokio::net::TcpStream;

use crate::{
    client::Client,
    house::{Plan, relay},
};

const GOODBYE: &str = "421 4.3.2 Shutting down";

#[tokio::test]
async fn idle_sessions_are_told_and_new_ones_are_not_let_in() {
    let mut house = Plan::new().serve();
    let mut greeted = Client::reach(house.address).await;
    greeted.hear("220").await;
    let mut idle = Client::greet(house.address).await;
    let mut between = Client::greet(house.address).await;
    between
        .envelope("jo@sender.example", "mo@own.example")
        .await;
    let mut half = Client::greet(house.address).await;
    half.send(b"MAIL FROM:<jo@").await;
    let mut secure = Client::greet_tls(house.address, &house.pki.public, None).await;

    house.stop();
    for client in [
        &mut greeted,
        &mut idle,
        &mut between,
        &mut half,
        &mut secure,
    ] {
        client.hear(GOODBYE).await;
        client.hear_end().await;
    }
    let address = house.address;
    let drained = house.drained().await;
    assert_eq!(
        drained,
        Drained {
            accepted: 0,
            cut: 0
        }
    );
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn content_on_its_way_may_come_in() {
    let mut house = Plan::new().serve();
    let mut data = Client::greet(house.address).await;
    data.envelope("jo@sender.example", "mo@own.example").await;
    data.say("DATA", "354").await;
    data.send(b"Subject: x\r\n").await;
    let mut idle = Client::greet(house.address).await;

    house.stop();
    idle.hear(GOODBYE).await;
    data.say("\r\nbody\r\n.", "250 2.0.0 queued").await;
    data.hear(GOODBYE).await;
    assert_eq!(house.queued().await.len(), 1);
    assert_eq!(
        house.drained().await,
        Drained {
            accepted: 1,
            cut: 0
        }
    );
}

#[tokio::test]
async fn a_message_that_is_being_made_durable_is_answered() {
    let mut house = Plan::new().serve();
    house.spool.slow_down();
    let mut client = Client::greet(house.address).await;
    client.envelope("jo@sender.example", "mo@own.example").await;
    client.say("DATA", "354").await;
    client.send(b"\r\nbody\r\n.\r\n").await;
    house
        .spool
        .waiting
        .subscribe()
        .wait_for(|waiting| *waiting == 1)
        .await
        .unwrap();

    house.stop();
    house.spool.gate.add_permits(1);
    client.hear("250 2.0.0 queued").await;
    client.hear(GOODBYE).await;
    assert_eq!(
        house.drained().await,
        Drained {
            accepted: 1,
            cut: 0
        }
    );
}

#[tokio::test]
async fn content_that_does_not_come_is_cut_off() {
    let mut house = Plan::new()
        .limited(|limits| limits.drain = Duration::from_millis(50))
        .serve();
    let mut stalled = Client::greet(house.address).await;
    stalled
        .envelope("jo@sender.example", "mo@own.example")
        .await;
    stalled.say("DATA", "354").await;
    stalled.send(b"Subject: x\r\n\r\nbody\r\n.").await;

    house.stop();
    stalled.hear_end().await;
    assert!(house.queued().await.is_empty());
    assert_eq!(
        house.drained().await,
        Drained {
            accepted: 0,
            cut: 1
        }
    );
}

#[tokio::test]
async fn a_handshake_is_not_waited_for() {
    let mut house = Plan::new().serve();
    let mut upgrading = Client::greet(house.address).await;
    upgrading.say("STARTTLS", "220").await;
    house.stop();
    upgrading.hear_end().await;
    assert_eq!(
        house.drained().await,
        Drained {
            accepted: 0,
            cut: 0
        }
    );

    let plan = Plan::new().listening(relay(&["127.0.0.0/8"]), TlsMode::Implicit);
    let mut house = plan.serve();
    let mut silent = Client::reach(house.address).await;
    let config = client_config(&house.pki.public, None);
    let mut other = Client::reach_tls(house.address, config).await;
    other.hear("220").await;
    house.stop();
    silent.hear_end().await;
    other.hear(GOODBYE).await;
    assert_eq!(
        house.drained().await,
        Drained {
            accepted: 0,
            cut: 0
        }
    );
}

#[tokio::test]
async fn no_session_outlives_its_server() {
    let house = Plan::new().serve();
    let mut client = Client::greet(house.address).await;
    client.envelope("jo@sender.example", "mo@own.example").await;
    client.say("DATA", "354").await;
    house.abort();
    client.hear_end().await;
}
