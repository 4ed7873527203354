//! What an operator has frozen waits without attempts, and thaws at a word.

use std::time::{Duration, SystemTime};

use postern_outbound::{Frozen, Schedule};

use crate::{
    neighbour::{Neighbour, Tls},
    scripted::{Say, Scripted, obliging},
    world::{Plan, World},
};

const MESSAGE: &[u8] = b"Subject: hello\r\n\r\nHow are you?\r\n";

fn frozen(domain: &str) -> Frozen {
    Frozen {
        domain: domain.parse().unwrap(),
        reason: "their gateway loses mail".to_owned(),
        since: SystemTime::now(),
    }
}

#[tokio::test]
async fn mail_for_a_frozen_domain_waits_and_other_mail_goes() {
    let mut neighbour = Neighbour::start(Tls::None).await;
    let world = World::start(Plan {
        routes: vec![("*", vec![neighbour.address])],
        ..Plan::default()
    });
    world.outbound.freeze(frozen("*.cold.example"));
    let to = ["<jo@a.cold.example>", "<jo@warm.example>"];
    let id = world.submit("<me@from.example>", &to, MESSAGE).await;
    let arrival = neighbour.arrival().await;
    assert_eq!(arrival.envelope.recipients.len(), 1);
    world.until_resting("a.cold.example", 1).await;
    let message = world.spool.get(id).await.unwrap().unwrap();
    assert_eq!((message.waiting(), message.progress[0].attempts), (1, 0));
    let why = world
        .outbound
        .frozen_for(&"a.cold.example".parse().unwrap());
    assert_eq!(why.unwrap().reason, "their gateway loses mail");

    let pattern = "*.cold.example".parse().unwrap();
    assert!(world.outbound.thaw(&pattern));
    neighbour.arrival().await;
    world.until_gone(id).await;
    assert!(!world.outbound.thaw(&pattern));
}

#[tokio::test]
async fn mail_that_is_in_line_when_its_domain_freezes_stays() {
    let mut host = Scripted::start(|heard| match heard.line {
        "" => Say::Gated("220 at last"),
        line => obliging(line),
    })
    .await;
    let world = World::start(Plan {
        routes: vec![("*", vec![host.address])],
        connections: 1,
        ..Plan::default()
    });
    let first = world.submit("<>", &["<jo@warm.example>"], MESSAGE).await;
    host.until_said("", 1).await;
    let second = world.submit("<>", &["<jo@cold.example>"], MESSAGE).await;
    world.until_in_line(1).await;
    world.outbound.freeze(frozen("cold.example"));
    host.gate.add_permits(9);
    world.until_gone(first).await;
    world.until_resting("cold.example", 1).await;
    assert_eq!(host.count("RCPT TO:<jo@cold.example>"), 0);
    let message = world.spool.get(second).await.unwrap().unwrap();
    assert_eq!(message.progress[0].attempts, 0);
}

#[tokio::test]
async fn what_is_frozen_lives_no_longer_than_other_mail() {
    let mut senders = Neighbour::start(Tls::None).await;
    let world = World::start(Plan {
        routes: vec![("from.example", vec![senders.address])],
        schedule: Schedule {
            lifetime: Duration::from_millis(300),
            ..Schedule::default()
        },
        ..Plan::default()
    });
    world.outbound.freeze(frozen("cold.example"));
    let to = ["<jo@cold.example>"];
    let id = world.submit("<me@from.example>", &to, MESSAGE).await;
    let notice = String::from_utf8(senders.arrival().await.content).unwrap();
    assert!(notice.contains("Action: failed"), "{notice}");
    assert!(notice.contains("their gateway loses mail"), "{notice}");
    world.until_gone(id).await;
}
