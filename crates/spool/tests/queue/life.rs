//! A message's life in the queue, from acceptance to its last recipient.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use postern_spool::{
    BounceTo, DelayNotice, Filter, Health, HoldState, Outcome, RecipientState, SenderFilter,
    Settled, Settlement, Spool, SpoolError, Submission,
};

use crate::common::{claim_all, delivered, failure, open, outcomes, read, submission};

#[tokio::test]
async fn accepted_delivered_gone() {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path());
    assert_eq!(spool.health(), Health::Good);
    let changes = spool.changes();
    let id = spool
        .accept(submission(
            &["a@x.example"],
            "Subject: hello\r\n\r\nhello\r\n",
        ))
        .await
        .unwrap();
    assert!(changes.has_changed().unwrap());
    assert!(spool.next_due().unwrap() <= SystemTime::now());

    let claims = claim_all(&spool).await;
    let [claim] = claims.as_slice() else {
        panic!("one message is due: {claims:?}");
    };
    assert_eq!(claim.id(), id);
    assert_eq!(claim.recipients().len(), 1);
    assert_eq!(
        read(claim.content()).await,
        "Subject: hello\r\n\r\nhello\r\n"
    );
    assert_eq!(
        claim_all(&spool).await.len(),
        0,
        "what is claimed is claimed"
    );

    let settled = spool.settle(claim, delivered(claim)).await.unwrap();
    assert_eq!(settled.waiting, 0);
    assert_eq!(spool.get(id).await.unwrap(), None);
    drop(claims);
    drop(spool);
    let spool = open(directory.path());
    assert_eq!(spool.figures().messages, 0);
    assert_eq!(claim_all(&spool).await.len(), 0);
}

#[tokio::test]
async fn content_comes_from_disk_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let id = open(directory.path())
        .accept(submission(&["a@x.example"], "kept"))
        .await
        .unwrap();
    let spool = open(directory.path());
    let claims = claim_all(&spool).await;
    assert_eq!(claims[0].id(), id);
    assert_eq!(read(claims[0].content()).await, "kept");
}

#[tokio::test]
async fn a_claim_that_is_dropped_is_due_again() {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path());
    spool
        .accept(submission(&["a@x.example"], "again"))
        .await
        .unwrap();
    let mut changes = spool.changes();
    drop(claim_all(&spool).await);
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    let claims = claim_all(&spool).await;
    assert_eq!(read(claims[0].content()).await, "again");
}

#[tokio::test]
async fn what_is_postponed_waits_and_counts_as_no_attempt() {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path());
    spool
        .accept(submission(&["a@x.example"], "later"))
        .await
        .unwrap();
    let claim = claim_all(&spool).await.remove(0);
    let until = SystemTime::now() + Duration::from_secs(600);
    let postponed = (claim.recipients()[0].index, Outcome::Postponed { until });
    let settled = spool.settle(&claim, outcomes([postponed])).await;
    assert_eq!(settled.unwrap().waiting, 1);
    drop(claim);
    assert_eq!(claim_all(&spool).await.len(), 0);
    let claim = spool.claim(until, 9).await.unwrap().remove(0);
    assert_eq!(claim.recipients()[0].attempts, 0);
    assert_eq!(claim.recipients()[0].last_failure, None);
}

