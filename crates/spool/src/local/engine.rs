//! The store under the queue: two tables of records, changed in durable batches.
//!
//! [`Engine`] is the seam between the queue and fjall. What stands above it can be tested with
//! a store that fails on purpose; what stands below is fjall and nothing of ours.

use std::{
    any::Any,
    fmt, io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use postern_mail::QueueId;

use crate::content::is_full;

/// A table of the store. Both are keyed by queue id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    Messages,
    Contents,
}

/// A part of a batch.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Put(Table, QueueId, Bytes),
    Remove(Table, QueueId),
}

impl Change {
    /// What it takes in memory, roughly.
    pub(crate) fn octets(&self) -> usize {
        match self {
            Self::Put(_, _, record) => record.len(),
            Self::Remove(..) => 64,
        }
    }
}

/// A store of records. Every method blocks.
pub(crate) trait Engine: Send + Sync + fmt::Debug {
    /// Makes all of `changes` durable at once. After an error it is unknown what the disk holds,
    /// and the store is not to be used any more.
    fn commit(&self, changes: Vec<Change>) -> Result<(), EngineError>;

    /// The record of `id`.
    fn get(&self, table: Table, id: QueueId) -> Result<Option<Bytes>, EngineError>;

    /// Every key and record of a table as they are now, in the order of the keys. What is written
    /// while they are read is not among them. It ends with the first error.
    fn pairs(&self, table: Table) -> Pairs;

    /// The ids of messages after `after`, in their order, at most `count`.
    fn ids_after(&self, after: Option<QueueId>, count: usize) -> Result<Vec<QueueId>, EngineError>;
}

/// Keys and records.
pub(crate) type Pairs = Box<dyn Iterator<Item = Result<(Bytes, Bytes), EngineError>> + Send>;

/// The store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct EngineError {
    pub(crate) reason: String,
    pub(crate) whose: Whose,
}

/// Where an error comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// What is on the disk is not what was written, or the engine gave up over it.
    Content,
    /// The system did not do its part: what is on the disk is not known, and may be all right.
    System,
    /// The disk has no room.
    Room,
    /// It was written by a later version of this program.
    Later,
}

impl Whose {
    /// A file that is not there, or is a directory, or has no such place is damage: that is an answer,
    /// as is content that somebody has read and rejected. Everything else is none. An error may have
    /// lost its number to somebody who added a path to it, but not its kind.
    pub(crate) fn fault(error: &io::Error) -> Self {
        use io::ErrorKind::{
            InvalidData, InvalidInput, IsADirectory, NotADirectory, NotFound, Other, UnexpectedEof,
        };

        match error.kind() {
            _ if is_full(error) => Self::Room,
            NotFound | NotADirectory | IsADirectory | InvalidInput | InvalidData
            | UnexpectedEof | Other => Self::Content,
            _ => Self::System,
        }
    }
}

/// Gives what the system said the file that it was about.
pub(crate) trait AtPath<T> {
    fn at(self, path: &Path) -> Result<T, EngineError>;
}

impl<T> AtPath<T> for io::Result<T> {
    fn at(self, path: &Path) -> Result<T, EngineError> {
        self.map_err(|error| EngineError {
            reason: format!("{}: {error}", path.display()),
            whose: Whose::fault(&error),
        })
    }
}

impl From<io::Error> for EngineError {
    fn from(error: io::Error) -> Self {
        Self {
            whose: Whose::fault(&error),
            reason: error.to_string(),
        }
    }
}

impl From<fjall::Error> for EngineError {
    fn from(error: fjall::Error) -> Self {
        match io_error(&error) {
            Some(error) => Self {
                whose: Whose::fault(error),
                reason: error.to_string(),
            },
            None => Self {
                whose: Whose::Content,
                reason: error.to_string(),
            },
        }
    }
}

fn io_error(error: &fjall::Error) -> Option<&io::Error> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref() {
            return Some(io);
        }
        cause = error.source();
    }
    None
}

/// The store in a directory, by fjall.
pub(crate) struct FjallEngine {
    database: Database,
    messages: Keyspace,
    contents: Keyspace,
}

impl FjallEngine {
    /// Threads that fjall moves records to tables with. With more than one, the first keeps
    /// itself free for what cannot wait, by sending itself everything else again and again while
    /// the others are busy: that took a third of the CPU of a loaded queue.
    const WORKERS: usize = 1;
    /// Blocks kept in memory. Fresh messages do not need them, and old ones are read once.
    const CACHE: u64 = 8 * 1024 * 1024;
    /// What is in the journal alone; the next start reads this much again.
    const JOURNALS: u64 = 256 * 1024 * 1024;
    /// Pairs gather in memory up to this size before they go to a table. A message that is
    /// delivered sooner never goes to one.
    const CONTENTS_IN_MEMORY: u64 = 16 * 1024 * 1024;
    const MESSAGES_IN_MEMORY: u64 = 4 * 1024 * 1024;

    /// Opens or creates the store in the directory `path`.
    ///
    /// fjall asserts some things about what it reads. A damaged file must not end the process,
    /// so a panic counts as an error here.
    pub(crate) fn open(path: &Path) -> Result<Self, EngineError> {
        let opened = catch_unwind(AssertUnwindSafe(|| Self::try_open(path)));
        opened.unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
    }

