//! Whatever peers do, memory and disk stay bounded and sums stay right.

use std::fs;

use super::*;

fn policy(domain: &str, line: &str) -> AppliedPolicy {
    AppliedPolicy {
        policy_type: PolicyType::Sts,
        policy_string: vec![line.to_owned(); 100],
        ..none(domain)
    }
}

fn failures(tallies: &[DestinationTally]) -> u64 {
    let policies = tallies.iter().flat_map(|it| &it.policies);
    policies
        .map(|it| it.summary.total_failure_session_count)
        .sum()
}

fn detailed(tallies: &[DestinationTally]) -> u64 {
    let policies = tallies.iter().flat_map(|it| &it.policies);
    let details = policies.flat_map(|it| &it.failure_details);
    details.map(|it| it.failed_session_count).sum()
}

#[test]
fn one_domain_cannot_use_up_the_day() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open(directory.path());
    for number in 0..2_000_u32 {
        let reason = format!("{number} {}", "x".repeat(1_000));
        let policy = policy("bad.example", &format!("line {number}"));
        let failure = failed(policy, ResultType::ValidationFailure, &reason);
        let mut session = session("bad.example", [failure]);
        session.receiving_mx_helo = Some(reason.clone());
        ledger.record_session(&session);
        ledger.record_plaintext(&PlaintextMessage {
            destination: "bad.example".parse().unwrap(),
            at: noon(),
            cause: PlaintextCause::HandshakeFailed { reason },
        });
    }
    ledger.record_session(&session("good.example", [met(none("good.example"))]));

    let tallies = ledger.day(today());
    assert_eq!(failures(&tallies), 2_000);
    assert_eq!(detailed(&tallies), 2_000);
    let [bad, good] = tallies.as_slice() else {
        panic!("two destinations");
    };
    assert_eq!(good.policies.len(), 1);
    let json = serde_json::to_vec(bad).unwrap();
    assert!(json.len() < 64 << 10, "{} octets", json.len());
    let other = bad.policies.last().unwrap();
    assert_eq!(other.policy, CountedPolicy::Other(PolicyType::Sts));
    assert!(other.summary.total_failure_session_count > 1_900);
    let detail = other.failure_details.last().unwrap();
    assert_eq!(detail.failure_reason_code.as_deref(), Some("(other)"));
    assert_eq!(
        bad.plaintext.iter().map(|it| it.messages).sum::<u64>(),
        2_000
    );
    let other = PlaintextCause::HandshakeFailed {
        reason: "(other)".to_owned(),
    };
    assert_eq!(bad.plaintext.last().unwrap().cause, other);
}

#[test]
fn a_day_of_inventive_domains_is_bounded() {
    const DOMAINS: u64 = 20_000;
    let directory = tempfile::tempdir().unwrap();
    let ledger = open(directory.path());
    for number in 0..DOMAINS {
        let domain = format!("d{number}.example");
        let policy = policy(&domain, "a line of a policy as it might be");
        let failure = failed(policy, ResultType::StsPolicyInvalid, "no");
        ledger.record_session(&session(&domain, [failure]));
        if number % 2_000 == 0 {
            ledger.flush_blocking().unwrap();
        }
    }
    ledger.flush_blocking().unwrap();
    let tallies = ledger.day(today());
    assert_eq!(failures(&tallies), DOMAINS);
    assert_eq!(detailed(&tallies), DOMAINS);
    let other = tallies.last().unwrap();
    assert_eq!(other.destination, Destination::Other);
    assert!(ledger.domains(today()).len() < DOMAINS as usize);

    let file = directory.path().join("2026-11-23.day");
    let octets = fs::metadata(file).unwrap().len() as usize;
    assert!(octets < 5 * DAY_OCTETS, "{octets} octets");
    drop(ledger);
    assert_eq!(open(directory.path()).day(today()), tallies);
}

#[test]
fn a_file_does_not_grow_with_the_number_of_flushes() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open(directory.path());
    // A line of some 50 KiB, so that few flushes are needed.
    for number in 0..100 {
        let failure = failed(
            none("example.org"),
            ResultType::ValidationFailure,
            &format!("{number} {}", "x".repeat(300)),
        );
        ledger.record_session(&session("example.org", [failure]));
    }
    let file = directory.path().join("2026-11-23.day");
    let mut largest = 0;
    for _ in 0..40 {
        ledger.record_session(&session("example.org", [met(none("example.org"))]));
        ledger.flush_blocking().unwrap();
        largest = largest.max(fs::metadata(&file).unwrap().len());
    }
    assert!(largest > 256 << 10, "it was appended to: {largest} octets");
    assert!(
        largest < 512 << 10,
        "it was written whole now and then: {largest} octets"
    );
}
