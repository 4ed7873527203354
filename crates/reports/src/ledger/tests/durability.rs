//! What is found again after a stop, however it came.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use tokio_util::sync::CancellationToken;

use super::*;

const DAY_FILE: &str = "2026-11-23.day";

/// Everything that can be asked, to be compared.
fn everything(ledger: &Ledger) -> (Vec<Vec<DestinationTally>>, Vec<PartnerStanding>) {
    let days = ledger.days().into_iter().map(|day| ledger.day(day));
    (days.collect(), ledger.partners(noon()))
}

fn record(ledger: &Ledger, domain: &str) {
    ledger.record_session(&session(domain, [met(none(domain))]));
}

fn sessions(ledger: &Ledger, domain: &str) -> u64 {
    let report = ledger.tls_report(today(), &domain.parse().unwrap());
    report.map_or(0, |it| {
        it.policies[0].summary.total_successful_session_count
    })
}

#[test]
fn everything_is_found_again() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open(directory.path());
    let expired = failed(none("example.org"), ResultType::CertificateExpired, "old");
    ledger.record_session(&session("example.org", [expired]));
    ledger.record_plaintext(&PlaintextMessage {
        destination: "[IPv6:2001:db8::7]".parse().unwrap(),
        at: at(NOON - 24 * HOUR),
        cause: PlaintextCause::NotOffered,
    });
    ledger.record_attempt(&attempt(NOON - HOUR, would_fail("wrong name")));
    ledger.record_attempt(&PartnerAttempt {
        direction: Direction::Inbound,
        certificate_not_after: Some(at(NOON + 90 * 24 * HOUR)),
        ..attempt(NOON, AttemptOutcome::Met)
    });
    let before = everything(&ledger);
    ledger.flush_blocking().unwrap();
    drop(ledger);
    assert_eq!(everything(&open(directory.path())), before);
}

#[test]
fn nobody_else_may_look_or_write() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let ledger = open(&path);
    record(&ledger, "example.org");
    ledger.flush_blocking().unwrap();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.clone()), 0o700);
    assert_eq!(mode(path.join(DAY_FILE)), 0o600);
    let second = Ledger::open(&path, noon());
    assert!(matches!(second, Err(LedgerError::Locked(_))), "{second:?}");
}

/// A day's file with a line per flush, and how often `a.example` and `b.example` had been counted
/// when it was of which size.
fn history(directory: &Path) -> (Vec<u8>, Vec<(usize, [u64; 2])>) {
    let ledger = open(directory);
    let file = directory.join(DAY_FILE);
    let mut history = Vec::new();
    let mut counts = [0, 0];
    for step in [0, 1, 0, 0, 1] {
        record(&ledger, ["a.example", "b.example"][step]);
        counts[step] += 1;
        ledger.flush_blocking().unwrap();
        history.push((fs::read(&file).unwrap().len(), counts));
    }
    (fs::read(&file).unwrap(), history)
}

#[test]
fn a_write_cut_short_anywhere_costs_that_write_alone() {
    let directory = tempfile::tempdir().unwrap();
    let (whole, history) = history(directory.path());
    let first = history[0].0;
    for length in first..=whole.len() {
        fs::write(directory.path().join(DAY_FILE), &whole[..length]).unwrap();
        let (ledger, problems) = Ledger::open(directory.path(), noon()).unwrap();
        let (written, counts) = history.iter().rfind(|(size, _)| *size <= length).unwrap();
        assert_eq!(sessions(&ledger, "a.example"), counts[0], "{length}");
        assert_eq!(sessions(&ledger, "b.example"), counts[1], "{length}");
        let faults: Vec<Fault> = problems.into_iter().map(|it| it.fault).collect();
        let torn = (length > *written).then_some(Fault::Torn);
        assert_eq!(faults, Vec::from_iter(torn), "{length}");

        // What is written next stands behind what was whole.
        if length % 16 != 0 {
            continue; // a sync each takes its time
        }
        record(&ledger, "a.example");
        ledger.flush_blocking().unwrap();
        drop(ledger);
        assert_eq!(
            sessions(&open(directory.path()), "a.example"),
            counts[0] + 1
        );
    }
}

#[test]
fn an_octet_changed_anywhere_costs_one_entry_and_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let (whole, _) = history(directory.path());
    let file = directory.path().join(DAY_FILE);
    // The second makes a line end of a `k`, and two lines of one.
    for (at, change) in (0..whole.len()).flat_map(|at| [(at, 0x11), (at, 0x61)]) {
        let mut damaged = whole.clone();
        damaged[at] ^= change;
        fs::write(&file, &damaged).unwrap();
        let (ledger, problems) = Ledger::open(directory.path(), noon()).unwrap();
        let [problem] = problems.as_slice() else {
            panic!("{at}: {problems:?}");
        };
        match &problem.fault {
            Fault::Torn => assert_eq!(at, whole.len() - 1),
            Fault::Damaged(1) => assert_ne!(damaged[at], b'\n'),
            Fault::Damaged(2) => assert_eq!(damaged[at], b'\n'),
            fault => panic!("{at}: {fault}"),
        }
        if let Some(kept) = &problem.kept {
            assert_eq!(fs::read(kept).unwrap(), damaged);
        }
        // The last line of each stands, or the one before it. Where a line end is gone, so are the
        // lines on both sides of it.
        let counts = ["a.example", "b.example"].map(|it| sessions(&ledger, it));
        let possible: &[_] = match whole[at] {
            b'\n' => &[[3, 2], [2, 1], [1, 2], [3, 1]],
            _ => &[[3, 2], [2, 2], [3, 1]],
        };
        assert!(possible.contains(&counts), "{at}: {counts:?}");

        if at % 16 != 0 {
            continue; // a sync each takes its time
        }
        ledger.flush_blocking().unwrap();
        drop(ledger);
        let repaired = open(directory.path());
        assert_eq!(
            ["a.example", "b.example"].map(|it| sessions(&repaired, it)),
            counts
        );
    }
}

