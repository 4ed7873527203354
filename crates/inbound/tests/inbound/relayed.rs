//! What our own hosts send, and what becomes of aliases and of addresses that come back.

use std::{sync::Arc, time::SystemTime};

use bytes::Bytes;
use postern_authentication::{DkimResult, DmarcResult, Letter, Verifier, VerifierSettings};
use postern_dns::FixedZone;
use postern_mail::{Mailbox, OriginalRecipient, ReversePath};
use postern_rewriting::{Alias, Forwarded, Renaming, Rewriting, Srs};

use crate::{
    client::Client,
    house::{House, Plan, relay},
    judged::{Court, ENFORCE, Key, by, reply_to},
};

#[tokio::test]
async fn our_own_mail_verifies_elsewhere() {
    let key = Key::of("own.example");
    let court = Court::new("").with(|it| it.signer = key.signer());
    let court = court.listening(|it| it.role = relay(&["127.0.0.1"]));
    let house = court.judging(ENFORCE).serve();
    let mut client = Client::greet(house.address).await;
    let line = "large as it is \r\n";
    let large = format!(
        "{}{}",
        by("own.example"),
        line.repeat(2 * 1024 * 1024 / line.len())
    );
    for content in [by("own.example"), large] {
        reply_to(&mut client, "own.example", &content).await;
        let message = house.only_message().await.content;
        assert!(
            message.starts_with("DKIM-Signature: "),
            "{}",
            &message[..200]
        );
        assert!(message.ends_with(&content));
        let zone = format!(
            "{}_dmarc.own.example TXT v=DMARC1; p=reject\n",
            key.record()
        );
        let zone: FixedZone = zone.parse().unwrap();
        let verifier = Verifier::new(Arc::new(zone), VerifierSettings::default());
        let verdict = verifier
            .verify(&Letter {
                client: "192.0.2.1".parse().unwrap(),
                helo: &"mx.own.example".parse().unwrap(),
                reverse_path: &ReversePath::Null,
                hostname: &"mx.other.example".parse().unwrap(),
                content: &[Bytes::from(message)],
            })
            .await;
        assert_eq!(verdict.dkim[0].result, DkimResult::Pass, "{verdict:?}");
        assert_eq!(verdict.dmarc.result, DmarcResult::Pass, "{verdict:?}");
        // Taken out of the queue, so that the next is the only one again.
        clear(&house).await;
    }
}

async fn clear(house: &House) {
    use postern_spool::{Filter, Spool as _};
    let page = house.spool.list(&Filter::default(), None, 100).await;
    for message in page.unwrap().messages {
        house.spool.remove(message.id).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_not_ours_to_sign_is_not_signed() {
    let key = Key::of("own.example");
    let with_key = || Court::new("").with(|it| it.signer = key.signer());
    let own_hosts = with_key().listening(|it| it.role = relay(&["127.0.0.1"]));
    for (court, author) in [
        (own_hosts.judging(ENFORCE), "stranger.example"),
        (with_key().judging(ENFORCE), "own.example"),
    ] {
        let house = court.serve();
        let mut client = Client::greet(house.address).await;
        let reply = reply_to(&mut client, "good.example", &by(author)).await;
        assert!(reply.starts_with("250"), "{reply}");
        let content = house.only_message().await.content;
        assert!(!content.contains("DKIM-Signature"), "{content}");
    }
}

fn mailbox(text: &str) -> Mailbox {
    text.parse().unwrap()
}

fn srs() -> Arc<Srs> {
    let secret = [b"thirty-two octets of good secrets"];
    Arc::new(Srs::new("own.example".parse().unwrap(), secret).unwrap())
}

fn house() -> House {
    let alias = |address: &str, to: &[&str]| Alias {
        address: address.parse().unwrap(),
        to: to.iter().map(|to| mailbox(to)).collect(),
    };
    let aliases = [
        alias(
            "team@own.example",
            &["jo@own.example", "mo@elsewhere.example"],
        ),
        alias("loop@own.example", &["pool@own.example"]),
        alias("pool@own.example", &["loop@own.example"]),
        alias("team@foreign.example", &["jo@own.example"]),
    ];
    let renaming = Renaming {
        domain: "a.sub.own.example".parse().unwrap(),
        to: "own.example".parse().unwrap(),
    };
    let mut plan = Plan::new();
    plan.settings.rewriting = Arc::new(Rewriting::new(aliases, [renaming], Some(srs())));
    plan.serve()
}

#[tokio::test]
async fn aliases_lead_to_those_behind_them() {
    let house = house();
    let mut client = Client::greet(house.address).await;
    client.say("MAIL FROM:<jo@sender.example>", "250").await;
    for (to, expected) in [
        ("team@own.example NOTIFY=FAILURE", "250"),
        ("jo@own.example", "250"),
        ("kim@a.sub.own.example", "250"),
        ("loop@own.example", "451-4.3.5"),
        // An alias makes no domain ours.
        ("team@foreign.example", "550-5.7.1"),
    ] {
        let (path, parameters) = to.split_once(' ').unwrap_or((to, ""));
        let line = format!("RCPT TO:<{path}> {parameters}");
        client.say(line.trim_end(), expected).await;
    }
    client.say("DATA", "354").await;
    client.say("Subject: x\r\n\r\nHello\r\n.", "250").await;
    let message = house.only_message().await;
    let recipients = message.envelope.recipients.iter().map(|it| {
        let original = it.original.as_ref().map(OriginalRecipient::to_xtext);
        let notify = it.notify.map(|it| it.to_string());
        format!(
            "{} {} {}",
            it.forward_path,
            original.unwrap_or_default(),
            notify.unwrap_or_default()
        )
    });
    assert_eq!(
        recipients.collect::<Vec<_>>(),
        [
            "<jo@own.example> rfc822;team@own.example FAILURE",
            "<mo@elsewhere.example> rfc822;team@own.example FAILURE",
            "<kim@own.example> rfc822;kim@a.sub.own.example ",
        ]
    );
}

#[tokio::test]
async fn failures_of_forwarded_mail_come_back_and_nothing_else_does() {
    let house = house();
    let sender = ReversePath::Mailbox(mailbox("jo@sender.example"));
    let Forwarded::Rewritten(sent) = srs().forward(&sender, SystemTime::now()) else {
        panic!("it fits");
    };
    let mut client = Client::greet(house.address).await;
    client.say("MAIL FROM:<jo@stranger.example>", "250").await;
    client.say(&format!("RCPT TO:<{sent}>"), "550-5.7.1").await;
    client.say("RSET", "250").await;
    client.say("MAIL FROM:<>", "250").await;
    let forged = sent.to_string().replace("jo@", "mo@");
    client
        .say(&format!("RCPT TO:<{forged}>"), "550-5.1.1")
        .await;
    client.say(&format!("RCPT TO:<{sent}>"), "250").await;
    client.say("DATA", "354").await;
    client.say("Subject: failed\r\n\r\n.", "250").await;
    let message = house.only_message().await;
    let path = &message.envelope.recipients[0].forward_path;
    assert_eq!(path.to_string(), "<jo@sender.example>");
}
