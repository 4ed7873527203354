//! Partners: what a record holds, and what follows from it.

use serde_json::json;

use super::*;

const DAY: u64 = 24 * HOUR;

/// The standing of the one partner after `attempts`, so many days after the first.
fn standing(attempts: impl IntoIterator<Item = PartnerAttempt>, day: u64) -> PartnerStanding {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open(directory.path());
    for attempt in attempts {
        ledger.record_attempt(&attempt);
    }
    let mut standings = ledger.partner("ministry", at(NOON + day * DAY));
    assert_eq!(standings.len(), 1);
    standings.remove(0)
}

/// Attempts every twelve hours.
fn met(from_day: u64, count: u64) -> Vec<PartnerAttempt> {
    (0..count)
        .map(|it| attempt(NOON + from_day * DAY + it * 12 * HOUR, AttemptOutcome::Met))
        .collect()
}

fn failing(day: u64, reason: &str) -> PartnerAttempt {
    attempt(NOON + day * DAY, would_fail(reason))
}

#[test]
fn the_latest_reason_is_told_first() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open(directory.path());
    for (second, reason) in [(0, "the first"), (1, "the first"), (2, "the second")] {
        ledger.record_attempt(&attempt(NOON + second, would_fail(reason)));
    }
    let standing = ledger.partners(at(NOON + 3)).remove(0);
    let told = standing.readiness.to_string();
    assert!(
        told.ends_with(": the second (once); the first (2 times)"),
        "{told}"
    );
}

#[test]
fn when_it_is_safe_to_enforce() {
    let with = |mut attempts: Vec<PartnerAttempt>, more: Vec<PartnerAttempt>| {
        attempts.extend(more);
        attempts
    };
    let cases = [
        (
            "long enough, not often enough",
            met(0, 19),
            12,
            "too early to say: nothing failed in 19 attempts since 2026-11-23; \
             it takes 20, and until 2026-11-30",
        ),
        (
            "often enough, not long enough",
            met(0, 30),
            6,
            "too early to say: nothing failed in 30 attempts since 2026-11-23; \
             it takes 20, and until 2026-11-30",
        ),
        (
            "both",
            met(0, 20),
            10,
            "safe to enforce: nothing failed in 20 attempts since 2026-11-23",
        ),
        (
            "the last attempt failed",
            with(met(0, 40), vec![failing(20, "expired")]),
            20,
            "failing, last at 2026-12-13T12:00:00Z, 0 attempts met the rule since: \
             expired (once)",
        ),
        (
            "it failed three days ago",
            with(
                vec![
                    failing(0, "wrong name"),
                    failing(0, "expired"),
                    failing(0, "expired"),
                ],
                met(1, 40),
            ),
            3,
            "failing, last at 2026-11-23T12:00:00Z, 40 attempts met the rule since: \
             expired (2 times); wrong name (once)",
        ),
        (
            "it failed long ago and few times met since",
            with(vec![failing(0, "expired")], met(10, 3)),
            20,
            "too early to say: nothing failed in 3 attempts since 2026-12-03; \
             it takes 20, and until 2026-12-10",
        ),
        (
            "it failed long ago, and nothing since",
            vec![failing(0, "expired")],
            8,
            "failing, last at 2026-11-23T12:00:00Z, 0 attempts met the rule since: \
             expired (once)",
        ),
        (
            "it failed and was repaired",
            with(vec![failing(0, "expired")], met(1, 40)),
            21,
            "safe to enforce: nothing failed in 40 attempts since 2026-11-24",
        ),
        (
            "nothing for a quarter",
            met(0, 100),
            200,
            "not measured yet",
        ),
    ];
    for (case, attempts, day, expected) in cases {
        let standing = standing(attempts, day);
        assert_eq!(standing.readiness.to_string(), expected, "{case}");
        let json = serde_json::to_string(&standing).unwrap();
        assert_eq!(
            serde_json::from_str::<PartnerStanding>(&json).unwrap(),
            standing
        );
    }
}

