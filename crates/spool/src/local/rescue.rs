//! The last resort: a new store from the records that lie in the files of a damaged one.
//!
//! fjall's tables hold a record in one piece, as its journal does, and nothing is compressed.
//! So whatever is wrong with the lists, the indexes or some blocks, a record that is whole is
//! found by its seal. Of several revisions the newest counts.
//!
//! What cannot be told from octets is whether a table's record had been removed: the removal
//! may be in the damaged part. A message that was found in a table alone is therefore put on
//! hold, and an operator decides. Removals in the journals are honoured.
//!
//! The new store is built beside the old one, which then moves to `quarantine/` whole. A crash
//! at any point leaves the old store in place, or the new one complete.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use postern_mail::QueueId;

use super::{
    engine::{AtPath, Change, Engine, EngineError, FjallEngine, Table},
    home::{Home, sync_directory, write_whole},
    journal,
    record::{self, Kind, Record, Seed},
};
use crate::{Fault, OpenError, Quarantined, error::OnFile, message::ContentPlace};

const REASON: &str = "found in a damaged store; it may have been delivered before";

/// Finishes or undoes a rescue that was cut short.
pub(crate) fn conclude(home: &Home) -> Result<(), OpenError> {
    let (store, new) = (home.store(), home.new_store());
    if !new.try_exists().while_opening("look for", &new)? {
        return Ok(());
    }
    if store.try_exists().while_opening("look for", &store)? {
        return fs::remove_dir_all(&new).while_opening("delete", &new);
    }
    fs::rename(&new, &store)
        .and_then(|()| sync_directory(home.root()))
        .while_opening("move", &new)
}

/// Builds a new store and puts it in the place of the damaged one.
pub(crate) fn rescue(home: &Home, seed: Seed) -> Result<Vec<Quarantined>, EngineError> {
    let store = home.store();
    let files = files_below(&store).at(&store)?;
    let removed = journal::removed(&store)?;
    {
        let engine = FjallEngine::open(&home.new_store())?;
        for file in &files {
            carve(&engine, file, Kind::Message, &removed, seed)?;
        }
        for file in &files {
            carve(&engine, file, Kind::Content, &removed, seed)?;
        }
        engine.sync()?;
    }
    let kept = free_name(&home.quarantine())?;
    fs::rename(&store, &kept)?;
    sync_directory(&home.quarantine())?;
    fs::rename(home.new_store(), &store)?;
    sync_directory(home.root())?;
    let mut quarantined = without_content(home)?;
    quarantined.push(Quarantined {
        id: None,
        fault: Fault::Store,
        kept,
    });
    Ok(quarantined)
}

/// Takes the records of one kind out of a file.
fn carve(
    engine: &FjallEngine,
    file: &Path,
    wanted: Kind,
    removed: &HashSet<QueueId>,
    seed: Seed,
) -> Result<(), EngineError> {
    let in_journal = file.extension().is_some_and(|extension| extension == "jnl");
    let mut changes = Vec::new();
    let mut octets = 0;
    for (kind, record) in record::find(&journal::read(file).at(file)?, seed) {
        if kind != wanted || removed.contains(&record.id) {
            continue;
        }
        let change = match kind {
            Kind::Message => message(engine, &record, in_journal, seed)?,
            Kind::Content => content(engine, &record)?,
        };
        let Some(change) = change else { continue };
        octets += change.octets();
        changes.push(change);
        // Revisions of one message may follow one another, so each is seen by the next.
        if kind == Kind::Message || octets > 8 * 1024 * 1024 {
            engine.write(std::mem::take(&mut changes))?;
            octets = 0;
        }
    }
    engine.write(changes)
}

fn message(
    engine: &FjallEngine,
    found: &Record,
    in_journal: bool,
    seed: Seed,
) -> Result<Option<Change>, EngineError> {
    let Ok(mut message) = record::decode(found) else {
        return Ok(None);
    };
    if let Some(known) = engine.get(Table::Messages, found.id)?
        && let Ok(known) = record::open(Kind::Message, found.id, &known)
        && known.revision >= found.revision
    {
        return Ok(None);
    }
    if !in_journal && message.hold.is_none() {
        message.hold = Some(REASON.to_owned());
    }
    let record = record::message(found.id, &message, seed);
    Ok(Some(Change::Put(Table::Messages, found.id, record)))
}

fn content(engine: &FjallEngine, found: &Record) -> Result<Option<Change>, EngineError> {
    let owned = engine.get(Table::Messages, found.id)?.is_some();
    let record = Bytes::copy_from_slice(&found.whole);
    Ok(owned.then_some(Change::Put(Table::Contents, found.id, record)))
}

/// Takes messages whose content was not found out of the new store.
fn without_content(home: &Home) -> Result<Vec<Quarantined>, EngineError> {
    let engine = FjallEngine::open(&home.store())?;
    let mut messages = Vec::new();
    for pair in engine.pairs(Table::Messages) {
        let (key, stored) = pair?;
        let id = key.as_ref().try_into().map(QueueId::from_octets);
        messages.extend(id.ok().map(|id| (id, stored)));
    }
    let mut quarantined = Vec::new();
    let mut changes = Vec::new();
    for (id, stored) in messages {
        if has_content(&engine, home, id, &stored)? {
            continue;
        }
        let kept = home.quarantine().join(format!("{id}.message"));
        write_whole(&kept, &stored)?;
        changes.push(Change::Remove(Table::Messages, id));
        quarantined.push(Quarantined {
            id: Some(id),
            fault: Fault::ContentGone,
            kept,
        });
    }
    engine.commit(changes)?;
    Ok(quarantined)
}

fn has_content(
    engine: &FjallEngine,
    home: &Home,
    id: QueueId,
    stored: &Bytes,
) -> Result<bool, EngineError> {
    let message =
        record::open(Kind::Message, id, stored).and_then(|record| record::decode(&record));
    Ok(
        match message.map(|message| message.accepted.content.place) {
            Ok(ContentPlace::Record) => engine.get(Table::Contents, id)?.is_some(),
            Ok(ContentPlace::File) => {
                let file = home.content_of(id);
                file.try_exists().at(&file)?
            }
            Err(_) => false,
        },
    )
}

/// A directory in `quarantine/` that does not exist.
fn free_name(quarantine: &Path) -> io::Result<PathBuf> {
    (0..u32::MAX)
        .map(|number| quarantine.join(format!("store.{number}")))
        .find(|path| !path.exists())
        .ok_or_else(|| io::ErrorKind::AlreadyExists.into())
}

fn files_below(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            files.extend(files_below(&entry.path())?);
        } else {
            files.push(entry.path());
        }
    }
    Ok(files)
}
