//! Connections are kept for the next message, and judged anew for it.

use std::{sync::Arc, time::Duration};

use postern_outbound::Schedule;
use postern_testkit::{Authority, Leaf, server_config};

use crate::{
    neighbour::{Neighbour, Tls},
    world::{Plan, World},
};

const MESSAGE: &[u8] = b"Subject: one of many\r\n\r\nhello\r\n";

#[tokio::test]
async fn one_connection_serves_message_after_message() {
    let identity = Authority::new("CA").issue(&Leaf::named("stranger.example"));
    let tls = Tls::With(Arc::new(server_config(&identity, None)));
    let mut neighbour = Neighbour::start(tls).await;
    let world = World::start(Plan {
        routes: vec![("*", vec![neighbour.address])],
        ..Plan::default()
    });
    for _ in 0..5 {
        let id = world
            .submit("<me@example.org>", &["<jo@stranger.example>"], MESSAGE)
            .await;
        neighbour.arrival().await;
        world.until_gone(id).await;
    }
    assert_eq!(neighbour.connections(), 1);
}

#[tokio::test]
async fn recipients_behind_one_next_hop_share_a_transaction() {
    let mut neighbour = Neighbour::start(Tls::None).await;
    let world = World::start(Plan {
        routes: vec![("*", vec![neighbour.address])],
        ..Plan::default()
    });
    let to = ["<a@one.example>", "<b@two.example>", "<c@one.example>"];
    let id = world.submit("<me@example.org>", &to, MESSAGE).await;
    assert_eq!(neighbour.arrival().await.envelope.recipients.len(), 3);
    world.until_gone(id).await;
    assert_eq!(neighbour.transactions(), 1);
}

#[tokio::test]
async fn many_messages_for_one_destination_all_arrive_once() {
    let mut neighbour = Neighbour::start(Tls::None).await;
    let world = World::start(Plan {
        routes: vec![("*", vec![neighbour.address])],
        keep_alive: Duration::from_millis(50),
        ..Plan::default()
    });
    let mut ids = Vec::new();
    for number in 0..60 {
        let content = format!("Subject: {number}\r\n\r\n");
        let to = ["<jo@stranger.example>"];
        ids.push(
            world
                .submit("<me@example.org>", &to, content.as_bytes())
                .await,
        );
    }
    let mut arrived = Vec::new();
    for _ in 0..60 {
        arrived.push(neighbour.arrival().await.content);
    }
    for id in ids {
        world.until_gone(id).await;
    }
    arrived.sort();
    arrived.dedup();
    assert_eq!(arrived.len(), 60);
    assert!(neighbour.is_untouched());
}

#[tokio::test]
async fn a_connection_that_the_peer_closed_meanwhile_is_replaced() {
    let mut neighbour = Neighbour::start(Tls::None).await;
    let world = World::start(Plan {
        routes: vec![("*", vec![neighbour.address])],
        keep_alive: Duration::from_secs(60),
        ..Plan::default()
    });
    let to = ["<jo@stranger.example>"];
    let first = world.submit("<me@example.org>", &to, MESSAGE).await;
    neighbour.arrival().await;
    world.until_gone(first).await;
    neighbour.close_connections();
    let second = world.submit("<me@example.org>", &to, MESSAGE).await;
    neighbour.arrival().await;
    world.until_gone(second).await;
    assert_eq!(neighbour.connections(), 2);
}

#[tokio::test]
async fn recipients_that_failed_together_are_tried_together_again() {
    let neighbour = Neighbour::start(Tls::None).await;
    let world = World::start(Plan {
        routes: vec![("*", vec![neighbour.address])],
        schedule: Schedule {
            retry: vec![Duration::from_millis(400)],
            ..Schedule::default()
        },
        ..Plan::default()
    });
    let to = vec!["<busy@stranger.example>"; 40];
    let id = world.submit("<>", &to, MESSAGE).await;
    let tried = |message: Option<&postern_spool::QueuedMessage>| {
        message.is_some_and(|message| message.progress.iter().all(|one| one.attempts >= 3))
    };
    world.until(id, tried).await;
    let transactions = neighbour.transactions();
    assert!(
        transactions <= 4,
        "{transactions} transactions for three attempts"
    );
}
