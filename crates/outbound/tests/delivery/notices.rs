//! What senders are told.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use postern_authentication::{DkimKey, DkimKeyKind, Signer, SigningKey, make_dkim_key};
use postern_mail::{Notify, OriginalRecipient};
use postern_outbound::Schedule;
use postern_policy::{ChannelLevel, OutboundTerms, Partner, PartnerName, Stage};
use postern_spool::{BounceTo, Content};

use crate::{
    neighbour::{Arrival, Neighbour, Tls},
    scripted::{Say, Scripted, obliging},
    world::{Plan, World},
};

const MESSAGE: &[u8] = b"Subject: hello\r\n\r\nHow are you?\r\n";

/// A world in which mail for the sender's domain and for `to.example` goes to neighbours.
async fn world(schedule: Schedule) -> (World, Neighbour, Neighbour) {
    let recipients = Neighbour::start(Tls::None).await;
    let senders = Neighbour::start(Tls::None).await;
    let world = World::start(Plan {
        routes: vec![
            ("to.example", vec![recipients.address]),
            ("from.example", vec![senders.address]),
        ],
        schedule,
        ..Plan::default()
    });
    (world, recipients, senders)
}

fn text(notice: &Arrival) -> String {
    assert_eq!(notice.envelope.reverse_path.to_string(), "<>");
    String::from_utf8(notice.content.clone()).unwrap()
}

#[tokio::test]
async fn a_permanent_refusal_is_reported_and_the_rest_is_delivered() {
    let (world, mut recipients, mut senders) = world(Schedule::default()).await;
    let to = ["<jo@to.example>", "<nobody@to.example>"];
    let id = world.submit("<me@from.example>", &to, MESSAGE).await;
    let arrival = recipients.arrival().await;
    assert_eq!(arrival.envelope.recipients.len(), 1);
    let notice = text(&senders.arrival().await);
    assert!(notice.contains("Action: failed"), "{notice}");
    assert!(
        notice.contains("Final-Recipient: rfc822; nobody@to.example"),
        "{notice}"
    );
    assert!(!notice.contains("jo@to.example"), "{notice}");
    assert!(notice.contains("no such mailbox"), "{notice}");
    world.until_gone(id).await;
}

#[tokio::test]
async fn nobody_is_told_about_mail_from_nobody() {
    let (world, _recipients, mut senders) = world(Schedule::default()).await;
    let id = world.submit("<>", &["<nobody@to.example>"], MESSAGE).await;
    world.until_gone(id).await;
    assert!(senders.is_untouched());
}

#[tokio::test]
async fn a_delay_is_reported_once() {
    let schedule = Schedule {
        retry: vec![Duration::from_millis(50)],
        lifetime: Duration::from_secs(600),
        delay_notice: Duration::from_millis(1),
    };
    let (world, mut recipients, mut senders) = world(schedule).await;
    let id = world
        .submit("<me@from.example>", &["<busy@to.example>"], MESSAGE)
        .await;
    let notice = text(&senders.arrival().await);
    assert!(notice.contains("Action: delayed"), "{notice}");
    assert!(notice.contains("the mailbox is busy"), "{notice}");
    let tried = |message: Option<&postern_spool::QueuedMessage>| {
        message.is_some_and(|message| message.progress[0].attempts >= 5)
    };
    world.until(id, tried).await;
    assert!(senders.is_untouched(), "a second notice was sent");
    assert!(recipients.is_untouched());
}

#[tokio::test]
async fn at_the_end_of_its_lifetime_a_message_is_returned() {
    let schedule = Schedule {
        retry: vec![Duration::from_millis(50)],
        lifetime: Duration::from_millis(300),
        delay_notice: Duration::from_secs(600),
    };
    let (world, _recipients, mut senders) = world(schedule).await;
    let id = world
        .submit("<me@from.example>", &["<busy@to.example>"], MESSAGE)
        .await;
    let notice = text(&senders.arrival().await);
    assert!(notice.contains("Action: failed"), "{notice}");
    assert!(notice.contains("Subject: hello"), "{notice}");
    world.until_gone(id).await;
}

fn content() -> Content {
    Content::from_pieces([Bytes::from_static(MESSAGE)])
}

const SUCCESS: Notify = Notify::On {
    success: true,
    failure: true,
    delay: false,
};

/// RFC 3461 §5.2.2: a next hop without DSN will never tell of success, so we tell how far the
/// message has come; in one notice, to however many next hops it went.
#[tokio::test]
async fn success_is_reported_once_where_the_next_hops_will_not_do_it() {
    let hosts = [
        Scripted::start(|heard| obliging(heard.line)).await,
        Scripted::start(|heard| obliging(heard.line)).await,
        Scripted::start(|heard| obliging(heard.line)).await,
    ];
    let mut senders = Neighbour::start(Tls::None).await;
    let world = World::start(Plan {
        routes: vec![
            ("a.example", vec![hosts[0].address]),
            ("b.example", vec![hosts[1].address]),
            ("c.example", vec![hosts[2].address]),
            ("from.example", vec![senders.address]),
        ],
        ..Plan::default()
    });
    let to = ["<jo@a.example>", "<jo@b.example>", "<jo@c.example>"];
    let from = "<me@from.example>";
    let id = world
        .submit_wishing(from, &to, Some(SUCCESS), content())
        .await;
    let notice = text(&senders.arrival().await);
    assert_eq!(notice.matches("Action: relayed").count(), 3, "{notice}");
    world.until_gone(id).await;
    assert!(senders.is_untouched(), "a second notice was sent");
}

