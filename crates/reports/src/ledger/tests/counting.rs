//! What is counted, and how it reads.

use serde_json::json;

use super::*;

fn sts() -> AppliedPolicy {
    AppliedPolicy {
        policy_type: PolicyType::Sts,
        policy_domain: "example.org".parse().unwrap(),
        policy_string: ["version: STSv1", "mode: testing"]
            .map(str::to_owned)
            .into(),
        mx_host: vec!["*.example.org".to_owned()],
    }
}

fn tlsa() -> AppliedPolicy {
    AppliedPolicy {
        policy_type: PolicyType::Tlsa,
        policy_domain: "mx.example.org".parse().unwrap(),
        policy_string: vec!["3 1 1 ab12".to_owned()],
        mx_host: Vec::new(),
    }
}

#[test]
fn a_report_has_the_words_of_the_rfc() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open(directory.path());
    let expired = || failed(tlsa(), ResultType::CertificateExpired, "expired on Monday");
    ledger.record_session(&session("example.org", [met(sts()), expired()]));
    ledger.record_session(&session("example.org", [met(sts()), expired()]));
    ledger.record_session(&session("example.org", [met(sts()), met(tlsa())]));

    let report = ledger.tls_report(today(), &"example.org".parse().unwrap());
    let expected = json!({
        "day": "2026-11-23",
        "domain": "example.org",
        "policies": [{
            "policy": { "applied": {
                "policy-type": "sts",
                "policy-domain": "example.org",
                "policy-string": ["version: STSv1", "mode: testing"],
                "mx-host": ["*.example.org"],
            }},
            "summary": { "total-successful-session-count": 3, "total-failure-session-count": 0 },
            "failure-details": [],
        }, {
            "policy": { "applied": {
                "policy-type": "tlsa",
                "policy-domain": "mx.example.org",
                "policy-string": ["3 1 1 ab12"],
                "mx-host": [],
            }},
            "summary": { "total-successful-session-count": 1, "total-failure-session-count": 2 },
            "failure-details": [{
                "result-type": "certificate-expired",
                "sending-mta-ip": "192.0.2.1",
                "receiving-mx-hostname": "mx.example.org",
                "receiving-mx-helo": "mx7.example.org",
                "receiving-ip": "2001:db8::7",
                "failed-session-count": 2,
                "failure-reason-code": "expired on Monday",
            }],
        }],
    });
    assert_eq!(serde_json::to_value(&report).unwrap(), expected);
    assert_eq!(
        serde_json::from_value::<Option<TlsReport>>(expected).unwrap(),
        report
    );
}

#[test]
fn failures_that_differ_in_anything_are_counted_apart() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open(directory.path());
    let plain = || {
        let failure = failed(tlsa(), ResultType::ValidationFailure, "no common version");
        session("example.org", [failure])
    };
    let changes: [fn(&mut TlsSession); 7] = [
        |_| {},
        |it| it.sending_mta_ip = None,
        |it| it.receiving_mx_hostname = Some("[192.0.2.7]".parse().unwrap()),
        |it| it.receiving_mx_helo = None,
        |it| it.receiving_ip = Some("192.0.2.8".parse().unwrap()),
        |it| it.policies = vec![failed(tlsa(), ResultType::TlsaInvalid, "no common version")],
        |it| it.policies = vec![failed(tlsa(), ResultType::ValidationFailure, "closed")],
    ];
    for change in changes.iter().chain(&changes) {
        let mut session = plain();
        change(&mut session);
        ledger.record_session(&session);
    }
    let report = ledger
        .tls_report(today(), &"example.org".parse().unwrap())
        .unwrap();
    let [policy] = report.policies.as_slice() else {
        panic!("one policy");
    };
    assert_eq!(policy.failure_details.len(), changes.len());
    assert!(
        policy
            .failure_details
            .iter()
            .all(|it| it.failed_session_count == 2)
    );
    assert_eq!(policy.summary.total_failure_session_count, 14);
}

#[test]
fn a_session_counts_for_its_day_in_utc() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open(directory.path());
    for second in [NOON, NOON + 12 * HOUR - 1, NOON + 12 * HOUR] {
        let mut session = session("example.org", [met(none("example.org"))]);
        session.at = at(second);
        ledger.record_session(&session);
    }
    let domain = "example.org".parse().unwrap();
    let sessions = ledger.days().into_iter().map(|day| {
        let report = ledger.tls_report(day, &domain).unwrap();
        (
            day.to_string(),
            report.policies[0].summary.total_successful_session_count,
        )
    });
    let expected = [("2026-11-23".to_owned(), 2), ("2026-11-24".to_owned(), 1)];
    assert_eq!(sessions.collect::<Vec<_>>(), expected);
}

#[test]
fn messages_in_clear_are_no_part_of_a_report() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open(directory.path());
    let record = |destination: &str, cause| {
        ledger.record_plaintext(&PlaintextMessage {
            destination: destination.parse().unwrap(),
            at: noon(),
            cause,
        });
    };
    let broken = || PlaintextCause::HandshakeFailed {
        reason: "no common version".to_owned(),
    };
    record("[192.0.2.7]", PlaintextCause::NotOffered);
    record("example.org", PlaintextCause::NotOffered);
    record("example.org", broken());
    record("example.org", broken());

    assert_eq!(ledger.domains(today()), []);
    assert_eq!(
        ledger.tls_report(today(), &"example.org".parse().unwrap()),
        None
    );
    let expected = json!([
        {
            "destination": "example.org",
            "plaintext": [
                { "cause": "not-offered", "messages": 1 },
                { "cause": "handshake-failed", "reason": "no common version", "messages": 2 },
            ],
        },
        {
            "destination": "[192.0.2.7]",
            "plaintext": [{ "cause": "not-offered", "messages": 1 }],
        },
    ]);
    let plaintext = ledger.plaintext(today());
    assert_eq!(serde_json::to_value(&plaintext).unwrap(), expected);
    let back = serde_json::from_value::<Vec<PlaintextReport>>(expected).unwrap();
    assert_eq!(back, plaintext);
}
