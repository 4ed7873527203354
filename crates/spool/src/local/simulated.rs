//! The queue on a simulated disk, for simulations: no file, no thread, no clock of its own.
//!
//! What is simulated is the store under the queue, the clock, the numbers in queue ids and *when*
//! the committer runs. All else is the queue that the daemon has: the index, leases, preparation,
//! the records with their seals, the queue of writes, settling, and the load at the start. Content
//! that is larger than what stays in memory needs files, so a simulation keeps to small messages;
//! the engine's journal and its repair are tested elsewhere.
//!
//! Nothing happens by itself. A future of [`Spool`](crate::Spool) that waits for the disk stays
//! pending until [`Committer::commit`]; poll it without a runtime.
//!
//! ```
//! use postern_spool::{Spool as _, simulated::{Disk, Machine, start}};
//!
//! let disk = Disk::default();
//! let machine = Machine::default();
//! machine.set_millis(1_700_000_000_000);
//! let (spool, committer) = start(&disk, &machine, 16 * 1024);
//! assert!(!committer.commit(), "nothing waits");
//! drop((spool, committer)); // the machine loses its power
//! disk.lose_power();
//! let (spool, _) = start(&disk, &machine, 16 * 1024);
//! assert_eq!(spool.figures().messages, 0);
//! ```

use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use postern_mail::QueueId;

use super::{
    LocalSpool,
    engine::{Change, Engine, EngineError, Pairs, Table, Whose},
    home::Home,
    ids::Ids,
    index::Index,
    loading,
    record::{self, Kind, Seed},
    shared::{Shared, Surroundings},
};
use crate::{QueuedMessage, Settings, time::Clock};

type Key = (u8, [u8; 10]);
type Records = BTreeMap<Key, Bytes>;

/// A disk that outlives the queues that are opened on it. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct Disk(Arc<Mutex<Platter>>);

#[derive(Debug, Default)]
struct Platter {
    /// What a reader sees.
    seen: Records,
    /// What outlives a loss of power.
    durable: Records,
    next: Sync,
    honesty: Honesty,
    revision: u64,
}

/// What the next commit comes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sync {
    /// It is durable, and its caller is told.
    #[default]
    Done,
    /// It fails, and nothing of it is on the disk.
    FailedUnwritten,
    /// It fails, and yet all of it is on the disk.
    FailedWritten,
}

/// Whether a sync syncs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Honesty {
    /// It does.
    #[default]
    Honest,
    /// It says so and does nothing: what a queue that acknowledges before it syncs comes to.
    Lying,
}

impl Disk {
    /// What the next commit comes to; those behind it are done again.
    pub fn next_sync(&self, next: Sync) {
        self.platter().next = next;
    }

    /// What syncs are worth from now on.
    pub fn set_honesty(&self, honesty: Honesty) {
        self.platter().honesty = honesty;
    }

    /// What was not synced is gone.
    pub fn lose_power(&self) {
        let mut platter = self.platter();
        platter.seen = platter.durable.clone();
        platter.revision += 1;
    }

    /// How many records there are.
    pub fn records(&self) -> usize {
        self.platter().seen.len()
    }

    /// Changes with what is on the disk.
    pub fn revision(&self) -> u64 {
        self.platter().revision
    }

    /// What a queue would find after a loss of power: each message that can be read and has its
    /// content.
    pub fn durable(&self) -> Vec<(QueuedMessage, Bytes)> {
        let platter = self.platter();
        let messages = platter.durable.range(table(Table::Messages));
        messages
            .filter_map(|((_, id), stored)| {
                let id = QueueId::from_octets(*id);
                let message = record::open(Kind::Message, id, stored).ok()?;
                let message = record::decode(&message).ok()?;
                let content = platter.durable.get(&key(Table::Contents, id))?;
                let content = record::open(Kind::Content, id, content).ok()?;
                Some((message.view(id), content.body))
            })
            .collect()
    }

    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Platter {
    fn write(&mut self, changes: &[Change]) {
        self.revision += 1;
        apply(&mut self.seen, changes);
        if self.honesty == Honesty::Honest {
            apply(&mut self.durable, changes);
        }
    }
}

fn apply(records: &mut Records, changes: &[Change]) {
    for change in changes {
        match change {
            Change::Put(table, id, record) => {
                records.insert(key(*table, *id), record.clone());
            }
            Change::Remove(table, id) => {
                records.remove(&key(*table, *id));
            }
        }
    }
}

fn key(table: Table, id: QueueId) -> Key {
    (number(table), id.to_octets())
}

fn table(table: Table) -> RangeInclusive<Key> {
    (number(table), [0; 10])..=(number(table), [u8::MAX; 10])
}

fn number(table: Table) -> u8 {
    match table {
        Table::Messages => 0,
        Table::Contents => 1,
    }
}

impl Engine for Disk {
    fn commit(&self, changes: Vec<Change>) -> Result<(), EngineError> {
        let mut platter = self.platter();
        let fate = std::mem::take(&mut platter.next);
        if fate != Sync::FailedUnwritten {
            platter.write(&changes);
        }
        match fate {
            Sync::Done => Ok(()),
            Sync::FailedUnwritten | Sync::FailedWritten => Err(EngineError {
                reason: "the simulated disk failed".to_owned(),
                whose: Whose::Content,
            }),
        }
    }

