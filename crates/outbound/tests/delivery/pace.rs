//! How fast a destination is given mail.

use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use postern_outbound::{Pace, PaceOverride, Rate};
use postern_policy::{ChannelLevel, OutboundTerms, Partner, PartnerName, Stage};

use crate::{
    neighbour::{Neighbour, Tls},
    scripted::{Say, Scripted, obliging},
    world::{Plan, World},
};

const MESSAGE: &[u8] = b"Subject: hello\r\n\r\nHow are you?\r\n";

fn number(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

async fn submit(world: &World, count: usize) -> Vec<postern_mail::QueueId> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let to = ["<jo@to.example>"];
        ids.push(world.submit("<me@from.example>", &to, MESSAGE).await);
    }
    ids
}

#[tokio::test]
async fn a_connection_carries_so_many_messages_and_no_more() {
    let mut neighbour = Neighbour::start(Tls::None).await;
    let world = World::start(Plan {
        routes: vec![("*", vec![neighbour.address])],
        settle: Box::new(|settings| {
            settings.pace = Pace {
                connections: 1,
                messages_per_connection: Some(number(2)),
                ..Pace::default()
            };
        }),
        ..Plan::default()
    });
    for _ in 0..6 {
        let ids = submit(&world, 1).await;
        neighbour.arrival().await;
        world.until_gone(ids[0]).await;
    }
    assert_eq!(neighbour.connections(), 3);
}

/// Ten a second are one in a tenth of a second; what a partner says goes before all else.
#[tokio::test]
async fn a_partner_is_given_so_many_messages_within_a_time() {
    let mut neighbour = Neighbour::start(Tls::None).await;
    let name: PartnerName = "Slow".parse().unwrap();
    let partner = Partner::builder(name.clone(), Stage::Observe)
        .domain("to.example".parse().unwrap())
        .outbound(OutboundTerms::requiring(ChannelLevel::Any));
    let world = World::start(Plan {
        routes: vec![("*", vec![neighbour.address])],
        partners: vec![partner.build().unwrap()],
        settle: Box::new(|settings| {
            let rate = Rate {
                messages: number(10),
                per: Duration::from_secs(1),
            };
            let pace = PaceOverride {
                rate: Some(rate),
                ..PaceOverride::default()
            };
            settings.partner_paces.insert(name, pace);
        }),
        ..Plan::default()
    });
    let begin = Instant::now();
    submit(&world, 12).await;
    for _ in 0..12 {
        neighbour.arrival().await;
    }
    assert!(begin.elapsed() >= Duration::from_millis(1050), "{begin:?}");
    let shown = world.outbound.destinations_now();
    assert_eq!(shown[0].pace.unwrap().rate.unwrap().messages, number(10));
}

/// A worker that leaves takes the rate with it no more than the last one who goes.
#[tokio::test]
async fn a_rate_outlives_its_connections() {
    let mut neighbour = Neighbour::start(Tls::None).await;
    let world = World::start(Plan {
        routes: vec![("*", vec![neighbour.address])],
        keep_alive: Duration::ZERO,
        settle: Box::new(|settings| {
            settings.pace.rate = Some(Rate {
                messages: number(2),
                per: Duration::from_secs(1),
            });
        }),
        ..Plan::default()
    });
    let begin = Instant::now();
    for _ in 0..4 {
        let ids = submit(&world, 1).await;
        neighbour.arrival().await;
        world.until_gone(ids[0]).await;
    }
    assert!(begin.elapsed() >= Duration::from_millis(1450));
}

#[tokio::test]
async fn a_destination_begins_with_few_connections_and_gets_more_as_it_takes_mail() {
    let most = std::sync::Arc::new(AtomicUsize::new(0));
    let seen = std::sync::Arc::clone(&most);
    let mut host = Scripted::start(move |heard| {
        seen.fetch_max(heard.open, Ordering::SeqCst);
        match heard.line {
            "." => Say::Gated("250 2.0.0 taken"),
            line => obliging(line),
        }
    })
    .await;
    let world = World::start(Plan {
        routes: vec![("*", vec![host.address])],
        settle: Box::new(|settings| {
            settings.pace = Pace {
                connections: 6,
                initial_connections: 2,
                ..Pace::default()
            };
        }),
        ..Plan::default()
    });
    let ids = submit(&world, 40).await;
    // Two messages are under way. Nobody knows yet whether the host can do more.
    host.until_said(".", 2).await;
    let state = world.until_destination(|it| it.in_line > 0).await;
    assert_eq!((state.connections, state.allowed), (2, 2));
    assert_eq!(most.load(Ordering::SeqCst), 2);
    host.gate.add_permits(40);
    for id in ids {
        world.until_gone(id).await;
    }
    let most = most.load(Ordering::SeqCst);
    assert!((3..=6).contains(&most), "{most}");
}
