//! What senders are told.

use std::time::Duration;

use postern_outbound::Schedule;

use crate::{
    neighbour::{Arrival, Neighbour, Tls},
    world::{Plan, World},
};

const MESSAGE: &[u8] = b"Subject: hello\r\n\r\nHow are you?\r\n";

/// A world in which mail for the sender's domain and for `to.example` goes to neighbours.
async fn world(schedule: Schedule) -> (World, Neighbour, Neighbour) {
    let recipients = Neighbour::start(Tls::None).await;
    let senders = Neighbour::start(Tls::None).await;
    let world = World::start(Plan {
        routes: vec![
            ("to.example", vec![recipients.address]),
            ("from.example", vec![senders.address]),
        ],
        schedule,
        ..Plan::default()
    });
    (world, recipients, senders)
}

fn text(notice: &Arrival) -> String {
    assert_eq!(notice.envelope.reverse_path.to_string(), "<>");
    String::from_utf8(notice.content.clone()).unwrap()
}

#[tokio::test]
async fn a_permanent_refusal_is_reported_and_the_rest_is_delivered() {
    let (world, mut recipients, mut senders) = world(Schedule::default()).await;
    let to = ["<jo@to.example>", "<nobody@to.example>"];
    let id = world.submit("<me@from.example>", &to, MESSAGE).await;
    let arrival = recipients.arrival().await;
    assert_eq!(arrival.envelope.recipients.len(), 1);
    let notice = text(&senders.arrival().await);
    assert!(notice.contains("Action: failed"), "{notice}");
    assert!(
        notice.contains("Final-Recipient: rfc822; nobody@to.example"),
        "{notice}"
    );
    assert!(!notice.contains("jo@to.example"), "{notice}");
    assert!(notice.contains("no such mailbox"), "{notice}");
    world.until_gone(id).await;
}

#[tokio::test]
async fn nobody_is_told_about_mail_from_nobody() {
    let (world, _recipients, mut senders) = world(Schedule::default()).await;
    let id = world.submit("<>", &["<nobody@to.example>"], MESSAGE).await;
    world.until_gone(id).await;
    assert!(senders.is_untouched());
}

#[tokio::test]
async fn a_delay_is_reported_once() {
    let schedule = Schedule {
        retry: vec![Duration::from_millis(50)],
        lifetime: Duration::from_secs(600),
        delay_notice: Duration::from_millis(1),
    };
    let (world, mut recipients, mut senders) = world(schedule).await;
    let id = world
        .submit("<me@from.example>", &["<busy@to.example>"], MESSAGE)
        .await;
    let notice = text(&senders.arrival().await);
    assert!(notice.contains("Action: delayed"), "{notice}");
    assert!(notice.contains("the mailbox is busy"), "{notice}");
    let tried = |message: Option<&postern_spool::QueuedMessage>| {
        message.is_some_and(|message| message.progress[0].attempts >= 5)
    };
    world.until(id, tried).await;
    assert!(senders.is_untouched(), "a second notice was sent");
    assert!(recipients.is_untouched());
}

#[tokio::test]
async fn at_the_end_of_its_lifetime_a_message_is_returned() {
    let schedule = Schedule {
        retry: vec![Duration::from_millis(50)],
        lifetime: Duration::from_millis(300),
        delay_notice: Duration::from_secs(600),
    };
    let (world, _recipients, mut senders) = world(schedule).await;
    let id = world
        .submit("<me@from.example>", &["<busy@to.example>"], MESSAGE)
        .await;
    let notice = text(&senders.arrival().await);
    assert!(notice.contains("Action: failed"), "{notice}");
    assert!(notice.contains("Subject: hello"), "{notice}");
    world.until_gone(id).await;
}
