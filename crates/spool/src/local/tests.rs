//! The queue over a store that fails on purpose.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::SystemTime,
};

use bytes::Bytes;
use postern_mail::{BodyType, Envelope, ForwardPath, QueueId, ReversePath, TlsWish};

use super::{
    LocalSpool,
    engine::{Change, Engine, EngineError, Pairs, Table, Whose},
    home::Home,
    index::Index,
    record::Seed,
    shared::Shared,
};
use crate::{
    BounceTo, Content, Health, Origin, Outcome, Settings, Settlement, Spool, SpoolError, Submission,
};

mod clock;
mod loading;

/// What the store does with the next commits.
#[derive(Debug, Clone, Copy)]
enum Behaviour {
    Good,
    Fail,
    FailFull,
    Panic,
}

/// A store in memory.
#[derive(Debug)]
struct Fake {
    records: Mutex<HashMap<(u8, QueueId), Bytes>>,
    behaviour: Mutex<Behaviour>,
    commits: AtomicUsize,
    /// Each commit announces itself here, and waits for leave where there is somebody to give
    /// it.
    gate: Mutex<Option<(mpsc::Sender<()>, mpsc::Receiver<()>)>>,
}

impl Fake {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            records: Mutex::default(),
            behaviour: Mutex::new(Behaviour::Good),
            commits: AtomicUsize::new(0),
            gate: Mutex::new(None),
        })
    }

    fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    fn commits(&self) -> usize {
        self.commits.load(Ordering::SeqCst)
    }
}

impl Engine for Arc<Fake> {
    fn commit(&self, changes: Vec<Change>) -> Result<(), EngineError> {
        self.commits.fetch_add(1, Ordering::SeqCst);
        if let Some((here, go)) = &*self.gate.lock().unwrap() {
            here.send(()).unwrap();
            go.recv().unwrap();
        }
        let behaviour = *self.behaviour.lock().unwrap();
        let whose = match behaviour {
            Behaviour::Good => {
                let mut records = self.records.lock().unwrap();
                for change in changes {
                    match change {
                        Change::Put(table, id, record) => {
                            records.insert((table as u8, id), record);
                        }
                        Change::Remove(table, id) => {
                            records.remove(&(table as u8, id));
                        }
                    }
                }
                return Ok(());
            }
            Behaviour::Fail => Whose::System,
            Behaviour::FailFull => Whose::Room,
            Behaviour::Panic => panic!("the engine has a bug"),
        };
        Err(EngineError {
            reason: "the disk is on fire".to_owned(),
            whose,
        })
    }

    fn get(&self, table: Table, id: QueueId) -> Result<Option<Bytes>, EngineError> {
        Ok(self
            .records
            .lock()
            .unwrap()
            .get(&(table as u8, id))
            .cloned())
    }

    fn pairs(&self, table: Table) -> Pairs {
        let records = self.records.lock().unwrap();
        let of_table = records.iter().filter(|((of, _), _)| *of == table as u8);
        let pairs = of_table.map(|((_, id), record)| (id.to_octets(), record.clone()));
        let mut pairs: Vec<_> = pairs.collect();
        pairs.sort();
        let pairs = pairs.into_iter();
        Box::new(pairs.map(|(id, record)| Ok((Bytes::copy_from_slice(&id), record))))
    }

    fn ids_after(&self, after: Option<QueueId>, count: usize) -> Result<Vec<QueueId>, EngineError> {
        let keys = self.pairs(Table::Messages).map(|pair| pair.unwrap().0);
        let ids = keys.map(|key| QueueId::from_octets(key.as_ref().try_into().unwrap()));
        let behind = ids.filter(|id| after.is_none_or(|after| *id > after));
        Ok(behind.take(count).collect())
    }
}

/// A queue over `fake`. With `fresh` at 0 nothing stays in memory that is not claimed.
fn spool(directory: &tempfile::TempDir, fake: &Arc<Fake>, fresh: u64) -> LocalSpool {
    let settings = Settings {
        reserve: 0,
        fresh,
        ..Settings::at(directory.path())
    };
    let home = Home::prepare(directory.path()).unwrap();
    let lock = home.lock().unwrap();
    let index = Index::new(fresh);
    let engine = Box::new(Arc::clone(fake));
    LocalSpool::start(
        Shared::new(&settings, home, lock, Seed(1), engine, index),
        None,
    )
    .unwrap()
}

