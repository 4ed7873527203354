//! What is told of partners' rules to whoever keeps account of them.

use std::sync::Mutex;

use postern_inbound::{Accounts, Attempt, AttemptOutcome, JudgedMail};
use postern_policy::{Exclusivity, Stage};
use postern_testkit::Leaf;

use crate::{
    client::Client,
    house::{House, Plan},
};

/// Writes each attempt down as a line.
#[derive(Debug, Default)]
pub(crate) struct Notes(Mutex<Vec<String>>);

impl Notes {
    /// The lines since this was last asked.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Accounts for Notes {
    fn judged(&self, mail: &JudgedMail<'_>) {
        let path = mail.reverse_path.to_string();
        assert!(mail.header.ends_with(b"\r\n\r\n"));
        self.0.lock().unwrap().push(format!(
            "{} to {}, {}: {:?}{}",
            path.trim_matches(['<', '>']),
            mail.recipients.len(),
            mail.verdict
                .author
                .domain()
                .map_or("nobody", |it| it.as_str()),
            mail.done,
            mail.queue_id.map_or("", |_| ", queued"),
        ));
    }

    fn record(&self, attempt: &Attempt<'_>) {
        let outcome = match attempt.outcome {
            AttemptOutcome::Met => "met".to_owned(),
            AttemptOutcome::WouldFail(refusal) => format!("would fail: {refusal}"),
            AttemptOutcome::Failed(refusal) => format!("failed: {refusal}"),
        };
        assert_eq!(attempt.client.to_string(), "127.0.0.1");
        assert!(
            attempt.rule.starts_with("authenticated"),
            "{}",
            attempt.rule
        );
        let identity = attempt.basis.peer_identity();
        assert_eq!(identity.is_some(), attempt.certificate_not_after.is_some());
        assert!(
            attempt
                .certificate_not_after
                .is_none_or(|end| end > attempt.at)
        );
        self.0.lock().unwrap().push(format!(
            "{} ({}, {}) {outcome}",
            attempt.partner,
            attempt.stage,
            identity.as_deref().unwrap_or("nobody"),
        ));
    }
}

fn house(stage: Stage) -> House {
    Plan::with(|pki| {
        vec![
            pki.partner("ministry", stage, Exclusivity::Exclusive),
            pki.partner("bank", Stage::Enforce, Exclusivity::Shared),
        ]
    })
    .serve()
}

/// The notes that MAIL and the content after it leave.
#[track_caller]
fn check(notes: &[String], expected: &[&str]) {
    assert_eq!(notes.len(), expected.len(), "{notes:#?}");
    for (note, expected) in notes.iter().zip(expected) {
        assert!(note.starts_with(expected), "{note}, not {expected}");
    }
}

#[tokio::test]
async fn a_refused_mail_is_an_attempt_and_an_accepted_one_when_its_content_is_there() {
    let house = house(Stage::Enforce);
    let mut client = Client::greet(house.address).await;
    client.say("MAIL FROM:<jo@ministry.example>", "530").await;
    check(
        &house.notes.take(),
        &["ministry (enforce, nobody) failed: the channel is plain"],
    );
    client
        .deliver("jo@stranger.example", "mo@own.example")
        .await;
    client.deliver("", "mo@own.example").await;
    check(&house.notes.take(), &[]);

    let out = house.pki.client("out.ministry.example");
    let mut client = Client::greet_tls(house.address, &house.pki.public, Some(&out)).await;
    client
        .envelope("jo@ministry.example", "mo@own.example")
        .await;
    client.say("RSET", "250").await;
    client.say("MAIL FROM:<jo@ministry.example>", "250").await;
    client.say("RCPT TO:<x@victim.example>", "550").await;
    client.say("RSET", "250").await;
    check(&house.notes.take(), &[]);
    client
        .deliver("jo@ministry.example", "mo@own.example")
        .await;
    let met = "ministry (enforce, out.ministry.example) met";
    check(&house.notes.take(), &[met]);
    // A bounce is an exclusive partner's own; mail of strangers is not.
    client.deliver("", "mo@own.example").await;
    check(&house.notes.take(), &[met]);
    client.say("MAIL FROM:<jo@stranger.example>", "550").await;
    check(
        &house.notes.take(),
        &["ministry (enforce, out.ministry.example) failed: "],
    );
}

#[tokio::test]
async fn what_a_later_stage_would_refuse_is_counted_apart() {
    for stage in [Stage::Observe, Stage::Warn] {
        let house = house(stage);
        let stranger = house.pki.public.issue(&Leaf::named("out.ministry.example"));
        let mut client = Client::greet_tls(house.address, &house.pki.public, Some(&stranger)).await;
        client
            .deliver("jo@ministry.example", "mo@own.example")
            .await;
        let word = format!("ministry ({stage}, nobody) would fail: ");
        check(&house.notes.take(), &[&word]);
    }
}

#[tokio::test]
async fn authors_are_counted_for_their_own_partner() {
    let house = house(Stage::Observe);
    let mut client = Client::greet(house.address).await;
    let mail = |from: &str| format!("From: {from}\r\n\r\nHello\r\n.");
    client
        .envelope("jo@stranger.example", "mo@own.example")
        .await;
    client.say("DATA", "354").await;
    client.say(&mail("jo@ministry.example"), "250").await;
    check(
        &house.notes.take(),
        &["ministry (observe, nobody) would fail: the channel is plain"],
    );
    client
        .envelope("jo@ministry.example", "mo@own.example")
        .await;
    client.say("DATA", "354").await;
    client
        .say(&mail("jo@ministry.example, mo@bank.example"), "550-5.7.1")
        .await;
    check(
        &house.notes.take(),
        &[
            "ministry (observe, nobody) would fail: the channel is plain",
            "bank (enforce, nobody) failed: the channel is plain",
        ],
    );
}

/// The certificate speaks for a partner whose authors wrote what strangers send on.
#[tokio::test]
async fn a_message_is_one_attempt_of_each_partner() {
    let house = house(Stage::Enforce);
    let out = house.pki.client("out.bank.example");
    let mut client = Client::greet_tls(house.address, &house.pki.public, Some(&out)).await;
    for (path, from, expected) in [
        ("", "mo@bank.example", "met"),
        ("jo@stranger.example", "mo@bank.example", "met"),
        ("mo@bank.example", "mo@bank.example", "met"),
        ("", "mo@stranger.example", "met"),
    ] {
        client.envelope(path, "mo@own.example").await;
        client.say("DATA", "354").await;
        let mail = format!("From: {from}\r\n\r\nHello\r\n.");
        client.say(&mail, "250").await;
        let noted = format!("bank (enforce, out.bank.example) {expected}");
        check(&house.notes.take(), &[&noted]);
    }
}
