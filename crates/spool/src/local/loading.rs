//! Reading the queue into the index, for a large queue while it works.
//!
//! A queue of a million messages takes seconds to read, and peers do not wait so long for a
//! greeting. So only so many are read before the queue opens; the rest follows in the background,
//! from the store as it was before anything could be accepted. A message is known
//! - from the start, where it came since,
//! - from when the reader has come to it,
//! - or from when somebody asks for it by name, whichever is first ([`Shared::bring_in`]).
//!
//! From then on the index is the truth of it, and what the reader finds later is passed over; so
//! is what has left the queue meanwhile. Hence nothing is claimed twice, and nothing comes back.
//! A store that turns out unreadable stops the queue, as a failed write does: the next start
//! then reads everything before it opens, and mends what it can.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicBool, Ordering},
};

use postern_mail::QueueId;

use super::{
    aside::{Unusable, set_aside},
    engine::{EngineError, Pairs, Table},
    index::Index,
    record::{self, Kind, RecordError},
    shared::Shared,
    sweep::Sweep,
};
use crate::{Quarantined, SpoolError, message::Message, time::Millis};

/// How many messages are read between two visits to the index: what one visit may cost others.
const STEP: usize = 250;

/// Some records, and what was in them.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) messages: Vec<(QueueId, Message)>,
    pub(super) unusable: Vec<Unusable>,
    /// How far it reaches. None where there is nothing more.
    pub(super) up_to: Option<QueueId>,
}

/// Reads up to `count` records.
fn read(pairs: &mut Pairs, count: usize) -> Result<Batch, EngineError> {
    let mut batch = Batch::default();
    for pair in pairs.by_ref().take(count) {
        let (key, record) = pair?;
        match examine(&key, &record) {
            Ok((id, message)) => {
                batch.up_to = Some(id);
                batch.messages.push((id, message));
            }
            Err(error) => {
                let unusable = Unusable { key, record, error };
                // A key that is no id is nowhere among the ids.
                batch.up_to = unusable.id().or(batch.up_to).or(Some(QueueId::new(0, 0)));
                batch.unusable.push(unusable);
            }
        }
    }
    Ok(batch)
}

fn examine(key: &[u8], stored: &bytes::Bytes) -> Result<(QueueId, Message), RecordError> {
    let id = key.try_into().map_err(|_| RecordError::Damaged)?;
    let id = QueueId::from_octets(id);
    let record = record::open(Kind::Message, id, stored)?;
    Ok((id, record::decode(&record)?))
}

/// What was read before the queue opened.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) unusable: Vec<Unusable>,
    /// How far it reaches, where that is perhaps not the end.
    pub(super) up_to: Option<QueueId>,
}

/// Reads up to `count` messages into an index that nobody uses yet.
pub(super) fn load(
    pairs: &mut Pairs,
    index: &mut Index,
    count: usize,
    now: Millis,
) -> Result<Loaded, EngineError> {
    let mut loaded = Loaded {
        unusable: Vec::new(),
        up_to: Some(QueueId::new(0, 0)),
    };
    let mut left = count;
    while left > 0 && loaded.up_to.is_some() {
        let step = STEP.min(left);
        let batch = read(pairs, step)?;
        for (id, message) in &batch.messages {
            index.insert_stored(*id, message, now);
        }
        loaded.unusable.extend(batch.unusable);
        loaded.up_to = batch.up_to;
        left -= step;
    }
    Ok(loaded)
}

/// Reads the rest in the background.
pub(super) struct Loader {
    pub(super) shared: Weak<Shared>,
    pub(super) rest: Pairs,
    pub(super) sweep: Sweep,
    pub(super) quarantined: Vec<Quarantined>,
    pub(super) stop: Arc<AtomicBool>,
}

impl Loader {
    /// Blocks until all is read, or the queue is closed or poisoned.
    pub(super) fn run(mut self) {
        while !self.stop.load(Ordering::Relaxed)
            && let Some(shared) = self.shared.upgrade()
            && shared.usable().is_ok()
        {
            match read(&mut self.rest, STEP) {
                Ok(batch) if batch.up_to.is_none() => return self.finish(&shared),
                Ok(batch) => self.take_in(&shared, &batch),
                Err(error) => shared.poison(&format!("the store cannot be read: {error}")),
            }
        }
    }

    fn take_in(&mut self, shared: &Shared, batch: &Batch) {
        for unusable in &batch.unusable {
            let id = unusable.id();
            if id.is_none_or(|id| shared.index().is_unread(id)) {
                let damage = set_aside(&shared.home, shared.engine.as_ref(), unusable);
                tracing::error!(%damage, "the queue is damaged");
                shared.note_damage(1);
                self.quarantined.push(damage);
            }
        }
        let now = shared.clock.now();
        let earlier = shared.index().load(&batch.messages, batch.up_to, now);
        if earlier {
            shared.notify();
        }
    }

    fn finish(self, shared: &Shared) {
        shared.index().loaded();
        let mut quarantined = self.quarantined;
        let before = quarantined.len();
        let swept = self.sweep.carry_out(
            &|id| shared.index().contains(id),
            &shared.home,
            &mut quarantined,
        );
        if let Err(error) = swept {
            // What stays is swept at the next start.
            tracing::warn!(%error, "content without a message could not be swept");
        }
        for damage in quarantined.iter().skip(before) {
            tracing::error!(%damage, "the queue is damaged");
            shared.note_damage(1);
        }
        tracing::info!(messages = shared.figures().messages, "the queue is loaded");
    }
}

impl Shared {
    /// Sees to it that the index knows a message that is in the store and not read yet.
    pub(crate) async fn bring_in(&self, id: QueueId) -> Result<(), SpoolError> {
        if !self.index().is_unread(id) {
            return Ok(());
        }
        self.blocking(move |shared| shared.read_ahead(id)).await
    }

    fn read_ahead(&self, id: QueueId) {
        // What cannot be read at all stops the queue when the reader comes to it.
        let Ok(Some(stored)) = self.engine.get(Table::Messages, id) else {
            return;
        };
        let message =
            record::open(Kind::Message, id, &stored).and_then(|record| record::decode(&record));
        let now = self.clock.now();
        self.index().insert_ahead(id, message.as_ref().ok(), now);
    }
}