#[tokio::test]
async fn a_next_hop_that_offers_dsn_is_left_to_report_success() {
    let (world, mut recipients, mut senders) = world(Schedule::default()).await;
    let to = ["<jo@to.example>"];
    let id = world
        .submit_wishing("<me@from.example>", &to, Some(SUCCESS), content())
        .await;
    let arrival = recipients.arrival().await;
    assert_eq!(arrival.envelope.recipients[0].notify, Some(SUCCESS));
    world.until_gone(id).await;
    assert!(senders.is_untouched());
}

/// Those behind one alias: each of their hosts could report, and the sender wrote to one address.
#[tokio::test]
async fn the_success_of_an_alias_is_reported_by_us_and_once() {
    let (world, mut recipients, mut senders) = world(Schedule::default()).await;
    let to = ["<jo@to.example>", "<mo@to.example>", "<lo@to.example>"];
    let id = world
        .submit_changed("<me@from.example>", &to, |submission| {
            let [jo, mo, lo] = &mut submission.envelope.recipients[..] else {
                panic!("three recipients");
            };
            for (recipient, notify) in [(jo, "SUCCESS"), (mo, "SUCCESS,DELAY"), (lo, "SUCCESS")] {
                recipient.notify = Some(notify.parse().unwrap());
                let original = OriginalRecipient::from_xtext("rfc822;team@own.example");
                recipient.original = Some(original.unwrap());
            }
            let third = OriginalRecipient::from_xtext("rfc822;lo@own.example").unwrap();
            submission.envelope.recipients[2].original = Some(third);
        })
        .await;
    let heard = recipients.arrival().await.envelope.recipients;
    let heard: Vec<_> = heard
        .iter()
        .map(|it| it.notify.unwrap().to_string())
        .collect();
    assert_eq!(heard, ["NEVER", "DELAY", "SUCCESS"]);
    let notice = text(&senders.arrival().await);
    assert_eq!(notice.matches("Action: relayed").count(), 2, "{notice}");
    let original = "Original-Recipient: rfc822; team@own.example";
    assert_eq!(notice.matches(original).count(), 2, "{notice}");
    assert!(!notice.contains("lo@to.example"), "{notice}");
    world.until_gone(id).await;
    assert!(senders.is_untouched());
}

#[tokio::test]
async fn notices_are_signed_by_our_domain() {
    let recipients = Neighbour::start(Tls::None).await;
    let mut senders = Neighbour::start(Tls::None).await;
    let pem = make_dkim_key(DkimKeyKind::Ed25519).unwrap();
    let key = SigningKey {
        domain: "example.org".parse().unwrap(),
        selector: "sel".to_owned(),
        key: Arc::new(DkimKey::from_pem(pem.as_bytes()).unwrap()),
        from: None,
        until: None,
    };
    let world = World::start(Plan {
        routes: vec![
            ("to.example", vec![recipients.address]),
            ("*", vec![senders.address]),
        ],
        settle: Box::new(|settings| {
            settings.signer = Some(Arc::new(Signer::new(vec![key])));
        }),
        ..Plan::default()
    });
    let to = ["<nobody@to.example>"];
    world.submit("<me@from.example>", &to, MESSAGE).await;
    let notice = text(&senders.arrival().await);
    let (signature, rest) = notice.split_once("\r\nDate:").unwrap();
    assert!(signature.starts_with("DKIM-Signature: "), "{notice}");
    assert!(signature.contains("d=example.org;"), "{notice}");
    assert!(rest.contains("From: \"Mail Delivery System\" <postmaster@mx1.example.org>"));
}

#[tokio::test]
async fn who_never_wants_to_hear_does_not_hear() {
    let (world, _recipients, mut senders) = world(Schedule::default()).await;
    let to = ["<nobody@to.example>"];
    let id = world
        .submit_wishing("<me@from.example>", &to, Some(Notify::Never), content())
        .await;
    world.until_gone(id).await;
    assert!(senders.is_untouched());
}

/// Mail that is known to lie about its sender (RFC 5321 §6.2).
#[tokio::test]
async fn who_has_nothing_to_do_with_a_message_is_not_told_of_it() {
    let (world, _recipients, mut senders) = world(Schedule::default()).await;
    let id = world
        .submit_changed(
            "<me@from.example>",
            &["<nobody@to.example>"],
            |submission| {
                submission.bounce_to = BounceTo::Nobody("SPF of from.example says fail".to_owned());
            },
        )
        .await;
    world.until_gone(id).await;
    assert!(senders.is_untouched());
}

