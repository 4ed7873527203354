//! Opening the queue: whatever the disk holds, there is a queue afterwards.
//!
//! 1. The lock is taken, a repair that was cut short is finished or undone.
//! 2. The engine's journals and lists are checked, since the engine would drop what follows a
//!    damaged place without a word ([`super::journal`]). If lists or tables are damaged the
//!    records are carved out into a new store ([`super::rescue`]).
//! 3. Messages' records are read and checked, for a large queue after it has opened
//!    ([`super::loading`]). Damaged ones are moved to `quarantine/`. Content is not read: that
//!    would take minutes for a large queue. It is checked when it is delivered.
//! 4. Content files without a message are deleted; beside other damage they are kept.

use std::{
    fs,
    sync::{Arc, atomic::AtomicBool},
};

use super::{
    LocalSpool,
    aside::set_aside,
    engine::{Engine, EngineError, FjallEngine, Pairs, Table},
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
use crate::{OpenError, Quarantined, Settings};

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

    /// Opens the store and reads as much of it as is to be known at once; after a failed write,
    /// all of it.
    fn try_store(&mut self, settings: &Settings) -> Result<Store, EngineError> {
        let store = self.home.store();
        precheck::check(&store)?;
        // If the store then turns out unreadable, what was saved goes into the rescued one.
        let (repaired, quarantine) = (&mut self.repaired, self.home.quarantine());
        journal::repair(&store, &quarantine, self.seed, repaired)?;
        let engine = FjallEngine::open(&store)?;
        let reported = journal::reinstate(&engine, &self.repaired, self.home)?;
        let suspect = self.home.suspect().exists();
        let at_once = match suspect {
            true => usize::MAX,
            false => settings.loaded_at_start,
        };
        let mut index = Index::new(settings.fresh);
        let mut pairs = engine.pairs(Table::Messages);
        let loaded = loading::load(&mut pairs, &mut index, at_once)?;
        if suspect {
            engine
                .pairs(Table::Contents)
                .try_for_each(|pair| pair.map(drop))?;
        }
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
        OpenError::Store {
            path: self.home.store(),
            reason: error.to_string(),
        }
    }
}
