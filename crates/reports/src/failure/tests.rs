//! What is told of a message, and what is not.

use std::time::{Duration, SystemTime};

use mail_auth::report::{AuthFailureType, Feedback, FeedbackType, IdentityAlignment};
use postern_mail::{Domain, ReversePath};

use super::*;
use crate::Reporter;

const CONTENT: &[u8] =
    b"Received: from a.example by b.example for <secret.person@rcpt.example>;\r\n\
\x20Mon, 23 Nov 2026 12:00:00 +0000\r\n\
DKIM-Signature: v=1; d=example.org; i=ceo@example.org; bh=abc=\r\n\
From: \"The Boss\" <ceo@mail.example.org>\r\n\
To: \"quoted secret\"@rcpt.example, second.person@rcpt.example,\r\n secret.person@rcpt.example\r\n\
Message-ID: <1234@sender.example>\r\n\
X-Original-To: secret.person@rcpt.example\r\n\
List-Unsubscribe: <https://l.example/?u=secret.person%40rcpt.example>\r\n\
Subject: h\xc3\xa9llo\r\n \t \r\n\
\r\n\
body secret.person\r\n";

fn reports(per_hour: u32) -> FailureReports {
    let reporter = Reporter {
        hostname: "mx.example.net".parse().unwrap(),
        organisation: "Example Net".to_owned(),
        contact: "postmaster@example.net".parse().unwrap(),
    };
    FailureReports::new(reporter, per_hour)
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_435_200 + seconds)
}

fn failed<'a>(domain: &'a Domain, reverse_path: &'a ReversePath) -> FailedMail<'a> {
    FailedMail {
        at: at(0),
        policy_domain: domain,
        author: domain,
        fo: None,
        psd: false,
        source_ip: "192.0.2.66".parse().unwrap(),
        reverse_path,
        spf_aligned: false,
        spf_failed: true,
        spf_record: Some("v=spf1 -all"),
        dkim_aligned: false,
        failed_signature: Some(FailedSignature {
            domain: "example.org",
            selector: "s1",
            identity: Some("ceo@example.org"),
        }),
        delivery_result: DeliveryResult::Reject,
        authentication_results: "mx.example.net;\r\n dmarc=fail header.from=example.org",
        content: CONTENT,
    }
}

fn domain() -> Domain {
    "example.org".parse().unwrap()
}

fn stranger() -> ReversePath {
    ReversePath::parse_prefix("<some.body@sender.example>")
        .unwrap()
        .0
}

fn text() -> String {
    let to = ["ruf@example.org".parse().unwrap()];
    let mail = reports(1).mail(&failed(&domain(), &stranger()), &to);
    assert_eq!(
        mail.envelope.reverse_path.to_string(),
        "<postmaster@example.net>"
    );
    String::from_utf8(mail.content).unwrap()
}

#[test]
fn another_library_reads_the_report() {
    let text = text();
    let report = Feedback::parse_rfc5322(text.as_bytes()).unwrap();
    assert_eq!(report.feedback_type, FeedbackType::AuthFailure);
    assert_eq!(report.auth_failure, AuthFailureType::Dmarc);
    assert_eq!(report.identity_alignment, IdentityAlignment::DkimSpf);
    assert_eq!(report.reported_domain, ["example.org"]);
    assert_eq!(report.source_ip, Some("192.0.2.66".parse().unwrap()));
    assert_eq!(
        report.original_mail_from.as_deref(),
        Some("redacted@sender.example")
    );
    assert_eq!(report.dkim_domain.as_deref(), Some("example.org"));
    assert_eq!(report.dkim_identity.as_deref(), Some("ceo@example.org"));
    assert_eq!(
        report.spf_dns.as_deref(),
        Some("txt : sender.example : \"v=spf1 -all\"")
    );
    assert_eq!(report.arrival_date, Some(1_795_435_200));
    assert!(report.headers.unwrap().contains("ceo@mail.example.org"));
    assert_eq!(report.message, None);
}