#[test]
fn files_of_others_are_set_aside() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(DAY_FILE);
    let cases = [
        (
            Some("postern-ledger 2\nwho knows\n"),
            Fault::Version("2".to_owned()),
        ),
        (Some(""), Fault::Damaged(1)),
        (
            None,
            Fault::Unreadable("Is a directory (os error 21)".to_owned()),
        ),
    ];
    for (text, fault) in cases {
        match text {
            Some(text) => fs::write(&file, text).unwrap(),
            None => fs::create_dir(&file).unwrap(),
        }
        let (ledger, problems) = Ledger::open(directory.path(), noon()).unwrap();
        let kept = directory.path().join("2026-11-23.day.damaged");
        let expected = Problem {
            file: file.clone(),
            fault,
            kept: Some(kept.clone()),
        };
        assert_eq!(problems, [expected]);
        assert!(kept.exists());
        record(&ledger, "example.org");
        ledger.flush_blocking().unwrap();
        drop(ledger);
        assert_eq!(sessions(&open(directory.path()), "example.org"), 1);
        fs::remove_file(&file).unwrap();
    }
}

#[test]
fn what_could_not_be_written_is_written_later() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open(directory.path());
    let unfinished = directory.path().join("2026-11-23.day.new");
    fs::create_dir(&unfinished).unwrap();
    record(&ledger, "a.example");
    ledger.record_attempt(&attempt(NOON, AttemptOutcome::Met));
    assert!(matches!(
        ledger.flush_blocking(),
        Err(LedgerError::File { .. })
    ));
    assert!(
        directory.path().join("partners").exists(),
        "the other file is written"
    );
    assert_eq!(sessions(&ledger, "a.example"), 1);

    fs::remove_dir(&unfinished).unwrap();
    ledger.flush_blocking().unwrap();
    let file = directory.path().join(DAY_FILE);
    fs::remove_file(&file).unwrap();
    record(&ledger, "b.example");
    assert!(
        ledger.flush_blocking().is_err(),
        "the file to append to is gone"
    );
    ledger.flush_blocking().unwrap();
    drop(ledger);
    let ledger = open(directory.path());
    assert_eq!(
        [
            sessions(&ledger, "a.example"),
            sessions(&ledger, "b.example")
        ],
        [1, 1]
    );
}

#[test]
fn nothing_is_written_when_nothing_was_counted() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open(directory.path());
    record(&ledger, "example.org");
    ledger.flush_blocking().unwrap();
    let file = directory.path().join(DAY_FILE);
    fs::remove_file(&file).unwrap();
    ledger.flush_blocking().unwrap();
    assert!(!file.exists());
}

#[test]
fn only_the_last_days_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open(directory.path());
    let files = || {
        let entries = fs::read_dir(directory.path()).unwrap();
        let names = entries.map(|it| it.unwrap().file_name().into_string().unwrap());
        names.filter(|it| it.ends_with(".day")).count()
    };
    for day in 0..KEPT_DAYS as u64 + 5 {
        let mut session = session("example.org", [met(none("example.org"))]);
        session.at = at(NOON + day * 24 * HOUR);
        ledger.record_session(&session);
        ledger.flush_blocking().unwrap();
    }
    assert_eq!(ledger.days().len(), KEPT_DAYS);
    assert_eq!(ledger.days()[0].to_string(), "2026-11-28");
    assert_eq!(files(), KEPT_DAYS);
    let mut lost = session("lost.example", [met(none("lost.example"))]);
    lost.at = SystemTime::UNIX_EPOCH;
    ledger.record_session(&lost);
    assert_eq!(ledger.days().len(), KEPT_DAYS);
    assert_eq!(
        ledger.domains(ledger.days()[0]).len(),
        2,
        "it counts for the first day"
    );

    // A file more than there should be, as an older program may leave it.
    drop(ledger);
    fs::write(directory.path().join("1999-01-01.day"), "").unwrap();
    fs::write(directory.path().join("2026-12-01.day.new"), "half").unwrap();
    let ledger = open(directory.path());
    assert_eq!(ledger.days().len(), KEPT_DAYS);
    assert_eq!(files(), KEPT_DAYS);
    assert!(!directory.path().join("2026-12-01.day.new").exists());
}

#[tokio::test]
async fn the_task_writes_a_last_time_when_it_is_ended() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open(directory.path());
    let cancellation = CancellationToken::new();
    let task = tokio::spawn(ledger.clone().run(cancellation.clone()));
    record(&ledger, "example.org");
    cancellation.cancel();
    task.await.unwrap();
    drop(ledger);
    assert_eq!(sessions(&open(directory.path()), "example.org"), 1);
}
