//! The parts of a notice, read by a mail parser.

use mail_parser::{
    Message as Parsed, MessageParser, MimeHeaders, PartType,
    decoders::quoted_printable::quoted_printable_decode,
};
use postern_mail::{BodyType, Return, ReversePath};
use postern_reports::{Action, Cause, MOST_RETURNED, Notice};

use crate::{
    fixture::{DELAYED, fact, message, refusal},
    grammar,
};

/// What is true of every notice whatever it is about.
pub(crate) struct Read<'a> {
    pub(crate) message: Parsed<'a>,
    pub(crate) words: String,
    pub(crate) fields: String,
    /// Media type and octets, decoded.
    pub(crate) returned: Option<(String, Vec<u8>)>,
}

#[track_caller]
pub(crate) fn read(notice: &Notice) -> Read<'_> {
    check_octets(notice);
    assert_eq!(notice.envelope.reverse_path, ReversePath::Null);
    assert_eq!(notice.envelope.recipients.len(), 1);
    let message = MessageParser::default().parse(&notice.content).unwrap();
    let kind = message.content_type().unwrap();
    assert_eq!(
        (kind.ctype(), kind.subtype()),
        ("multipart", Some("report"))
    );
    let report_type = kind.attribute("report-type").unwrap();
    assert!(kind.attribute("boundary").unwrap().len() <= 70);
    for once in [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "MIME-Version",
        "Auto-Submitted",
        "Content-Type",
    ] {
        let fields = message
            .headers()
            .iter()
            .filter(|h| h.name().eq_ignore_ascii_case(once));
        assert_eq!(fields.count(), 1, "{once}");
    }
    let PartType::Multipart(children) = &message.parts[0].body else {
        panic!("no parts");
    };
    let kinds: Vec<_> = children
        .iter()
        .map(|at| kind_of(&message, *at as usize))
        .collect();
    assert_eq!(kinds[0], "text/plain");
    assert_eq!(kinds[1], format!("message/{report_type}"));
    assert!(kinds.len() <= 3);
    let raw = |at: usize| {
        let part = &message.parts[children[at] as usize];
        &notice.content[part.raw_body_offset() as usize..part.raw_end_offset() as usize]
    };
    let returned = kinds.get(2).map(|kind| {
        let part = &message.parts[children[2] as usize];
        let is_encoded = part.content_transfer_encoding() == Some("quoted-printable");
        let octets = match &part.body {
            PartType::Text(_) => part.contents().to_vec(),
            _ if is_encoded => quoted_printable_decode(raw(2)).unwrap(),
            _ => raw(2).to_vec(),
        };
        (kind.clone(), octets)
    });
    let words = message.parts[children[0] as usize]
        .text_contents()
        .unwrap()
        .to_owned();
    let fields = String::from_utf8(raw(1).to_vec()).unwrap();
    grammar::parse(&fields);
    let expected = if fields.is_ascii() {
        "delivery-status"
    } else {
        "global-delivery-status"
    };
    assert_eq!(report_type, expected);
    Read {
        words,
        fields,
        returned,
        message,
    }
}

fn kind_of(message: &Parsed<'_>, at: usize) -> String {
    let kind = message.parts[at].content_type().unwrap();
    format!("{}/{}", kind.ctype(), kind.subtype().unwrap())
}

/// Lines of at most 998 octets; CR and LF only as a pair; no NUL. ASCII, unless the envelope says
/// otherwise.
#[track_caller]
fn check_octets(notice: &Notice) {
    let body = match notice.content.is_ascii() {
        true => BodyType::SevenBit,
        false => BodyType::EightBitMime,
    };
    assert_eq!(notice.envelope.body, body);
    assert!(notice.content.is_ascii() || notice.envelope.smtputf8);
    for line in notice.content.split_inclusive(|octet| *octet == b'\n') {
        let shown = String::from_utf8_lossy(line);
        let line = line
            .strip_suffix(b"\r\n")
            .unwrap_or_else(|| panic!("{shown:?}"));
        assert!(line.len() <= 998, "{shown:?}");
        assert!(!line.contains(&0) && !line.contains(&b'\r'), "{shown:?}");
    }
}