#[tokio::test]
async fn recipients_are_settled_one_by_one() {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path());
    let id = spool
        .accept(submission(
            &["a@x.example", "b@y.example", "c@z.example"],
            "to three",
        ))
        .await
        .unwrap();
    let claim = claim_all(&spool).await.remove(0);
    let [a, b, c] = [0, 1, 2].map(|at| claim.recipients()[at].index);
    let later = SystemTime::now() + Duration::from_secs(600);
    let deferred = Outcome::Deferred {
        until: later,
        failure: failure("not now"),
    };
    let settled = spool
        .settle(&claim, outcomes([(a, Outcome::Delivered)]))
        .await;
    assert_eq!(settled.unwrap().waiting, 2);
    let settled = spool.settle(&claim, outcomes([(b, deferred)])).await;
    assert_eq!(settled.unwrap().waiting, 2);
    drop(claim);

    // The one without an outcome is due, the deferred one later, after a restart as well.
    drop(spool);
    let spool = open(directory.path());
    let claim = claim_all(&spool).await.remove(0);
    assert_eq!(claim.recipients().len(), 1);
    assert_eq!(claim.recipients()[0].index, c);
    let bounced = Outcome::Bounced {
        failure: failure("never"),
    };
    spool
        .settle(&claim, outcomes([(c, bounced)]))
        .await
        .unwrap();
    drop(claim);
    assert_eq!(claim_all(&spool).await.len(), 0);
    let seen = spool.get(id).await.unwrap().unwrap();
    assert_eq!(seen.waiting(), 1);
    assert_eq!(seen.progress[0].state, RecipientState::Delivered);
    assert_eq!(seen.progress[2].state, RecipientState::Bounced);
    let until = seen.next_attempt().unwrap();
    assert!(later.duration_since(until).unwrap() < Duration::from_millis(1));

    let claim = spool.claim(later, 9).await.unwrap().remove(0);
    assert_eq!(claim.recipients()[0].attempts, 1);
    assert_eq!(
        claim.recipients()[0]
            .last_failure
            .as_ref()
            .map(|f| f.cause().clone()),
        Some(failure("not now").cause().clone())
    );
    assert_eq!(read(claim.content()).await, "to three");
    let settled = spool.settle(&claim, delivered(&claim)).await.unwrap();
    assert_eq!(settled.waiting, 0);
    assert_eq!(spool.figures().messages, 0);
}

#[tokio::test]
async fn a_recipient_that_becomes_due_is_claimed_beside_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path());
    spool
        .accept(submission(&["slow@x.example", "later@y.example"], "two"))
        .await
        .unwrap();
    let first = claim_all(&spool).await.remove(0);
    let [slow, later] = [0, 1].map(|at| first.recipients()[at].index);
    let soon = SystemTime::now() + Duration::from_secs(60);
    let deferral = Outcome::Deferred {
        until: soon,
        failure: failure("busy"),
    };
    spool
        .settle(&first, outcomes([(later, deferral)]))
        .await
        .unwrap();
    drop(first);
    let held_up = claim_all(&spool).await.remove(0);
    assert_eq!(held_up.recipients()[0].index, slow);
    let second = spool.claim(soon, 9).await.unwrap().remove(0);
    assert_eq!(second.recipients()[0].index, later);
    assert_eq!(
        spool
            .settle(&second, delivered(&second))
            .await
            .unwrap()
            .waiting,
        1
    );
    assert_eq!(
        spool
            .settle(&held_up, delivered(&held_up))
            .await
            .unwrap()
            .waiting,
        0
    );
}

#[tokio::test]
async fn an_outcome_counts_once() {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path());
    let id = spool
        .accept(submission(&["a@x.example", "b@x.example"], "x"))
        .await
        .unwrap();
    let claim = claim_all(&spool).await.remove(0);
    let a = claim.recipients()[0].index;
    let bounced = Outcome::Bounced {
        failure: failure("no"),
    };
    spool
        .settle(&claim, outcomes([(a, Outcome::Delivered), (a, bounced)]))
        .await
        .unwrap();
    let seen = spool.get(id).await.unwrap().unwrap();
    assert_eq!(seen.progress[0].state, RecipientState::Delivered);
    assert_eq!(seen.progress[0].attempts, 1);
}

