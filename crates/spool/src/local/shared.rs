//! What the callers, the committer and the claims have in common.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use postern_mail::QueueId;
use tokio::sync::{Semaphore, oneshot, watch};

use super::{
    engine::{Change, Engine, EngineError, Table, Whose},
    flow::Flow,
    home::{Home, Lock},
    ids::Ids,
    index::Index,
    record::{self, Kind, Seed},
    space::Space,
    writes::{Write, Writes},
};
use crate::{
    Figures, Health, Settings, SpoolError,
    blocking::off_the_runtime,
    content::{Budget, Room, Vault},
    message::Message,
    time::Clock,
};

/// The queue's state. The index and the queue of writes each have their lock; where both are
/// held, the index came first.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) engine: Box<dyn Engine>,
    index: Mutex<Index>,
    pub(crate) writes: Writes,
    pub(crate) flow: Flow,
    pub(crate) home: Home,
    pub(crate) space: Space,
    pub(crate) room: Room,
    pub(crate) seed: Seed,
    pub(crate) clock: Clock,
    ids: Mutex<Ids>,
    poison: OnceLock<String>,
    pub(crate) changes: watch::Sender<u64>,
    /// A permit for every KiB of records that wait for the disk.
    pub(crate) memory: Arc<Semaphore>,
    pub(crate) memory_permits: u32,
    accepted: AtomicU64,
    commits: AtomicU64,
    damaged: AtomicU64,
    pub(crate) this: Weak<Self>,
    /// Released last, with the engine's files closed.
    _lock: Option<Lock>,
}

/// What a queue has of the machine besides its disk.
pub(crate) struct Surroundings {
    /// None where the disk is simulated, and nobody else can have it.
    pub(crate) lock: Option<Lock>,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
}

impl Shared {
    pub(crate) fn new(
        settings: &Settings,
        home: Home,
        lock: Lock,
        seed: Seed,
        engine: Box<dyn Engine>,
        index: Index,
    ) -> Arc<Self> {
        let surroundings = Surroundings {
            lock: Some(lock),
            clock: Clock::System,
            ids: Ids::new(),
        };
        Self::within(surroundings, settings, home, seed, engine, index)
    }

    pub(crate) fn within(
        surroundings: Surroundings,
        settings: &Settings,
        home: Home,
        seed: Seed,
        engine: Box<dyn Engine>,
        index: Index,
    ) -> Arc<Self> {
        let Surroundings { lock, clock, ids } = surroundings;
        let permits = u32::try_from(settings.memory / 1024).unwrap_or(u32::MAX);
        let permits = permits.clamp(1024, u32::MAX / 16);
        Arc::new_cyclic(|this| Self {
            engine,
            index: Mutex::new(index),
            writes: Writes::default(),
            flow: Flow::new(settings.fresh),
            space: Space::new(home.root().to_owned(), settings.reserve),
            room: Room {
                incoming: home.incoming(),
                in_memory: settings.in_memory.min(Settings::LARGEST_RECORD),
                budget: Budget::new(settings.memory),
            },
            home,
            seed,
            clock,
            ids: Mutex::new(ids),
            poison: OnceLock::new(),
            changes: watch::Sender::new(0),
            memory: Arc::new(Semaphore::new(permits as usize)),
            memory_permits: permits,
            accepted: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            damaged: AtomicU64::new(0),
            this: Weak::clone(this),
            _lock: lock,
        })
    }

