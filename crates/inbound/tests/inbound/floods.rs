//! Floods of strangers: who is no stranger gets through, and all is well afterwards.

use std::{num::NonZeroU32, time::Duration};

use postern_inbound::{Allowance, TlsMode};

use crate::{
    client::Client,
    house::{House, Plan, relay},
};

const TOO_MANY: &str = "421 4.7.0 mx.own.example Too many connections, try again later";

fn allow(count: u32) -> Option<Allowance> {
    Some(Allowance {
        count: NonZeroU32::new(count).unwrap(),
        per: Duration::from_secs(3600),
    })
}

fn reserving() -> Plan {
    Plan::new().limited(|limits| {
        limits.connections = 20;
        limits.reserved = 5;
        limits.reserved_networks = vec!["127.0.9.0/24".parse().unwrap()];
    })
}

/// Connects from many networks until nobody is let in any more.
async fn flood(house: &House) -> Vec<Client> {
    let mut inside = Vec::new();
    for network in 10..250 {
        for host in 1..=4 {
            let source = format!("127.0.{network}.{host}");
            let mut client = Client::reach_from(&source, house.address).await;
            let greeting = client.hear("").await;
            if greeting.starts_with("220") {
                inside.push(client);
            } else {
                assert!(greeting.starts_with(TOO_MANY), "{greeting}");
            }
        }
    }
    inside
}

#[tokio::test]
async fn partners_get_through_a_flood_of_strangers() {
    let house = reserving().serve();
    let strangers = flood(&house).await;
    assert_eq!(strangers.len(), 15);
    let mut partners = Vec::new();
    for host in 1..=5 {
        let source = format!("127.0.9.{host}");
        let mut partner = Client::reach_from(&source, house.address).await;
        partner.hear("220").await;
        partners.push(partner);
    }
    let mut partner = Client::reach_from("127.0.9.6", house.address).await;
    partner.hear(TOO_MANY).await;

    drop((strangers, partners));
    house.empty().await;
    assert_eq!(flood(&house).await.len(), 15);
}

#[tokio::test]
async fn our_own_hosts_get_through_as_well() {
    let mut plan = reserving();
    plan.settings.limits.reserved_networks.clear();
    let house = plan
        .listening(relay(&["127.0.9.0/24"]), TlsMode::None)
        .serve();
    let strangers = flood(&house).await;
    assert_eq!(strangers.len(), 15);
    let mut own = Client::reach_from("127.0.9.1", house.address).await;
    own.hear("220").await;
}

#[tokio::test]
async fn nothing_is_kept_free_for_nobody() {
    let mut plan = reserving();
    plan.settings.limits.reserved_networks.clear();
    let house = plan.serve();
    assert_eq!(flood(&house).await.len(), 20);
}

#[tokio::test]
async fn a_network_has_so_many_connections() {
    let house = reserving()
        .limited(|limits| limits.connections_per_network = 3)
        .serve();
    let mut inside = Vec::new();
    for host in 1..=3 {
        let source = format!("127.0.10.{host}");
        let mut client = Client::reach_from(&source, house.address).await;
        client.hear("220").await;
        inside.push(client);
    }
    let mut fourth = Client::reach_from("127.0.10.4", house.address).await;
    fourth.hear(TOO_MANY).await;
    let mut elsewhere = Client::reach_from("127.0.11.4", house.address).await;
    elsewhere.hear("220").await;
}

#[tokio::test]
async fn who_connects_too_often_is_told_so() {
    let house = reserving()
        .limited(|limits| limits.allowances.connections = allow(2))
        .serve();
    for _ in 0..2 {
        Client::greet(house.address).await.say("QUIT", "221").await;
    }
    let mut third = Client::reach(house.address).await;
    third
        .hear(
            "421 4.7.0 mx.own.example Too many connections in a short time from your address, \
             try again later",
        )
        .await;
    for _ in 0..4 {
        let mut partner = Client::reach_from("127.0.9.1", house.address).await;
        partner.hear("220").await;
    }
}

#[tokio::test]
async fn mail_and_recipients_are_put_off_and_the_session_goes_on() {
    let house = Plan::new()
        .limited(|limits| {
            limits.allowances.messages = allow(2);
            limits.allowances.recipients = allow(2);
        })
        .serve();
    let mut client = Client::greet(house.address).await;
    client.say("MAIL FROM:<a@stranger.example>", "250").await;
    for _ in 0..2 {
        client.say("RCPT TO:<jo@own.example>", "250").await;
    }
    let refused = "450 4.7.0 Too many recipients in a short time from your address, try again";
    let refused = refused.replacen("450 ", "450-", 1);
    client.say("RCPT TO:<jo@own.example>", &refused).await;
    client.say("RSET", "250").await;
    client.say("MAIL FROM:<a@stranger.example>", "250").await;
    client.say("RSET", "250").await;
    let refused = "450-4.7.0 Too many messages in a short time from your address, try again";
    client.say("MAIL FROM:<a@stranger.example>", refused).await;
    client.say("NOOP", "250").await;
}

#[tokio::test]
async fn who_made_too_many_mistakes_comes_back_later() {
    let house = Plan::new()
        .limited(|limits| limits.allowances.errors = allow(3))
        .serve();
    let mut client = Client::greet(house.address).await;
    client.say("NONSENSE", "500").await;
    client.say("MAIL FROM:<a@stranger.example>", "250").await;
    client.say("RCPT TO:<a@victim.example>", "550").await;
    client.say("RCPT TO:<b@victim.example>", "550").await;
    let mut again = Client::reach(house.address).await;
    again
        .hear("421 4.7.0 mx.own.example Too many errors in a short time from your address")
        .await;
    let mut elsewhere = Client::reach_from("127.0.0.2", house.address).await;
    elsewhere.hear("220").await;
}
