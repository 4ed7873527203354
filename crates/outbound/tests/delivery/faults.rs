//! Mistakes of our own: mail is neither lost by them nor delivered over and over.

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::{Duration, Instant},
};

use postern_outbound::Schedule;

use crate::{
    faulty::{Fault, FaultySpool, PanickingDns},
    neighbour::{Neighbour, Tls},
    world::{Plan, World},
};

const MESSAGE: &[u8] = b"Subject: hello\r\n\r\nHow are you?\r\n";

/// A plan in which nothing is tried again before the test is over.
fn patient() -> Plan {
    Plan {
        schedule: Schedule {
            retry: vec![Duration::from_secs(3600)],
            ..Schedule::default()
        },
        ..Plan::default()
    }
}

fn panicking(panics: usize) -> Plan {
    let zone = "panic.example MX 0 .".parse().unwrap();
    Plan {
        dns: Some(Arc::new(PanickingDns {
            zone,
            panics: AtomicUsize::new(panics),
        })),
        connections: 1,
        ..patient()
    }
}

#[tokio::test]
async fn what_makes_a_worker_panic_is_deferred() {
    let world = World::start(panicking(usize::MAX));
    let id = world.submit("<>", &["<jo@panic.example>"], MESSAGE).await;
    let failure = world.until_deferred(id).await;
    assert_eq!(failure.status().to_string(), "4.3.0");
}

#[tokio::test]
async fn a_destination_outlives_a_worker_that_panicked() {
    let world = World::start(panicking(1));
    let first = world.submit("<>", &["<jo@panic.example>"], MESSAGE).await;
    world.until_deferred(first).await;
    let second = world.submit("<>", &["<jo@panic.example>"], MESSAGE).await;
    world.until_gone(second).await; // by its null MX
}

#[tokio::test]
async fn a_message_whose_settlement_panics_is_deferred() {
    let mut neighbour = Neighbour::start(Tls::None).await;
    let world = World::start(Plan {
        routes: vec![("*", vec![neighbour.address])],
        wrap: |spool| FaultySpool::over(spool, Fault::Panic),
        ..patient()
    });
    let id = world
        .submit("<me@example.org>", &["<jo@stranger.example>"], MESSAGE)
        .await;
    neighbour.arrival().await;
    let failure = world.until_deferred(id).await;
    assert_eq!(failure.status().to_string(), "4.3.0");
    assert!(neighbour.is_untouched(), "it was delivered again at once");
}

#[tokio::test]
async fn what_cannot_be_settled_is_not_delivered_again_at_once() {
    let mut neighbour = Neighbour::start(Tls::None).await;
    let world = World::start(Plan {
        routes: vec![("*", vec![neighbour.address])],
        wrap: |spool| FaultySpool::over(spool, Fault::Error),
        ..Plan::default()
    });
    let id = world
        .submit("<me@example.org>", &["<jo@stranger.example>"], MESSAGE)
        .await;
    neighbour.arrival().await;
    let first = Instant::now();
    neighbour.arrival().await;
    assert!(first.elapsed() > Duration::from_secs(4));
    world.until_gone(id).await;
}