    fn try_open(path: &Path) -> Result<Self, EngineError> {
        let database = Database::builder(path)
            .manual_journal_persist(true)
            .worker_threads(Self::WORKERS)
            .cache_size(Self::CACHE)
            .max_journaling_size(Self::JOURNALS)
            .open()?;
        let keyspace = |name, in_memory| {
            database.keyspace(name, || {
                KeyspaceCreateOptions::default().max_memtable_size(in_memory)
            })
        };
        Ok(Self {
            messages: keyspace("messages", Self::MESSAGES_IN_MEMORY)?,
            contents: keyspace("contents", Self::CONTENTS_IN_MEMORY)?,
            database,
        })
    }

    fn keyspace(&self, table: Table) -> &Keyspace {
        match table {
            Table::Messages => &self.messages,
            Table::Contents => &self.contents,
        }
    }

    /// Makes changes visible at once and durable with [`FjallEngine::sync`].
    pub(crate) fn write(&self, changes: Vec<Change>) -> Result<(), EngineError> {
        self.apply(changes, None)
    }

    /// Makes all that was written durable.
    pub(crate) fn sync(&self) -> Result<(), EngineError> {
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }

    fn apply(&self, changes: Vec<Change>, mode: Option<PersistMode>) -> Result<(), EngineError> {
        let mut batch = self.database.batch();
        for change in changes {
            match change {
                Change::Put(table, id, record) => {
                    batch.insert(self.keyspace(table), id.to_octets(), record);
                }
                Change::Remove(table, id) => batch.remove(self.keyspace(table), id.to_octets()),
            }
        }
        Ok(batch.durability(mode).commit()?)
    }

    /// A look-up goes through a filter, which may be damaged while the record is sound. The
    /// search that does without is slower.
    fn find(&self, table: Table, id: QueueId) -> fjall::Result<Option<Bytes>> {
        let (keyspace, key) = (self.keyspace(table), id.to_octets());
        match keyspace.get(key) {
            Ok(found) => Ok(found.map(Bytes::from)),
            Err(_) => match keyspace.range(key..=key).next() {
                Some(item) => Ok(Some(item.value()?.into())),
                None => Ok(None),
            },
        }
    }

    fn find_ids(&self, after: Option<QueueId>, count: usize) -> fjall::Result<Vec<QueueId>> {
        use std::ops::Bound::{Excluded, Unbounded};

        let start = after.map_or(Unbounded, |id| Excluded(id.to_octets()));
        let mut ids = Vec::new();
        for item in self.messages.range((start, Unbounded)).take(count) {
            ids.extend(item.key()?.as_ref().try_into().map(QueueId::from_octets));
        }
        Ok(ids)
    }

    /// How many messages there are, more or less: what has been removed may still be counted.
    pub(crate) fn about_how_many(&self) -> u64 {
        self.messages.approximate_len() as u64
    }

    /// An id that no message in the store is behind.
    pub(crate) fn last_id(&self) -> QueueId {
        let last = self.messages.last_key_value();
        let key = last.and_then(|last| last.key().ok());
        let octets = key.and_then(|key| key.as_ref().try_into().ok());
        QueueId::from_octets(octets.unwrap_or([u8::MAX; 10]))
    }
}

/// Pairs as fjall gives them.
struct Reading {
    items: fjall::Iter,
    ended: bool,
}

impl Iterator for Reading {
    type Item = Result<(Bytes, Bytes), EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let items = &mut self.items;
        let next = catch_unwind(AssertUnwindSafe(|| {
            items.next().map(fjall::Guard::into_inner)
        }));
        let next = match next {
            Ok(None) => None,
            Ok(Some(Ok((key, record)))) => Some(Ok((key.into(), record.into()))),
            Ok(Some(Err(error))) => Some(Err(error.into())),
            Err(panic) => Some(Err(panicked(panic.as_ref()))),
        };
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

impl Engine for FjallEngine {
    fn commit(&self, changes: Vec<Change>) -> Result<(), EngineError> {
        // `fdatasync` covers the file's size as well, so `SyncAll` would add nothing.
        self.apply(changes, Some(PersistMode::SyncData))
    }

    fn get(&self, table: Table, id: QueueId) -> Result<Option<Bytes>, EngineError> {
        match catch_unwind(AssertUnwindSafe(|| self.find(table, id))) {
            Ok(found) => Ok(found?),
            Err(panic) => Err(panicked(panic.as_ref())),
        }
    }

    fn pairs(&self, table: Table) -> Pairs {
        Box::new(Reading {
            items: self.keyspace(table).iter(),
            ended: false,
        })
    }

    fn ids_after(&self, after: Option<QueueId>, count: usize) -> Result<Vec<QueueId>, EngineError> {
        match catch_unwind(AssertUnwindSafe(|| self.find_ids(after, count))) {
            Ok(found) => Ok(found?),
            Err(panic) => Err(panicked(panic.as_ref())),
        }
    }
}

impl fmt::Debug for FjallEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FjallEngine").finish_non_exhaustive()
    }
}

fn panicked(panic: &(dyn Any + Send)) -> EngineError {
    let said = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    EngineError {
        reason: format!("the engine gave up: {}", said.unwrap_or("no reason given")),
        whose: Whose::Content,
    }
}
