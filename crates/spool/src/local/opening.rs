//! Opening the queue: whatever the disk holds, there is a queue afterwards.
//!
//! 1. The lock is taken, a repair that was cut short is finished or undone.
//! 2. The engine's journals and lists are checked, since the engine would drop what follows a
//!    damaged place without a word ([`super::journal`]). If lists or tables are damaged the
//!    records are carved out into a new store ([`super::rescue`]).
//! 3. Every message's record is read and checked; its summary goes into the index. Damaged ones
//!    are moved to `quarantine/`. Content is not read: that would take minutes for a large
//!    queue. It is checked when it is delivered.
//! 4. Content files without a message are deleted; beside other damage they are kept.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use postern_mail::QueueId;

use super::{
    LocalSpool,
    engine::{Change, Engine, EngineError, FjallEngine, Table},
    home::{Home, write_whole},
    index::Index,
    journal::{self, Repaired},
    precheck,
    record::{self, Kind, RecordError, Seed},
    rescue, seed,
    shared::Shared,
};
use crate::{Fault, OpenError, Quarantined, Settings, error::OnFile, message::Message};

/// A queue that has been opened, and what was found damaged.
#[derive(Debug)]
pub struct Opened {
    /// The queue.
    pub spool: LocalSpool,
    /// What an operator should look at. Each has been logged.
    pub quarantined: Vec<Quarantined>,
}

impl LocalSpool {
    /// Opens the queue, or makes one where there is none. It reads every message's record, so
    /// it takes a while for a large queue, and blocks.
    ///
    /// # Errors
    /// Another process has the queue, or the directory cannot be used. Damage is no error.
    pub fn open(settings: &Settings) -> Result<Opened, OpenError> {
        let home = Home::prepare(&settings.path)?;
        let lock = home.lock()?;
        let seed = seed::load(&home)?;
        let mut opening = Opening {
            home: &home,
            seed,
            repaired: Repaired::default(),
            quarantined: Vec::new(),
        };
        let (engine, index) = opening.store(settings)?;
        opening.sweep(&index)?;
        let _ = fs::remove_file(home.suspect());
        let quarantined = opening.quarantined;
        for damage in &quarantined {
            tracing::error!(%damage, "the queue is damaged");
        }
        let shared = Shared::new(settings, home, lock, seed, Box::new(engine), index);
        shared.note_damage(quarantined.len() as u64);
        Ok(Opened {
            spool: Self::start(shared)?,
            quarantined,
        })
    }
}

struct Opening<'a> {
    home: &'a Home,
    seed: Seed,
    repaired: Repaired,
    quarantined: Vec<Quarantined>,
}

/// A record that cannot be used.
pub(super) struct Unusable {
    key: Vec<u8>,
    record: Bytes,
    error: RecordError,
}

impl Opening<'_> {
    fn store(&mut self, settings: &Settings) -> Result<(FjallEngine, Index), OpenError> {
        rescue::conclude(self.home)?;
        let error = match self.try_store(settings) {
            Ok(found) => return Ok(found),
            Err(error) => error,
        };
        if error.full {
            return Err(self.no_store(&error));
        }
        tracing::error!(%error, "the store cannot be read: its records are searched for");
        let rescued =
            rescue::rescue(self.home, self.seed).map_err(|error| self.no_store(&error))?;
        self.quarantined.extend(rescued);
        self.try_store(settings)
            .map_err(|error| self.no_store(&error))
    }

    /// Opens the store and reads all that it holds, as far as the index needs it; after a failed
    /// write, all of it.
    fn try_store(&mut self, settings: &Settings) -> Result<(FjallEngine, Index), EngineError> {
        let store = self.home.store();
        precheck::check(&store)?;
        // If the store then turns out unreadable, what was saved goes into the rescued one.
        let (repaired, quarantine) = (&mut self.repaired, self.home.quarantine());
        journal::repair(&store, &quarantine, self.seed, repaired)?;
        let engine = FjallEngine::open(&store)?;
        let reported = journal::reinstate(&engine, &self.repaired, self.home)?;
        let (index, unusable) = load(&engine, settings.fresh)?;
        if self.home.suspect().exists() {
            engine.scan(Table::Contents, &mut |_, _| ())?;
        }
        self.quarantined.extend(reported);
        for record in unusable {
            self.set_aside(&engine, &record);
        }
        Ok((engine, index))
    }

    fn no_store(&self, error: &EngineError) -> OpenError {
        OpenError::Store {
            path: self.home.store(),
            reason: error.to_string(),
        }
    }
}

