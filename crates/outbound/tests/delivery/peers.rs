//! What hosts say, and what is made of it.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use postern_outbound::Schedule;
use postern_spool::QueuedMessage;

use crate::{
    neighbour::{Neighbour, Tls},
    scripted::{Say, Scripted, obliging},
    world::{Plan, World},
};

const MESSAGE: &[u8] = b"Subject: hello\r\n\r\nHow are you?\r\n";

/// A plan in which whatever fails is not tried again unless the test says so.
fn to(hosts: &[&Scripted]) -> Plan {
    Plan {
        routes: vec![("*", hosts.iter().map(|host| host.address).collect())],
        schedule: Schedule {
            retry: vec![Duration::from_secs(3600)],
            ..Schedule::default()
        },
        keep_alive: Duration::from_secs(60),
        ..Plan::default()
    }
}

async fn submit(world: &World) -> postern_mail::QueueId {
    let to = ["<jo@to.example>"];
    world.submit("<me@example.org>", &to, MESSAGE).await
}

/// A host that is obliging but for its answer to one command.
async fn host_saying(command: &'static str, reply: Say) -> Scripted {
    Scripted::start(move |heard| {
        if heard.line.get(..4).unwrap_or(heard.line) == command {
            reply.clone()
        } else {
            obliging(heard.line)
        }
    })
    .await
}

#[tokio::test]
async fn what_is_said_to_the_session_counts_for_now() {
    for (command, reply, status) in [
        ("", Say::This("554 5.7.1 nobody may come in"), "4.7.1"),
        ("", Say::This("421 busy"), "4.3.2"),
        ("", Say::This("hello"), "4.4.2"),
        ("", Say::Cut, "4.4.2"),
        ("EHLO", Say::Cut, "4.4.2"),
        ("EHLO", Say::This("451 4.3.0 later"), "4.3.0"),
        ("MAIL", Say::This("421 4.3.2 going down"), "4.3.2"),
        ("MAIL", Say::This("451 4.7.1 greylisted"), "4.7.1"),
        ("RCPT", Say::This("450 come back"), "4.0.0"),
        ("DATA", Say::This("451 4.3.0 no"), "4.3.0"),
        (".", Say::This("421 4.3.2 going down"), "4.3.2"),
        (".", Say::This("451 4.3.0 no"), "4.3.0"),
        (".", Say::Cut, "4.4.2"),
        (".", Say::This("354 what?"), "4.5.0"),
    ] {
        let host = host_saying(command, reply.clone()).await;
        let world = World::start(to(&[&host]));
        let failure = world.until_deferred(submit(&world).await).await;
        let what = format!("{reply:?} to {command:?}");
        assert_eq!(failure.status().to_string(), status, "{what}");
    }
}

#[tokio::test]
async fn what_is_said_of_a_message_counts_for_good() {
    for (command, reply) in [
        ("MAIL", "550 5.7.1 not you"),
        ("RCPT", "550 5.1.1 no such user"),
        ("DATA", "554 5.6.0 no"),
        (".", "554 5.6.0 no"),
    ] {
        let host = host_saying(command, Say::This(reply)).await;
        let mut sender = Neighbour::start(Tls::None).await;
        let mut plan = to(&[&host]);
        plan.routes.push(("example.org", vec![sender.address]));
        let world = World::start(plan);
        let id = submit(&world).await;
        let notice = String::from_utf8(sender.arrival().await.content).unwrap();
        assert!(notice.contains(reply), "{notice}");
        world.until_gone(id).await;
    }
}

#[tokio::test]
async fn a_host_that_refuses_the_session_gives_way_to_the_next() {
    for reply in [Say::This("554 no"), Say::This("421 no"), Say::Cut] {
        let first = host_saying("", reply).await;
        let second = Scripted::start(|heard| obliging(heard.line)).await;
        let world = World::start(to(&[&first, &second]));
        world.until_gone(submit(&world).await).await;
        assert_eq!(second.contents().len(), 1);
    }
}

#[tokio::test]
async fn a_host_that_knows_no_ehlo_is_given_mail() {
    let host = host_saying("EHLO", Say::This("500 what?")).await;
    let world = World::start(to(&[&host]));
    world.until_gone(submit(&world).await).await;
    assert_eq!(host.count("HELO"), 1);
}

