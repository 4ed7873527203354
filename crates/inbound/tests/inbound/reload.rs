//! Other settings, while sessions go on.

use std::sync::Arc;

use postern_inbound::{Replaced, TlsMode};
use postern_mail::DomainMap;
use postern_policy::{Exclusivity, Stage};
use postern_tls::CertificateStore;
use rustls_pki_types::UnixTime;

use crate::{
    client::Client,
    house::{Plan, relay},
    pki::policy,
};

#[tokio::test]
async fn another_policy_decides_over_the_next_mail_of_the_same_session() {
    let house = Plan::new().serve();
    let mut client = Client::greet(house.address).await;
    client
        .envelope("jo@ministry.example", "mo@own.example")
        .await;

    let ministry = house
        .pki
        .partner("ministry", Stage::Enforce, Exclusivity::Shared);
    let mut settings = house.settings.clone();
    settings.policy = policy(vec![ministry]);
    settings.hostname = "other.own.example".parse().unwrap();
    assert_eq!(
        house.control.replace(&settings).unwrap(),
        Replaced::default()
    );

    // The transaction that was open goes on as it began.
    client.say("DATA", "354").await;
    client.say("\r\nbody\r\n.", "250").await;
    assert!(
        house
            .only_message()
            .await
            .content
            .contains("\tby mx.own.example with")
    );
    client
        .say("MAIL FROM:<jo@ministry.example>", "530-5.7.10")
        .await;
    client.ehlo().await;
    let mut newcomer = Client::reach(house.address).await;
    newcomer.hear("220 other.own.example").await;

    house.control.replace(&house.settings).unwrap();
    client.say("MAIL FROM:<jo@ministry.example>", "250").await;
}

#[tokio::test]
async fn domains_and_networks_change_with_the_next_mail() {
    let plan = Plan::new().listening(relay(&["127.0.0.1"]), TlsMode::StartTls);
    let house = plan.serve();
    let mut client = Client::greet(house.address).await;
    client.envelope("jo@own.example", "x@victim.example").await;

    let mut settings = house.settings.clone();
    settings.listeners[0].role = relay(&["10.0.0.0/8"]);
    settings.domains = DomainMap::from_iter([("new.example".parse().unwrap(), ())]);
    house.control.replace(&settings).unwrap();
    client.say("RCPT TO:<y@victim.example>", "250").await;
    client.say("RSET", "250").await;
    client.say("MAIL FROM:<jo@own.example>", "250").await;
    client.say("RCPT TO:<x@victim.example>", "550").await;
    client.say("RCPT TO:<mo@own.example>", "550").await;
    client.say("RCPT TO:<mo@new.example>", "250").await;
}

#[tokio::test]
async fn settings_that_cannot_serve_change_nothing() {
    let house = Plan::new().serve();
    let mut settings = house.settings.clone();
    settings.hostname = "other.own.example".parse().unwrap();
    settings.certificates = Arc::new(CertificateStore::load(&[], UnixTime::now()).unwrap());
    let faults = house.control.replace(&settings).unwrap_err();
    assert_eq!(
        faults[0].to_string(),
        "listener 127.0.0.1:0 cannot offer TLS"
    );
    Client::greet(house.address).await;
}

#[tokio::test]
async fn listeners_that_come_and_go_wait_for_a_restart() {
    let house = Plan::new().serve();
    let mut settings = house.settings.clone();
    settings.listeners[0].address = "127.0.0.9:2525".parse().unwrap();
    let replaced = house.control.replace(&settings).unwrap();
    assert_eq!(replaced.not_bound, ["127.0.0.9:2525".parse().unwrap()]);
    assert_eq!(replaced.still_bound, ["127.0.0.1:0".parse().unwrap()]);
    Client::greet(house.address).await;
}