#[tokio::test]
async fn a_notification_is_accepted_with_what_caused_it() {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path());
    let id = spool
        .accept(submission(&["a@x.example"], "cause"))
        .await
        .unwrap();
    let claim = claim_all(&spool).await.remove(0);
    let due = claim.recipients()[0].index;
    let delay = Settlement {
        outcomes: vec![(
            due,
            Outcome::Deferred {
                until: SystemTime::now(),
                failure: failure("slow"),
            },
        )],
        delay_notices: vec![due],
        submissions: vec![submission(&["jo@sender.example"], "delayed")],
    };
    let Settled { submitted, waiting } = spool.settle(&claim, delay).await.unwrap();
    assert_eq!((submitted.len(), waiting), (1, 1));
    drop(claim);
    drop(spool);

    let spool = open(directory.path());
    let seen = spool.get(id).await.unwrap().unwrap();
    assert_eq!(seen.progress[0].delay_notice, DelayNotice::Sent);
    let claims = claim_all(&spool).await;
    let notice = claims
        .iter()
        .find(|claim| claim.id() == submitted[0])
        .unwrap();
    assert_eq!(read(notice.content()).await, "delayed");
    let message = claims.iter().find(|claim| claim.id() == id).unwrap();
    assert_eq!(message.recipients()[0].delay_notice, DelayNotice::Sent);
}

#[tokio::test]
async fn what_was_removed_meanwhile_submits_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path());
    let id = spool
        .accept(submission(&["a@x.example"], "x"))
        .await
        .unwrap();
    let claim = claim_all(&spool).await.remove(0);
    spool.remove(id).await.unwrap();
    let settlement = Settlement {
        submissions: vec![submission(&["jo@sender.example"], "bounce")],
        ..delivered(&claim)
    };
    let settled = spool.settle(&claim, settlement).await.unwrap();
    assert_eq!((settled.submitted.len(), settled.waiting), (0, 0));
    assert_eq!(spool.figures().messages, 0);
    assert!(matches!(
        spool.remove(id).await,
        Err(SpoolError::Unknown(_))
    ));
}

#[tokio::test]
async fn a_held_message_is_not_claimed() {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path());
    let id = spool
        .accept(submission(&["a@x.example"], "x"))
        .await
        .unwrap();
    spool.hold(id, "looked at\r\nby hand").await.unwrap();
    assert_eq!(claim_all(&spool).await.len(), 0);
    assert_eq!(spool.next_due(), None);
    drop(spool);
    let spool = open(directory.path());
    assert_eq!(claim_all(&spool).await.len(), 0);
    assert_eq!(spool.figures().held, 1);
    let hold = spool.get(id).await.unwrap().unwrap().hold;
    assert_eq!(hold.as_deref(), Some("looked at\\r\\nby hand"));
    spool.release(id).await.unwrap();
    assert_eq!(spool.figures().held, 0);
    assert_eq!(claim_all(&spool).await.len(), 1);
}

#[tokio::test]
async fn a_retry_makes_the_deferred_due() {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path());
    let id = spool
        .accept(submission(&["a@x.example"], "x"))
        .await
        .unwrap();
    let claim = claim_all(&spool).await.remove(0);
    let deferral = Outcome::Deferred {
        until: SystemTime::now() + Duration::from_secs(3600),
        failure: failure("later"),
    };
    let due = claim.recipients()[0].index;
    spool
        .settle(&claim, outcomes([(due, deferral)]))
        .await
        .unwrap();
    drop(claim);
    assert_eq!(claim_all(&spool).await.len(), 0);
    spool.retry(id).await.unwrap();
    assert_eq!(claim_all(&spool).await.len(), 1);
}

#[tokio::test]
async fn a_message_without_recipients_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path());
    let refused = spool.accept(submission(&[], "x")).await;
    assert!(matches!(refused, Err(SpoolError::NoRecipients)));
}

#[tokio::test]
async fn claims_are_limited_and_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path());
    let mut ids = Vec::new();
    for number in 0..5 {
        let text = Bytes::from(format!("number {number}"));
        ids.push(
            spool
                .accept(submission(&["a@x.example"], text))
                .await
                .unwrap(),
        );
    }
    let first = spool.claim(SystemTime::now(), 2).await.unwrap();
    let rest = claim_all(&spool).await;
    let claimed: Vec<_> = first.iter().chain(&rest).map(|claim| claim.id()).collect();
    assert_eq!(first.len(), 2);
    assert_eq!(claimed, ids);
    assert_eq!(spool.figures().claimed, 5);
}