#[tokio::test]
async fn every_recipient_has_an_outcome_of_its_own() {
    let host = Scripted::start(|heard| match heard.line {
        "RCPT TO:<busy@to.example>" => Say::This("450 4.2.1 busy"),
        "RCPT TO:<gone@to.example>" => Say::This("550 5.1.1 gone"),
        line => obliging(line),
    })
    .await;
    let world = World::start(to(&[&host]));
    let recipients = ["<jo@to.example>", "<busy@to.example>", "<gone@to.example>"];
    let id = world.submit("<>", &recipients, MESSAGE).await;
    let one_left = |message: Option<&QueuedMessage>| message.is_some_and(|it| it.waiting() == 1);
    let message = world.until(id, one_left).await.unwrap();
    let failure = message.progress[1].last_failure.as_ref().unwrap();
    assert_eq!(failure.status().to_string(), "4.2.1");
}

/// Nobody knows whether a message was taken when the connection ends behind its content. It is
/// delivered again, on a kept connection as on a new one (RFC 5321 §6.1, RFC 1047), but not at
/// once as if nothing had been handed over.
#[tokio::test]
async fn a_connection_that_ends_behind_the_content_has_failed() {
    let ends = AtomicUsize::new(0);
    let host = Scripted::start(move |heard| match heard.line {
        "." if ends.fetch_add(1, Ordering::SeqCst) == 1 => Say::Cut,
        line => obliging(line),
    })
    .await;
    let world = World::start(to(&[&host]));
    world.until_gone(submit(&world).await).await;
    let second = submit(&world).await;
    let failure = world.until_deferred(second).await;
    assert_eq!(failure.status().to_string(), "4.4.2");
    assert_eq!(host.contents().len(), 2);
    world.spool.retry(second).await.unwrap();
    world.until_gone(second).await;
    assert_eq!(host.contents().len(), 3);
}

/// The recipients of one message are not held up by each other's next hops, and what is
/// delivered is on record before the rest is.
#[tokio::test]
async fn parts_of_a_message_are_settled_by_themselves() {
    let slow = host_saying("", Say::Gated("220 at last")).await;
    let quick = Scripted::start(|heard| obliging(heard.line)).await;
    let mut plan = to(&[&quick]);
    plan.routes.push(("slow.example", vec![slow.address]));
    let world = World::start(plan);
    let recipients = ["<jo@slow.example>", "<jo@quick.example>"];
    let id = world.submit("<me@example.org>", &recipients, MESSAGE).await;
    let one_left = |message: Option<&QueuedMessage>| message.is_some_and(|it| it.waiting() == 1);
    let message = world.until(id, one_left).await.unwrap();
    assert_eq!(message.progress[1].attempts, 1);
    assert_eq!(message.progress[0].attempts, 0);
    slow.gate.add_permits(1);
    world.until_gone(id).await;
    assert_eq!((slow.contents().len(), quick.contents().len()), (1, 1));
}

/// RFC 3207 §6, CVE-2021-38371: replies that came in clear are no replies to what is said over
/// TLS, and replies that came before their command are none at all.
#[tokio::test]
async fn a_host_that_answers_before_it_is_asked_is_given_nothing() {
    for (command, reply) in [
        ("", "220 hi\r\n250-hi\r\n250 STARTTLS\r\n220 go\r\n250 ok"),
        ("EHLO", "250-hi\r\n250 STARTTLS\r\n220 go"),
        ("EHLO", "250 hi\r\n250 ok\r\n250 ok\r\n354 go\r\n250 taken"),
        (
            "STAR",
            "220 go\r\n250 evil\r\n250 ok\r\n354 go\r\n250 stolen",
        ),
    ] {
        let host = Scripted::start(move |heard| {
            let verb = heard.line.get(..4).unwrap_or(heard.line);
            match verb {
                _ if verb == command => Say::This(reply),
                "EHLO" => Say::This("250-hi\r\n250 STARTTLS"),
                _ => obliging(heard.line),
            }
        })
        .await;
        let world = World::start(to(&[&host]));
        world.until_deferred(submit(&world).await).await;
        assert_eq!(host.count("MAIL"), 0, "{reply}");
    }
}