#[test]
fn a_standing_shows_what_was_measured() {
    let not_after = |days: u64| Some(at(NOON + days * DAY));
    let attempts = [
        PartnerAttempt {
            certificate_not_after: not_after(3),
            ..failing(0, "expired soon\n")
        },
        PartnerAttempt {
            stage: Stage::Enforce,
            outcome: AttemptOutcome::Failed("not offered".to_owned()),
            identity: None,
            break_glass: true,
            ..failing(1, "")
        },
        PartnerAttempt {
            peer: "mx2.ministry.example".to_owned(),
            certificate_not_after: not_after(30),
            ..failing(2, "not offered")
        },
        PartnerAttempt {
            certificate_not_after: not_after(60),
            ..attempt(NOON + 3 * DAY, AttemptOutcome::Met)
        },
    ];
    let expected = json!({
        "partner": "ministry",
        "direction": "outbound",
        "rule": "authenticated",
        "stage": "observe",
        "measured-since": "2026-11-23T12:00:00Z",
        "last-attempt": "2026-11-26T12:00:00Z",
        "attempts": 4,
        "met": 1,
        "would-have-failed": 2,
        "failed": 1,
        "under-break-glass": 1,
        "last-failure": "2026-11-25T12:00:00Z",
        "clean-since": "2026-11-26T12:00:00Z",
        "clean-attempts": 1,
        "reasons": [
            {
                "reason": "not offered",
                "count": 2,
                "first-seen": "2026-11-24T12:00:00Z",
                "last-seen": "2026-11-25T12:00:00Z",
                "last-peer": "mx2.ministry.example",
            },
            {
                "reason": "expired soon\\n",
                "count": 1,
                "first-seen": "2026-11-23T12:00:00Z",
                "last-seen": "2026-11-23T12:00:00Z",
                "last-peer": "mx.ministry.example",
            },
        ],
        "other-reasons": 0,
        "last-peer": "mx.ministry.example",
        "last-basis": "certificate of the ministry's authority",
        "last-identity": "mx.ministry.example",
        "certificates": [
            {
                "peer": "mx.ministry.example",
                "not-after": "2027-01-22T12:00:00Z",
                "seen": "2026-11-26T12:00:00Z",
            },
            {
                "peer": "mx2.ministry.example",
                "not-after": "2026-12-23T12:00:00Z",
                "seen": "2026-11-25T12:00:00Z",
            },
        ],
        "readiness": {
            "verdict": "failing",
            "last": "2026-11-25T12:00:00Z",
            "met-since": 1,
            "reasons": [
                {
                    "reason": "not offered",
                    "count": 2,
                    "first-seen": "2026-11-24T12:00:00Z",
                    "last-seen": "2026-11-25T12:00:00Z",
                    "last-peer": "mx2.ministry.example",
                },
                {
                    "reason": "expired soon\\n",
                    "count": 1,
                    "first-seen": "2026-11-23T12:00:00Z",
                    "last-seen": "2026-11-23T12:00:00Z",
                    "last-peer": "mx.ministry.example",
                },
            ],
        },
        "certificate-expiry": {
            "peer": "mx2.ministry.example",
            "not-after": "2026-12-23T12:00:00Z",
            "days": 26,
        },
    });
    let standing = standing(attempts, 4);
    assert_eq!(serde_json::to_value(&standing).unwrap(), expected);
}

#[test]
fn when_the_certificate_ends() {
    let cases = [
        (400, "expires in 400 days"),
        (2, "expires in 2 days"),
        (1, "expires in 1 day"),
        (0, "expires today"),
    ];
    let expiry = |not_after: u64, day: u64| {
        let seen = PartnerAttempt {
            certificate_not_after: Some(at(NOON + not_after * DAY)),
            ..attempt(NOON, AttemptOutcome::Met)
        };
        standing([seen], day).certificate_expiry
    };
    for (days, expected) in cases {
        let text = expiry(days, 0).unwrap().to_string();
        assert_eq!(
            text,
            format!("the certificate of mx.ministry.example {expected}")
        );
    }
    let ended = expiry(1, 2).unwrap();
    assert_eq!(ended.days, -1 - 1);
    assert_eq!(
        ended.to_string(),
        "the certificate of mx.ministry.example has expired"
    );
    assert_eq!(expiry(1, 31), None, "the host is gone");
}

