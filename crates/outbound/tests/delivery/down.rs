//! A host that cannot be reached is looked at by one message, and the others wait for that.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use postern_mail::QueueId;
use postern_outbound::Schedule;
use postern_policy::{ChannelLevel, OutboundTerms, Partner, PartnerName, Stage};

use crate::{
    neighbour::{Neighbour, Tls},
    scripted::{Say, Scripted, obliging},
    world::{Plan, World},
};

const TO: [&str; 1] = ["<jo@to.example>"];
const MESSAGE: &[u8] = b"Subject: hello\r\n\r\nHow are you?\r\n";

/// A plan in which whatever fails is not tried again before the test is over.
fn no_second_chance(address: std::net::SocketAddr) -> Plan {
    Plan {
        routes: vec![("*", vec![address])],
        schedule: retrying(&[Duration::from_secs(3600)]),
        ..Plan::default()
    }
}

fn retrying(waits: &[Duration]) -> Schedule {
    Schedule {
        retry: waits.to_vec(),
        ..Schedule::default()
    }
}

async fn submit(world: &World) -> QueueId {
    world.submit("<me@from.example>", &TO, MESSAGE).await
}

/// A host that grants nobody a session before it is told to.
async fn ailing() -> (Scripted, Arc<AtomicBool>) {
    let well = Arc::new(AtomicBool::new(false));
    let is_well = Arc::clone(&well);
    let host = Scripted::start(move |heard| match heard.line {
        "" if !is_well.load(Ordering::SeqCst) => Say::This("421 4.3.2 not now"),
        line => obliging(line),
    })
    .await;
    (host, well)
}

#[tokio::test]
async fn what_comes_for_a_host_that_is_down_waits_without_an_attempt_until_it_is_flushed() {
    let (host, well) = ailing().await;
    let world = World::start(no_second_chance(host.address));
    let first = submit(&world).await;
    world.until_deferred(first).await;
    let down = world.outbound.down_for(&"to.example".parse().unwrap());
    assert_eq!(down.expect("it is down").attempts, 1);
    let mut others = Vec::new();
    for _ in 0..20 {
        others.push(submit(&world).await);
    }
    world.until_resting("to.example", 21).await;
    for id in &others {
        let message = world.spool.get(*id).await.unwrap().unwrap();
        assert_eq!(message.progress[0].attempts, 0);
    }
    assert_eq!(host.said(), [""], "there was one connection");
    well.store(true, Ordering::SeqCst);
    world.outbound.flush(Some(&"to.example".parse().unwrap()));
    for id in others.into_iter().chain([first]) {
        world.until_gone(id).await;
    }
    let down = world.outbound.down_for(&"to.example".parse().unwrap());
    assert!(down.is_none());
}

/// Two looks in vain; the third one is made by one message, and all the others follow it,
/// whatever they were told before.
#[tokio::test]
async fn when_a_host_serves_again_everything_for_it_is_due() {
    let host = Scripted::start(|heard| match heard.line {
        "" if heard.connection <= 2 => Say::This("421 4.3.2 not now"),
        line => obliging(line),
    })
    .await;
    let world = World::start(Plan {
        schedule: retrying(&[Duration::from_millis(300), Duration::from_secs(3600)]),
        ..no_second_chance(host.address)
    });
    let mut ids = Vec::new();
    for _ in 0..40 {
        ids.push(submit(&world).await);
    }
    for id in ids {
        world.until_gone(id).await;
    }
    assert_eq!(host.contents().len(), 40);
}

/// Only what says nothing of the message tells of the host.
#[tokio::test]
async fn what_a_host_says_of_a_message_keeps_no_other_from_it() {
    for refused in ["MAIL", "RCPT", "."] {
        let host = Scripted::start(move |heard| match heard.line.get(..4) {
            Some(verb) if verb == refused && heard.connection == 1 => Say::This("451 4.3.0 later"),
            None if heard.line == refused && heard.connection == 1 => Say::This("451 4.3.0 later"),
            Some(_) | None => obliging(heard.line),
        })
        .await;
        let world = World::start(Plan {
            keep_alive: Duration::ZERO,
            ..no_second_chance(host.address)
        });
        world.until_deferred(submit(&world).await).await;
        world.until_gone(submit(&world).await).await;
    }
}

