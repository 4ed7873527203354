//! Clocks that somebody sets while mail waits.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use postern_outbound::{Schedule, WallClock};
use postern_spool::QueuedMessage;

use crate::{
    neighbour::{Neighbour, Tls},
    scripted::{Say, Scripted, obliging},
    world::{Plan, World},
};

const YEAR: u64 = 365 * 24 * 3600;

/// A clock that is ahead by some seconds.
#[derive(Debug, Default)]
struct Ahead(AtomicU64);

impl WallClock for Ahead {
    fn now(&self) -> SystemTime {
        SystemTime::now() + Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

/// A world with a clock that can be set, a host that is busy for as long as it should, and those
/// who send.
async fn world(lifetime: Duration) -> (World, Arc<Ahead>, Arc<AtomicBool>, Neighbour) {
    let busy = Arc::new(AtomicBool::new(true));
    let is_busy = Arc::clone(&busy);
    let host = Scripted::start(move |heard| match heard.line.get(..4) {
        Some("RCPT") if is_busy.load(Ordering::SeqCst) => Say::This("450 4.2.1 busy"),
        Some(_) | None => obliging(heard.line),
    })
    .await;
    let senders = Neighbour::start(Tls::None).await;
    let clock = Arc::new(Ahead::default());
    let world = World::start(Plan {
        routes: vec![
            ("to.example", vec![host.address]),
            ("from.example", vec![senders.address]),
        ],
        schedule: Schedule {
            retry: vec![Duration::from_millis(50)],
            lifetime,
            delay_notice: lifetime / 2,
        },
        clock: Some(Arc::clone(&clock) as Arc<dyn WallClock>),
        ..Plan::default()
    });
    (world, clock, busy, senders)
}

fn tried(times: u32) -> impl Fn(Option<&QueuedMessage>) -> bool {
    move |message| message.is_some_and(|message| message.progress[0].attempts >= times)
}

#[tokio::test]
async fn a_clock_that_is_set_forward_and_back_returns_nothing_and_delays_nothing() {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    let (world, clock, busy, mut senders) = world(5 * DAY).await;
    let to = ["<jo@to.example>"];
    let id = world.submit("<me@from.example>", &to, b"\r\n").await;
    world.until(id, tried(2)).await;
    clock.0.store(YEAR, Ordering::SeqCst);
    let message = world.until(id, tried(5)).await.unwrap();
    clock.0.store(0, Ordering::SeqCst);
    world
        .until(id, tried(message.progress[0].attempts + 2))
        .await;
    assert!(senders.is_untouched(), "nobody was told anything");
    busy.store(false, Ordering::SeqCst);
    world.until_gone(id).await;
}

/// A tenth of the lifetime is the time for which the age is in doubt.
#[tokio::test]
async fn a_clock_that_stays_ahead_is_believed_after_a_while() {
    let (world, clock, _busy, mut senders) = world(Duration::from_secs(10)).await;
    let to = ["<jo@to.example>"];
    let id = world.submit("<me@from.example>", &to, b"\r\n").await;
    world.until(id, tried(1)).await;
    let set = Instant::now();
    clock.0.store(YEAR, Ordering::SeqCst);
    let notice = String::from_utf8(senders.arrival().await.content).unwrap();
    assert!(notice.contains("Action: failed"), "{notice}");
    assert!(set.elapsed() >= Duration::from_secs(1), "{set:?}");
    world.until_gone(id).await;
}
