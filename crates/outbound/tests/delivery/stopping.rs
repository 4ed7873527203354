//! The end of delivery, and messages that are taken out of its hands.

use std::time::Duration;

use postern_outbound::Stopped;

use crate::{
    neighbour::{Neighbour, Tls},
    scripted::{Say, Scripted, obliging},
    world::{Plan, World},
};

const MESSAGE: &[u8] = b"Subject: hello\r\n\r\nHow are you?\r\n";

/// A world that waits for a host that greets when it is let, with one connection until then.
async fn behind_a_gate() -> (World, Scripted) {
    let host = Scripted::start(|heard| match heard.line {
        "" => Say::Gated("220 at last"),
        line => obliging(line),
    })
    .await;
    let world = World::start(Plan {
        routes: vec![("*", vec![host.address])],
        connections: 4,
        keep_alive: Duration::from_secs(60),
        ..Plan::default()
    });
    (world, host)
}

async fn submit(world: &World) -> postern_mail::QueueId {
    let to = ["<jo@stranger.example>"];
    world.submit("<me@example.org>", &to, MESSAGE).await
}

#[tokio::test]
async fn stopping_ends_connections_that_are_kept() {
    let mut neighbour = Neighbour::start(Tls::None).await;
    let world = World::start(Plan {
        routes: vec![("*", vec![neighbour.address])],
        keep_alive: Duration::from_secs(60),
        ..Plan::default()
    });
    let id = submit(&world).await;
    neighbour.arrival().await;
    world.until_gone(id).await;
    let stopped = world.outbound.stop(Duration::from_secs(10)).await;
    assert_eq!(stopped, Stopped::Drained);
}

#[tokio::test]
async fn stopping_lets_what_is_under_way_finish_and_keeps_what_waits_in_line() {
    let (world, mut host) = behind_a_gate().await;
    let first = submit(&world).await;
    host.until_said("", 1).await;
    let second = submit(&world).await;
    world.until_claimed(2).await;
    let stopping = world.outbound.stop(crate::PATIENCE);
    let letting = async { host.gate.add_permits(9) };
    let (stopped, ()) = tokio::join!(stopping, letting);
    assert_eq!(stopped, Stopped::Drained);
    assert!(world.spool.get(first).await.unwrap().is_none());
    let second = world.spool.get(second).await.unwrap().unwrap();
    assert_eq!(second.progress[0].attempts, 0);
    assert_eq!(host.count("MAIL"), 1);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_host_that_hangs() {
    let (world, mut host) = behind_a_gate().await;
    let id = submit(&world).await;
    host.until_said("", 1).await;
    let stopped = world.outbound.stop(Duration::from_millis(10)).await;
    assert_eq!(stopped, Stopped::CutOff);
    assert!(world.spool.get(id).await.unwrap().is_some());
}

#[tokio::test]
async fn what_an_operator_removes_or_holds_while_it_waits_in_line_is_not_delivered() {
    let (world, mut host) = behind_a_gate().await;
    let first = submit(&world).await;
    host.until_said("", 1).await;
    let (removed, held, last) = (
        submit(&world).await,
        submit(&world).await,
        submit(&world).await,
    );
    world.until_claimed(4).await;
    world.spool.remove(removed).await.unwrap();
    world.spool.hold(held, "not this one").await.unwrap();
    host.gate.add_permits(9);
    world.until_gone(first).await;
    world.until_gone(last).await;
    assert_eq!(host.count("MAIL"), 2);
    let held = world.spool.get(held).await.unwrap().unwrap();
    assert_eq!(held.waiting(), 1);
}
