//! R2: the From field, which is what people see, held against the partners' rules.

use postern_policy::{Exclusivity, Stage};

use crate::{
    client::Client,
    house::{House, Plan},
};

fn house(stage: Stage) -> House {
    Plan::with(|pki| {
        vec![
            pki.partner("ministry", stage, Exclusivity::Shared),
            pki.partner("bank", Stage::Enforce, Exclusivity::Shared),
        ]
    })
    .serve()
}

/// The reply to content with this header, from a stranger's reverse-path.
async fn reply_to(client: &mut Client, header: &str) -> String {
    client
        .envelope("jo@stranger.example", "mo@own.example")
        .await;
    client.say("DATA", "354").await;
    client.say(&format!("{header}\r\n\r\nHello\r\n."), "").await
}

/// What a stranger may and may not put into the header.
#[tokio::test]
async fn nobody_else_writes_in_a_partner_s_name() {
    let house = house(Stage::Enforce);
    let mut client = Client::greet(house.address).await;
    for (header, accepted) in [
        ("Subject: no author", true),
        ("From: jo@stranger.example", true),
        ("From: \"jo@ministry.example\" <jo@stranger.example>", true),
        (
            "To: jo@ministry.example\r\nReply-To: jo@ministry.example",
            true,
        ),
        ("Subject: x\r\n\r\nFrom: jo@ministry.example", true),
        ("From: jo@sub.ministry.example", true),
        ("From: jo@ministry.example", false),
        ("from : Jo <JO@Ministry.EXAMPLE>", false),
        ("From: Jo\r\n <jo@ministry.example>", false),
        ("From: a@stranger.example, jo@ministry.example", false),
        (
            "From: a@stranger.example\r\nFrom: jo@ministry.example",
            false,
        ),
        (
            "From: jo@ministry.example\r\nFrom: a@stranger.example",
            false,
        ),
        ("From: team: jo@ministry.example;", false),
        ("From: jo@ministry.example <a@stranger.example>", false),
        ("no field at all\r\nFrom: jo@ministry.example", false),
    ] {
        let reply = reply_to(&mut client, header).await;
        if accepted {
            assert!(reply.starts_with("250 2.0.0 "), "{header}: {reply}");
            continue;
        }
        let text = "550-5.7.1 The From field names ministry.example: the channel is plain: the \
                    client did not use TLS; partner ministry demands";
        assert!(reply.starts_with(text), "{header}: {reply}");
        assert!(reply.contains("\r\n550 5.7.1 Session "), "{reply}");
    }
    assert_eq!(house.queued().await.len(), 6);
}

#[tokio::test]
async fn a_partner_s_channel_speaks_for_its_authors_alone() {
    let house = house(Stage::Enforce);
    let out = house.pki.client("out.ministry.example");
    let mut client = Client::greet_tls(house.address, &house.pki.public, Some(&out)).await;
    let reply = reply_to(&mut client, "From: jo@ministry.example").await;
    assert!(reply.starts_with("250 "), "{reply}");
    let reply = reply_to(&mut client, "From: jo@bank.example").await;
    assert!(
        reply.starts_with("550-5.7.1 The From field names bank.example: "),
        "{reply}"
    );
    let both = "From: jo@ministry.example, jo@bank.example";
    let reply = reply_to(&mut client, both).await;
    assert!(reply.starts_with("550-5.7.1 "), "{reply}");
    // The session goes on, and what was refused left nothing behind.
    let reply = reply_to(&mut client, "From: jo@ministry.example").await;
    assert!(reply.starts_with("250 "), "{reply}");
    assert_eq!(house.queued().await.len(), 2);
}

#[tokio::test]
async fn before_enforcement_authors_pass() {
    for stage in [Stage::Observe, Stage::Warn] {
        let house = house(stage);
        let mut client = Client::greet(house.address).await;
        let reply = reply_to(&mut client, "From: jo@ministry.example").await;
        assert!(reply.starts_with("250 "), "{reply}");
        assert_eq!(house.only_message().await.origin.partner, None);
    }
}

/// A transaction is decided by the settings of its MAIL to its end.
#[tokio::test]
async fn authors_are_judged_by_the_settings_of_their_mail() {
    let house = house(Stage::Observe);
    let mut client = Client::greet(house.address).await;
    client
        .envelope("jo@stranger.example", "mo@own.example")
        .await;
    let mut settings = house.settings.clone();
    let ministry = house
        .pki
        .partner("ministry", Stage::Enforce, Exclusivity::Shared);
    settings.policy = crate::pki::policy(vec![ministry]);
    house.control.replace(&settings).unwrap();
    client.say("DATA", "354").await;
    client
        .say("From: jo@ministry.example\r\n\r\nHello\r\n.", "250")
        .await;
    let reply = reply_to(&mut client, "From: jo@ministry.example").await;
    assert!(reply.starts_with("550-5.7.1 "), "{reply}");
}

#[tokio::test]
async fn a_header_with_too_much_of_from_is_refused() {
    let house = house(Stage::Enforce);
    let mut client = Client::greet(house.address).await;
    let header = format!("From: {}", "Jo <jo@stranger.example>,\r\n ".repeat(1000));
    let reply = reply_to(&mut client, header.trim_end()).await;
    assert!(
        reply.starts_with("552-5.3.4 The From field is too large"),
        "{reply}"
    );
    client.say("NOOP", "250").await;
}
