//! Reports as they are sent.

use mail_parser::{MessageParser, MimeHeaders};
use serde_json::json;

use super::*;
use crate::{
    Reporter,
    ledger::{
        AppliedPolicy, Day, Ledger, PolicyOutcome, PolicyType, ResultType, SessionFailure,
        TlsSession,
    },
};
use postern_mail::TlsWish;
use std::time::{Duration, SystemTime};

/// Noon on 2026-11-23.
const NOON: u64 = 1_795_435_200;

fn noon() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOON)
}

fn reporter() -> Reporter {
    Reporter {
        hostname: "mx.example.net".parse().unwrap(),
        organisation: "Example Net".to_owned(),
        contact: "postmaster@example.net".parse().unwrap(),
    }
}

fn report() -> TlsReportFile {
    let directory = tempfile::tempdir().unwrap();
    let (ledger, _) = Ledger::open(directory.path(), noon()).unwrap();
    let sts = AppliedPolicy {
        policy_type: PolicyType::Sts,
        policy_domain: "example.org".parse().unwrap(),
        policy_string: vec!["version: STSv1".to_owned(), "mode: enforce".to_owned()],
        mx_host: vec!["*.example.org".to_owned()],
    };
    for failure in [None, Some(ResultType::CertificateExpired)] {
        ledger.record_session(&TlsSession {
            domain: "example.org".parse().unwrap(),
            at: noon(),
            sending_mta_ip: Some("192.0.2.9".parse().unwrap()),
            receiving_mx_hostname: Some("mx.example.org".parse().unwrap()),
            receiving_mx_helo: Some("mail".to_owned()),
            receiving_ip: Some("2001:db8::1".parse().unwrap()),
            policies: vec![PolicyOutcome {
                policy: sts.clone(),
                failure: failure.map(|result_type| SessionFailure {
                    result_type,
                    reason: Some("it ended".to_owned()),
                }),
            }],
        });
    }
    let day = Day::of(noon());
    let counted = ledger
        .tls_report(day, &"example.org".parse().unwrap())
        .unwrap();
    TlsReportFile::of_counts(&reporter(), &counted)
}

#[test]
fn the_json_is_that_of_the_rfc() {
    let report = report();
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    let expected = json!({
        "organization-name": "Example Net",
        "date-range": {
            "start-datetime": "2026-11-23T00:00:00Z",
            "end-datetime": "2026-11-23T23:59:59Z",
        },
        "contact-info": "postmaster@example.net",
        "report-id": report.report_id,
        "policies": [{
            "policy": {
                "policy-type": "sts",
                "policy-string": ["version: STSv1", "mode: enforce"],
                "policy-domain": "example.org",
                "mx-host": ["*.example.org"],
            },
            "summary": {
                "total-successful-session-count": 1,
                "total-failure-session-count": 1,
            },
            "failure-details": [{
                "result-type": "certificate-expired",
                "sending-mta-ip": "192.0.2.9",
                "receiving-mx-hostname": "mx.example.org",
                "receiving-mx-helo": "mail",
                "receiving-ip": "2001:db8::1",
                "failed-session-count": 1,
                "failure-reason-code": "it ended",
            }],
        }],
    });
    assert_eq!(json, expected);
    assert_eq!(parse(report.to_json().as_bytes()).unwrap(), report);
    // Another library reads the same.
    let theirs = mail_auth::report::tlsrpt::TlsReport::parse_json(report.to_json().as_bytes());
    assert_eq!(theirs.unwrap().policies[0].summary.total_failure, 1);
}

#[test]
fn the_mail_is_that_of_the_rfc() {
    let report = report();
    let to = ["tls@example.org".parse().unwrap()];
    let mail = report.mail(&reporter(), "example.org", &to, noon());
    assert_eq!(mail.envelope.tls_wish, TlsWish::Waived);
    assert_eq!(
        mail.envelope.reverse_path.to_string(),
        "<postmaster@example.net>"
    );
    let text = String::from_utf8(mail.content.clone()).unwrap();
    assert!(text.is_ascii() && text.split("\r\n").all(|line| line.len() <= 998));
    assert!(!text.replace("\r\n", "").contains(['\r', '\n']));

    let message = MessageParser::new().parse(&mail.content).unwrap();
    let raw = |name: &str| message.header_raw(name).map(str::trim).map(str::to_owned);
    assert_eq!(raw("TLS-Report-Domain").as_deref(), Some("example.org"));
    assert_eq!(
        raw("TLS-Report-Submitter").as_deref(),
        Some("mx.example.net")
    );
    assert_eq!(raw("TLS-Required").as_deref(), Some("No"));
    let kind = message.content_type().unwrap();
    assert_eq!(kind.subtype(), Some("report"));
    assert_eq!(kind.attribute("report-type"), Some("tlsrpt"));
    let id = &report.report_id;
    let subject = format!("Report Domain: example.org Submitter: mx.example.net Report-ID: <{id}>");
    assert_eq!(message.subject(), Some(subject.as_str()));
    let file = message.attachment(0).unwrap();
    assert_eq!(file.content_type().unwrap().subtype(), Some("tlsrpt+gzip"));
    let name = format!("mx.example.net!example.org!1795392000!1795478399!{id}.json.gz");
    assert_eq!(file.attachment_name(), Some(name.as_str()));
    let theirs = mail_auth::report::tlsrpt::TlsReport::parse_rfc5322(&mail.content, 1 << 20);
    assert_eq!(theirs.unwrap().report_id, *id);
}

#[test]
fn a_report_sent_again_is_the_same() {
    assert_eq!(report(), report());
}

#[test]
fn reports_of_others_are_read_where_they_are_careless() {
    let json = r#"{"date-range": {"start-datetime": "2026-11-22T00:00:00+01:00", "end-datetime": "2026-11-23T00:00:00Z"},
        "policies": [{"policy": {"policy-type": "sts", "policy-string": "version: STSv1", "mx-host": null},
                      "summary": {}, "failure-details": [{"result-type": "new-kind"}]}]}"#;
    let report = parse(json.as_bytes()).unwrap();
    assert_eq!(report.policies[0].policy.policy_string, ["version: STSv1"]);
    assert_eq!(
        report.policies[0].failure_details[0].result_type,
        "new-kind"
    );
    for broken in [
        "",
        "[]",
        "{}",
        r#"{"date-range": {"start-datetime": "1960-01-01T00:00:00Z", "end-datetime": ""}}"#,
    ] {
        assert!(parse(broken.as_bytes()).is_err(), "{broken}");
    }
}
