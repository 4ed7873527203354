//! Who wrote what strangers bring, and what is done about it.

use std::{sync::Arc, time::Duration};

use postern_authentication::VerifierSettings;
use postern_dns::FixedZone;
use postern_inbound::{Judgement, Quarantine};
use postern_policy::{Exclusivity, Stage};
use postern_spool::{BounceTo, Filter, Spool as _};

use crate::{
    client::{Client, queue_id},
    house::{House, Plan},
    judged::{Court, ENFORCE, Key, ZONE, by, reply_to},
    log::Log,
};

#[track_caller]
fn check(reply: &str, expected: &str, case: &str) {
    assert!(reply.starts_with(expected), "{case}: {reply}");
}

#[tokio::test]
async fn each_listener_does_what_it_is_told() {
    let key = Key::of("bank.example");
    let signed = key.signed(&by("bank.example"));
    let cases = [
        ("good.example", by("good.example"), "250"),
        ("strict.example", signed, "250"),
        ("strict.example", by("strict.example"), "250"),
        ("good.example", by("bank.example"), "550-5.7.26"),
        ("bank.example", by("bank.example"), "550-5.7.26"),
        ("", by("bank.example"), "550-5.7.26"),
        ("shop.example", by("shop.example"), "250"),
        ("slow.example", by("slow.example"), "451-4.7.5"),
        (
            "good.example",
            "Subject: nobody\r\n\r\n".to_owned(),
            "550-5.7.1 ",
        ),
        (
            "good.example",
            format!("From: a@good.example\r\n{}", by("bank.example")),
            "550-5.7.1 ",
        ),
        (
            "good.example",
            "From: a@good.example, b@bank.example\r\n\r\n".to_owned(),
            "550-5.7.1 ",
        ),
    ];
    for judgement in [ENFORCE, Judgement::Mark, Judgement::Off] {
        let court = Court::new(&key.record()).judging(judgement);
        let house = court.serve();
        let mut client = Client::greet(house.address).await;
        for (from, content, enforced) in &cases {
            let reply = reply_to(&mut client, from, content).await;
            let expected = if judgement == ENFORCE {
                enforced
            } else {
                "250"
            };
            check(
                &reply,
                expected,
                &format!("{judgement:?} {from}: {content}"),
            );
        }
        for message in house.queued().await {
            let says = message
                .content
                .starts_with("Authentication-Results: mx.own.example;");
            assert_eq!(says, judgement != Judgement::Off, "{}", message.content);
        }
    }
}

