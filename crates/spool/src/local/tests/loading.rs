//! A queue that is in use before it has been read: the reader is stepped by hand.

use std::{collections::BTreeSet, sync::atomic::AtomicBool};

use super::*;
use crate::{
    Filter, Loading,
    local::{
        aside::Unusable,
        engine::{Table, Whose},
        loading::{self, Loader},
        sweep::Sweep,
    },
    time,
};

/// A queue of `count` messages that has been closed.
async fn stored(count: usize) -> (tempfile::TempDir, Arc<Fake>, Vec<QueueId>) {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::new());
    let spool = spool(&directory, &fake, 0);
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(spool.accept(submission("hello")).await.unwrap());
    }
    (directory, fake, ids)
}

/// The queue again, of which `known` messages have been read, and the reader of the rest.
pub(super) fn reopened(
    directory: &tempfile::TempDir,
    fake: &Arc<Fake>,
    known: usize,
) -> (LocalSpool, Loader) {
    let settings = Settings {
        reserve: 0,
        fresh: 0,
        ..Settings::at(directory.path())
    };
    let home = Home::prepare(directory.path()).unwrap();
    let lock = home.lock().unwrap();
    let sweep = Sweep::prepare(&home).unwrap();
    let mut index = Index::new(0);
    let mut rest = fake.pairs(Table::Messages);
    let loaded = loading::load(
        &mut rest,
        &mut index,
        known,
        time::to_millis(SystemTime::now()),
    )
    .unwrap();
    let all = fake.ids_after(None, usize::MAX).unwrap();
    index.begin_loading(
        loaded.up_to.unwrap(),
        *all.last().unwrap(),
        all.len() as u64,
    );
    let engine = Box::new(Arc::clone(fake));
    let shared = Shared::new(&settings, home, lock, Seed(1), engine, index);
    let loader = Loader {
        shared: Arc::downgrade(&shared),
        rest,
        sweep,
        quarantined: Vec::new(),
        stop: Arc::new(AtomicBool::new(false)),
    };
    (LocalSpool::start(shared, None).unwrap(), loader)
}

async fn claimed(spool: &LocalSpool) -> Vec<crate::Claim> {
    spool.claim(SystemTime::now(), usize::MAX).await.unwrap()
}

async fn listed(spool: &LocalSpool) -> Vec<QueueId> {
    let page = spool.list(&Filter::default(), None, 1000).await.unwrap();
    page.messages.iter().map(|message| message.id).collect()
}

#[tokio::test]
async fn what_is_read_is_delivered_and_the_rest_follows() {
    let (directory, fake, ids) = stored(5).await;
    let (spool, loader) = reopened(&directory, &fake, 2);
    let loading = Loading { read: 2, total: 5 };
    assert_eq!(spool.figures().loading, Some(loading));
    let first = claimed(&spool).await;
    assert_eq!(first.len(), 2);
    let mut changes = spool.changes();
    changes.mark_unchanged();
    loader.run();
    assert!(changes.has_changed().unwrap(), "there is more to claim");
    let figures = spool.figures();
    assert_eq!((figures.loading, figures.messages), (None, 5));
    let rest = claimed(&spool).await;
    let all: BTreeSet<_> = first.iter().chain(&rest).map(crate::Claim::id).collect();
    assert_eq!(all, ids.into_iter().collect());
    assert_eq!(rest.len(), 3, "nothing is claimed twice");
}

#[tokio::test]
async fn what_is_not_read_yet_is_found() {
    let (directory, fake, ids) = stored(4).await;
    let (spool, loader) = reopened(&directory, &fake, 0);
    assert_eq!(spool.figures().messages, 0);
    assert_eq!(listed(&spool).await, ids);
    let after = spool
        .list(&Filter::default(), Some(ids[1]), 1)
        .await
        .unwrap();
    assert_eq!(after.messages[0].id, ids[2]);
    assert_eq!(spool.get(ids[3]).await.unwrap().unwrap().id, ids[3]);
    spool.hold(ids[0], "looked at").await.unwrap();
    loader.run();
    let held = spool.get(ids[0]).await.unwrap().unwrap();
    assert_eq!(held.hold.as_deref(), Some("looked at"));
    assert_eq!((spool.figures().messages, spool.figures().held), (4, 1));
    let claims = claimed(&spool).await;
    assert_eq!(claims.len(), 3, "the older record does not release it");
}

