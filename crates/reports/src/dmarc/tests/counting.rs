//! What is counted, and found again.

use std::{fs, os::unix::fs::PermissionsExt};

use tokio_util::sync::CancellationToken;

use super::*;
use crate::ledger::{Fault, Ledger, LedgerError};

fn total(account: &Account) -> u64 {
    let rows = account.policies.iter().flat_map(|it| &it.rows);
    rows.map(|row| row.count).sum()
}

#[test]
fn like_messages_are_one_row() {
    let directory = tempfile::tempdir().unwrap();
    let book = open(directory.path());
    for n in [1, 2, 1, 1] {
        book.record(&from_address("example.org", n));
    }
    let account = account(&book, "example.org");
    let mut counts: Vec<u64> = account.policies[0].rows.iter().map(|it| it.count).collect();
    counts.sort_unstable();
    assert_eq!(counts, [1, 3]);
    assert_eq!(account.rua, ["mailto:dmarc@example.org"]);
    assert_eq!(book.domains(today()), ["example.org".parse().unwrap()]);
    assert_eq!(book.days(), [today()]);
}

#[test]
fn whoever_wants_no_reports_is_not_counted() {
    let directory = tempfile::tempdir().unwrap();
    let book = open(directory.path());
    book.record(&JudgedMail {
        rua: Vec::new(),
        ..judged("example.org")
    });
    assert_eq!(book.days(), []);
}

#[test]
fn a_policy_that_changes_has_rows_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let book = open(directory.path());
    book.record(&judged("example.org"));
    book.record(&JudgedMail {
        policy: PublishedPolicy::of(RequestedPolicy::None),
        rua: vec!["mailto:new@example.org".to_owned()],
        ..judged("example.org")
    });
    let account = account(&book, "example.org");
    assert_eq!(account.policies.len(), 2);
    assert_eq!(account.rua, ["mailto:new@example.org"]);
    assert_eq!(
        AggregateReport::of_account(&reporter(), today(), &account).len(),
        2
    );
}

#[test]
fn everything_is_found_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dmarc");
    let book = open(&path);
    for n in 0..20 {
        book.record(&from_address("example.org", n % 7));
        book.record(&from_address("example.com", n % 3));
        if n == 9 {
            book.flush_blocking().unwrap();
        }
    }
    let before = [account(&book, "example.org"), account(&book, "example.com")];
    book.flush_blocking().unwrap();
    let second = AggregateBook::open(&path);
    assert!(matches!(second, Err(LedgerError::Locked(_))), "{second:?}");
    drop(book);
    let book = open(&path);
    assert_eq!(
        [account(&book, "example.org"), account(&book, "example.com")],
        before
    );
    let mode = fs::metadata(path.join("2026-11-23.day"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    // It goes on counting where it was.
    book.record(&from_address("example.org", 0));
    assert_eq!(total(&account(&book, "example.org")), 21);
}

#[test]
fn damage_costs_what_was_damaged_and_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let book = open(directory.path());
    for n in 0..10 {
        book.record(&from_address("example.org", n));
    }
    book.flush_blocking().unwrap();
    drop(book);
    let file = directory.path().join("2026-11-23.day");
    let mut octets = fs::read(&file).unwrap();
    let middle = octets.len() / 2;
    octets[middle] ^= 0x11;
    fs::write(&file, octets).unwrap();
    let (book, problems) = AggregateBook::open(directory.path()).unwrap();
    assert_eq!(problems[0].fault, Fault::Damaged(1));
    assert_eq!(total(&account(&book, "example.org")), 9);
}

#[test]
fn the_book_and_the_ledger_are_not_taken_for_one_another() {
    let directory = tempfile::tempdir().unwrap();
    let book = open(directory.path());
    book.record(&judged("example.org"));
    book.flush_blocking().unwrap();
    drop(book);
    let (ledger, problems) = Ledger::open(directory.path(), at(NOON)).unwrap();
    assert_eq!(problems.len(), 1);
    assert_eq!(ledger.day(today()), []);
}

