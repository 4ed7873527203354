//! What holds for any octets, split anyhow.

use std::sync::Arc;

use proptest::prelude::*;

use postern_mail::TlsWish;
use postern_smtp::server::{ServerSession, ServerSettings, StartTls};

use crate::shell::{Kept, Shell};

/// Pieces of dialogue, whole and broken, so that random sequences get far.
const PIECES: &[&[u8]] = &[
    b"EHLO client.test\r\n",
    b"HELO [192.0.2.1]\r\n",
    b"MAIL FROM:<a@client.test>\r\n",
    b"MAIL FROM:<> SIZE=10 BODY=8BITMIME\r\n",
    b"MAIL FROM:<\xd0\xb4@client.test> SMTPUTF8\r\n",
    b"MAIL FROM:<a@client.test> SIZE=100000\r\n",
    b"MAIL FROM:<a@client.test> REQUIRETLS\r\n",
    b"RCPT TO:<x@mx.test>\r\n",
    b"RCPT TO:<x@mx.test>\r\n",
    b"RCPT TO:<\xd0\xb4@mx.test>\r\n",
    b"RCPT TO:<nobody@mx.test>\r\n",
    b"DATA\r\n",
    b"DATA\r\n",
    b"text\r\n",
    b"\xc3\xa9\r\n",
    b"..\r\n",
    b".\r\n",
    b".\r\n",
    b"\r\n.\r\n",
    b"BDAT 4\r\n",
    b"BDAT 6 LAST\r\n",
    b"BDAT 0 LAST\r\n",
    b"BDAT 4000000000\r\n",
    b"BDAT x\r\n",
    b"abcd",
    b"ab\r\n",
    b"RSET\r\n",
    b"NOOP\r\n",
    b"VRFY x\r\n",
    b"EXPN x\r\n",
    b"HELP\r\n",
    b"QUIT\r\n",
    b"FOO\r\n",
    b"GET / HTTP/1.1\r\n",
    b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    b"\r",
    b"\n",
    b"\0",
];

fn dialogue() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        20 => prop::sample::select(PIECES).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    let opening = prop::bool::weighted(0.7);
    (opening, prop::collection::vec(piece, 0..40)).prop_map(|(opening, pieces)| {
        let start: &[u8] = if opening {
            b"EHLO client.test\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<x@mx.test>\r\n"
        } else {
            b""
        };
        [start, &pieces.concat()].concat()
    })
}

fn settings(starttls: StartTls) -> ServerSettings {
    let mut settings = ServerSettings::new("mx.test".parse().unwrap(), starttls);
    settings.limits.line = 72;
    settings.limits.content = 100;
    settings.limits.recipients = 3;
    settings.limits.errors = 6;
    settings.limits.refusals = 6;
    settings.limits.idle_commands = 30;
    settings
}

/// All that can be seen of a session from outside.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    lines: Vec<String>,
    kept: Vec<Kept>,
    events: Vec<String>,
    refused: Vec<postern_mail::Reply>,
}

/// Plays the octets in pieces of these sizes, over and over.
fn play(octets: &[u8], sizes: &[usize], starttls: StartTls) -> Outcome {
    let mut shell = Shell::with(ServerSession::new(Arc::new(settings(starttls))));
    let refusal = postern_mail::Reply::new(postern_mail::ReplyCode::UNAVAILABLE, "No such user");
    shell
        .decisions
        .rcpt
        .insert("<nobody@mx.test>".to_owned(), Err(refusal).into());
    shell.run();
    let (mut rest, mut sizes) = (octets, sizes.iter().cycle());
    while !rest.is_empty() {
        let size = sizes.next().map_or(1, |size| (*size).clamp(1, rest.len()));
        let (now, later) = rest.split_at(size);
        shell.feed(now);
        assert!(
            shell.most_input <= 72 + size,
            "{} octets in the input",
            shell.most_input
        );
        rest = later;
    }
    Outcome {
        lines: shell.take_lines(),
        kept: shell.kept,
        events: shell.events,
        refused: shell.refused,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn octets_split_anyhow_give_the_same_replies_and_messages(
        octets in dialogue(),
        sizes in prop::collection::vec(1..40_usize, 1..10),
    ) {
        let whole = play(&octets, &[octets.len()], StartTls::NotOffered);
        prop_assert_eq!(&play(&octets, &sizes, StartTls::NotOffered), &whole);
        prop_assert_eq!(&play(&octets, &[1], StartTls::NotOffered), &whole);
    }

    #[test]
    fn what_is_kept_is_clean_and_within_the_limits(octets in dialogue()) {
        for kept in play(&octets, &[7], StartTls::Offered).kept {
            prop_assert!(kept.content.len() <= 100);
            prop_assert!(matches!(kept.envelope.recipients.len(), 1..=3));
            let bare = kept.content.len() - 2 * memchr::memmem::find_iter(&kept.content, "\r\n").count();
            let others = kept.content.iter().filter(|octet| !matches!(octet, b'\r' | b'\n' | 0));
            prop_assert_eq!(others.count(), bare);
        }
    }

    #[test]
    fn without_tls_nothing_is_kept_where_tls_is_required(octets in dialogue()) {
        let outcome = play(&octets, &[octets.len().max(1)], StartTls::Required);
        prop_assert!(outcome.kept.is_empty());
        prop_assert!(!outcome.lines.iter().any(|line| line.starts_with("354")));
    }

    #[test]
    fn what_came_in_clear_is_never_promised_tls(octets in dialogue()) {
        for kept in play(&octets, &[7], StartTls::Offered).kept {
            prop_assert_eq!(kept.envelope.tls_wish, TlsWish::Unstated);
        }
    }

    #[test]
    fn any_octets_are_survived(octets in prop::collection::vec(any::<u8>(), 0..500)) {
        prop_assert!(play(&octets, &[11], StartTls::Offered).kept.is_empty());
    }
}