#[tokio::test]
async fn one_address_gets_so_many_notices_and_no_more() {
    let recipients = Neighbour::start(Tls::None).await;
    let mut senders = Neighbour::start(Tls::None).await;
    let world = World::start(Plan {
        routes: vec![
            ("to.example", vec![recipients.address]),
            ("*", vec![senders.address]),
        ],
        settle: Box::new(|settings| settings.notices_per_hour = 2),
        ..Plan::default()
    });
    let to = ["<nobody@to.example>"];
    for (from, is_told) in [
        ("<me@from.example>", true),
        ("<me@from.example>", true),
        ("<me@from.example>", false),
        ("<Me@from.example>", false),
        ("<you@from.example>", true),
    ] {
        let id = world.submit(from, &to, MESSAGE).await;
        if is_told {
            let notice = senders.arrival().await;
            assert_eq!(notice.envelope.recipients[0].forward_path.to_string(), from);
        }
        world.until_gone(id).await;
    }
    assert!(senders.is_untouched());
}

/// Only our own hosts may send outward in the name of our domains, and they get to know all that
/// becomes of it. Behind an address of ours stands anybody, so there the number counts.
#[tokio::test]
async fn our_own_senders_hear_of_all_that_leaves_our_domains() {
    let recipients = Neighbour::start(Tls::None).await;
    let mut senders = Neighbour::start(Tls::None).await;
    let world = World::start(Plan {
        routes: vec![
            ("to.example", vec![recipients.address]),
            ("ours.example", vec![recipients.address]),
            ("from.example", vec![senders.address]),
        ],
        settle: Box::new(|settings| {
            settings.notices_per_hour = 1;
            for ours in ["from.example", "ours.example"] {
                settings.own_domains.insert(ours.parse().unwrap(), ());
            }
        }),
        ..Plan::default()
    });
    for (to, is_told) in [
        ("<nobody@ours.example>", true),
        ("<nobody@ours.example>", false),
        ("<nobody@to.example>", true),
        ("<nobody@to.example>", true),
    ] {
        let id = world.submit("<me@from.example>", &[to], MESSAGE).await;
        if is_told {
            senders.arrival().await;
        }
        world.until_gone(id).await;
    }
    assert!(senders.is_untouched());
}

/// A message with a recipient of each fate causes one notice (RFC 3464 §2.3.3 has an action for
/// each recipient), whatever its recipients come to.
#[tokio::test]
async fn all_fates_of_an_attempt_are_told_in_one_notice() {
    let recipients = Scripted::start(|heard| match heard.line {
        "RCPT TO:<busy@to.example>" => Say::This("450 4.2.1 busy"),
        "RCPT TO:<gone@to.example>" => Say::This("550 5.1.1 gone"),
        line => obliging(line),
    })
    .await;
    let mut senders = Neighbour::start(Tls::None).await;
    let world = World::start(Plan {
        routes: vec![
            ("to.example", vec![recipients.address]),
            ("from.example", vec![senders.address]),
        ],
        schedule: Schedule {
            retry: vec![Duration::from_secs(600)],
            delay_notice: Duration::from_nanos(1),
            ..Schedule::default()
        },
        ..Plan::default()
    });
    let to = ["<jo@to.example>", "<busy@to.example>", "<gone@to.example>"];
    let wish: Notify = "SUCCESS,FAILURE,DELAY".parse().unwrap();
    world
        .submit_wishing("<me@from.example>", &to, Some(wish), content())
        .await;
    let notice = text(&senders.arrival().await);
    for action in ["failed", "delayed", "relayed"] {
        let field = format!("Action: {action}");
        assert_eq!(notice.matches(&field).count(), 1, "{notice}");
    }
    assert!(notice.contains("Subject: Your message could not be delivered"));
    assert!(senders.is_untouched(), "a second notice was sent");
}

/// Whatever a notice returns of a message travels like the message.
#[tokio::test]
async fn a_notice_to_a_partner_is_held_to_its_rule() {
    let recipients = Neighbour::start(Tls::None).await;
    let mut senders = Neighbour::start(Tls::None).await;
    let name: PartnerName = "Ministry".parse().unwrap();
    let ministry = Partner::builder(name, Stage::Enforce)
        .domain("from.example".parse().unwrap())
        .outbound(OutboundTerms::requiring(ChannelLevel::Authenticated));
    let world = World::start(Plan {
        routes: vec![
            ("to.example", vec![recipients.address]),
            ("from.example", vec![senders.address]),
        ],
        partners: vec![ministry.build().unwrap()],
        ..Plan::default()
    });
    let to = ["<nobody@to.example>"];
    let id = world.submit("<me@from.example>", &to, MESSAGE).await;
    world.until_gone(id).await;
    let notice = world.until_any().await;
    let failure = world.until_deferred(notice).await;
    assert_eq!(failure.status().to_string(), "4.7.10");
    assert_eq!(senders.transactions(), 0, "MAIL was said");
    assert!(senders.is_untouched());
}