#[test]
fn days_are_pruned_by_their_number() {
    let directory = tempfile::tempdir().unwrap();
    let book = open(directory.path());
    let day = 24 * 60 * 60;
    for n in 0..12 {
        book.record(&JudgedMail {
            at: at(NOON + n * day),
            ..judged("example.org")
        });
        book.flush_blocking().unwrap();
    }
    assert_eq!(book.days().len(), KEPT_DAYS);
    assert!(!directory.path().join("2026-11-23.day").exists());
    // A clock that is far behind costs nothing that was counted.
    book.record(&judged("example.org"));
    assert_eq!(book.days().len(), KEPT_DAYS);
    assert_eq!(book.days()[0].to_string(), "2026-11-27");
    drop(book);
    assert_eq!(open(directory.path()).days().len(), KEPT_DAYS);
}

#[test]
fn one_domain_does_not_use_up_the_day() {
    let directory = tempfile::tempdir().unwrap();
    let book = open(directory.path());
    for n in 0..20_000 {
        book.record(&from_address("example.org", n));
    }
    book.record(&judged("example.com"));
    let of_many = account(&book, "example.org");
    assert!(of_many.left_out > 10_000, "{}", of_many.left_out);
    assert_eq!(total(&of_many) + of_many.left_out, 20_000);
    assert_eq!(total(&account(&book, "example.com")), 1);
    // What is counted goes on being counted.
    book.record(&from_address("example.org", 0));
    assert_eq!(
        total(&account(&book, "example.org")) + of_many.left_out,
        20_001
    );
    let reports = AggregateReport::of_account(&reporter(), today(), &of_many);
    let error = reports[0].metadata.error.as_ref().unwrap();
    assert!(error.starts_with(&of_many.left_out.to_string()), "{error}");
    book.flush_blocking().unwrap();
    drop(book);
    let book = open(directory.path());
    assert_eq!(account(&book, "example.org").left_out, of_many.left_out);
}

#[test]
fn many_domains_do_not_use_up_the_memory() {
    let directory = tempfile::tempdir().unwrap();
    let book = open(directory.path());
    for n in 0..5_000 {
        book.record(&judged(&format!("d{n}.example")));
    }
    let counted: u64 = book
        .domains(today())
        .iter()
        .filter_map(|domain| book.account(today(), domain))
        .map(|account| total(&account) + account.left_out)
        .sum();
    assert!(book.left_out(today()) > 0);
    assert_eq!(counted + book.left_out(today()), 5_000);
    book.flush_blocking().unwrap();
    let size = fs::metadata(directory.path().join("2026-11-23.day"))
        .unwrap()
        .len();
    assert!(size < 2 * DAY_OCTETS as u64, "{size}");
}

#[test]
fn what_others_write_is_cut() {
    let directory = tempfile::tempdir().unwrap();
    let book = open(directory.path());
    let mut mail = judged("example.org");
    mail.rua = (0..100).map(|_| "x".repeat(10_000)).collect();
    mail.policy.fo = Some("y\n".repeat(10_000));
    let signature = mail.row.auth_results.dkim[0].clone();
    mail.row.auth_results.dkim = vec![
        DkimAuthResult {
            selector: "z".repeat(10_000),
            ..signature
        };
        500
    ];
    book.record(&mail);
    book.flush_blocking().unwrap();
    let size = fs::metadata(directory.path().join("2026-11-23.day"))
        .unwrap()
        .len();
    assert!(size < 20_000, "{size}");
}

#[tokio::test]
async fn a_stop_in_good_order_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let book = open(directory.path());
    let cancellation = CancellationToken::new();
    let task = tokio::spawn(book.clone().run(cancellation.clone()));
    book.record(&judged("example.org"));
    cancellation.cancel();
    task.await.unwrap();
    drop(book);
    assert_eq!(total(&account(&open(directory.path()), "example.org")), 1);
}