fn submission(text: &'static str) -> Submission {
    let recipient = ForwardPath::parse_prefix("<b@x.example>").unwrap().0;
    Submission {
        envelope: Envelope {
            reverse_path: ReversePath::Null,
            recipients: vec![recipient.into()],
            body: BodyType::SevenBit,
            smtputf8: false,
            ret: None,
            envelope_id: None,
            tls_wish: TlsWish::Unstated,
        },
        origin: Origin::Ourselves,
        received_at: SystemTime::now(),
        content: Content::from_pieces([Bytes::from(text)]),
        bounce_to: BounceTo::Sender,
        quarantined: None,
        hold: None,
    }
}

fn is_poisoned<T: std::fmt::Debug>(result: &Result<T, SpoolError>) -> bool {
    matches!(result, Err(SpoolError::Poisoned(_)))
}

#[tokio::test]
async fn after_a_failed_commit_nothing_is_tried_again() {
    for behaviour in [Behaviour::Fail, Behaviour::FailFull, Behaviour::Panic] {
        let directory = tempfile::tempdir().unwrap();
        let fake = Fake::new();
        let spool = spool(&directory, &fake, 1_000_000);
        let id = spool.accept(submission("before")).await.unwrap();
        let claim = spool.claim(SystemTime::now(), 1).await.unwrap().remove(0);

        fake.behave(behaviour);
        let refused = spool.accept(submission("lost")).await;
        match behaviour {
            Behaviour::FailFull => assert!(matches!(refused, Err(SpoolError::Full { .. }))),
            Behaviour::Good | Behaviour::Fail | Behaviour::Panic => assert!(is_poisoned(&refused)),
        }
        assert_eq!(
            spool.figures().messages,
            1,
            "what was refused is not in the queue"
        );
        assert!(matches!(spool.health(), Health::Poisoned(_)));
        assert!(directory.path().join("suspect").exists());

        fake.behave(Behaviour::Good);
        let commits = fake.commits();
        assert!(is_poisoned(&spool.accept(submission("later")).await));
        assert!(is_poisoned(&spool.claim(SystemTime::now(), 1).await));
        let outcome = (claim.recipients()[0].index, Outcome::Delivered);
        let settlement = Settlement {
            outcomes: vec![outcome],
            ..Settlement::default()
        };
        assert!(is_poisoned(&spool.settle(&claim, settlement).await));
        assert!(is_poisoned(&spool.hold(id, "x").await));
        assert!(is_poisoned(&spool.remove(id).await));
        assert!(is_poisoned(&spool.admit(0)));
        assert_eq!(fake.commits(), commits, "the disk is left alone");
    }
}

#[tokio::test]
async fn all_that_waits_for_a_failing_commit_fails() {
    let directory = tempfile::tempdir().unwrap();
    let fake = Fake::new();
    let (here, arrived) = mpsc::channel();
    let (leave, go) = mpsc::channel();
    *fake.gate.lock().unwrap() = Some((here, go));
    let spool = Arc::new(spool(&directory, &fake, 0));
    let accept = |text| {
        let spool = Arc::clone(&spool);
        tokio::spawn(async move { spool.accept(submission(text)).await })
    };
    let first = accept("first");
    let arrived = tokio::task::spawn_blocking(move || {
        arrived.recv().unwrap();
        arrived
    })
    .await
    .unwrap();
    let behind = accept("behind");
    tokio::task::yield_now().await;
    fake.behave(Behaviour::Fail);
    leave.send(()).unwrap();
    assert!(is_poisoned(&first.await.unwrap()));
    assert!(is_poisoned(&behind.await.unwrap()));
    assert_eq!(fake.commits(), 1);
    drop(arrived);
}

