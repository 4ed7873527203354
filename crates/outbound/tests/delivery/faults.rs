//! Mistakes of our own: mail is neither lost by them nor delivered over and over.

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::{Duration, Instant},
};

use bytes::Bytes;
use postern_outbound::Schedule;

use crate::{
    faulty::{Fault, FaultySpool, PanickingDns},
    neighbour::{Neighbour, Tls},
    scripted::{Say, Scripted, obliging},
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

/// That the first part was delivered could not be recorded; that the second was, can be.
#[tokio::test]
async fn what_could_not_be_settled_at_first_is_settled_with_the_rest() {
    let mut one = Neighbour::start(Tls::None).await;
    let mut other = Neighbour::start(Tls::None).await;
    let world = World::start(Plan {
        routes: vec![
            ("one.example", vec![one.address]),
            ("other.example", vec![other.address]),
        ],
        wrap: |spool| FaultySpool::over(spool, Fault::Error),
        ..Plan::default()
    });
    let to = ["<jo@one.example>", "<mo@other.example>"];
    let id = world.submit("<me@example.org>", &to, MESSAGE).await;
    one.arrival().await;
    other.arrival().await;
    world.until_gone(id).await;
    assert!(one.is_untouched() && other.is_untouched(), "a second copy");
}

/// Whether content is whole shows at its end. Until then the peer must not have all of it.
#[tokio::test]
async fn content_that_has_rotted_is_delivered_to_nobody() {
    for ehlo in ["250-hi\r\n250 PIPELINING", "250-hi\r\n250 CHUNKING"] {
        let mut host = Scripted::start(move |heard| match heard.line {
            "" => Say::Gated("220 hi"),
            line if line.starts_with("EHLO") => Say::This(ehlo),
            line => obliging(line),
        })
        .await;
        let world = World::start(Plan {
            routes: vec![("*", vec![host.address])],
            ..patient()
        });
        let mut writer = world.spool.content();
        let line = Bytes::from_static(b"the quick brown fox jumps over the lazy dog\r\n");
        for _ in 0..2 * 1024 * 1024 / line.len() {
            writer.write(line.clone()).await.unwrap();
        }
        let (content, to) = (writer.finish().await.unwrap(), ["<jo@stranger.example>"]);
        let id = world.submit_wishing("<>", &to, None, content).await;
        host.until_said("", 1).await;
        world.spoil_content(id);
        host.gate.add_permits(1);
        let held = world.until(id, |message| message.is_some_and(|it| it.hold.is_some()));
        assert!(held.await.is_some());
        assert_eq!(host.contents().len(), 0, "{ehlo}");
        assert_eq!(host.count("RCPT"), 1, "{ehlo}");
    }
}
