//! Moving a record that cannot be used out of the queue.

use std::{io, path::PathBuf};

use bytes::Bytes;
use postern_mail::QueueId;

use super::{
    engine::{Change, Engine, Table},
    home::{Home, write_whole},
    record::{self, Kind, RecordError},
};
use crate::{Fault, Quarantined};

/// A record that cannot be used.
#[derive(Debug)]
pub(super) struct Unusable {
    pub(super) key: Bytes,
    pub(super) record: Bytes,
    pub(super) error: RecordError,
}

impl Unusable {
    /// The message whose record it was to be.
    pub(super) fn id(&self) -> Option<QueueId> {
        let octets = self.key.as_ref().try_into();
        octets.ok().map(QueueId::from_octets)
    }
}

/// Moves a record that cannot be used into `quarantine/`, with its content. What cannot be moved
/// stays where it is, and out of the index.
pub(super) fn set_aside(home: &Home, engine: &dyn Engine, unusable: &Unusable) -> Quarantined {
    let (fault, kept) = match unusable.error {
        RecordError::Version(version) => (Fault::Version(version), None),
        RecordError::Damaged => (Fault::Record, move_aside(home, engine, unusable).ok()),
    };
    Quarantined {
        id: unusable.id(),
        fault,
        kept: kept.unwrap_or_else(|| home.store()),
    }
}

fn move_aside(home: &Home, engine: &dyn Engine, unusable: &Unusable) -> io::Result<PathBuf> {
    let id = unusable.id().ok_or(io::ErrorKind::InvalidData)?;
    let kept = home.quarantine().join(format!("{id}.message"));
    write_whole(&kept, &unusable.record)?;
    // What cannot be read now is not removed either.
    let content = engine.get(Table::Contents, id);
    if let Some(content) = content.map_err(io::Error::other)? {
        let body = record::open(Kind::Content, id, &content).map(|record| record.body);
        write_whole(&home.content_aside(id), &body.unwrap_or(content))?;
    }
    let removals = vec![
        Change::Remove(Table::Messages, id),
        Change::Remove(Table::Contents, id),
    ];
    engine.commit(removals).map_err(io::Error::other)?;
    Ok(kept)
}
