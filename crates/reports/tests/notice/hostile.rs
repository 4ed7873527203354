//! Foreign text in every place where it can come in.

use mail_parser::MessageParser;
use postern_mail::{Reply, ReplyCode, Return};
use postern_reports::{Action, Cause};
use proptest::prelude::*;

use crate::{
    fixture::{fact, message},
    grammar,
    structure::read,
};

/// Tries to end a line, a header, a part, a notice, or to name another host.
const ATTACK: &str = "x\r\nBcc: victim@example.net\r\n\r\nAction: delivered\n\n--=_06GDYX3T2000007\0\r\
    \u{1b}[2J\u{202e}é\u{2028}Final-Recipient: rfc822; mallory@example.net";

#[test]
fn what_hosts_say_stays_in_its_place() {
    let reply = Reply::new(ReplyCode::FAILED, ATTACK).with_line(ATTACK.repeat(100));
    for cause in [
        Cause::Reply {
            host: ATTACK,
            reply: &reply,
        },
        Cause::Here(ATTACK),
    ] {
        let message = message(&["<carol@ivory.example>"]);
        let notice = message.report(|recipient| fact(recipient, Action::Failed, "5.7.1", cause));
        let read = read(&notice);
        assert!(read.message.bcc().is_none());
        let (_, recipients) = grammar::parse(&read.fields);
        assert_eq!(recipients.len(), 1);
        assert_eq!(grammar::value(&recipients[0], "Action"), Some("failed"));
        for line in read.words.lines() {
            assert!(
                !line.contains(|c: char| c.is_control() || c == '\u{202e}'),
                "{line:?}"
            );
            assert!(
                !line.starts_with("Bcc") && !line.starts_with("Action"),
                "{line:?}"
            );
        }
    }
}

#[test]
fn a_header_cannot_reach_the_notice_that_returns_it() {
    for ret in [Return::Headers, Return::Full] {
        for content in [
            "Message-ID: <a@b>\r\n X: y <c@d>\r\nSubject: s\r\n\r\nbody\r\n",
            "Message-ID: <a@b\x00c>\r\nSubject: s\r\n\r\nbody\r\n",
            "Message-ID: <a@b>\rBcc: victim@example.net\r\nSubject: s\r\n\r\nbody\r\n",
            "Message-ID: <a@b>\nBcc: victim@example.net\nSubject: s\n\nbody\n",
            "Message-ID: <a@<b>>\r\nSubject: s\r\n\r\nbody\r\n",
            "Message-ID: (a@b)\r\nSubject: s\r\n\r\nbody\r\n",
            "Message-ID: <é@b>\r\nSubject: s\r\n\r\nbody\r\n",
        ] {
            let notice = message(&["<carol@ivory.example>"])
                .ret(ret)
                .content(content)
                .refused();
            let read = read(&notice);
            assert!(read.message.bcc().is_none(), "{content:?}");
            if !content.contains("<a@b>") {
                assert_eq!(read.message.in_reply_to().as_text(), None, "{content:?}");
            }
        }
    }
}

#[test]
fn a_guessed_boundary_ends_nothing() {
    let first = message(&["<carol@ivory.example>"]).refused();
    let guessed = |content: &[u8]| {
        let message = MessageParser::default().parse(content).unwrap();
        let kind = message.parts[0]
            .headers
            .iter()
            .find(|h| h.name() == "Content-Type")
            .unwrap();
        let kind = kind
            .value()
            .as_content_type()
            .unwrap()
            .attribute("boundary");
        kind.unwrap().to_owned()
    };
    let guess = guessed(&first.content);
    let content = format!("Subject: s\r\n\r\nhello\r\n--{guess}\r\nX: y\r\n\r\n--{guess}--\r\n");
    let message = message(&["<carol@ivory.example>"])
        .ret(Return::Full)
        .content(content);
    let notice = message.refused();
    assert_ne!(guessed(&notice.content), guess);
    assert_eq!(read(&notice).returned.unwrap().1, message.content);
}

#[test]
fn parameters_of_the_envelope_stay_in_their_fields() {
    let message = message(&["<\"a>b; Action: delivered\"@ivory.example>"])
        .original("x-odd;+C3+A9+20; Action: delivered")
        .envelope_id("+C3+A9+20Action:");
    let notice = message.refused();
    let (per_message, recipients) = grammar::parse(&read(&notice).fields);
    assert_eq!(
        grammar::value(&per_message, "Original-Envelope-Id"),
        Some("\\x{E9} Action:")
    );
    assert_eq!(grammar::value(&recipients[0], "Action"), Some("failed"));
}

proptest! {
    #[test]
    fn no_octets_of_content_break_a_notice(
        content in proptest::collection::vec(
            prop_oneof![
                Just(b"\r\n".to_vec()),
                Just(b"Subject: ".to_vec()),
                Just(b"Message-ID: <a@b>".to_vec()),
                Just(b"\r\n--=_".to_vec()),
                proptest::collection::vec(any::<u8>(), 0..12),
            ],
            0..20,
        ),
        full: bool,
        utf8: bool,
        text in "\\PC{0,40}|[\\x00-\\x1f]{0,9}",
    ) {
        let ret = if full { Return::Full } else { Return::Headers };
        let mut message = message(&["<carol@ivory.example>"]).ret(ret).content(content.concat());
        if utf8 {
            message = message.from("<älice@example.com>");
            message.envelope.smtputf8 = true;
        }
        let notice = message.report(|recipient| {
            fact(recipient, Action::Failed, "5.0.0", Cause::Here(&text))
        });
        read(&notice);
    }
}
