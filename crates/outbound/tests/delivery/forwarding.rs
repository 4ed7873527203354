//! In whose name mail is sent on.

use std::{sync::Arc, time::SystemTime};

use postern_mail::{Mailbox, ReversePath};
use postern_outbound::{PaceOverride, Route, Senders, Settings};
use postern_rewriting::Srs;

use crate::{
    neighbour::{Neighbour, Tls},
    world::{Plan, World},
};

const MESSAGE: &[u8] = b"Subject: hello\r\n\r\nHow are you?\r\n";

fn srs() -> Srs {
    Srs::new("srs.example".parse().unwrap(), [[1; 32]]).unwrap()
}

/// SRS, with `own.example` as a domain of ours.
fn forwarding(settings: &mut Settings) {
    settings.srs = Some(Arc::new(srs()));
    settings
        .own_domains
        .insert("own.example".parse().unwrap(), ());
}

/// A plan in which everything goes to one neighbour.
fn plan(neighbour: &Neighbour) -> Plan {
    Plan {
        routes: vec![("*", vec![neighbour.address])],
        settle: Box::new(forwarding),
        ..Plan::default()
    }
}

/// Whose failure would come back to us by this reverse-path.
fn behind(path: &ReversePath) -> String {
    let mailbox = path.mailbox().unwrap();
    let back = srs().back(mailbox, SystemTime::now());
    back.unwrap().unwrap().to_string()
}

#[tokio::test]
async fn what_leaves_our_domains_goes_in_our_name() {
    let mut neighbour = Neighbour::start(Tls::None).await;
    let world = World::start(plan(&neighbour));
    let to = ["<jo@to.example>"];
    let id = world.submit("<me@from.example>", &to, MESSAGE).await;
    let arrival = neighbour.arrival().await;
    assert_eq!(behind(&arrival.envelope.reverse_path), "me@from.example");
    assert_eq!(arrival.content, MESSAGE);
    world.until_gone(id).await;
}

#[tokio::test]
async fn our_own_senders_and_nobody_keep_their_names() {
    let mut neighbour = Neighbour::start(Tls::None).await;
    let world = World::start(plan(&neighbour));
    for from in ["<me@own.example>", "<>", "<SRS0=x@srs.example>"] {
        world.submit(from, &["<jo@to.example>"], MESSAGE).await;
        let arrival = neighbour.arrival().await;
        assert_eq!(arrival.envelope.reverse_path.to_string(), from);
    }
}

/// What would not fit 64 octets goes as it is, rather than not at all.
#[tokio::test]
async fn a_name_that_does_not_fit_is_kept() {
    let mut neighbour = Neighbour::start(Tls::None).await;
    let world = World::start(plan(&neighbour));
    let from = format!("<{}@from.example>", "x".repeat(60));
    world.submit(&from, &["<jo@to.example>"], MESSAGE).await;
    let arrival = neighbour.arrival().await;
    assert_eq!(arrival.envelope.reverse_path.to_string(), from);
}

/// One message for inside and outside, over one connection: `MAIL` has one reverse-path, so there
/// are two transactions.
#[tokio::test]
async fn a_domain_of_ours_hears_the_senders_own_name() {
    let mut neighbour = Neighbour::start(Tls::None).await;
    let hop = neighbour.address.to_string();
    let mut plan = plan(&neighbour);
    plan.settle = Box::new(move |settings| {
        forwarding(settings);
        settings.pace.connections = 1;
        let domain = |name: &str, senders| {
            let route = Route {
                next_hops: vec![hop.parse().unwrap()],
                floor: None,
                senders,
                pace: PaceOverride::default(),
            };
            (name.parse().unwrap(), route)
        };
        for (name, route) in [
            domain("own.example", Senders::Kept),
            domain("hosted.example", Senders::Rewritten),
        ] {
            settings.routes.add_own(name, route);
        }
    });
    let world = World::start(plan);
    let to = ["<a@own.example>", "<b@to.example>", "<c@hosted.example>"];
    let id = world.submit("<me@from.example>", &to, MESSAGE).await;
    let mut heard = Vec::new();
    for _ in 0..2 {
        let envelope = neighbour.arrival().await.envelope;
        let mut to: Vec<_> = envelope
            .recipients
            .iter()
            .map(|recipient| recipient.forward_path.to_string())
            .collect();
        to.sort();
        heard.push((to.join(" "), envelope.reverse_path));
    }
    world.until_gone(id).await;
    heard.sort();
    assert_eq!(heard[0].0, "<a@own.example>");
    assert_eq!(heard[0].1.to_string(), "<me@from.example>");
    assert_eq!(heard[1].0, "<b@to.example> <c@hosted.example>");
    assert_eq!(behind(&heard[1].1), "me@from.example");
    assert_eq!(neighbour.connections(), 1);
}

/// The next hop refuses what was sent on in our name. Who sent it hears of it, under the address
/// that he has.
#[tokio::test]
async fn a_failure_goes_to_the_true_sender() {
    let recipients = Neighbour::start(Tls::None).await;
    let mut senders = Neighbour::start(Tls::None).await;
    let mut plan = plan(&recipients);
    plan.routes.push(("from.example", vec![senders.address]));
    let world = World::start(plan);
    let to = ["<nobody@to.example>"];
    let id = world.submit("<me@from.example>", &to, MESSAGE).await;
    let notice = senders.arrival().await;
    let told: Mailbox = "me@from.example".parse().unwrap();
    let recipient = &notice.envelope.recipients[0].forward_path;
    assert_eq!(recipient.mailbox(), Some(&told));
    assert_eq!(notice.envelope.reverse_path, ReversePath::Null);
    let text = String::from_utf8(notice.content).unwrap();
    assert!(!text.contains("SRS0"), "{text}");
    world.until_gone(id).await;
}
