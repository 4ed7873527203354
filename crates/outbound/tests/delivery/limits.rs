//! Much of something: recipients, octets, bits of address.

use std::{net::Ipv6Addr, time::Duration};

use bytes::Bytes;
use postern_outbound::Schedule;
use postern_smtp::server::Limits;

use crate::{
    neighbour::{Neighbour, Tls},
    scripted::{Say, Scripted, obliging},
    world::{Plan, World},
};

const MESSAGE: &[u8] = b"Subject: hello\r\n\r\nHow are you?\r\n";

const FIVE: [&str; 5] = [
    "<a@to.example>",
    "<b@to.example>",
    "<c@to.example>",
    "<d@to.example>",
    "<e@to.example>",
];

/// A plan in which whatever fails is not tried again before the test is over.
fn to(address: std::net::SocketAddr) -> Plan {
    Plan {
        routes: vec![("*", vec![address])],
        schedule: Schedule {
            retry: vec![Duration::from_secs(3600)],
            ..Schedule::default()
        },
        ..Plan::default()
    }
}

#[tokio::test]
async fn more_recipients_than_a_host_announces_are_reached_in_several_transactions() {
    let limits = Limits {
        recipients: 2,
        ..Limits::default()
    };
    let localhost = std::net::Ipv4Addr::LOCALHOST.into();
    let mut neighbour = Neighbour::at(localhost, Tls::None, limits).await;
    let world = World::start(to(neighbour.address));
    let id = world.submit("<me@example.org>", &FIVE, MESSAGE).await;
    let mut reached = Vec::new();
    for _ in 0..3 {
        let recipients = neighbour.arrival().await.envelope.recipients;
        assert!(recipients.len() <= 2);
        reached.extend(recipients.iter().map(|to| to.forward_path.to_string()));
    }
    assert_eq!(reached, FIVE);
    world.until_gone(id).await;
    assert_eq!(neighbour.connections(), 1);
}

/// Takes two recipients of a message and refuses the others in `words`.
async fn two_at_a_time(words: &'static str) -> Scripted {
    let taken = std::sync::atomic::AtomicUsize::new(0);
    Scripted::start(move |heard| {
        use std::sync::atomic::Ordering::SeqCst;
        match heard.line.get(..4).unwrap_or_default() {
            "MAIL" => taken.store(0, SeqCst),
            "RCPT" if taken.fetch_add(1, SeqCst) >= 2 => return Say::This(words),
            _ => {}
        }
        obliging(heard.line)
    })
    .await
}

#[tokio::test]
async fn more_recipients_than_a_host_takes_are_reached_in_several_transactions() {
    for words in [
        "452 4.5.3 too many recipients",
        "452 too many recipients",
        "552 5.5.3 too many recipients",
        "552 too many recipients",
    ] {
        let host = two_at_a_time(words).await;
        let world = World::start(to(host.address));
        let id = world.submit("<me@example.org>", &FIVE, MESSAGE).await;
        world.until_gone(id).await;
        assert_eq!(host.contents().len(), 3, "{words}");
        assert_eq!(host.count("EHLO"), 1, "{words}");
    }
}

#[tokio::test]
async fn a_host_that_takes_no_recipient_is_not_asked_over_and_over() {
    let host = Scripted::start(|heard| match heard.line.get(..4).unwrap_or_default() {
        "RCPT" => Say::This("452 4.5.3 too many recipients"),
        _ => obliging(heard.line),
    })
    .await;
    let world = World::start(to(host.address));
    let id = world.submit("<me@example.org>", &FIVE, MESSAGE).await;
    world.until_deferred(id).await;
    assert_eq!(host.count("MAIL"), 1);
}

#[tokio::test]
async fn a_full_mailbox_is_not_taken_for_a_full_transaction() {
    let host = two_at_a_time("452 4.2.2 mailbox full").await;
    let world = World::start(to(host.address));
    let id = world.submit("<me@example.org>", &FIVE, MESSAGE).await;
    let refused = |message: Option<&postern_spool::QueuedMessage>| {
        message.is_some_and(|message| message.progress[4].last_failure.is_some())
    };
    let message = world.until(id, refused).await.unwrap();
    assert_eq!(message.waiting(), 3);
    assert_eq!(host.count("MAIL"), 1);
}

#[tokio::test]
async fn large_content_arrives_whole_from_its_file() {
    let mut neighbour = Neighbour::start(Tls::None).await;
    let world = World::start(to(neighbour.address));
    let line = b".every line begins with a dot, which must come out as one dot\r\n";
    let lines = 3 * 1024 * 1024 / line.len();
    let mut writer = world.spool.content();
    for _ in 0..lines {
        writer.write(Bytes::from_static(line)).await.unwrap();
    }
    let content = writer.finish().await.unwrap();
    let to = ["<jo@to.example>"];
    let id = world
        .submit_wishing("<me@example.org>", &to, None, content)
        .await;
    let arrival = neighbour.arrival().await;
    assert_eq!(arrival.content.len(), lines * line.len());
    assert!(arrival.content == line.repeat(lines), "it was changed");
    world.until_gone(id).await;
}

#[tokio::test]
async fn a_host_is_reached_over_ipv6() {
    let localhost = Ipv6Addr::LOCALHOST.into();
    let mut neighbour = Neighbour::at(localhost, Tls::None, Limits::default()).await;
    let world = World::start(to(neighbour.address));
    let id = world
        .submit("<me@example.org>", &["<jo@to.example>"], MESSAGE)
        .await;
    neighbour.arrival().await;
    world.until_gone(id).await;
}
