//! Opening the queue: whatever the disk holds, there is a queue afterwards.
//!
//! 1. The lock is taken, a repair that was cut short is finished or undone. A store whose creation was
//!    cut short is begun anew.
//! 2. The engine's journals and lists are checked, since the engine would drop what follows a
//!    damaged place without a word ([`super::journal`]). If lists or tables are damaged the
//!    records are carved out into a new store ([`super::rescue`]).
//! 3. Messages' records are read and checked, for a large queue after it has opened
//!    ([`super::loading`]). Damaged ones are moved to `quarantine/`. Content is not read: that
//!    would take minutes for a large queue. It is checked when it is delivered.
//! 4. Content files without a message are deleted; beside other damage they are kept.
//!
//! Damage is what was read and is not what was written. Where the system cannot read at all, or has no
//! room, there is no saying what is on the disk: the start fails with what the system said, and nothing
//! is set aside. The next one may find all well. A store that a later version of this program has
//! written is not touched either.

use std::{
    fs,
    sync::{Arc, atomic::AtomicBool},
    time::SystemTime,
};

use super::{
    LocalSpool,
    aside::set_aside,
    engine::{AtPath, Engine, EngineError, FjallEngine, Pairs, Table, Whose},
    home::Home,
    index::Index,
    journal::{self, Repaired},
    loading::{self, Loader},
    precheck,
    record::Seed,
    rescue, seed,
    shared::Shared,
    sweep::Sweep,
};
use crate::{OpenError, Quarantined, Settings, time};

/// A queue that has been opened, and what was found damaged.
#[derive(Debug)]
pub struct Opened {
    /// The queue.
    pub spool: LocalSpool,
    /// What an operator should look at. Each has been logged.
    pub quarantined: Vec<Quarantined>,
}

impl LocalSpool {
    /// Opens the queue, or makes one where there is none. It blocks while it reads what
    /// [`Settings::loaded_at_start`] says; what more there is is read while the queue works, as
    /// [`Figures::loading`](crate::Figures) tells.
    ///
    /// # Errors
    /// Another process has the queue, or it cannot be read or written, or a later version of this
    /// program has written it. Damage is no error.
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
        let Store {
            engine,
            index,
            rest,
        } = opening.store(settings)?;
        let sweep = Sweep::prepare(&home)?;
        let mut quarantined = opening.quarantined;
        let loading = match rest {
            Some(rest) => Some((rest, sweep, quarantined.clone())),
            None => {
                sweep.carry_out(&|id| index.contains(id), &home, &mut quarantined)?;
                None
            }
        };
        let _ = fs::remove_file(home.suspect());
        for damage in &quarantined {
            tracing::error!(%damage, "the queue is damaged");
        }
        let shared = Shared::new(settings, home, lock, seed, Box::new(engine), index);
        shared.note_damage(quarantined.len() as u64);
        let loader = loading.map(|(rest, sweep, quarantined)| Loader {
            shared: Arc::downgrade(&shared),
            rest,
            sweep,
            quarantined,
            stop: Arc::new(AtomicBool::new(false)),
        });
        Ok(Opened {
            spool: Self::start(shared, loader)?,
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

/// What was opened.
struct Store {
    engine: FjallEngine,
    index: Index,
    /// What is not in the index yet.
    rest: Option<Pairs>,
}

impl Opening<'_> {
    fn store(&mut self, settings: &Settings) -> Result<Store, OpenError> {
        rescue::conclude(self.home)?;
        precheck::discard_unfinished(self.home).map_err(|error| self.no_store(&error))?;
        let error = match self.try_store(settings) {
            Ok(found) => return Ok(found),
            Err(error) => error,
        };
        if error.whose != Whose::Content {
            return Err(self.no_store(&error));
        }
        tracing::error!(%error, "the store cannot be read: its records are searched for");
        let rescued =
            rescue::rescue(self.home, self.seed).map_err(|error| self.no_store(&error))?;
        self.quarantined.extend(rescued);
        self.try_store(settings)
            .map_err(|error| self.no_store(&error))
    }

    /// Opens the store and reads as much of it as is to be known at once; after a failed write,
    /// all of it.
    fn try_store(&mut self, settings: &Settings) -> Result<Store, EngineError> {
        let store = self.home.store();
        precheck::check(&store)?;
        // If the store then turns out unreadable, what was saved goes into the rescued one.
        self.repaired
            .repair(&store, &self.home.quarantine(), self.seed)?;
        let engine = FjallEngine::open(&store)?;
        let reported = journal::reinstate(&engine, &self.repaired, self.home)?;
        let suspect = self.home.suspect();
        let suspect = suspect.try_exists().at(&suspect)?;
        let at_once = match suspect {
            true => usize::MAX,
            false => settings.loaded_at_start,
        };
        let mut index = Index::new(settings.fresh);
        let mut pairs = engine.pairs(Table::Messages);
        let loaded = loading::load(
            &mut pairs,
            &mut index,
            at_once,
            time::to_millis(SystemTime::now()),
        )?;
        if suspect {
            engine
                .pairs(Table::Contents)
                .try_for_each(|pair| pair.map(drop))?;
        }
        self.repaired.finish()?;
        self.quarantined.extend(reported);
        for unusable in &loaded.unusable {
            self.quarantined
                .push(set_aside(self.home, &engine, unusable));
        }
        let rest = loaded.up_to.map(|up_to| {
            index.begin_loading(up_to, engine.last_id(), engine.about_how_many());
            pairs
        });
        Ok(Store {
            engine,
            index,
            rest,
        })
    }

    fn no_store(&self, error: &EngineError) -> OpenError {
        let path = self.home.store();
        let reason = error.to_string();
        match error.whose {
            Whose::Content | Whose::Room => OpenError::Store { path, reason },
            Whose::System => OpenError::Unreadable { path, reason },
            Whose::Later => OpenError::Later { path, reason },
        }
    }
}