#[test]
fn nothing_is_told_of_other_people() {
    let text = text();
    assert!(text.is_ascii(), "{text}");
    assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
    for secret in [
        "secret",
        "second.person",
        "some.body",
        "body ",
        "%40",
        "X-Original-To",
    ] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    // The same person has the same number.
    assert!(text.contains("for <redacted-1@rcpt.example>"), "{text}");
    assert!(
        text.contains(
            "To: redacted-2@rcpt.example, redacted-3@rcpt.example,\r\n redacted-1@rcpt.example"
        ),
        "{text}"
    );
    assert!(text.contains("Message-ID: <1234@sender.example>"), "{text}");
}

#[test]
fn odd_spellings_of_addresses_hide_nothing() {
    for (field, expected) in [
        ("To: jo(x)@a.example", "To:redacted-1@a.example"),
        ("To: jo @a.example", "To: redacted-1@a.example"),
        ("To: <jo\r\n @a.example>", "To: <redacted-1@a.example>"),
        (
            "To: \"a@b\"@a.example, c@example.org",
            "To: \"redacted-1@redacted-2@a.example, c@example.org",
        ),
        ("To: j\u{f6}@a.example", "To: redacted-1@a.example"),
        ("To: jo@xexample.org", "To: redacted-1@xexample.org"),
        (
            "DKIM-Signature: i=@a.example; i=jo@a.example",
            "DKIM-Signature: redacted-1@a.example; redacted-2@a.example",
        ),
    ] {
        let header = redacted::header(format!("{field}\r\n").as_bytes(), &domain());
        assert_eq!(header.trim_end(), expected, "{field}");
    }
}

#[test]
fn large_headers_are_cut_between_fields() {
    let field = format!("Subject: {}\r\n", "a".repeat(2_000));
    let content = field.repeat(50);
    let header = redacted::header(content.as_bytes(), &domain());
    assert!(header.len() <= 16 << 10 && header.ends_with("a\r\n"));
    assert!(header.split("\r\n").all(|line| line.len() <= 998));
}

#[track_caller]
fn check(fo: Option<&str>, spf_aligned: bool, dkim_aligned: bool, expected: bool) {
    let (domain, path) = (domain(), stranger());
    let mail = FailedMail {
        fo,
        spf_aligned,
        dkim_aligned,
        spf_failed: !spf_aligned,
        failed_signature: None,
        ..failed(&domain, &path)
    };
    assert_eq!(
        reports(1).admits(&mail),
        expected,
        "{fo:?} {spf_aligned} {dkim_aligned}"
    );
}

#[test]
fn domains_say_which_failures_they_want() {
    check(None, false, false, true);
    check(None, true, false, false);
    check(Some("0"), false, true, false);
    check(Some("1"), false, true, true);
    check(Some("1"), true, true, false);
    check(Some("d"), false, false, false);
    check(Some("s"), false, true, true);
    check(Some("d : s"), false, true, true);
    check(Some("x"), false, false, false);
    let (domain, path) = (domain(), stranger());
    let suffix = FailedMail {
        psd: true,
        ..failed(&domain, &path)
    };
    assert!(!reports(1).admits(&suffix));
    let signature = FailedMail {
        fo: Some("d"),
        ..failed(&domain, &path)
    };
    assert!(reports(1).admits(&signature));
}

#[test]
fn an_hour_has_so_many_and_no_more() {
    let (one, path) = (domain(), stranger());
    let other: Domain = "example.com".parse().unwrap();
    let reports = reports(2);
    let admits = |domain: &Domain, seconds| {
        reports.admits(&FailedMail {
            at: at(seconds),
            ..failed(domain, &path)
        })
    };
    assert!(admits(&one, 0) && admits(&one, 1) && !admits(&one, 2));
    assert!(admits(&other, 3) && !admits(&one, 3599));
    assert!(admits(&one, 3600));
    // A clock that is set back does not silence for ever.
    assert!(admits(&one, 0) && admits(&one, 0) && !admits(&one, 0));
    for number in 0..MOST_DOMAINS + 10 {
        let domain = format!("d{number}.example").parse().unwrap();
        assert_eq!(admits(&domain, 10), number < MOST_DOMAINS - 1, "{number}");
    }
}