    fn get(&self, table: Table, id: QueueId) -> Result<Option<Bytes>, EngineError> {
        Ok(self.platter().seen.get(&key(table, id)).cloned())
    }

    fn pairs(&self, table: Table) -> Pairs {
        let records: Vec<_> = self
            .platter()
            .seen
            .range((number(table), [0; 10])..=(number(table), [u8::MAX; 10]))
            .map(|((_, id), record)| Ok((Bytes::copy_from_slice(id), record.clone())))
            .collect();
        Box::new(records.into_iter())
    }

    fn ids_after(&self, after: Option<QueueId>, count: usize) -> Result<Vec<QueueId>, EngineError> {
        let table = number(Table::Messages);
        let platter = self.platter();
        let ids = platter.seen.keys().filter(|(of, _)| *of == table);
        let ids = ids.map(|(_, id)| QueueId::from_octets(*id));
        let behind = ids.filter(|id| after.is_none_or(|after| *id > after));
        Ok(behind.take(count).collect())
    }
}

/// What of a machine is not its disk: the time, and the numbers that ids are made of.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    millis: Arc<AtomicU64>,
    ids: Arc<AtomicU32>,
}

impl Machine {
    /// Sets the clock to so many milliseconds since 1970.
    pub fn set_millis(&self, millis: u64) {
        self.millis.store(millis, Ordering::Relaxed);
    }
}

/// The hand that makes writes durable, as the daemon's committer does.
#[derive(Debug)]
pub struct Committer {
    shared: Arc<Shared>,
    disk: Disk,
}

impl Committer {
    /// How many writes wait.
    pub fn waiting(&self) -> usize {
        self.shared.writes.waiting()
    }

    /// Makes what waits durable as one batch. Says whether there was any.
    pub fn commit(&self) -> bool {
        let batch = self.shared.writes.take_now();
        let any = !batch.is_empty();
        if any {
            self.shared.commit(batch);
        }
        any
    }

    /// What a crash in the middle of a commit may leave: the first `reached` of the writes that
    /// wait are on the disk, and nobody was told. The queue is to be dropped.
    pub fn cut_short(&self, reached: usize) {
        for write in self.shared.writes.take_now().iter().take(reached) {
            self.disk.platter().write(&write.changes);
        }
    }
}

/// Opens the queue on `disk`, with `fresh` octets of memory for messages just accepted.
///
/// Records that cannot be read are left out: the simulated disk damages none.
pub fn start(disk: &Disk, machine: &Machine, fresh: u64) -> (LocalSpool, Committer) {
    /// Each queue numbers its messages on from here, so that no id comes twice.
    const IDS_OF_ONE_QUEUE: u32 = 1 << 16;
    let settings = Settings {
        reserve: 0,
        fresh,
        ..Settings::at("/nonexistent/postern")
    };
    let surroundings = Surroundings {
        lock: None,
        clock: Clock::Simulated(Arc::clone(&machine.millis)),
        ids: Ids::counted_from(machine.ids.fetch_add(IDS_OF_ONE_QUEUE, Ordering::Relaxed)),
    };
    let mut index = Index::new(fresh);
    // The disk never fails to be read.
    let now = machine.millis.load(Ordering::Relaxed);
    let _ = loading::load(
        &mut disk.pairs(Table::Messages),
        &mut index,
        usize::MAX,
        now,
    );
    let engine = Box::new(disk.clone());
    let shared = Shared::within(
        surroundings,
        &settings,
        Home::nowhere(),
        Seed(1),
        engine,
        index,
    );
    let spool = LocalSpool {
        shared: Arc::clone(&shared),
        committer: None,
        loader: None,
    };
    let committer = Committer {
        shared,
        disk: disk.clone(),
    };
    (spool, committer)
}
