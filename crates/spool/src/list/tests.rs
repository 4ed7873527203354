use std::time::Duration;

use postern_mail::{
    BodyType, EnhancedStatusCode, Envelope, ForwardPath, Reply, ReplyCode, TlsWish,
};

use super::*;
use crate::{BounceTo, DelayNotice, Failure, Origin, RecipientState};

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// From Jo at the time 1000: to Amy, delivered; to Bea, refused once; to Cid, untried.
fn message() -> QueuedMessage {
    let paths = ["<Amy@a.example>", "<Bea@b.example>", "<Cid@sub.c.example>"];
    let reply = Reply::new(ReplyCode::FAILED, "Mailbox is FULL");
    let status = EnhancedStatusCode::transient(2, 2);
    let waiting = RecipientState::Waiting {
        next_attempt: at(2000),
    };
    let progress = |state, attempts| Progress {
        state,
        attempts,
        last_failure: (attempts > 0)
            .then(|| Failure::reply(at(1500), status, "mx.b.example", &reply)),
        delay_notice: DelayNotice::NotSent,
    };
    QueuedMessage {
        id: QueueId::new(1_000_000, 1),
        received_at: at(1000),
        origin: Origin::Ourselves,
        envelope: Envelope {
            reverse_path: ReversePath::parse_prefix("<jo@sender.example>").unwrap().0,
            recipients: paths
                .map(|path| ForwardPath::parse_prefix(path).unwrap().0.into())
                .into(),
            body: BodyType::SevenBit,
            smtputf8: false,
            ret: None,
            envelope_id: None,
            tls_wish: TlsWish::Unstated,
        },
        octets: 5,
        bounce_to: BounceTo::Sender,
        quarantined: None,
        progress: vec![
            progress(RecipientState::Delivered, 1),
            progress(waiting, 1),
            progress(waiting, 0),
        ],
        hold: Some("looked at by Ops".to_owned()),
    }
}

#[track_caller]
fn check(filter: &Filter, expected: bool) {
    assert_eq!(
        Sieve::new(filter).passes(&message()),
        expected,
        "{filter:?}"
    );
}

#[test]
fn what_is_not_asked_for_passes() {
    check(&Filter::default(), true);
}

#[test]
fn of_recipients_those_count_that_wait() {
    for (pattern, expected) in [
        ("a.example", false),
        ("b.example", true),
        ("c.example", false),
        ("*.c.example", true),
        ("*", true),
    ] {
        let recipient_domains = Some(vec!["z.example".parse().unwrap(), pattern.parse().unwrap()]);
        check(
            &Filter {
                recipient_domains,
                ..Filter::default()
            },
            expected,
        );
    }
    for (text, expected) in [("amy@", false), ("BEA@B", true), ("cid", true)] {
        let recipient = Some(text.to_owned());
        check(
            &Filter {
                recipient,
                ..Filter::default()
            },
            expected,
        );
    }
}

#[test]
fn one_recipient_has_to_fit_in_all_respects() {
    for (pattern, attempts, expected) in [
        ("b.example", Attempts::Some, true),
        ("b.example", Attempts::None, false),
        ("*.c.example", Attempts::Some, false),
        ("*.c.example", Attempts::None, true),
    ] {
        check(
            &Filter {
                recipient_domains: Some(vec![pattern.parse().unwrap()]),
                attempts: Some(attempts),
                ..Filter::default()
            },
            expected,
        );
    }
}

#[test]
fn a_sender_is_a_domain_a_mailbox_or_nobody() {
    let mailbox = |path: &str| {
        let path = ReversePath::parse_prefix(path).unwrap().0;
        SenderFilter::Mailbox(path.mailbox().unwrap().clone())
    };
    for (sender, expected) in [
        (SenderFilter::Null, false),
        (
            SenderFilter::Domain("sender.example".parse().unwrap()),
            true,
        ),
        (SenderFilter::Domain("example".parse().unwrap()), false),
        (mailbox("<jo@sender.example>"), true),
        (mailbox("<jim@sender.example>"), false),
    ] {
        let sender = Some(sender);
        check(
            &Filter {
                sender,
                ..Filter::default()
            },
            expected,
        );
    }
}

#[test]
fn age_reason_and_hold() {
    let before = |seconds| Filter {
        received_before: Some(at(seconds)),
        ..Filter::default()
    };
    let after = |seconds| Filter {
        received_after: Some(at(seconds)),
        ..Filter::default()
    };
    let reason = |text: &str| Filter {
        reason: Some(text.to_owned()),
        ..Filter::default()
    };
    let hold = |hold| Filter {
        hold: Some(hold),
        ..Filter::default()
    };
    for (filter, expected) in [
        (before(1000), false),
        (before(1001), true),
        (after(1000), true),
        (after(1001), false),
        (reason("mailbox is full"), true),
        (reason("MX.B"), true),
        (reason("by ops"), true),
        (reason("greylisted"), false),
        (hold(HoldState::Held), true),
        (hold(HoldState::Free), false),
    ] {
        check(&filter, expected);
    }
}
