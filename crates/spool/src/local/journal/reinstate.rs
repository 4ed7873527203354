//! Putting records that were found between damage back into the queue.

use std::{
    collections::{HashMap, hash_map::Entry},
    io,
};

use bytes::Bytes;
use postern_mail::QueueId;

use super::{Repaired, finished};
use crate::{
    Fault, Quarantined,
    local::{
        engine::{Change, Engine, EngineError, Table},
        home::{Home, write_whole},
        record::{self, Kind, Record},
    },
    message::ContentPlace,
};

/// Gives the engine what was saved, where it has nothing newer, and reports the damage.
///
/// Called a second time with the same it changes nothing more: that is what a start does that begins
/// where another was cut short.
pub(crate) fn reinstate(
    engine: &dyn Engine,
    repaired: &Repaired,
    home: &Home,
) -> Result<Vec<Quarantined>, EngineError> {
    let mut quarantined: Vec<_> = repaired
        .damaged
        .iter()
        .map(|kept| Quarantined {
            id: None,
            fault: Fault::Journal,
            kept: finished(kept),
        })
        .collect();
    let mut saved = Saved::default();
    for (kind, record) in &repaired.found {
        if !repaired.removed.contains(&record.id) {
            saved.add(*kind, record.clone());
        }
    }
    let mut changes = Vec::new();
    for message in saved.messages.values() {
        if is_newer(engine, message)? {
            match saved.content_of(engine, message)? {
                true => changes.push(put(Table::Messages, message.id, &message.whole)),
                false => quarantined.push(set_aside(home, message)?),
            }
        }
    }
    for (id, content) in &saved.contents {
        let owned = saved.messages.contains_key(id) || engine.get(Table::Messages, *id)?.is_some();
        if owned && engine.get(Table::Contents, *id)?.is_none() {
            changes.push(put(Table::Contents, *id, content));
        }
    }
    if !changes.is_empty() {
        engine.commit(changes)?;
    }
    Ok(quarantined)
}

#[derive(Default)]
struct Saved {
    messages: HashMap<QueueId, Record>,
    contents: HashMap<QueueId, Bytes>,
}

impl Saved {
    fn add(&mut self, kind: Kind, record: Record) {
        match kind {
            Kind::Content => {
                self.contents.insert(record.id, record.whole);
            }
            Kind::Message => match self.messages.entry(record.id) {
                Entry::Vacant(entry) => {
                    entry.insert(record);
                }
                Entry::Occupied(mut entry) if entry.get().revision < record.revision => {
                    entry.insert(record);
                }
                Entry::Occupied(_) => {}
            },
        }
    }

    /// Whether the content of a message is at hand, here or in the engine. Whether a file is
    /// there is found out when it is read.
    fn content_of(&self, engine: &dyn Engine, message: &Record) -> Result<bool, EngineError> {
        let place = record::decode(message).map(|message| message.accepted.content.place);
        Ok(match place {
            Ok(ContentPlace::File) => true,
            Ok(ContentPlace::Record) => {
                self.contents.contains_key(&message.id)
                    || engine.get(Table::Contents, message.id)?.is_some()
            }
            Err(_) => false,
        })
    }
}

/// Whether the engine has no record of this message, or an older one, or one it cannot use.
fn is_newer(engine: &dyn Engine, message: &Record) -> Result<bool, EngineError> {
    let known = engine.get(Table::Messages, message.id)?;
    let known = known.map(|stored| record::open(Kind::Message, message.id, &stored));
    Ok(match known {
        Some(Ok(known)) => known.revision < message.revision,
        Some(Err(_)) | None => true,
    })
}

fn put(table: Table, id: QueueId, record: &Bytes) -> Change {
    Change::Put(table, id, Bytes::copy_from_slice(record))
}

fn set_aside(home: &Home, message: &Record) -> io::Result<Quarantined> {
    let kept = home.quarantine().join(format!("{}.message", message.id));
    write_whole(&kept, &message.whole)?;
    Ok(Quarantined {
        id: Some(message.id),
        fault: Fault::ContentGone,
        kept,
    })
}
