//! What is postponed and hastened in memory, and counted there.

use std::time::{Duration, SystemTime};

use postern_spool::{Claim, DomainCensus, LocalSpool, Outcome, Spool};

use crate::common::{claim_all, failure, open, outcomes, submission};

const HOUR: Duration = Duration::from_secs(3600);

async fn claimed_at(spool: &LocalSpool, now: SystemTime) -> Vec<Claim> {
    spool.claim(now, usize::MAX).await.unwrap_or_default()
}

fn indexes(claim: &Claim) -> Vec<usize> {
    let recipients = claim.recipients().iter();
    recipients.map(|due| due.index.as_usize()).collect()
}

#[tokio::test]
async fn what_is_postponed_waits_in_memory_and_is_no_attempt() {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path());
    let recipients = ["a@x.example", "b@y.example"];
    spool
        .accept(submission(&recipients, "hello"))
        .await
        .unwrap();
    let now = SystemTime::now();
    let commits = spool.figures().commits;
    let claim = claim_all(&spool).await.remove(0);
    spool.postpone(&claim, &[claim.recipients()[1].index], now + HOUR);
    drop(claim);

    let claims = claim_all(&spool).await;
    assert_eq!(indexes(&claims[0]), [0]);
    assert_eq!(claims[0].recipients()[0].attempts, 0);
    drop(claims);
    assert_eq!(indexes(&claimed_at(&spool, now + HOUR).await[0]), [0, 1]);
    assert_eq!(spool.figures().commits, commits, "nothing was written");
    drop(spool);

    let spool = open(directory.path());
    assert_eq!(indexes(&claim_all(&spool).await[0]), [0, 1]);
}

/// It is the same for a message that is read from disk each time.
#[tokio::test]
async fn what_is_postponed_stays_so_when_its_message_leaves_memory() {
    let directory = tempfile::tempdir().unwrap();
    drop({
        let spool = open(directory.path());
        let recipients = ["a@x.example", "b@y.example", "c@x.example"];
        spool
            .accept(submission(&recipients, "hello"))
            .await
            .unwrap();
        spool
    });
    let spool = open(directory.path());
    let now = SystemTime::now();
    let claim = claim_all(&spool).await.remove(0);
    let x = [claim.recipients()[0].index, claim.recipients()[2].index];
    spool.postpone(&claim, &x, now + HOUR);
    drop(claim);
    assert_eq!(indexes(&claim_all(&spool).await[0]), [1]);
    assert_eq!(indexes(&claimed_at(&spool, now + HOUR).await[0]), [0, 1, 2]);

    assert_eq!(spool.hasten(&"x.example".parse().unwrap()), 1);
    assert_eq!(indexes(&claim_all(&spool).await[0]), [0, 1, 2]);
}

/// What a record says counts again as soon as there is a new one.
#[tokio::test]
async fn an_outcome_ends_a_postponement() {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path());
    let id = spool
        .accept(submission(&["a@x.example"], "hello"))
        .await
        .unwrap();
    let now = SystemTime::now();
    let claim = claim_all(&spool).await.remove(0);
    let at = claim.recipients()[0].index;
    spool.postpone(&claim, &[at], now + 9 * HOUR);
    let until = now + HOUR;
    let deferred = Outcome::Deferred {
        until,
        failure: failure("later"),
    };
    spool
        .settle(&claim, outcomes([(at, deferred)]))
        .await
        .unwrap();
    drop(claim);
    assert!(
        claimed_at(&spool, until - Duration::from_secs(1))
            .await
            .is_empty()
    );
    let claim = claimed_at(&spool, until).await.remove(0);
    spool.postpone(&claim, &[at], now + 9 * HOUR);
    drop(claim);
    spool.retry(id).await.unwrap();
    assert_eq!(claim_all(&spool).await.len(), 1);
}

