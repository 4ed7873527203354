//! Many messages at a time: none waits for another's destination, and none is told of a
//! failure that it did not meet.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use postern_outbound::Schedule;

use crate::{
    neighbour::{Neighbour, Tls},
    scripted::{Say, Scripted, obliging},
    world::{Plan, World},
};

/// A plan in which whatever fails is not tried again before the test is over.
fn no_second_chance() -> Plan {
    Plan {
        schedule: Schedule {
            retry: vec![Duration::from_secs(3600)],
            ..Schedule::default()
        },
        ..Plan::default()
    }
}

async fn submit(world: &World, number: usize, to: &str) -> postern_mail::QueueId {
    let content = format!("Subject: {number}\r\n\r\n");
    world.submit("<>", &[to], content.as_bytes()).await
}

#[tokio::test]
async fn a_destination_that_hangs_does_not_hold_up_another() {
    let hanging = Scripted::start(|_| Say::Gated("220 never")).await;
    let mut other = Neighbour::start(Tls::None).await;
    let world = World::start(Plan {
        routes: vec![
            ("hanging.example", vec![hanging.address]),
            ("other.example", vec![other.address]),
        ],
        connections: 2,
        messages: 10,
        ..no_second_chance()
    });
    let mut stuck = Vec::new();
    for number in 0..30 {
        stuck.push(submit(&world, number, "<jo@hanging.example>").await);
    }
    for number in 0..30 {
        submit(&world, number, "<jo@other.example>").await;
        other.arrival().await;
    }
    for id in stuck {
        let message = world.spool.get(id).await.unwrap().unwrap();
        assert_eq!(message.progress[0].last_failure, None, "nothing has failed");
    }
}

#[tokio::test]
async fn a_destination_that_begins_to_hang_gives_its_place_to_others() {
    // The host takes one message, and hangs at the next.
    let hanging = Scripted::start(|heard| match heard.line {
        line if line.starts_with("MAIL FROM:<again@") => Say::Gated("250 never"),
        line => obliging(line),
    })
    .await;
    let mut other = Neighbour::start(Tls::None).await;
    let world = World::start(Plan {
        routes: vec![
            ("hanging.example", vec![hanging.address]),
            ("other.example", vec![other.address]),
        ],
        connections: 1,
        messages: 10,
        ..no_second_chance()
    });
    let first = submit(&world, 0, "<jo@hanging.example>").await;
    world.until_gone(first).await;
    for _ in 0..30 {
        let to = ["<jo@hanging.example>"];
        world.submit("<again@from.example>", &to, b"\r\n").await;
    }
    submit(&world, 1, "<jo@other.example>").await;
    other.arrival().await;
}

#[tokio::test]
async fn more_messages_than_a_line_holds_all_arrive() {
    let mut neighbour = Neighbour::start(Tls::None).await;
    let world = World::start(Plan {
        routes: vec![("*", vec![neighbour.address])],
        connections: 2,
        messages: 60,
        ..no_second_chance()
    });
    let mut ids = Vec::new();
    for number in 0..60 {
        ids.push(submit(&world, number, "<jo@stranger.example>").await);
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
    assert!(neighbour.connections() <= 2);
}

#[tokio::test]
async fn a_host_that_grants_few_connections_is_given_everything_over_those() {
    let host = Scripted::start(|heard| match heard.line {
        "" if heard.open > 2 => Say::This("421 4.7.0 too many connections"),
        line => obliging(line),
    })
    .await;
    let world = World::start(Plan {
        routes: vec![("*", vec![host.address])],
        connections: 8,
        ..no_second_chance()
    });
    let mut ids = Vec::new();
    for number in 0..60 {
        ids.push(submit(&world, number, "<jo@stranger.example>").await);
    }
    for id in ids {
        world.until_gone(id).await;
    }
    assert_eq!(host.contents().len(), 60);
}

#[tokio::test]
async fn messages_for_a_host_that_is_down_share_its_failure() {
    let host = Scripted::start(|heard| match (heard.connection, heard.line) {
        (1, "") => Say::Gated("421 4.3.2 going down"),
        (_, line) => obliging(line),
    })
    .await;
    let world = World::start(Plan {
        routes: vec![("*", vec![host.address])],
        connections: 2,
        ..no_second_chance()
    });
    let first = submit(&world, 1, "<jo@stranger.example>").await;
    let second = submit(&world, 2, "<jo@stranger.example>").await;
    let third = submit(&world, 3, "<jo@stranger.example>").await;
    // All three are in line, one of them with the worker that waits for the greeting.
    world.until_in_line(2).await;
    host.gate.add_permits(1);
    for id in [first, second, third] {
        let failure = world.until_deferred(id).await;
        assert_eq!(failure.status().to_string(), "4.3.2");
    }
    assert_eq!(host.said(), [""], "there was one connection");
}

/// A message for many domains must not open a connection to each of them at once.
#[tokio::test]
async fn connections_to_all_destinations_together_are_bounded() {
    let most = std::sync::Arc::new(AtomicUsize::new(0));
    let seen = std::sync::Arc::clone(&most);
    let host = Scripted::start(move |heard| {
        seen.fetch_max(heard.open, Ordering::SeqCst);
        obliging(heard.line)
    })
    .await;
    // What makes them different destinations is a second next hop that is never needed.
    let spare = |port| std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let domains: Vec<_> = (1..40)
        .map(|number| format!("domain{number}.example"))
        .collect();
    let routes = domains.iter().zip(1..).map(|(domain, port)| {
        let domain: &'static str = domain.clone().leak();
        (domain, vec![host.address, spare(port)])
    });
    let world = World::start(Plan {
        routes: routes.collect(),
        messages: 3,
        ..no_second_chance()
    });
    let to: Vec<_> = domains
        .iter()
        .map(|domain| format!("<jo@{domain}>"))
        .collect();
    let to: Vec<_> = to.iter().map(String::as_str).collect();
    let id = world.submit("<>", &to, b"\r\n").await;
    world.until_gone(id).await;
    assert_eq!(host.contents().len(), 39);
    // The host may see that a connection is closed after it sees the next one.
    assert!(most.load(Ordering::SeqCst) < 10, "{most:?}");
}