#[tokio::test]
async fn a_refusal_says_what_failed_and_who_asks_for_it() {
    let (log, _guard) = Log::begin();
    let house = Court::new("").judging(ENFORCE).serve();
    let mut client = Client::greet(house.address).await;
    let reply = reply_to(&mut client, "good.example", &by("bank.example")).await;
    for part in [
        "DMARC",
        "bank.example",
        "reject",
        "SPF for good.example is pass",
        "no DKIM signature",
        "\r\n550 5.7.26 Session ",
    ] {
        assert!(reply.contains(part), "{part}: {reply}");
    }
    log.check(
        "content refused because of who wrote it",
        &[
            "author=bank.example",
            "spf=pass",
            "dkim=none",
            "dmarc=fail",
            "arc=none",
            "disposition=\"refused\"",
            "enhanced_status=5.7.26",
        ],
    );
    let reply = reply_to(&mut client, "good.example", &by("good.example")).await;
    log.check(
        " accepted ",
        &[
            &format!("queue_id={}", queue_id(&reply)),
            "author=good.example",
            "spf=pass",
            "dmarc=pass",
            "disposition=\"taken\"",
        ],
    );
    let told = house.notes.take();
    let expected = [
        "jo@good.example to 1, bank.example: Refused",
        "jo@good.example to 1, good.example: Taken, queued",
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn suspicious_mail_is_marked_held_or_redirected() {
    for way in [Quarantine::Mark, Quarantine::Hold, Quarantine::Redirect] {
        let court = Court::new("").judging(Judgement::Enforce(way));
        let house = court.serve();
        let mut client = Client::greet(house.address).await;
        let reply = reply_to(&mut client, "good.example", &by("shop.example")).await;
        let id = queue_id(&reply).parse().unwrap();
        let queued = house.spool.get(id).await.unwrap().unwrap();
        assert_eq!(queued.hold.is_some(), way == Quarantine::Hold, "{way:?}");
        assert_eq!(queued.quarantined.is_some(), way == Quarantine::Redirect);
        for reason in [queued.hold, queued.quarantined].into_iter().flatten() {
            assert!(reason.contains("shop.example"), "{reason}");
        }
        house.spool.release(id).await.unwrap();
        let content = house.only_message().await.content;
        let mark = "\r\nPostern-Quarantine: dmarc header.from=shop.example\r\n";
        assert!(content.contains(mark), "{content}");
    }
}

#[tokio::test]
async fn a_forwarder_that_is_trusted_is_let_be() {
    let zone: FixedZone = ZONE.parse().unwrap();
    let settings = VerifierSettings {
        trusted_forwarders: vec!["127.0.0.0/8".parse().unwrap()],
        ..VerifierSettings::default()
    };
    let house = Court::asking(Arc::new(zone), settings)
        .judging(ENFORCE)
        .serve();
    let mut client = Client::greet(house.address).await;
    let reply = reply_to(&mut client, "good.example", &by("bank.example")).await;
    check(&reply, "250", "a trusted forwarder");
    let message = house.only_message().await;
    assert!(
        message.content.contains("dmarc=fail"),
        "{}",
        message.content
    );
    let told = house.notes.take();
    assert!(told[0].contains("LetBe(Overridden("), "{told:?}");
}

/// A list passes on what it found to be good, from a reverse-path of its own.
#[tokio::test]
async fn a_sealer_that_is_trusted_is_let_be() {
    let key = Key::of("lists.example");
    let list = Court::new("").judging(ENFORCE);
    let list = list.with(|it| it.sealer = Some(key.sealer())).serve();
    let mut client = Client::greet(list.address).await;
    let reply = reply_to(&mut client, "good.example", &by("good.example")).await;
    check(&reply, "250", "the list");
    let passed_on = list.only_message().await.content;
    assert!(passed_on.contains("\r\nARC-Seal: "), "{passed_on}");

    for (trusted, expected) in [(true, "250"), (false, "550-5.7.26")] {
        let zone = format!("{ZONE}{}", key.record());
        let zone: FixedZone = zone.parse().unwrap();
        let domain = "lists.example".parse().unwrap();
        let settings = VerifierSettings {
            trusted_sealers: Vec::from_iter(trusted.then_some(domain)),
            ..VerifierSettings::default()
        };
        let house = Court::asking(Arc::new(zone), settings)
            .judging(ENFORCE)
            .serve();
        let mut client = Client::greet(house.address).await;
        let reply = reply_to(&mut client, "strict.example", &passed_on).await;
        check(&reply, expected, &format!("trusted: {trusted}"));
    }
}

#[tokio::test]
async fn what_cannot_be_found_out_puts_mail_off_for_a_while() {
    for (limit, expected) in [(3600, "451-4.7.5"), (0, "250")] {
        let limit = Duration::from_secs(limit);
        let court = Court::new("").judging(ENFORCE);
        let house = court.with(|it| it.temperror_limit = limit).serve();
        let mut client = Client::greet(house.address).await;
        for _ in 0..2 {
            let reply = reply_to(&mut client, "slow.example", &by("slow.example")).await;
            check(&reply, expected, &format!("{limit:?}"));
        }
        let queued = house.queued().await;
        assert!(
            queued
                .iter()
                .all(|it| it.content.contains("dmarc=temperror"))
        );
    }
}

#[tokio::test]
async fn a_domain_without_mail_sends_none() {
    for (judgement, expected) in [
        (ENFORCE, "550-5.7.27"),
        (Judgement::Mark, "250"),
        (Judgement::Off, "250"),
    ] {
        let house = Court::new("").judging(judgement).serve();
        let mut client = Client::greet(house.address).await;
        client.say("MAIL FROM:<jo@silent.example>", expected).await;
        client.say("RSET", "250").await;
        client.say("MAIL FROM:<jo@mute.example>", "250").await;
        client.say("RSET", "250").await;
        client.say("MAIL FROM:<>", "250").await;
    }
}

/// A house that judges, with a partner whose domain lets nobody send and takes no mail.
fn house_of_a_partner(stage: Stage) -> House {
    let mut court = Court::new(
        "ministry.example TXT v=spf1 -all\n\
         ministry.example MX 0 .\n\
         _dmarc.ministry.example TXT v=DMARC1; p=reject\n",
    );
    let plan = Plan::with(|pki| vec![pki.partner("ministry", stage, Exclusivity::Shared)]);
    court.plan = plan.judging(ENFORCE);
    court.serve()
}

#[tokio::test]
async fn a_partner_that_proves_who_it_is_needs_no_record() {
    let house = house_of_a_partner(Stage::Enforce);
    let out = house.pki.client("out.ministry.example");
    let mut client = Client::greet_tls(house.address, &house.pki.public, Some(&out)).await;
    for (from, author, expected) in [
        ("ministry.example", "ministry.example", "250"),
        ("good.example", "ministry.example", "250"),
        ("", "ministry.example", "250"),
        ("ministry.example", "bank.example", "550-5.7.26"),
    ] {
        let reply = reply_to(&mut client, from, &by(author)).await;
        check(&reply, expected, &format!("{from} {author}"));
    }
    let told = house.notes.take();
    let proven = told.iter().filter(|it| it.contains("LetBe(Proven)"));
    assert_eq!(proven.count(), 3, "{told:?}");
    for message in house.queued().await {
        assert!(
            message.content.contains("dmarc=fail"),
            "{}",
            message.content
        );
    }
}

/// What a stage before `enforce` lets in is not proven.
#[tokio::test]
async fn a_partner_that_proves_nothing_is_judged_as_anybody() {
    let house = house_of_a_partner(Stage::Observe);
    let mut client = Client::greet(house.address).await;
    let reply = reply_to(&mut client, "good.example", &by("ministry.example")).await;
    check(&reply, "550-5.7.26", "no certificate");
    client
        .say("MAIL FROM:<jo@ministry.example>", "550-5.7.27")
        .await;
}

/// A forged reverse-path is nobody's to be told of failures.
#[tokio::test]
async fn failures_are_told_to_no_victim() {
    let house = Court::new("").judging(Judgement::Mark).serve();
    let mut client = Client::greet(house.address).await;
    for (from, author, told) in [
        ("good.example", "good.example", true),
        ("unknown.example", "unknown.example", true),
        ("strict.example", "strict.example", false),
        ("bank.example", "bank.example", false),
    ] {
        let reply = reply_to(&mut client, from, &by(author)).await;
        let id = queue_id(&reply).parse().unwrap();
        let queued = house.spool.get(id).await.unwrap().unwrap();
        assert_eq!(queued.bounce_to == BounceTo::Sender, told, "{from}");
    }
}

#[tokio::test]
async fn results_in_our_name_are_taken_out_and_all_else_stays() {
    let forged = "Authentication-Results: mx.own.example; dmarc=pass\r\n";
    let odd = "authentication-RESULTS :\r\n\t\"MX.own.example\"/1;\r\n dkim=pass\r\n";
    let of_others = "Authentication-Results: mx.other.example; dmarc=pass\r\n";
    let body = "\r\nAuthentication-Results: mx.own.example; dmarc=pass\r\n\u{e9} \r\n..\r\n";
    let came = format!(
        "{of_others}{forged}{}{odd}{body}",
        "From: jo@good.example\r\nX:\r\n"
    );
    let stays = format!("{of_others}{}{body}", "From: jo@good.example\r\nX:\r\n");
    for judgement in [ENFORCE, Judgement::Mark, Judgement::Off] {
        let house = Court::new("").judging(judgement).serve();
        let mut client = Client::greet(house.address).await;
        client.envelope("jo@good.example", "mo@own.example").await;
        client.say("DATA", "354").await;
        client
            .send(came.replace("\r\n..", "\r\n...").as_bytes())
            .await;
        client.say(".", "250").await;
        let message = house.only_message().await.content;
        let (ours, rest) = message.split_once("\tby mx.own.example ").unwrap();
        assert_eq!(ours.contains("dmarc=pass"), judgement != Judgement::Off);
        let (_, rest) = rest.split_once("+0000\r\n").unwrap();
        assert_eq!(rest, stays, "{judgement:?}");
    }
}

/// Content that lies in a file is read back within bounds, and gets its head as well.
#[tokio::test]
async fn large_mail_is_judged_too() {
    let key = Key::of("bank.example");
    let line = format!("{}\r\n", "0123456789abcde".repeat(60));
    let body = line.repeat(3 * 1024 * 1024 / line.len());
    let signed = key.signed(&format!("From: jo@bank.example\r\n\r\n{body}"));
    let zone: FixedZone = format!("{ZONE}{}", key.record()).parse().unwrap();
    for (memory, expected) in [(64 << 20, "dmarc=pass"), (1 << 20, "dmarc=temperror")] {
        let settings = VerifierSettings {
            memory,
            ..VerifierSettings::default()
        };
        let court = Court::asking(Arc::new(zone.clone()), settings);
        let house = court.judging(ENFORCE).serve();
        let mut client = Client::greet(house.address).await;
        let reply = reply_to(&mut client, "strict.example", &signed).await;
        check(&reply, "250", expected);
        let content = house.only_message().await.content;
        assert!(content[..2000].contains(expected), "{}", &content[..2000]);
        assert!(content.ends_with(&signed));
        let held = house.spool.list(&Filter::default(), None, 9).await.unwrap();
        assert_eq!(held.messages.len(), 1);
    }
}

#[tokio::test]
async fn spf_has_a_field_of_its_own_where_it_is_wanted() {
    let court = Court::new("").judging(ENFORCE);
    let house = court.with(|it| it.received_spf = true).serve();
    let mut client = Client::greet(house.address).await;
    reply_to(&mut client, "good.example", &by("good.example")).await;
    let content = house.only_message().await.content;
    assert!(content.contains("\r\nReceived-SPF: pass"), "{content}");
}