/// Who puts mail off may not know yet that the reason has gone.
#[tokio::test]
async fn what_is_claimed_while_its_domain_is_hastened_does_not_wait() {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path());
    let recipients = ["a@x.example", "b@y.example"];
    spool
        .accept(submission(&recipients, "hello"))
        .await
        .unwrap();
    let now = SystemTime::now();
    let claim = claim_all(&spool).await.remove(0);
    spool.hasten(&"x.example".parse().unwrap());
    let both = [claim.recipients()[0].index, claim.recipients()[1].index];
    spool.postpone(&claim, &both, now + HOUR);
    drop(claim);

    let claim = claim_all(&spool).await.remove(0);
    assert_eq!(indexes(&claim), [0]);
    spool.postpone(&claim, &[claim.recipients()[0].index], now + HOUR);
    drop(claim);
    assert!(
        claim_all(&spool).await.is_empty(),
        "that was before this claim"
    );
}

#[tokio::test]
async fn a_domain_is_hastened_and_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path());
    for recipients in [
        ["a@x.example", "b@y.example"],
        ["c@y.example", "d@z.example"],
    ] {
        spool
            .accept(submission(&recipients, "hello"))
            .await
            .unwrap();
    }
    let until = SystemTime::now() + HOUR;
    for claim in claim_all(&spool).await {
        let deferred = |at| {
            let failure = failure("later");
            (at, Outcome::Deferred { until, failure })
        };
        let all = claim.recipients().iter().map(|due| deferred(due.index));
        spool.settle(&claim, outcomes(all)).await.unwrap();
    }
    assert_eq!(claim_all(&spool).await.len(), 0);
    let mut changes = spool.changes();
    assert_eq!(spool.hasten(&"nobody.example".parse().unwrap()), 0);
    assert_eq!(spool.hasten(&"x.example".parse().unwrap()), 1);
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    let claims = claim_all(&spool).await;
    assert_eq!(claims.len(), 1);
    assert_eq!(indexes(&claims[0]), [0]);
    drop(claims);
    assert_eq!(spool.hasten(&"y.example".parse().unwrap()), 2);
    let mut claimed: Vec<_> = claim_all(&spool).await.iter().map(indexes).collect();
    claimed.sort();
    assert_eq!(claimed, [vec![0], vec![0, 1]]);
}

#[tokio::test]
async fn a_census_counts_by_domain() {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path());
    let accept =
        async |recipients: &[&str]| spool.accept(submission(recipients, "hello")).await.unwrap();
    accept(&["a@x.example", "b@y.example"]).await;
    accept(&["a@[192.0.2.1]"]).await;
    let held = accept(&["c@y.example"]).await;
    spool.hold(held, "looked at").await.unwrap();
    for claim in claim_all(&spool).await {
        if claim.envelope().recipients.len() == 2 {
            let until = SystemTime::now() + HOUR / 2;
            let at = claim.recipients()[1].index;
            let failure = failure("later");
            let deferred = Outcome::Deferred { until, failure };
            spool
                .settle(&claim, outcomes([(at, deferred)]))
                .await
                .unwrap();
        }
    }
    let claims = claim_all(&spool).await;
    let census = |domain: Option<&str>| -> DomainCensus {
        let domain = domain.map(|name| name.parse().unwrap());
        let mut all = spool.census();
        all.retain(|census| census.domain == domain);
        assert_eq!(all.len(), 1, "one line for {domain:?}");
        all.remove(0)
    };
    let (x, y) = (census(Some("x.example")), census(Some("y.example")));
    assert_eq!((x.waiting, x.claimed, x.fresh), (1, 1, 1));
    assert_eq!((y.waiting, y.held, y.within_an_hour, y.fresh), (2, 1, 1, 1));
    drop(claims);
    let nowhere = census(None);
    assert_eq!((nowhere.waiting, nowhere.due, nowhere.claimed), (1, 1, 0));
    assert_eq!(nowhere.by_age.iter().sum::<u64>(), 1);
    assert_eq!(nowhere.by_age[0], 1);
    assert_eq!(spool.census().len(), 3);
}