#[tokio::test]
async fn the_queue_is_listed_in_pages() {
    let directory = tempfile::tempdir().unwrap();
    let mut ids = Vec::new();
    {
        let spool = open(directory.path());
        for number in 0..25 {
            let recipient = format!("a@host{}.example", number % 5);
            ids.push(spool.accept(submission(&[&recipient], "x")).await.unwrap());
        }
        spool.hold(ids[3], "x").await.unwrap();
    }
    let spool = open(directory.path());
    assert_eq!(listed(&spool, &Filter::default()).await, ids);
    let one_domain = Filter {
        recipient_domains: Some(vec!["host3.example".parse().unwrap()]),
        ..Filter::default()
    };
    let expected: Vec<_> = ids.iter().copied().skip(3).step_by(5).collect();
    assert_eq!(listed(&spool, &one_domain).await, expected);
    let held = Filter {
        hold: Some(HoldState::Held),
        ..one_domain.clone()
    };
    assert_eq!(listed(&spool, &held).await, [ids[3]]);
    let free = Filter {
        hold: Some(HoldState::Free),
        ..one_domain
    };
    assert_eq!(listed(&spool, &free).await, expected[1..]);
    let nobody = Filter {
        sender: Some(SenderFilter::Domain("elsewhere.example".parse().unwrap())),
        ..Filter::default()
    };
    assert_eq!(listed(&spool, &nobody).await, []);
}

async fn listed(spool: &dyn Spool, filter: &Filter) -> Vec<postern_mail::QueueId> {
    let mut ids = Vec::new();
    let mut after = None;
    loop {
        let page = spool.list(filter, after, 4).await.unwrap();
        assert!(page.messages.len() <= 4);
        ids.extend(page.messages.iter().map(|message| message.id));
        after = page.next;
        if after.is_none() {
            return ids;
        }
    }
}

#[tokio::test]
async fn a_claimed_message_is_wanted_until_it_is_held_or_removed() {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path());
    let id = spool
        .accept(submission(&["a@x.example"], "hello\r\n"))
        .await
        .unwrap();
    let claims = claim_all(&spool).await;
    let [claim] = claims.as_slice() else {
        panic!("one message is due: {claims:?}");
    };
    assert!(spool.is_wanted(claim));
    spool.hold(id, "looked at").await.unwrap();
    assert!(!spool.is_wanted(claim));
    spool.release(id).await.unwrap();
    assert!(spool.is_wanted(claim));
    spool.remove(id).await.unwrap();
    assert!(!spool.is_wanted(claim));
}

/// What is accepted as held is ours and durable, and nobody delivers it before it is released.
#[tokio::test]
async fn a_message_may_be_held_from_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path());
    let held = Submission {
        hold: Some("suspicious\r\nby DMARC".to_owned()),
        quarantined: Some("DMARC".to_owned()),
        bounce_to: BounceTo::Nobody("forged".to_owned()),
        ..submission(&["a@x.example"], "kept")
    };
    let id = spool.accept(held).await.unwrap();
    assert_eq!(spool.figures().held, 1);
    assert_eq!(spool.next_due(), None);
    assert_eq!(claim_all(&spool).await.len(), 0);
    drop(spool);

    let spool = open(directory.path());
    let seen = spool.get(id).await.unwrap().unwrap();
    assert_eq!(seen.hold.as_deref(), Some("suspicious\\r\\nby DMARC"));
    assert_eq!(claim_all(&spool).await.len(), 0);
    spool.release(id).await.unwrap();
    let claims = claim_all(&spool).await;
    assert_eq!(read(claims[0].content()).await, "kept");
    assert_eq!(claims[0].quarantined(), Some("DMARC"));
    let nobody = BounceTo::Nobody("forged".to_owned());
    assert_eq!(claims[0].bounce_to(), &nobody);
}
