//! Mail that is kept apart as suspicious.

use postern_policy::{ChannelLevel, OutboundTerms, Partner, PartnerName, Stage};

use crate::{
    neighbour::{Neighbour, Tls},
    world::{Plan, World},
};

async fn submit(world: &World, to: &[&str]) -> postern_mail::QueueId {
    world
        .submit_changed("<me@from.example>", to, |submission| {
            submission.quarantined = Some("DMARC of from.example asks for it".to_owned());
        })
        .await
}

#[tokio::test]
async fn suspicious_mail_goes_to_its_own_next_hop_whoever_it_is_for() {
    let mut apart = Neighbour::start(Tls::None).await;
    let mut usual = Neighbour::start(Tls::None).await;
    let hop = apart.address.to_string();
    let world = World::start(Plan {
        routes: vec![("*", vec![usual.address])],
        settle: Box::new(move |settings| settings.quarantine.push(hop.parse().unwrap())),
        ..Plan::default()
    });
    let id = submit(&world, &["<jo@one.example>", "<mo@two.example>"]).await;
    let envelope = apart.arrival().await.envelope;
    assert_eq!(envelope.recipients.len(), 2);
    assert_eq!(envelope.reverse_path.to_string(), "<me@from.example>");
    world.until_gone(id).await;
    assert!(usual.is_untouched());
}

#[tokio::test]
async fn without_a_next_hop_of_its_own_it_waits() {
    let mut usual = Neighbour::start(Tls::None).await;
    let world = World::start(Plan {
        routes: vec![("*", vec![usual.address])],
        ..Plan::default()
    });
    let id = submit(&world, &["<jo@one.example>"]).await;
    let failure = world.until_deferred(id).await;
    assert_eq!(failure.status().to_string(), "4.3.5");
    assert!(usual.is_untouched());
}

/// What a partner demands of channels for its mail holds wherever that mail is put.
#[tokio::test]
async fn a_partners_rule_holds_there_as_well() {
    let mut apart = Neighbour::start(Tls::None).await;
    let hop = apart.address.to_string();
    let name: PartnerName = "Ministry".parse().unwrap();
    let ministry = Partner::builder(name, Stage::Enforce)
        .domain("ministry.example".parse().unwrap())
        .outbound(OutboundTerms::requiring(ChannelLevel::Authenticated));
    let world = World::start(Plan {
        partners: vec![ministry.build().unwrap()],
        settle: Box::new(move |settings| settings.quarantine.push(hop.parse().unwrap())),
        ..Plan::default()
    });
    let id = submit(&world, &["<jo@ministry.example>"]).await;
    let failure = world.until_deferred(id).await;
    assert_eq!(failure.status().to_string(), "4.7.10");
    assert_eq!(apart.transactions(), 0);
    assert!(apart.is_untouched());
}
