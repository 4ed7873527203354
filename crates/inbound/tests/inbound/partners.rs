//! What the policy demands of partners, at MAIL FROM.

use postern_policy::{Exclusivity, Stage};
use postern_testkit::{Authority, Identity, Leaf, Usage, Validity};

use crate::{
    client::Client,
    house::{House, Plan},
};

use Exclusivity::{Exclusive, Shared};

/// A server with the ministry as a partner at a stage, and a bank that is enforced.
fn house(stage: Stage, exclusive: Exclusivity) -> House {
    Plan::with(|pki| {
        vec![
            pki.partner("ministry", stage, exclusive),
            pki.partner("bank", Stage::Enforce, Shared),
        ]
    })
    .serve()
}

/// How a client comes.
enum Over {
    Plain,
    Tls(Option<Identity>),
}

impl Over {
    fn showing(identity: Identity) -> Self {
        Self::Tls(Some(identity))
    }
}

/// Sends a message from `sender` and returns the code of the reply that decided.
async fn outcome(house: &House, over: &Over, sender: &str) -> String {
    let mut client = match over {
        Over::Plain => Client::greet(house.address).await,
        Over::Tls(identity) => {
            Client::greet_tls(house.address, &house.pki.public, identity.as_ref()).await
        }
    };
    let reply = client.say(&format!("MAIL FROM:<{sender}>"), "").await;
    if !reply.starts_with("250") {
        client.say("RCPT TO:<mo@own.example>", "503").await;
        client.say("DATA", "503").await;
        return reply;
    }
    client.say("RCPT TO:<mo@own.example>", "250").await;
    client.say("DATA", "354").await;
    client.say("\r\nbody\r\n.", "250").await
}

#[track_caller]
fn assert_begins(reply: &str, expected: &str) {
    let reply = reply.replace("250 2.0.0 queued", "accepted");
    let reply = reply.replacen('-', " ", 1);
    assert!(reply.starts_with(expected), "{reply}");
}

#[tokio::test]
async fn only_its_certificate_speaks_for_an_enforced_partner() {
    let house = house(Stage::Enforce, Shared);
    let ministry = &house.pki.ministry;
    let other_authority = Authority::new("Ministry CA");
    let out = || Leaf::named("out.ministry.example");
    for (over, expected) in [
        (
            Over::Plain,
            "530 5.7.10 the channel is plain: the client did not use TLS; partner",
        ),
        (
            Over::Tls(None),
            "530 5.7.0 the peer showed no certificate; partner ministry demands",
        ),
        (Over::showing(ministry.issue(&out())), "accepted"),
        (
            Over::showing(ministry.issue(&out().usage(Usage::ServerAuth))),
            "accepted",
        ),
        (Over::showing(house.pki.client("evil.example")), "550 5.7.1"),
        (
            Over::showing(house.pki.client("out.bank.example")),
            "550 5.7.1",
        ),
        (
            Over::showing(house.pki.client("ministry.example")),
            "550 5.7.1",
        ),
        (Over::showing(other_authority.issue(&out())), "550 5.7.1"),
        (Over::showing(Authority::self_signed(&out())), "550 5.7.1"),
        (
            Over::showing(ministry.issue(&out().validity(Validity::Expired))),
            "550 5.7.1",
        ),
        (
            Over::showing(ministry.issue(&Leaf::common_name_only("out.ministry.example"))),
            "550 5.7.1",
        ),
    ] {
        let reply = outcome(&house, &over, "jo@ministry.example").await;
        assert_begins(&reply, expected);
    }
    assert_eq!(house.queued().await.len(), 2);
}

#[tokio::test]
async fn what_was_proven_is_recorded() {
    let house = house(Stage::Enforce, Shared);
    let over = Over::showing(house.pki.client("out.ministry.example"));
    outcome(&house, &over, "jo@ministry.example").await;
    let message = house.only_message().await;
    assert_eq!(message.origin.partner.as_deref(), Some("ministry"));
    let channel = "authenticated as out.ministry.example by ministry-ca.pem, TLSv1.3 ";
    assert!(
        message.origin.channel.starts_with(channel),
        "{}",
        message.origin.channel
    );
    let comment = "(client authenticated as out.ministry.example by ministry-ca.pem)\r\n";
    assert!(message.content.contains(comment), "{}", message.content);
}

