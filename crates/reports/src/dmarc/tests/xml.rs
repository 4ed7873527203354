//! The XML, held against the schema and read by another library.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use proptest::prelude::*;

use super::*;

const SCHEMA: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../tests/schemas/dmarc-2.0.xsd"
);

#[derive(Debug, PartialEq)]
enum Validity {
    Valid,
    /// What `xmllint` says.
    Invalid(String),
    /// The host has no `xmllint`. Where `CI` is set, it must.
    Unknown,
}

fn validity(xml: &str) -> Validity {
    let linter = Command::new("xmllint")
        .args(["--noout", "--nonet", "--schema", SCHEMA, "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut linter = match linter {
        Ok(linter) => linter,
        Err(_) if std::env::var_os("CI").is_none() => return Validity::Unknown,
        Err(error) => panic!("xmllint: {error}"),
    };
    linter
        .stdin
        .take()
        .unwrap()
        .write_all(xml.as_bytes())
        .unwrap();
    let output = linter.wait_with_output().unwrap();
    match output.status.success() {
        true => Validity::Valid,
        false => Validity::Invalid(String::from_utf8(output.stderr).unwrap()),
    }
}

#[track_caller]
fn check_valid(xml: &str) {
    if let Validity::Invalid(why) = validity(xml) {
        panic!("{why}\n{xml}");
    }
}

fn of(mails: &[JudgedMail]) -> AggregateReport {
    let directory = tempfile::tempdir().unwrap();
    let book = open(directory.path());
    for mail in mails {
        book.record(mail);
    }
    let account = account(&book, "example.org");
    AggregateReport::of_account(&reporter(), today(), &account).remove(0)
}

#[test]
fn a_plain_report_is_valid() {
    let xml = of(&[judged("example.org")]).to_xml();
    check_valid(&xml);
    assert!(xml.contains("<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">"));
    assert!(xml.contains("<org_name>Example &amp; Net</org_name>"));
    for element in [
        "<version>1.0</version>",
        "<generator>Postern ",
        "<begin>1795392000</begin>",
        "<end>1795478399</end>",
        "<sp>reject</sp>",
        "<np>reject</np>",
        "<discovery_method>treewalk</discovery_method>",
        "<testing>n</testing>",
        "<disposition>pass</disposition>",
        "<scope>mfrom</scope>",
        "<selector>s1</selector>",
    ] {
        assert!(xml.contains(element), "{element} is not in {xml}");
    }
}

/// One of everything that can be said.
fn full() -> JudgedMail {
    let mut mail = judged("example.org");
    mail.policy = PublishedPolicy {
        p: RequestedPolicy::None,
        sp: Some(RequestedPolicy::Quarantine),
        np: Some(RequestedPolicy::Reject),
        adkim: Alignment::Strict,
        aspf: Alignment::Relaxed,
        testing: true,
        discovery_method: Some(Discovery::TreeWalk),
        fo: Some("1:d:s".to_owned()),
    };
    mail.row.source_ip = "2001:db8::5".parse().unwrap();
    mail.row.evaluated.reasons = OverrideKind::ALL
        .iter()
        .map(|kind| OverrideReason {
            kind: *kind,
            comment: Some("because <of> \"this\" & \u{e9}\u{7}\u{1b}[0m".to_owned()),
        })
        .collect();
    mail.row.identifiers.envelope_from = None;
    mail.row.identifiers.envelope_to = Some("example.net".to_owned());
    mail.row.auth_results.dkim = DkimResult::ALL
        .iter()
        .map(|result| DkimAuthResult {
            domain: "example.org".to_owned(),
            selector: "2026._x".to_owned(),
            result: *result,
            human_result: Some("]]> &#x0; \u{fffe}".to_owned()),
        })
        .collect();
    mail
}

#[test]
fn a_full_report_is_valid() {
    for disposition in AppliedDisposition::ALL {
        let mut mail = full();
        mail.row.evaluated.disposition = *disposition;
        check_valid(&of(&[mail]).to_xml());
    }
    let spf = SpfResult::ALL.iter().map(|result| {
        let mut mail = full();
        mail.row.auth_results.spf[0].result = *result;
        mail.row.auth_results.spf.insert(
            0,
            SpfAuthResult {
                domain: "helo.example".to_owned(),
                scope: Some(SpfScope::Helo),
                result: SpfResult::Fail,
                human_result: None,
            },
        );
        mail
    });
    let xml = of(&spf.collect::<Vec<_>>()).to_xml();
    check_valid(&xml);
    // DMARC looks at MAIL FROM alone.
    assert_eq!(xml.matches("<spf>\n").count(), SpfResult::ALL.len());
    assert!(!xml.contains("helo"));
}

#[test]
fn the_schema_refuses_what_is_not_a_report() {
    let xml = of(&[judged("example.org")]).to_xml();
    for (right, wrong) in [
        ("dmarc-2.0", "dmarc-1.0"),
        ("<version>1.0</version>", ""),
        ("<selector>s1</selector>", ""),
        ("<scope>mfrom</scope>", "<scope>helo</scope>"),
        ("<disposition>pass", "<disposition>passed"),
        ("<count>1<", "<count>0<"),
    ] {
        let broken = xml.replace(right, wrong);
        assert_ne!(broken, xml, "{right}");
        assert_ne!(validity(&broken), Validity::Valid, "{wrong}");
    }
}

#[test]
fn another_library_reads_what_we_write() {
    let report = of(&[full()]);
    let theirs = mail_auth::report::Report::parse_xml(report.to_xml().as_bytes()).unwrap();
    assert_eq!(theirs.report_metadata.report_id, report.metadata.report_id);
    assert_eq!(
        theirs.policy_published.np,
        mail_auth::report::Disposition::Reject
    );
    assert!(theirs.policy_published.testing);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever others write, a reader gets the report, and the same text as was kept. The other
    /// library loses white space next to entities.
    #[test]
    fn any_text_can_be_told(text in any::<String>()) {
        let mut mail = judged("example.org");
        mail.row.auth_results.dkim[0].human_result = Some(format!("a{text}b"));
        let report = of(&[mail]);
        let kept = report.rows[0].row.auth_results.dkim[0].human_result.clone().unwrap();
        let theirs = mail_auth::report::Report::parse_xml(report.to_xml().as_bytes()).unwrap();
        let read = theirs.record[0].auth_results.dkim[0].human_result.clone();
        let black = |text: &str| text.split_whitespace().collect::<String>();
        prop_assert_eq!(read.as_deref().map(black), Some(black(&kept)));
    }
}
