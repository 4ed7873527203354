//! P26: REQUIRETLS and TLS-Required (RFC 8689), from the wire into the queue.

use postern_inbound::{Role, TlsMode};
use postern_mail::TlsWish;

use crate::{
    client::Client,
    house::{House, Plan},
};

async fn send(client: &mut Client, parameters: &str, header: &str) {
    let mail = format!("MAIL FROM:<jo@stranger.example>{parameters}");
    client.say(&mail, "250").await;
    client.say("RCPT TO:<mo@own.example>", "250").await;
    client.say("DATA", "354").await;
    client.say(&format!("{header}\r\nHello\r\n."), "250").await;
}

async fn over_tls(house: &House) -> Client {
    Client::greet_tls(house.address, &house.pki.public, None).await
}

#[tokio::test]
async fn the_wish_of_the_sender_is_queued() {
    for (parameters, header, expected) in [
        ("", "Subject: x\r\n", TlsWish::Unstated),
        (" REQUIRETLS", "Subject: x\r\n", TlsWish::Required),
        ("", "TLS-Required: No\r\n", TlsWish::Waived),
        (
            "",
            "Subject: x\r\ntls-required:\r\n no\r\n",
            TlsWish::Waived,
        ),
        // The parameter stands above the field (RFC 8689 §4.1).
        (" REQUIRETLS", "TLS-Required: No\r\n", TlsWish::Required),
        ("", "TLS-Required: Yes\r\n", TlsWish::Unstated),
        (
            "",
            "TLS-Required: No\r\nTLS-Required: No\r\n",
            TlsWish::Unstated,
        ),
        (
            "",
            "Subject: x\r\n\r\nTLS-Required: No\r\n",
            TlsWish::Unstated,
        ),
    ] {
        let house = Plan::new().serve();
        let mut client = over_tls(&house).await;
        send(&mut client, parameters, header).await;
        let message = house.only_message().await;
        assert_eq!(message.envelope.tls_wish, expected, "{parameters} {header}");
        // The field travels on as it came.
        assert!(message.content.contains(header), "{}", message.content);
    }
}

#[tokio::test]
async fn requiretls_is_for_channels_over_tls() {
    let house = Plan::new().serve();
    let mut client = Client::greet(house.address).await;
    assert!(!client.ehlo().await.contains("REQUIRETLS"));
    client
        .say("MAIL FROM:<jo@stranger.example> REQUIRETLS", "530 5.7.10 ")
        .await;
    send(&mut client, "", "TLS-Required: No\r\n").await;
    assert_eq!(
        house.only_message().await.envelope.tls_wish,
        TlsWish::Waived
    );
    let mut client = over_tls(&house).await;
    assert!(client.ehlo().await.contains("250-REQUIRETLS\r\n"));
}

#[tokio::test]
async fn a_listener_without_tls_does_not_know_the_parameter() {
    let house = Plan::new().listening(Role::Mx, TlsMode::None).serve();
    let mut client = Client::greet(house.address).await;
    client
        .say("MAIL FROM:<jo@stranger.example> REQUIRETLS", "555 5.5.4")
        .await;
}