#[tokio::test]
async fn what_comes_during_a_commit_shares_the_next() {
    const BEHIND: usize = 50;
    let directory = tempfile::tempdir().unwrap();
    let fake = Fake::new();
    let (here, arrived) = mpsc::channel();
    let (leave, go) = mpsc::channel();
    *fake.gate.lock().unwrap() = Some((here, go));
    let spool = Arc::new(spool(&directory, &fake, 0));
    let accept = || {
        let spool = Arc::clone(&spool);
        tokio::spawn(async move { spool.accept(submission("x")).await.unwrap() })
    };
    let first = accept();
    let arrived = tokio::task::spawn_blocking(move || {
        arrived.recv().unwrap();
        arrived
    })
    .await
    .unwrap();
    // The runtime has one thread: each of these runs until it waits for the disk.
    let behind: Vec<_> = (0..BEHIND).map(|_| accept()).collect();
    for _ in 0..BEHIND {
        tokio::task::yield_now().await;
    }
    leave.send(()).unwrap();
    leave.send(()).unwrap();
    first.await.unwrap();
    for accepted in behind {
        accepted.await.unwrap();
    }
    assert_eq!(fake.commits(), 2);
    assert_eq!(spool.figures().messages, BEHIND as u64 + 1);
    drop(arrived);
}

#[tokio::test]
async fn an_acceptance_that_nobody_waits_for_is_in_the_queue() {
    let directory = tempfile::tempdir().unwrap();
    let fake = Fake::new();
    let (here, arrived) = mpsc::channel();
    let (leave, go) = mpsc::channel();
    *fake.gate.lock().unwrap() = Some((here, go));
    let spool = Arc::new(spool(&directory, &fake, 0));
    let mut changes = spool.changes();
    let accepting = {
        let spool = Arc::clone(&spool);
        tokio::spawn(async move { spool.accept(submission("x")).await })
    };
    let _arrived = tokio::task::spawn_blocking(move || {
        arrived.recv().unwrap();
        arrived
    })
    .await
    .unwrap();
    accepting.abort();
    assert!(accepting.await.unwrap_err().is_cancelled());
    leave.send(()).unwrap();
    changes.changed().await.unwrap();
    assert_eq!(spool.claim(SystemTime::now(), 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_keeps_nobody_else_waiting() {
    let directory = tempfile::tempdir().unwrap();
    let fake = Fake::new();
    let spool = spool(&directory, &fake, 0);
    let bad = spool.accept(submission("bad")).await.unwrap();
    let good = spool.accept(submission("good")).await.unwrap();
    fake.records
        .lock()
        .unwrap()
        .insert((Table::Messages as u8, bad), Bytes::from("rot"));
    let claims = spool.claim(SystemTime::now(), 9).await.unwrap();
    assert_eq!(
        claims.iter().map(|claim| claim.id()).collect::<Vec<_>>(),
        [good]
    );
    assert_eq!(spool.figures().damaged, 1);
    assert_eq!(spool.next_due(), None);
    assert!(matches!(spool.get(bad).await, Err(SpoolError::Damaged(_))));
    // An operator can still get rid of it.
    spool.remove(bad).await.unwrap();
    assert_eq!(spool.get(bad).await.unwrap(), None);
}

#[tokio::test]
async fn content_that_cannot_be_read_holds_the_message() {
    let directory = tempfile::tempdir().unwrap();
    let fake = Fake::new();
    let spool = spool(&directory, &fake, 0);
    let id = spool.accept(submission("text")).await.unwrap();
    fake.records
        .lock()
        .unwrap()
        .remove(&(Table::Contents as u8, id));
    let claim = spool.claim(SystemTime::now(), 9).await.unwrap().remove(0);
    let read = claim.content().head(9).await;
    assert!(matches!(read, Err(SpoolError::Damaged(_))));
    drop(claim);
    assert_eq!(spool.claim(SystemTime::now(), 9).await.unwrap().len(), 0);
    assert_eq!(spool.figures().held, 1);
    spool.release(id).await.unwrap();
    assert_eq!(spool.claim(SystemTime::now(), 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn fresh_messages_keep_within_their_memory() {
    let directory = tempfile::tempdir().unwrap();
    let fake = Fake::new();
    let spool = spool(&directory, &fake, 10_000);
    for _ in 0..50 {
        spool.accept(submission("x")).await.unwrap();
        assert!(spool.figures().fresh_octets <= 10_000);
    }
    assert!(spool.figures().fresh_octets > 5_000);
    let claims = spool.claim(SystemTime::now(), 99).await.unwrap();
    assert_eq!(claims.len(), 50);
    assert_eq!(spool.figures().fresh_octets, 0);
    for claim in &claims {
        assert_eq!(claim.content().head(9).await.unwrap(), "x");
    }
}