    /// A panic while the index was changed may have left it wrong about a message; only a
    /// restart, which reads it anew, can say.
    pub(crate) fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(|poisoned| {
            self.poison("the index was left half changed");
            poisoned.into_inner()
        })
    }

    pub(crate) fn new_id(&self) -> QueueId {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let id = ids.next(self.clock.now());
            // After a restart with the clock set back, a chance in 2³² says otherwise.
            if !self.is_taken(id) {
                return id;
            }
        }
    }

    pub(crate) fn is_taken(&self, id: QueueId) -> bool {
        let (known, unread) = {
            let index = self.index();
            (index.contains(id), index.is_unread(id))
        };
        // What cannot be read may be there.
        let stored = || !matches!(self.engine.get(Table::Messages, id), Ok(None));
        known || unread && stored()
    }

    pub(crate) fn notify(&self) {
        self.changes
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Refuses once something has failed that makes the disk's state unknown.
    pub(crate) fn usable(&self) -> Result<(), SpoolError> {
        match self.poison.get() {
            Some(reason) => Err(SpoolError::Poisoned(reason.clone())),
            None => Ok(()),
        }
    }

    /// Stops everything. After a failed sync the kernel may have dropped what it could not
    /// write and say nothing the next time, so nothing is tried again.
    pub(crate) fn poison(&self, reason: &str) {
        if self.poison.set(reason.to_owned()).is_ok() {
            tracing::error!(reason, "the queue stops: what is on disk is unknown");
            // If this fails as well, the next start trusts what the engine trusts.
            let _ = std::fs::write(self.home.suspect(), reason);
        }
    }

    pub(crate) fn health(&self) -> Health {
        match self.poison.get() {
            Some(reason) => Health::Poisoned(reason.clone()),
            None => self.space.health(),
        }
    }

    pub(crate) fn figures(&self) -> Figures {
        let index = self.index();
        Figures {
            messages: index.len() as u64,
            held: index.held(),
            claimed: index.claimed(),
            fresh_octets: index.fresh_octets(),
            accepted: self.accepted.load(Ordering::Relaxed),
            commits: self.commits.load(Ordering::Relaxed),
            damaged: self.damaged.load(Ordering::Relaxed),
            loading: index.loading(),
        }
    }

    /// Reads a message's record. `None` where the message was removed. Blocks.
    pub(crate) fn load(&self, id: QueueId) -> Result<Option<Message>, SpoolError> {
        let stored = self.engine.get(Table::Messages, id);
        let Some(stored) = stored.map_err(|error| self.unreadable(id, &error.reason))? else {
            // A change of it is on disk before its message can leave memory.
            let known = self.index().contains(id);
            return match known {
                true => Err(self.unreadable(id, "its record is gone")),
                false => Ok(None),
            };
        };
        record::open(Kind::Message, id, &stored)
            .and_then(|record| record::decode(&record))
            .map(Some)
            .map_err(|error| self.unreadable(id, &error.to_string()))
    }

    /// A record cannot be read: the message is nobody's until an operator or the next start,
    /// which moves it aside, looks at it.
    fn unreadable(&self, id: QueueId, reason: &str) -> SpoolError {
        tracing::error!(queue_id = %id, reason, "a message in the queue cannot be read");
        self.damaged.fetch_add(1, Ordering::Relaxed);
        self.index().set_aside(id);
        SpoolError::Damaged(id)
    }

    /// Counts damage that was found before there was somebody to count it.
    pub(crate) fn note_damage(&self, found: u64) {
        self.damaged.fetch_add(found, Ordering::Relaxed);
    }

    /// Runs the committer until the queue is closed. Blocks.
    pub(crate) fn run_committer(&self) {
        while let Some(batch) = self.writes.next_batch() {
            if catch_unwind(AssertUnwindSafe(|| self.commit(batch))).is_err() {
                self.poison("the committer gave up after a commit");
            }
        }
    }

    pub(crate) fn commit(&self, mut batch: Vec<Write>) {
        let changes = batch
            .iter_mut()
            .flat_map(|write| std::mem::take(&mut write.changes))
            .collect();
        let committed = match self.poison.get() {
            None => self.commit_or_catch(changes),
            Some(reason) => Err(EngineError {
                reason: reason.clone(),
                whose: Whose::Content,
            }),
        };
        match committed {
            Ok(()) => self.committed(batch),
            Err(error) => {
                self.poison(&error.reason);
                for write in batch {
                    // Who has gone away does not want to know.
                    let _ = write.done.send(Err(error.clone()));
                }
            }
        }
    }

    /// A panic in the engine is caught here, where callers still wait for the answer, so that
    /// the queue is poisoned before they have it.
    fn commit_or_catch(&self, changes: Vec<Change>) -> Result<(), EngineError> {
        catch_unwind(AssertUnwindSafe(|| self.engine.commit(changes))).unwrap_or_else(|_| {
            Err(EngineError {
                reason: "the engine gave up in the middle of a commit".to_owned(),
                whose: Whose::Content,
            })
        })
    }

    fn committed(&self, mut batch: Vec<Write>) {
        let mut arrived = 0;
        {
            let (now, mut index) = (self.clock.now(), self.index());
            for write in &mut batch {
                for arrival in std::mem::take(&mut write.arrivals) {
                    arrived += 1;
                    index.insert_fresh(arrival.id, arrival.message, arrival.content, now);
                }
                if let Some(id) = write.changed {
                    index.written(id);
                }
            }
        }
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.accepted.fetch_add(arrived, Ordering::Relaxed);
        // Whoever is told that its message is kept must find the change told as well.
        if arrived > 0 {
            self.notify();
        }
        let mut unlink = Vec::new();
        for write in batch {
            unlink.extend(write.unlink);
            let _ = write.done.send(Ok(()));
        }
        for path in unlink {
            // A file that stays is swept at the next start: nothing refers to it.
            let _ = std::fs::remove_file(path);
        }
    }

    /// Waits until a write is durable.
    pub(crate) async fn durable(
        &self,
        done: oneshot::Receiver<Result<(), EngineError>>,
    ) -> Result<(), SpoolError> {
        match done.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if error.whose == Whose::Room => Err(self.space.full()),
            Ok(Err(error)) => Err(SpoolError::Poisoned(error.reason)),
            Err(_) => Err(self.usable().err().unwrap_or(SpoolError::Closed)),
        }
    }

    /// Runs `work` where it may block.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Self>) -> T + Send + 'static,
    ) -> Result<T, SpoolError> {
        let shared = self.this.upgrade().ok_or(SpoolError::Closed)?;
        off_the_runtime(move || work(&shared)).await
    }
}

impl Vault for Shared {
    fn read_record(&self, id: QueueId) -> Result<Bytes, SpoolError> {
        let stored = self.engine.get(Table::Contents, id);
        let stored = stored.ok().flatten().ok_or_else(|| self.damaged(id))?;
        record::open(Kind::Content, id, &stored)
            .map(|record| record.body)
            .map_err(|_| self.damaged(id))
    }

    fn content_path(&self, id: QueueId) -> PathBuf {
        self.home.content_of(id)
    }

    fn incoming(&self) -> PathBuf {
        self.home.incoming()
    }

    fn damaged(&self, id: QueueId) -> SpoolError {
        let mut index = self.index();
        if !index.contains(id) {
            // Somebody removed the message while its content was read.
            return SpoolError::Unknown(id);
        }
        self.damaged.fetch_add(1, Ordering::Relaxed);
        tracing::error!(queue_id = %id, "the content of a message is damaged: it is on hold");
        self.hold_damaged(&mut index, id);
        SpoolError::Damaged(id)
    }
}