#[test]
fn reasons_and_hosts_are_bounded_and_the_latest_stay() {
    let attempts = (0..100).map(|number| PartnerAttempt {
        peer: format!("mx{number}.ministry.example"),
        certificate_not_after: Some(noon()),
        ..attempt(NOON + number, would_fail(&format!("reason {number}")))
    });
    let record = standing(attempts, 0).record;
    assert_eq!(record.would_have_failed, 100);
    assert_eq!(record.reasons.len(), 16);
    assert_eq!(record.other_reasons, 84);
    assert!(record.reasons.iter().any(|it| it.reason == "reason 99"));
    assert_eq!(record.certificates.len(), 16);
    assert_eq!(record.certificates[0].peer, "mx99.ministry.example");
}

#[test]
fn directions_and_partners_are_apart() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open(directory.path());
    let met = || attempt(NOON, AttemptOutcome::Met);
    ledger.record_attempt(&met());
    ledger.record_attempt(&PartnerAttempt {
        direction: Direction::Inbound,
        ..met()
    });
    ledger.record_attempt(&PartnerAttempt {
        partner: "agency".to_owned(),
        ..met()
    });
    let found = ledger.partners(noon());
    let found = found
        .iter()
        .map(|it| (it.record.partner.as_str(), it.record.direction));
    let expected = [
        ("agency", Direction::Outbound),
        ("ministry", Direction::Inbound),
        ("ministry", Direction::Outbound),
    ];
    assert_eq!(found.collect::<Vec<_>>(), expected);
    assert_eq!(ledger.partner("ministry", noon()).len(), 2);
    assert_eq!(ledger.partner("nobody", noon()), []);
}

#[test]
fn partners_not_seen_for_long_are_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open(directory.path());
    ledger.record_attempt(&attempt(NOON, AttemptOutcome::Met));
    ledger.flush_blocking().unwrap();
    drop(ledger);
    for (days, left) in [(90, 1), (91, 0)] {
        let now = at(NOON + days * DAY);
        let (ledger, _) = Ledger::open(directory.path(), now).unwrap();
        assert_eq!(ledger.partners(now).len(), left, "{days}");
    }
}

#[test]
fn what_was_measured_long_ago_does_not_count_for_today() {
    let mut attempts = met(0, 40);
    attempts.extend(met(200, 1));
    let standing = standing(attempts, 200);
    assert_eq!(standing.record.attempts, 1);
    assert!(matches!(
        standing.readiness,
        Readiness::TooFew { attempts: 1, .. }
    ));
}

/// An attempt under the rule that came later.
fn stricter(second: u64, outcome: AttemptOutcome) -> PartnerAttempt {
    PartnerAttempt {
        rule: "authenticated, DANE".into(),
        ..attempt(second, outcome)
    }
}

#[test]
fn what_another_rule_met_is_not_told_of_the_present_one() {
    let mut attempts = vec![PartnerAttempt {
        certificate_not_after: Some(at(NOON + 60 * DAY)),
        ..failing(0, "expired")
    }];
    attempts.extend(met(1, 40));
    let before = standing(attempts.clone(), 30);
    assert!(matches!(before.readiness, Readiness::Safe { .. }));
    assert!(before.record.is_under("authenticated"));
    assert!(!before.record.is_under("authenticated, DANE"));

    let change = NOON + 30 * DAY;
    attempts.push(stricter(change, AttemptOutcome::Met));
    let after = standing(attempts.clone(), 60);
    assert_eq!(after.record.measured_since, at(change));
    assert_eq!((after.record.attempts, after.record.met), (1, 1));
    assert_eq!(
        (after.record.would_have_failed, &*after.record.reasons),
        (0, &[][..])
    );
    assert_eq!(after.record.last_failure, None);
    assert_eq!(after.record.certificates, before.record.certificates);
    assert!(after.record.is_under("authenticated, DANE"));
    assert!(matches!(
        after.readiness,
        Readiness::TooFew { attempts: 1, .. }
    ));

    attempts.push(stricter(change + HOUR, AttemptOutcome::Met));
    assert_eq!(standing(attempts, 60).record.attempts, 2);
}