#[test]
fn the_header_says_what_it_is_and_answers_nobody() {
    let notice = message(&["<carol@ivory.example>"]).refused();
    let read = read(&notice);
    let text = |name: &str| read.message.header_raw(name).unwrap().trim().to_owned();
    assert_eq!(text("Auto-Submitted"), "auto-replied");
    assert_eq!(text("MIME-Version"), "1.0");
    assert_eq!(text("To"), "<alice@example.com>");
    let from = read.message.from().unwrap().first().unwrap();
    assert_eq!(from.address(), Some("postmaster@mx1.example.com"));
    assert_eq!(
        read.message.subject(),
        Some("Your message could not be delivered")
    );
    assert!(
        read.message
            .message_id()
            .unwrap()
            .ends_with("@mx1.example.com")
    );
    assert_eq!(
        read.message.in_reply_to().as_text(),
        Some("plan.1@example.com")
    );
    assert_eq!(read.message.date().unwrap().to_timestamp(), 1_795_428_960);
}

#[test]
fn the_fields_tell_what_became_of_each_recipient() {
    let message = message(&[
        "<carol@ivory.example>",
        "<Postmaster>",
        "<\"d d\"@ivory.example>",
    ])
    .original("rfc822;Bob+2Bx@example.com")
    .envelope_id("QQ+2B314159");
    let notice = message.report(|recipient| {
        fact(
            recipient,
            DELAYED(),
            "4.2.1",
            Cause::Here("mx.ivory.example: connection refused"),
        )
    });
    let (per_message, recipients) = grammar::parse(&read(&notice).fields);
    let field = |name| grammar::value(&per_message, name);
    assert_eq!(field("Original-Envelope-Id"), Some("QQ+314159"));
    assert_eq!(field("Reporting-MTA"), Some("dns; mx1.example.com"));
    assert_eq!(
        field("Arrival-Date"),
        Some("Mon, 23 Nov 2026 10:00:00 +0000")
    );
    let finals: Vec<_> = recipients
        .iter()
        .map(|group| grammar::value(group, "Final-Recipient").unwrap())
        .collect();
    assert_eq!(
        finals,
        [
            "rfc822; carol@ivory.example",
            "rfc822; Postmaster",
            "rfc822; \"d d\"@ivory.example"
        ]
    );
    let field = |name| grammar::value(&recipients[0], name);
    assert_eq!(
        field("Original-Recipient"),
        Some("rfc822; Bob+x@example.com")
    );
    assert_eq!(field("Action"), Some("delayed"));
    assert_eq!(field("Status"), Some("4.2.1"));
    assert_eq!(field("Remote-MTA"), None);
    assert_eq!(
        field("Diagnostic-Code"),
        Some("x-postern; mx.ivory.example: connection refused")
    );
    assert_eq!(
        field("Last-Attempt-Date"),
        Some("Mon, 23 Nov 2026 10:15:00 +0000")
    );
    assert_eq!(
        field("Will-Retry-Until"),
        Some("Sat, 28 Nov 2026 10:00:00 +0000")
    );
}

#[test]
fn a_reply_is_told_with_the_host_that_gave_it() {
    let notice = message(&["<carol@ivory.example>"]).refused();
    let (_, recipients) = grammar::parse(&read(&notice).fields);
    let field = |name| grammar::value(&recipients[0], name);
    assert_eq!(field("Remote-MTA"), Some("dns; mx.ivory.example"));
    assert_eq!(
        field("Diagnostic-Code"),
        Some("smtp; 550 5.1.1 No such user here / See https://ivory.example/help")
    );
    assert_eq!(field("Will-Retry-Until"), None);
}

#[test]
fn the_class_of_a_status_follows_the_action() {
    for (action, status, shown) in [
        (Action::Failed, "5.1.1", "5.1.1"),
        (Action::Failed, "4.4.7", "4.4.7"),
        (Action::Failed, "2.0.0", "5.0.0"),
        (DELAYED(), "5.7.10", "4.7.10"),
        (Action::Relayed, "2.1.5", "2.1.5"),
        (Action::Delivered, "5.0.0", "2.0.0"),
    ] {
        let message = message(&["<carol@ivory.example>"]).notify("SUCCESS,FAILURE,DELAY");
        let notice = message.report(|recipient| fact(recipient, action, status, refusal()));
        let (_, recipients) = grammar::parse(&read(&notice).fields);
        assert_eq!(grammar::value(&recipients[0], "Status"), Some(shown));
    }
}

