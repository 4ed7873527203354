//! Checking the engine's journal, and mending it, before the engine reads it.
//!
//! fjall replays its journal at the start. Where it meets a place that it cannot read it takes
//! it for the end, cuts the file off there and goes on — right after a crash, when the last
//! batch is incomplete, and wrong when a sector went bad in the middle: all later batches would
//! be gone, acknowledged messages among them. Where a checksum fails it refuses to open at all.
//! Hence this:
//!
//! - A journal that is whole, or ends in a batch that was cut short, is left to the engine; of
//!   the latter the remains are cut off here.
//! - Otherwise the sound batches before the damage and the sound batches behind it, up to the
//!   journal's end, stay. What lies between is kept in `quarantine/` and searched for our own
//!   records, which carry our seal ([`record`](super::record)); those that are newer than what the
//!   engine has, and not removed later, go back into it.
//!
//! Sound batches behind damage are believed only if they reach the journal's end without a gap.
//! Octets that look like a batch may be somebody's content, but content cannot arrange for what
//! follows it.
//!
//! What is lost: removals inside the damaged part. Such a message is delivered once more.
//! A journal is read into memory whole, one after the other; the engine begins a new one after
//! 64 MB.

mod batch;
mod reinstate;

use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
    io::{self, Read},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use postern_mail::QueueId;

use self::batch::Remainder;
pub(crate) use self::reinstate::reinstate;
use super::{
    home::{sync_directory, write_whole},
    record::{self, Kind, Record, Seed},
};

/// What was saved from damaged journals, and what is known to have been removed since.
#[derive(Debug, Default)]
pub(crate) struct Repaired {
    found: Vec<(Kind, Record)>,
    removed: HashSet<QueueId>,
    damaged: Vec<PathBuf>,
}

/// Checks every journal of the store, oldest first, and mends those that need it. There is
/// nothing to do where there is no store.
pub(crate) fn repair(
    store: &Path,
    quarantine: &Path,
    seed: Seed,
    repaired: &mut Repaired,
) -> io::Result<()> {
    for path in paths(store)? {
        let octets = read(&path)?;
        let journal = Journal::parse(&octets);
        match &journal.damaged {
            None if journal.sound < octets.len() => cut_off(&path, journal.sound)?,
            None => {}
            Some(behind) => {
                let kept = keep(&path, quarantine)?;
                repaired.damaged.push(kept);
                let between = octets.slice(journal.sound..*behind);
                repaired.found.extend(record::find(&between, seed));
                let mended = [
                    octets.get(..journal.sound),
                    octets.get(*behind..journal.end),
                ];
                write_whole(&path, &mended.map(Option::unwrap_or_default).concat())?;
            }
        }
        if !repaired.damaged.is_empty() {
            repaired.removed.extend(journal.removed);
        }
    }
    Ok(())
}

/// The ids under which the sound batches of the store's journals remove something.
pub(crate) fn removed(store: &Path) -> io::Result<HashSet<QueueId>> {
    let mut removed = HashSet::new();
    for path in paths(store)? {
        removed.extend(Journal::parse(&read(&path)?).removed);
    }
    Ok(removed)
}

/// The journals of a store, oldest first.
fn paths(store: &Path) -> io::Result<Vec<PathBuf>> {
    if !store.exists() {
        return Ok(Vec::new());
    }
    let mut journals = Vec::new();
    for entry in fs::read_dir(store)? {
        let path = entry?.path();
        let number = path
            .file_stem()
            .and_then(|stem| stem.to_str()?.parse::<u64>().ok());
        if let (Some(number), Some("jnl")) = (number, path.extension().and_then(|e| e.to_str())) {
            journals.push((number, path));
        }
    }
    journals.sort();
    Ok(journals.into_iter().map(|(_, path)| path).collect())
}

/// The octets of a file up to the zeros at its end. These may be a hole of many MiB, so they are
/// counted rather than kept.
pub(crate) fn read(path: &Path) -> io::Result<Bytes> {
    const ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
    let mut file = File::open(path)?;
    let mut octets = Vec::new();
    let mut zeros = 0;
    let mut piece = vec![0; ZEROS.len()];
    loop {
        let count = file.read(&mut piece)?;
        let piece = piece.get(..count).unwrap_or_default();
        if piece.is_empty() {
            return Ok(octets.into());
        }
        if ZEROS.get(..count) == Some(piece) {
            zeros += count;
        } else {
            octets.resize(octets.len() + zeros, 0);
            zeros = 0;
            octets.extend_from_slice(piece);
        }
    }
}

struct Journal {
    /// The sound batches at the start end here.
    sound: usize,
    /// Where there is damage: the sound batches behind it begin here.
    damaged: Option<usize>,
    /// The last sound batch ends here.
    end: usize,
    removed: Vec<QueueId>,
}

impl Journal {
    fn parse(octets: &[u8]) -> Self {
        let mut removed = Vec::new();
        let sound = follow(octets, 0, &mut removed);
        match batch::remainder(octets.get(sound..).unwrap_or_default()) {
            Remainder::Nothing | Remainder::CutShort => Self {
                sound,
                damaged: None,
                end: sound,
                removed,
            },
            Remainder::Damage => {
                let (behind, end) = resume(octets, sound + 1, &mut removed);
                Self {
                    sound,
                    damaged: Some(behind),
                    end,
                    removed,
                }
            }
        }
    }
}

/// Follows the batches from `at` and returns where they end.
fn follow(octets: &[u8], mut at: usize, removed: &mut Vec<QueueId>) -> usize {
    while let Some(batch) = octets.get(at..).and_then(batch::batch) {
        at += batch.length;
        removed.extend(batch.removed);
    }
    at
}

/// Finds the first place at or after `from` whence batches reach the journal's end. The end,
/// where there is none.
fn resume(octets: &[u8], from: usize, removed: &mut Vec<QueueId>) -> (usize, usize) {
    let mut at = from;
    while at < octets.len() {
        let mut also_removed = Vec::new();
        let end = follow(octets, at, &mut also_removed);
        let reaches_the_end = || match batch::remainder(octets.get(end..).unwrap_or_default()) {
            Remainder::Nothing | Remainder::CutShort => true,
            Remainder::Damage => false,
        };
        if end > at && reaches_the_end() {
            removed.extend(also_removed);
            return (at, end);
        }
        // Every batch on the way there leads to the same dead end.
        at = end.max(at + 1);
    }
    (octets.len(), octets.len())
}

fn cut_off(path: &Path, length: usize) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(length as u64)?;
    file.sync_all()
}

/// Keeps a damaged journal under a name of its own.
fn keep(path: &Path, quarantine: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    for number in 0..u32::MAX {
        let kept = quarantine.join(format!("{name}.{number}"));
        match fs::hard_link(path, &kept) {
            Ok(()) => {
                sync_directory(quarantine)?;
                return Ok(kept);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