#[test]
fn the_stage_is_no_other_rule() {
    let enforced = PartnerAttempt {
        stage: Stage::Enforce,
        ..attempt(NOON + DAY, AttemptOutcome::Met)
    };
    let record = standing([attempt(NOON, AttemptOutcome::Met), enforced], 1).record;
    assert_eq!(record.attempts, 2);
}

#[test]
fn a_rule_is_known_again_after_a_start_whatever_is_written_in_it() {
    let long = "\u{7f}\n".repeat(1000);
    for rule in ["authenticated", "", long.as_str()] {
        let directory = tempfile::tempdir().unwrap();
        let under = |second| PartnerAttempt {
            rule: rule.into(),
            ..attempt(second, AttemptOutcome::Met)
        };
        let ledger = open(directory.path());
        ledger.record_attempt(&under(NOON));
        ledger.flush_blocking().unwrap();
        drop(ledger);
        let ledger = open(directory.path());
        ledger.record_attempt(&under(NOON + HOUR));
        let record = ledger.partner("ministry", noon()).remove(0).record;
        assert_eq!(record.attempts, 2, "{rule:?}");
        assert!(record.is_under(rule));
        assert!(record.rule.unwrap().len() < 500);
        ledger.record_attempt(&stricter(NOON + 2 * HOUR, AttemptOutcome::Met));
        ledger.flush_blocking().unwrap();
        drop(ledger);
        let record = open(directory.path())
            .partner("ministry", noon())
            .remove(0)
            .record;
        assert_eq!(record.attempts, 1, "begun anew on disk as well: {rule:?}");
        assert!(record.is_under("authenticated, DANE"));
    }
}

/// Records once said neither the rule nor the peer of a failure.
#[test]
fn a_record_without_a_rule_is_read_and_counts_as_another_rules() {
    let mut attempts = met(0, 20);
    attempts.push(failing(10, "expired"));
    let mut json = serde_json::to_value(standing(attempts, 10).record).unwrap();
    json.as_object_mut().unwrap().remove("rule");
    let reason = json["reasons"][0].as_object_mut().unwrap();
    reason.remove("last-peer");
    let old: PartnerRecord = serde_json::from_value(json).unwrap();
    assert_eq!((old.rule.as_deref(), old.attempts), (None, 21));
    assert_eq!(old.reasons[0].last_peer, None);
    assert!(!old.is_under("authenticated"));
    assert!(!old.is_under(""));

    let mut state = state::State::default();
    state.load_partners(vec![old], at(NOON + 11 * DAY));
    for hour in 0..2 {
        let second = NOON + 11 * DAY + hour * HOUR;
        state.record_attempt(&attempt(second, AttemptOutcome::Met));
        let record = state.partners().next().unwrap();
        assert_eq!(record.attempts, hour + 1, "anew once");
        assert_eq!(record.measured_since, at(NOON + 11 * DAY));
    }
}

#[test]
fn a_reason_tells_whom_it_was_seen_with_last() {
    let from = |peer: &str, second| PartnerAttempt {
        peer: peer.to_owned(),
        ..attempt(NOON + second, would_fail("not offered"))
    };
    let long = "x".repeat(1000);
    let reasons = |attempts: Vec<PartnerAttempt>| standing(attempts, 0).record.reasons;
    let found = reasons(vec![from("192.0.2.1", 0), from("192.0.2.2", 1)]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].last_peer.as_deref(), Some("192.0.2.2"));
    for attempts in [vec![from(&long, 0)], vec![from("a", 0), from(&long, 1)]] {
        let peer = reasons(attempts).remove(0).last_peer.unwrap();
        assert!(peer.len() < 500, "{}", peer.len());
    }
}
