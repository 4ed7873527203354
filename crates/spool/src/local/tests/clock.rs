//! A clock that was ahead, and what it wrote down.

use std::time::Duration;

use postern_mail::EnhancedStatusCode;

use super::*;
use crate::Failure;

const DAY: Duration = Duration::from_secs(24 * 3600);
const QUARTER: Duration = Duration::from_secs(15 * 60);

/// Claims the one message that is due, and defers it by a clock that is a day ahead.
async fn deferred_by_a_clock_that_is_ahead(spool: &LocalSpool) {
    let ahead = SystemTime::now() + DAY;
    let claim = spool.claim(SystemTime::now(), 1).await.unwrap().remove(0);
    let outcome = Outcome::Deferred {
        until: ahead + QUARTER,
        failure: Failure::here(ahead, EnhancedStatusCode::transient(4, 1), "nobody there"),
    };
    let settlement = Settlement {
        outcomes: vec![(claim.recipients()[0].index, outcome)],
        ..Settlement::default()
    };
    spool.settle(&claim, settlement).await.unwrap();
}

/// The message waits for a quarter of an hour, not for a day and a quarter of an hour.
async fn assert_waits_a_quarter(spool: &LocalSpool) {
    let now = SystemTime::now();
    assert_eq!(spool.claim(now, 9).await.unwrap().len(), 0);
    assert_eq!(spool.claim(now + QUARTER, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_attempt_that_outlasts_the_correction_counts_from_now() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::new());
    let spool = spool(&directory, &fake, 0);
    spool.accept(submission("hello")).await.unwrap();
    deferred_by_a_clock_that_is_ahead(&spool).await;
    assert_waits_a_quarter(&spool).await;
}

#[tokio::test]
async fn what_is_found_at_the_start_counts_from_now() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::new());
    let before = spool(&directory, &fake, 0);
    before.accept(submission("hello")).await.unwrap();
    deferred_by_a_clock_that_is_ahead(&before).await;
    drop(before);
    let (spool, _) = loading::reopened(&directory, &fake, 1);
    assert_waits_a_quarter(&spool).await;
}

#[tokio::test]
async fn what_is_released_counts_from_now() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::new());
    let spool = spool(&directory, &fake, 0);
    let id = spool.accept(submission("hello")).await.unwrap();
    deferred_by_a_clock_that_is_ahead(&spool).await;
    spool.hold(id, "audit").await.unwrap();
    spool.release(id).await.unwrap();
    assert_waits_a_quarter(&spool).await;
}

#[tokio::test]
async fn what_was_accepted_by_a_clock_that_was_ahead_is_due() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::new());
    let before = spool(&directory, &fake, 0);
    let accepted = before.accept(Submission {
        received_at: SystemTime::now() + DAY,
        ..submission("hello")
    });
    accepted.await.unwrap();
    drop(before);
    let (spool, _) = loading::reopened(&directory, &fake, 1);
    assert_eq!(spool.claim(SystemTime::now(), 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_retry_asked_for_while_the_clock_is_ahead_stays_one() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::new());
    let before = spool(&directory, &fake, 0);
    let id = before.accept(submission("hello")).await.unwrap();
    let ahead = SystemTime::now() + DAY;
    let change =
        |message: &mut crate::message::Message| message.retry(crate::time::to_millis(ahead));
    before.shared.change(id, change).await.unwrap();
    drop(before);
    let (spool, _) = loading::reopened(&directory, &fake, 1);
    assert_eq!(spool.claim(SystemTime::now(), 9).await.unwrap().len(), 1);
}
