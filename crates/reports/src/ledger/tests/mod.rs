//! The ledger as a whole.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use super::*;

mod bounds;
mod counting;
mod durability;
mod histories;
mod partners;

/// Noon on 2026-11-23.
const NOON: u64 = 1_795_435_200;

const HOUR: u64 = 60 * 60;

fn noon() -> SystemTime {
    at(NOON)
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn today() -> Day {
    Day::of(noon())
}

/// Opens a ledger in which nothing is damaged.
fn open(directory: &Path) -> Ledger {
    let (ledger, problems) = Ledger::open(directory, noon()).unwrap();
    assert_eq!(problems, []);
    ledger
}

fn none(domain: &str) -> AppliedPolicy {
    AppliedPolicy::none(domain.parse().unwrap())
}

fn met(policy: AppliedPolicy) -> PolicyOutcome {
    PolicyOutcome {
        policy,
        failure: None,
    }
}

fn failed(policy: AppliedPolicy, result_type: ResultType, reason: &str) -> PolicyOutcome {
    PolicyOutcome {
        policy,
        failure: Some(SessionFailure {
            result_type,
            reason: Some(reason.to_owned()),
        }),
    }
}

fn session(domain: &str, policies: impl IntoIterator<Item = PolicyOutcome>) -> TlsSession {
    TlsSession {
        domain: domain.parse().unwrap(),
        at: noon(),
        sending_mta_ip: Some("192.0.2.1".parse().unwrap()),
        receiving_mx_hostname: Some("mx.example.org".parse().unwrap()),
        receiving_mx_helo: Some("mx7.example.org".to_owned()),
        receiving_ip: Some("2001:db8::7".parse().unwrap()),
        policies: policies.into_iter().collect(),
    }
}

fn attempt(second: u64, outcome: AttemptOutcome) -> PartnerAttempt {
    PartnerAttempt {
        partner: "ministry".to_owned(),
        direction: Direction::Outbound,
        rule: "authenticated".into(),
        stage: Stage::Observe,
        at: at(second),
        peer: "mx.ministry.example".to_owned(),
        basis: "certificate of the ministry's authority".to_owned(),
        outcome,
        identity: Some("mx.ministry.example".to_owned()),
        certificate_not_after: None,
        break_glass: false,
    }
}

fn would_fail(reason: &str) -> AttemptOutcome {
    AttemptOutcome::WouldFail(reason.to_owned())
}