#[test]
fn only_the_header_is_returned_unless_all_is_asked_for() {
    let short = || message(&["<carol@ivory.example>"]);
    let long = format!(
        "Subject: long\r\n\r\n{}",
        "confidential\r\n".repeat(MOST_RETURNED / 14)
    );
    let mut cut = short().ret(Return::Full);
    cut.is_whole = false;
    for (message, kind) in [
        (short(), "text/rfc822-headers"),
        (short().ret(Return::Headers), "text/rfc822-headers"),
        (short().ret(Return::Full), "message/rfc822"),
        (
            short().ret(Return::Full).content(long),
            "text/rfc822-headers",
        ),
        (cut, "text/rfc822-headers"),
        (
            short()
                .ret(Return::Full)
                .content("A: b\r\n\r\nconfidential é\r\n"),
            "text/rfc822-headers",
        ),
        (
            short()
                .ret(Return::Full)
                .content("A: b\r\n\r\nconfidential\n"),
            "text/rfc822-headers",
        ),
    ] {
        let notice = message.refused();
        let (returned, octets) = read(&notice).returned.unwrap();
        assert_eq!(returned, kind);
        let tells_all = String::from_utf8_lossy(&octets).contains("confidential");
        assert_eq!(tells_all, kind == "message/rfc822");
        if tells_all {
            assert_eq!(octets, message.content);
        }
    }
}

#[test]
fn without_a_header_nothing_is_returned() {
    for content in ["", "\r\nno header\r\n", "no header\r\n"] {
        let notice = message(&["<carol@ivory.example>"])
            .content(content)
            .refused();
        assert_eq!(read(&notice).returned, None);
    }
}

#[test]
fn a_long_header_is_cut_between_fields() {
    let field = format!("X-Long: {}\r\n", "x".repeat(900));
    let content = format!("{}\r\nbody\r\n", field.repeat(200));
    let notice = message(&["<carol@ivory.example>"])
        .content(content)
        .refused();
    let (_, octets) = read(&notice).returned.unwrap();
    assert!(octets.len() <= MOST_RETURNED && octets.len() > MOST_RETURNED - field.len());
    let text = String::from_utf8(octets).unwrap();
    assert!(
        text.split_inclusive("\r\n")
            .all(|line| line == field || line == field.trim_end())
    );
}

#[test]
fn a_header_that_is_not_ascii_is_encoded() {
    let header = "Subject: Grüße\r\nX-Long: ".to_owned() + &"y".repeat(2000) + "\r\n";
    let notice = message(&["<carol@ivory.example>"])
        .content(format!("{header}\r\nb\r\n"))
        .refused();
    let (kind, octets) = read(&notice).returned.unwrap();
    assert_eq!(kind, "text/rfc822-headers");
    assert_eq!(
        String::from_utf8(octets).unwrap().trim_end(),
        header.trim_end()
    );
}

#[test]
fn addresses_that_are_not_ascii_are_written_in_ascii() {
    let message = message(&["<jö+x@ivory.example>"]).original("utf-8;jö\\x{2B}x@ivory.example");
    let notice = message.refused();
    assert!(!notice.envelope.smtputf8);
    let (_, recipients) = grammar::parse(&read(&notice).fields);
    for field in ["Final-Recipient", "Original-Recipient"] {
        let shown = grammar::value(&recipients[0], field);
        assert_eq!(
            shown,
            Some("utf-8; j\\x{F6}\\x{2B}x@ivory.example"),
            "{field}"
        );
    }
    assert!(read(&notice).words.contains("jö+x@ivory.example"));
}

/// An address of the type `utf-8` has its own encoding, whatever it holds.
#[test]
fn an_original_recipient_keeps_its_type() {
    let message = message(&["<jo@ivory.example>"]).original(r"utf-8;jo\x{2B}x@ivory.example");
    let (_, recipients) = grammar::parse(&read(&message.refused()).fields);
    let original = grammar::value(&recipients[0], "Original-Recipient");
    assert_eq!(original, Some(r"utf-8; jo\x{2B}x@ivory.example"));
}

/// RFC 6533 §3, §4: whoever can be reached with SMTPUTF8 alone reads UTF-8.
#[test]
fn a_sender_beyond_ascii_gets_a_notice_in_utf8() {
    let message = message(&["<jö+x@ivory.example>"]).from("<älice@example.com>");
    let notice = message.report(|recipient| {
        let cause = Cause::Here("größer\r\nals erlaubt");
        fact(recipient, Action::Failed, "5.3.4", cause)
    });
    assert!(notice.envelope.smtputf8);
    let read = read(&notice);
    assert_eq!(
        read.message.header_raw("To").map(str::trim),
        Some("<älice@example.com>")
    );
    let (_, recipients) = grammar::parse(&read.fields);
    let field = |name| grammar::value(&recipients[0], name);
    assert_eq!(
        field("Final-Recipient"),
        Some("utf-8; jö\\x{2B}x@ivory.example")
    );
    assert_eq!(
        field("Diagnostic-Code"),
        Some("x-postern; größer\\r\\nals erlaubt")
    );
    let plain = crate::fixture::message(&["<carol@ivory.example>"]).from("<älice@example.com>");
    let fields = crate::structure::read(&plain.refused()).fields;
    assert!(fields.is_ascii(), "the ordinary type serves");
}