impl Opening<'_> {
    /// Moves a record that cannot be used out of the queue, with its content. What cannot be
    /// moved stays where it is, and out of the index.
    fn set_aside(&mut self, engine: &FjallEngine, unusable: &Unusable) {
        let id = unusable.key.as_slice().try_into().map(QueueId::from_octets);
        let id = id.ok();
        let (fault, kept) = match unusable.error {
            RecordError::Version(version) => (Fault::Version(version), None),
            RecordError::Damaged => (Fault::Record, self.move_aside(engine, id, unusable).ok()),
        };
        self.quarantined.push(Quarantined {
            id,
            fault,
            kept: kept.unwrap_or_else(|| self.home.store()),
        });
    }

    fn move_aside(
        &self,
        engine: &FjallEngine,
        id: Option<QueueId>,
        unusable: &Unusable,
    ) -> io::Result<PathBuf> {
        let id = id.ok_or(io::ErrorKind::InvalidData)?;
        let kept = self.home.quarantine().join(format!("{id}.message"));
        write_whole(&kept, &unusable.record)?;
        if let Ok(Some(content)) = engine.get(Table::Contents, id) {
            let body = record::open(Kind::Content, id, &content).map(|record| record.body);
            write_whole(&self.content_aside(id), &body.unwrap_or(content))?;
        }
        let removals = vec![
            Change::Remove(Table::Messages, id),
            Change::Remove(Table::Contents, id),
        ];
        engine.commit(removals).map_err(io::Error::other)?;
        Ok(kept)
    }

    fn content_aside(&self, id: QueueId) -> PathBuf {
        self.home.quarantine().join(format!("{id}.content"))
    }

    /// Empties `incoming/`, and clears `content/` of files without a message.
    fn sweep(&mut self, index: &Index) -> Result<(), OpenError> {
        let incoming = self.home.incoming();
        for path in entries(&incoming)? {
            fs::remove_file(&path).while_opening("delete", &path)?;
        }
        for path in entries(&self.home.content())? {
            let id = path.file_name().and_then(|name| name.to_str());
            let id = id.and_then(|name| name.parse::<QueueId>().ok());
            if id.is_none_or(|id| !index.contains(id) && !self.is_for_a_newer_version(id)) {
                self.sweep_content(&path, id)?;
            }
        }
        Ok(())
    }

    fn is_for_a_newer_version(&self, id: QueueId) -> bool {
        let newer =
            |found: &Quarantined| found.id == Some(id) && matches!(found.fault, Fault::Version(_));
        self.quarantined.iter().any(newer)
    }

    /// A content file without a message is as a rule one whose message was never accepted or
    /// has been delivered. Where messages were lost it may be one of theirs.
    fn sweep_content(&mut self, path: &Path, id: Option<QueueId>) -> Result<(), OpenError> {
        let Some(id) = id.filter(|_| !self.quarantined.is_empty()) else {
            return fs::remove_file(path).while_opening("delete", path);
        };
        let kept = self.content_aside(id);
        fs::rename(path, &kept).while_opening("move away", path)?;
        if !self.quarantined.iter().any(|found| found.id == Some(id)) {
            self.quarantined.push(Quarantined {
                id: Some(id),
                fault: Fault::Ownerless,
                kept,
            });
        }
        Ok(())
    }
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, OpenError> {
    fs::read_dir(directory)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .while_opening("list", directory)
}

/// Reads the summary of every message.
pub(super) fn load(engine: &dyn Engine, fresh: u64) -> Result<(Index, Vec<Unusable>), EngineError> {
    let mut index = Index::new(fresh);
    let mut unusable = Vec::new();
    engine.scan(
        Table::Messages,
        &mut |key, record| match examine(key, &record) {
            Ok((id, message)) => index.insert_stored(id, &message),
            Err(error) => unusable.push(Unusable {
                key: key.to_vec(),
                record,
                error,
            }),
        },
    )?;
    Ok((index, unusable))
}

fn examine(key: &[u8], stored: &Bytes) -> Result<(QueueId, Message), RecordError> {
    let id = key.try_into().map_err(|_| RecordError::Damaged)?;
    let id = QueueId::from_octets(id);
    let record = record::open(Kind::Message, id, stored)?;
    Ok((id, record::decode(&record)?))
}
