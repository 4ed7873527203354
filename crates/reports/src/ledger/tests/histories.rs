//! Any history of records, flushes, stops and crashes leaves what was flushed, and nothing else.

use proptest::{collection::vec, prelude::*};

use super::*;

/// What may happen.
#[derive(Debug, Clone)]
enum Event {
    Session {
        domain: u8,
        policy: u8,
        failure: Option<(u8, u8)>,
    },
    Plaintext {
        destination: u8,
        reason: Option<u8>,
    },
    Attempt {
        second: u16,
        failure: Option<u8>,
    },
    Flush,
    /// The process is gone, and with it what was not flushed.
    Crash,
}

fn event() -> impl Strategy<Value = Event> {
    let session = (0..3_u8, 0..3_u8, proptest::option::of((0..11_u8, 0..3_u8)));
    let plaintext = (0..3_u8, proptest::option::of(0..3_u8));
    let attempt = (any::<u16>(), proptest::option::of(0..20_u8));
    prop_oneof![
        8 => session.prop_map(|(domain, policy, failure)| Event::Session { domain, policy, failure }),
        2 => plaintext.prop_map(|(destination, reason)| Event::Plaintext { destination, reason }),
        4 => attempt.prop_map(|(second, failure)| Event::Attempt { second, failure }),
        2 => Just(Event::Flush),
        1 => Just(Event::Crash),
    ]
}

fn record(ledger: &Ledger, event: &Event) {
    let domain = |number: &u8| format!("d{number}.example");
    match event {
        Event::Session {
            domain: number,
            policy,
            failure,
        } => {
            let applied = AppliedPolicy {
                policy_type: PolicyType::ALL[usize::from(*policy)],
                ..none("policy.example")
            };
            let outcome = match failure {
                None => met(applied),
                Some((kind, reason)) => {
                    let kind = ResultType::ALL[usize::from(*kind)];
                    failed(applied, kind, &reason.to_string())
                }
            };
            ledger.record_session(&session(&domain(number), [outcome]));
        }
        Event::Plaintext {
            destination,
            reason,
        } => ledger.record_plaintext(&PlaintextMessage {
            destination: domain(destination).parse().unwrap(),
            at: noon(),
            cause: match reason {
                None => PlaintextCause::NotOffered,
                Some(reason) => PlaintextCause::HandshakeFailed {
                    reason: reason.to_string(),
                },
            },
        }),
        Event::Attempt { second, failure } => {
            let outcome = match failure {
                None => AttemptOutcome::Met,
                Some(reason) => would_fail(&reason.to_string()),
            };
            ledger.record_attempt(&attempt(NOON + u64::from(*second), outcome));
        }
        Event::Flush | Event::Crash => {}
    }
}

/// What a ledger holds, in the words that it writes.
fn everything(ledger: &Ledger) -> serde_json::Value {
    let days = ledger.days().into_iter().map(|day| (day, ledger.day(day)));
    serde_json::json!([days.collect::<Vec<_>>(), ledger.partners(noon())])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_was_flushed_stays(events in vec(event(), 1..60)) {
        let directory = tempfile::tempdir().unwrap();
        let mut ledger = open(directory.path());
        let mut flushed = everything(&ledger);
        for event in &events {
            record(&ledger, event);
            match event {
                Event::Flush => {
                    ledger.flush_blocking().unwrap();
                    flushed = everything(&ledger);
                }
                Event::Crash => {
                    drop(ledger);
                    ledger = open(directory.path());
                    prop_assert_eq!(&everything(&ledger), &flushed);
                }
                Event::Session { .. } | Event::Plaintext { .. } | Event::Attempt { .. } => {}
            }
        }
        ledger.flush_blocking().unwrap();
        flushed = everything(&ledger);
        drop(ledger);
        prop_assert_eq!(everything(&open(directory.path())), flushed);
    }
}