#[test]
fn what_was_sent_in_utf8_is_returned_in_utf8() {
    let full = Some(Return::Full);
    let long_line = format!("A: é{}\r\n\r\n", "x".repeat(2000));
    for (from, smtputf8, ret, content, kind) in [
        (
            "alice",
            true,
            None,
            "A: é\r\n\r\nö\r\n",
            "message/global-headers",
        ),
        (
            "älice",
            true,
            None,
            "A: é\r\n\r\nö\r\n",
            "message/global-headers",
        ),
        (
            "alice",
            true,
            full,
            "A: é\r\n\r\nö = \r\n",
            "message/global",
        ),
        (
            "älice",
            true,
            full,
            "A: é\r\n\r\nö = \r\n",
            "message/global",
        ),
        ("alice", true, full, "A: b\r\n\r\nö\r\n", "message/global"),
        ("alice", true, full, "A: b\r\n\r\no\r\n", "message/rfc822"),
        ("älice", false, full, "A: é\r\n\r\nö\r\n", "message/rfc822"),
        (
            "alice",
            false,
            full,
            "A: é\r\n\r\nö\r\n",
            "text/rfc822-headers",
        ),
        ("älice", true, full, "A: é\n\nö\n", "message/global-headers"),
        ("älice", true, full, &long_line, "message/global-headers"),
        (
            "älice",
            true,
            None,
            "A: b\r\n\r\nö\r\n",
            "text/rfc822-headers",
        ),
    ] {
        let mut message = message(&["<carol@ivory.example>"])
            .from(&format!("<{from}@example.com>"))
            .content(content);
        message.envelope.smtputf8 = smtputf8;
        message.envelope.ret = ret;
        let notice = message.refused();
        let (returned, octets) = read(&notice).returned.unwrap();
        assert_eq!(returned, kind, "{from} {ret:?} {content:?}");
        let expected = match kind {
            "message/global" | "message/rfc822" => content.to_owned(),
            _ => {
                content
                    .split_inclusive('\n')
                    .next()
                    .unwrap()
                    .replace(['\r', '\n'], "")
                    + "\r\n"
            }
        };
        assert_eq!(
            String::from_utf8(octets).unwrap(),
            expected,
            "{from} {ret:?} {content:?}"
        );
    }
}

#[test]
fn octets_that_are_no_utf8_are_returned_as_they_can_be() {
    for from in ["<alice@example.com>", "<älice@example.com>"] {
        for ret in [Return::Headers, Return::Full] {
            let mut message = message(&["<carol@ivory.example>"])
                .from(from)
                .ret(ret)
                .content(b"A: \xff\r\n\r\n\xfe\r\n".to_vec());
            message.envelope.smtputf8 = true;
            let notice = message.refused();
            let (kind, _) = read(&notice).returned.unwrap();
            assert!(["text/rfc822-headers", "message/rfc822"].contains(&kind.as_str()));
        }
    }
}

#[test]
fn many_recipients_are_told_of_in_one_notice() {
    let paths: Vec<_> = (0..1000).map(|n| format!("<r{n}@ivory.example>")).collect();
    let message = message(&paths.iter().map(String::as_str).collect::<Vec<_>>());
    let notice = message.refused();
    let read = read(&notice);
    assert_eq!(grammar::parse(&read.fields).1.len(), 1000);
    assert!(read.words.contains("r49@") && !read.words.contains("r50@"));
    assert!(read.words.contains("and 950 more"));
    let texts: Vec<_> = (0..1000).map(|n| format!("reason {n}")).collect();
    let notice = message.report(|recipient| {
        let at = message
            .envelope
            .recipients
            .iter()
            .position(|r| r == recipient)
            .unwrap();
        fact(recipient, Action::Failed, "5.0.0", Cause::Here(&texts[at]))
    });
    let words = crate::structure::read(&notice).words;
    assert!(words.contains("reason 49") && !words.contains("reason 50"));
    assert!(words.contains("More recipients are listed in the second part"));
}

#[test]
fn two_notices_have_two_names() {
    let message = message(&["<carol@ivory.example>", "<dave@ivory.example>"]);
    let id_of = |which: usize| {
        let told = &message.envelope.recipients[which];
        let notice = message.try_report(|recipient| {
            let action = if recipient == told {
                Action::Failed
            } else {
                Action::Relayed
            };
            fact(recipient, action, "5.1.1", refusal())
        });
        let notice = notice.unwrap();
        read(&notice).message.message_id().unwrap().to_owned()
    };
    assert_ne!(id_of(0), id_of(1));
}