#[tokio::test]
async fn what_has_left_the_queue_does_not_come_back() {
    let (directory, fake, ids) = stored(4).await;
    let (spool, loader) = reopened(&directory, &fake, 0);
    spool.remove(ids[1]).await.unwrap();
    assert!(matches!(
        spool.remove(ids[1]).await,
        Err(SpoolError::Unknown(_))
    ));
    assert_eq!(spool.get(ids[1]).await.unwrap(), None);
    // One that was looked at, claimed and delivered before the reader comes to it.
    spool.retry(ids[2]).await.unwrap();
    let claims = claimed(&spool).await;
    assert_eq!(claims.len(), 1);
    let delivered = claims[0]
        .recipients()
        .iter()
        .map(|due| (due.index, Outcome::Delivered));
    let settlement = Settlement {
        outcomes: delivered.collect(),
        ..Settlement::default()
    };
    spool.settle(&claims[0], settlement).await.unwrap();
    drop(claims);
    loader.run();
    assert_eq!(listed(&spool).await, [ids[0], ids[3]]);
    assert_eq!(claimed(&spool).await.len(), 2);
}

/// The clock may have been set back, so that new ids are among the old ones.
#[tokio::test]
async fn new_messages_are_not_read_again_and_have_ids_of_their_own() {
    let (directory, fake, ids) = stored(3).await;
    let (spool, loader) = reopened(&directory, &fake, 0);
    assert!(ids.iter().all(|id| spool.shared.is_taken(*id)));
    let new = spool.accept(submission("hello")).await.unwrap();
    assert!(!ids.contains(&new));
    let claims = claimed(&spool).await;
    assert_eq!(claims.len(), 1);
    loader.run();
    assert_eq!(spool.figures().messages, 4);
    assert_eq!(claimed(&spool).await.len(), 3);
}

#[tokio::test]
async fn a_rotten_record_is_set_aside_by_the_reader_and_can_be_removed_before() {
    let (directory, fake, ids) = stored(4).await;
    for id in [ids[1], ids[2]] {
        let rotten = Bytes::from_static(b"rot");
        fake.records
            .lock()
            .unwrap()
            .insert((Table::Messages as u8, id), rotten);
    }
    let (spool, loader) = reopened(&directory, &fake, 0);
    spool.remove(ids[1]).await.unwrap();
    loader.run();
    assert_eq!(spool.figures().messages, 2);
    assert_eq!(spool.figures().damaged, 1);
    let home = Home::prepare(directory.path()).unwrap();
    let kept = |id| home.quarantine().join(format!("{id}.message")).exists();
    assert_eq!((kept(ids[1]), kept(ids[2])), (false, true));
    assert_eq!(fake.ids_after(None, 9).unwrap(), [ids[0], ids[3]]);
}

/// The next start reads everything and rescues what it can, as after a failed write.
#[tokio::test]
async fn a_store_that_cannot_be_read_stops_the_queue() {
    let (directory, fake, _) = stored(2).await;
    let (spool, mut loader) = reopened(&directory, &fake, 0);
    let error = EngineError {
        reason: "a block is rotten".to_owned(),
        whose: Whose::Content,
    };
    loader.rest = Box::new([Err(error)].into_iter());
    loader.run();
    assert!(matches!(spool.health(), Health::Poisoned(_)));
    assert!(Home::prepare(directory.path()).unwrap().suspect().exists());
}

#[tokio::test]
async fn content_of_messages_that_are_read_late_is_not_swept() {
    let (directory, fake, ids) = stored(2).await;
    let home = Home::prepare(directory.path()).unwrap();
    let orphan = QueueId::new(1, 1);
    for id in [ids[0], ids[1], orphan] {
        std::fs::write(home.content_of(id), "content").unwrap();
    }
    let (spool, loader) = reopened(&directory, &fake, 1);
    // This one is being accepted: its file is there and its record is not.
    let arriving = QueueId::new(2, 2);
    std::fs::write(home.content_of(arriving), "content").unwrap();
    loader.run();
    let there = |id| home.content_of(id).exists();
    assert!(there(ids[0]) && there(ids[1]) && there(arriving));
    assert!(!there(orphan));
    drop(spool);
}

#[test]
fn a_key_that_is_no_id_is_nowhere() {
    let unusable = Unusable {
        key: Bytes::from_static(b"odd"),
        record: Bytes::new(),
        error: crate::local::record::RecordError::Damaged,
    };
    assert_eq!(unusable.id(), None);
}
