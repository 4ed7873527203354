//! STARTTLS and implicit TLS.

use postern_inbound::{Role, TlsMode};
use postern_testkit::{client_config, loose_client_config};
use postern_tls::{Profile, ProfileName};

use crate::{
    client::Client,
    house::{House, Plan, relay},
};

async fn check_encrypted(house: &House, mut client: Client) {
    let offered = client.ehlo().await;
    assert!(!offered.contains("STARTTLS"), "{offered}");
    client.say("STARTTLS", "503").await;
    client.deliver("jo@sender.example", "mo@own.example").await;
    let message = house.only_message().await;
    let start = format!(
        "Received: from client.example ([127.0.0.1])\r\n\
         \t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 key-exchange X25519MLKEM768)\r\n\
         \t(client not authenticated)\r\n\
         \tby mx.own.example with ESMTPS id {}\r\n",
        message.id
    );
    assert!(message.content.starts_with(&start), "{}", message.content);
    assert_eq!(
        message.origin.channel,
        "encrypted (unauthenticated), TLSv1.3 TLS_AES_256_GCM_SHA384 X25519MLKEM768"
    );
}

#[tokio::test]
async fn starttls() {
    let house = Plan::new().serve();
    let client = Client::greet(house.address).await;
    let client = client
        .starttls(client_config(&house.pki.public, None))
        .await;
    check_encrypted(&house, client).await;
}

#[tokio::test]
async fn implicit_tls_begins_with_the_handshake() {
    let house = Plan::new()
        .listening(relay(&["127.0.0.0/8"]), TlsMode::Implicit)
        .serve();
    let config = client_config(&house.pki.public, None);
    let mut client = Client::reach_tls(house.address, config).await;
    client.hear("220 mx.own.example").await;
    check_encrypted(&house, client).await;
}

#[tokio::test]
async fn tls_that_is_not_offered() {
    let house = Plan::new().listening(Role::Mx, TlsMode::None).serve();
    let mut client = Client::greet(house.address).await;
    assert!(!client.ehlo().await.contains("STARTTLS"));
    client.say("STARTTLS", "502").await;
    client.deliver("jo@sender.example", "mo@own.example").await;
    assert_eq!(house.queued().await.len(), 1);
}

#[tokio::test]
async fn tls_that_is_required() {
    let house = Plan::new()
        .listening(relay(&["127.0.0.0/8"]), TlsMode::Required)
        .serve();
    let mut client = Client::greet(house.address).await;
    for command in [
        "MAIL FROM:<jo@sender.example>",
        "RCPT TO:<x@y.example>",
        "DATA",
        "VRFY x",
    ] {
        client.say(command, "530 5.7.0").await;
    }
    client.say("NOOP", "250").await;
    let client = client
        .starttls(client_config(&house.pki.public, None))
        .await;
    check_encrypted(&house, client).await;
}

#[tokio::test]
async fn nothing_survives_the_handshake() {
    let house = Plan::new().serve();
    let mut client = Client::greet(house.address).await;
    client.envelope("jo@sender.example", "mo@own.example").await;
    let mut client = client
        .starttls(client_config(&house.pki.public, None))
        .await;
    client.say("RCPT TO:<mo@own.example>", "503").await;
    client.say("MAIL FROM:<jo@sender.example>", "503").await;
    client.ehlo().await;
    client.say("DATA", "503").await;
    assert!(house.queued().await.is_empty());
}

/// CVE-2011-0411 and its kin: what is sent in clear behind STARTTLS is never run.
#[tokio::test]
async fn octets_behind_starttls_end_the_session() {
    let injections: [&[u8]; 6] = [
        b"STARTTLS\r\nNOOP\r\n",
        b"STARTTLS\r\nNO",
        b"STARTTLS\r\n\n",
        b"STARTTLS\r\nEHLO evil.example\r\nMAIL FROM:<a@b.example>\r\n",
        b"STARTTLS\r\n\x16\x03\x01",
        b"NOOP\r\nSTARTTLS\r\nRSET\r\n",
    ];
    let house = Plan::new().serve();
    for injection in injections {
        let mut client = Client::greet(house.address).await;
        client.send(injection).await;
        let said = String::from_utf8(client.hear_all().await).unwrap();
        let last = said.lines().last().unwrap();
        assert_eq!(last, "554 5.5.0 Nothing may follow STARTTLS", "{said}");
        assert!(!said.contains("220"), "{said}");
    }
}

/// Wherever a read of the server ends: at the end of STARTTLS too, with the rest still in the
/// kernel.
#[tokio::test]
async fn octets_that_wait_in_the_kernel_are_noticed_too() {
    let house = Plan::new().serve();
    for length in 4030..4100 {
        let mut client = Client::greet(house.address).await;
        let mut injection = b"NOOP ".to_vec();
        injection.resize(length - 12, b'x');
        injection.extend_from_slice(b"\r\nSTARTTLS\r\nNOOP\r\n");
        client.send(&injection).await;
        let said = String::from_utf8(client.hear_all().await).unwrap();
        assert!(
            said.ends_with("554 5.5.0 Nothing may follow STARTTLS\r\n"),
            "{length}: {said}"
        );
        assert!(!said.contains("220"), "{length}: {said}");
    }
}

/// After the 220 there is a handshake or nothing: never again a reply in clear.
#[tokio::test]
async fn what_is_no_handshake_ends_the_connection() {
    let house = Plan::new().serve();
    let record = [&[0x16, 0x03, 0x01, 0xff, 0xff][..], &[0; 70_000]].concat();
    let greetings: [&[u8]; 6] = [
        b"EHLO client.example\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        &[0; 100],
        &[0x80, 0x2e, 0x01, 0x00, 0x02],
        &record,
        &[0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x28],
    ];
    for greeting in greetings {
        let mut client = Client::greet(house.address).await;
        client.say("STARTTLS", "220").await;
        client.send_what_is_taken(greeting).await;
        let said = client.hear_all().await;
        assert!(said.len() <= 7, "an alert at most: {said:?}");
        assert!(!said.first().is_some_and(u8::is_ascii_digit), "{said:?}");
    }
    house.empty().await;
    assert!(house.queued().await.is_empty());
}

#[tokio::test]
async fn a_handshake_has_its_time() {
    let house = Plan::new()
        .limited(|limits| limits.handshake = std::time::Duration::from_millis(50))
        .serve();
    let mut client = Client::greet(house.address).await;
    client.say("STARTTLS", "220").await;
    assert_eq!(client.hear_all().await, b"");
}

#[tokio::test]
async fn a_listener_s_own_profile_narrows_what_it_negotiates() {
    let modern = Profile::named(ProfileName::Modern);
    for (profile, taken) in [(None, true), (Some(modern), false)] {
        let mut plan = Plan::new();
        plan.settings.listeners[0].profile = profile;
        let house = plan.serve();
        let old = loose_client_config(
            &[&rustls::version::TLS12],
            &[rustls::SignatureScheme::ECDSA_NISTP256_SHA256],
        );
        let mut client = Client::greet(house.address).await;
        client.say("STARTTLS", "220").await;
        assert_eq!(client.handshake(old).await.is_ok(), taken, "{profile:?}");

        let mut client = Client::greet(house.address).await;
        client.say("STARTTLS", "220").await;
        let new = client_config(&house.pki.public, None);
        assert!(client.handshake(new).await.is_ok(), "{profile:?}");
    }
}