#[tokio::test]
async fn strangers_and_notifications_are_let_in_over_anything() {
    let house = house(Stage::Enforce, Exclusive);
    let stranger = house
        .pki
        .public
        .issue(&Leaf::named("mail.stranger.example"));
    let faked = Authority::self_signed(&Leaf::named("mail.stranger.example"));
    for over in [
        Over::Plain,
        Over::Tls(None),
        Over::showing(stranger),
        Over::showing(faked),
    ] {
        for sender in ["jo@stranger.example", "", "jo@sub.ministry.example"] {
            assert_begins(&outcome(&house, &over, sender).await, "accepted");
        }
    }
}

#[tokio::test]
async fn before_enforcement_mail_passes() {
    for stage in [Stage::Observe, Stage::Warn] {
        let house = house(stage, Shared);
        let wrong = house.pki.client("evil.example");
        for over in [Over::Plain, Over::Tls(None), Over::showing(wrong)] {
            assert_begins(
                &outcome(&house, &over, "jo@ministry.example").await,
                "accepted",
            );
        }
        for message in house.queued().await {
            assert_eq!(message.origin.partner, None);
        }
        // What is no authenticated bank stays outside whatever the ministry's stage.
        assert_begins(
            &outcome(&house, &Over::Plain, "jo@bank.example").await,
            "530 5.7.10",
        );
    }
}

#[tokio::test]
async fn an_exclusive_certificate_speaks_for_no_other_domain() {
    for (exclusive, expected) in [(Exclusive, "550 5.7.1"), (Shared, "accepted")] {
        let house = house(Stage::Enforce, exclusive);
        let over = Over::showing(house.pki.client("out.ministry.example"));
        assert_begins(
            &outcome(&house, &over, "jo@ministry.example").await,
            "accepted",
        );
        assert_begins(&outcome(&house, &over, "").await, "accepted");
        assert_begins(
            &outcome(&house, &over, "jo@stranger.example").await,
            expected,
        );
        assert_begins(
            &outcome(&house, &over, "jo@bank.example").await,
            "550 5.7.1",
        );
    }
}

/// A stranger's mail over a partner's certificate is that partner's doing.
#[tokio::test]
async fn the_holder_of_a_shared_certificate_is_recorded() {
    let house = house(Stage::Enforce, Shared);
    let over = Over::showing(house.pki.client("out.ministry.example"));
    outcome(&house, &over, "jo@stranger.example").await;
    assert_eq!(
        house.only_message().await.origin.partner.as_deref(),
        Some("ministry")
    );
}

/// P4: a notification names nobody in its reverse-path, so the greeting counts.
#[tokio::test]
async fn a_notification_is_whose_name_the_client_greets_with() {
    let house = house(Stage::Enforce, Shared);
    let mut client = Client::greet(house.address).await;
    client.say("EHLO ministry.example", "250").await;
    let reply = client.say("MAIL FROM:<>", "530-5.7.10").await;
    assert!(reply.contains("partner ministry demands"), "{reply}");
    // The greeting says nothing where the reverse-path does.
    client
        .deliver("jo@stranger.example", "mo@own.example")
        .await;
    client.say("EHLO stranger.example", "250").await;
    client.deliver("", "mo@own.example").await;
    for literal in ["[127.0.0.1]", "[IPv6:::1]"] {
        client.say(&format!("EHLO {literal}"), "250").await;
        client.deliver("", "mo@own.example").await;
    }
    client.say("HELO ministry.example", "250").await;
    client.say("MAIL FROM:<>", "530-5.7.10").await;
    assert_eq!(house.queued().await.len(), 4);
}

/// A partner in both directions is known by its certificate for its notifications as well.
#[tokio::test]
async fn the_notifications_of_a_partner_are_recorded_as_its_own() {
    for exclusive in [Exclusive, Shared] {
        let house = house(Stage::Enforce, exclusive);
        let out = house.pki.client("out.ministry.example");
        let mut client = Client::greet_tls(house.address, &house.pki.public, Some(&out)).await;
        for greeting in ["client.example", "ministry.example", "[127.0.0.1]"] {
            client.say(&format!("EHLO {greeting}"), "250").await;
            client.deliver("", "mo@own.example").await;
        }
        let queued = house.queued().await;
        assert_eq!(queued.len(), 3);
        for message in queued {
            assert_eq!(message.origin.partner.as_deref(), Some("ministry"));
        }
        // Not as another's.
        client.say("EHLO bank.example", "250").await;
        client.say("MAIL FROM:<>", "550-5.7.1").await;
    }
}
