//! The report in its mail.

use mail_parser::{MessageParser, MimeHeaders};
use postern_mail::{Notify, TlsWish};

use super::*;

fn report(rows: u32) -> AggregateReport {
    let directory = tempfile::tempdir().unwrap();
    let book = open(directory.path());
    for n in 0..rows {
        book.record(&from_address("example.org", n));
    }
    let account = account(&book, "example.org");
    AggregateReport::of_account(&reporter(), today(), &account).remove(0)
}

#[test]
fn the_mail_is_that_of_the_rfc() {
    let report = report(3);
    let id = report.metadata.report_id.clone();
    let to = [
        "dmarc@example.org".parse().unwrap(),
        "second@example.org".parse().unwrap(),
    ];
    let mail = report.mail(&reporter(), &to, at(NOON + 86_400));

    assert_eq!(mail.envelope.tls_wish, TlsWish::Unstated);
    assert_eq!(
        mail.envelope.reverse_path.to_string(),
        "<postmaster@example.net>"
    );
    assert_eq!(mail.envelope.recipients[0].notify, Some(Notify::Never));
    let text = String::from_utf8(mail.content.clone()).unwrap();
    assert!(text.is_ascii() && text.split("\r\n").all(|line| line.len() <= 998));
    assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
    assert!(
        text.contains("From: Example & Net <postmaster@example.net>\r\n"),
        "{text}"
    );

    let message = MessageParser::new().parse(&mail.content).unwrap();
    let subject = format!("Report Domain: example.org Submitter: mx.example.net Report-ID: <{id}>");
    assert_eq!(message.subject(), Some(subject.as_str()));
    assert_eq!(message.to().unwrap().clone().into_list().len(), 2);
    let file = message.attachment(0).unwrap();
    let kind = file.content_type().unwrap();
    assert_eq!(
        (kind.ctype(), kind.subtype()),
        ("application", Some("gzip"))
    );
    let name = format!("mx.example.net!example.org!1795392000!1795478399!{id}.xml.gz");
    assert_eq!(file.attachment_name(), Some(name.as_str()));

    // Another library finds in it what we put in.
    let theirs = mail_auth::report::Report::parse_rfc5322(&mail.content, 1 << 20).unwrap();
    assert_eq!(theirs.report_metadata.report_id, id);
    assert_eq!(theirs.record.len(), 3);
}

#[test]
fn names_that_need_encoding_are_left_out() {
    for organisation in ["B\u{fc}cher", "a, b", "x\r\nBcc: y@z.example", "", "\"q\""] {
        let reporter = Reporter {
            organisation: organisation.to_owned(),
            ..reporter()
        };
        assert_eq!(
            reporter.from(),
            "<postmaster@example.net>",
            "{organisation:?}"
        );
    }
}

#[test]
fn a_report_sent_again_is_the_same() {
    let (one, other) = (report(5), report(5));
    assert_eq!(one, other);
    assert_eq!(one.to_gzip(), other.to_gzip());
    assert_ne!(one.metadata.report_id, report(6).metadata.report_id);
}

#[test]
fn large_reports_are_cut() {
    let whole = report(500);
    let all = whole.rows.clone();
    let most = whole.to_gzip().len() / 4;
    let parts = whole.within(&reporter(), most);
    assert!(parts.len() > 4, "{}", parts.len());
    let mut ids: Vec<_> = parts
        .iter()
        .map(|it| it.metadata.report_id.clone())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), parts.len(), "each has a name of its own");
    assert!(parts.iter().all(|part| part.to_gzip().len() <= most));
    let together: Vec<_> = parts.into_iter().flat_map(|part| part.rows).collect();
    assert_eq!(together, all);
    // One row is sent whatever its size.
    assert_eq!(report(1).within(&reporter(), 1).len(), 1);
}