/// A sender hears of a delay in time, though nobody was dialled for the message.
#[tokio::test]
async fn notices_keep_their_time_while_a_host_is_down() {
    let (host, _never_well) = ailing().await;
    let mut senders = Neighbour::start(Tls::None).await;
    let mut plan = no_second_chance(host.address);
    plan.routes.push(("from.example", vec![senders.address]));
    plan.schedule.delay_notice = Duration::from_millis(700);
    plan.schedule.lifetime = Duration::from_millis(1500);
    let world = World::start(plan);
    world.submit("<>", &TO, MESSAGE).await;
    world.until_destination(|it| it.down.is_some()).await;
    let id = submit(&world).await;
    for action in ["delayed", "failed"] {
        let notice = String::from_utf8(senders.arrival().await.content).unwrap();
        assert!(notice.contains(&format!("Action: {action}")), "{notice}");
        assert!(notice.contains("not now"), "{notice}");
    }
    world.until_gone(id).await;
    assert_eq!(host.count("MAIL"), 0);
}

fn ministry() -> Partner {
    let name: PartnerName = "Ministry".parse().unwrap();
    Partner::builder(name, Stage::Enforce)
        .domain("to.example".parse().unwrap())
        .outbound(OutboundTerms::requiring(ChannelLevel::Authenticated))
        .build()
        .unwrap()
}

#[tokio::test]
async fn what_a_host_did_not_prove_is_asked_of_it_again_after_a_reload() {
    let mut neighbour = Neighbour::start(Tls::None).await;
    let plan = || no_second_chance(neighbour.address);
    let world = World::start(Plan {
        partners: vec![ministry()],
        ..plan()
    });
    let first = submit(&world).await;
    world.until_deferred(first).await;
    let second = submit(&world).await;
    world.until_resting("to.example", 2).await;
    assert_eq!(neighbour.connections(), 1);
    world.reload(plan());
    for id in [first, second] {
        neighbour.arrival().await;
        world.until_gone(id).await;
    }
}

#[tokio::test]
async fn what_waits_follows_its_route_at_once() {
    let (host, _never_well) = ailing().await;
    let mut elsewhere = Neighbour::start(Tls::None).await;
    let world = World::start(no_second_chance(host.address));
    let first = submit(&world).await;
    world.until_deferred(first).await;
    let second = submit(&world).await;
    world.until_resting("to.example", 2).await;
    world.reload(no_second_chance(elsewhere.address));
    for id in [first, second] {
        elsewhere.arrival().await;
        world.until_gone(id).await;
    }
}

#[tokio::test]
async fn a_reload_that_changes_nothing_makes_nothing_due() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let world = World::start(no_second_chance(nobody));
    let id = submit(&world).await;
    world.until_deferred(id).await;
    world.until_resting("to.example", 1).await;
    world.reload(no_second_chance(nobody));
    world.until_resting("to.example", 1).await;
    let message = world.spool.get(id).await.unwrap().unwrap();
    assert_eq!(message.progress[0].attempts, 1);
}

/// What many messages for a host that never answers cost everybody else: nothing.
#[tokio::test]
async fn thousands_of_messages_for_a_host_that_hangs_slow_nobody_else() {
    const HANGING: usize = 2000;
    let hanging = Scripted::start(|_| Say::Gated("220 never")).await;
    let mut other = Neighbour::start(Tls::None).await;
    let mut plan = no_second_chance(other.address);
    plan.routes.push(("hanging.example", vec![hanging.address]));
    plan.messages = 50;
    let world = World::start(plan);
    for _ in 0..HANGING / 100 {
        let to = vec!["<jo@hanging.example>"];
        let many = (0..100).map(|_| world.submit("<>", &to, MESSAGE));
        futures_of(many).await;
    }
    for _ in 0..100 {
        submit(&world).await;
        other.arrival().await;
    }
    let waiting = world.spool.census();
    let waits = waiting.iter().find(|it| it.waiting == HANGING as u64);
    assert!(waits.is_some(), "nothing was lost: {waiting:?}");
    assert!(hanging.count("") <= 8, "as many connections as it may have");
}

/// All of them, at the same time.
async fn futures_of<T>(work: impl Iterator<Item = impl Future<Output = T>>) {
    let mut work: Vec<_> = work.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        work.retain_mut(|one| one.as_mut().poll(context).is_pending());
        match work.is_empty() {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
}
