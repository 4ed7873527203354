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
//!   records, which carry our seal ([`record`]); those that are newer than what the
//!   engine has, and not removed later, go back into it.
//!
//! Sound batches behind damage are believed only if they reach the journal's end without a gap.
//! Octets that look like a batch may be somebody's content, but content cannot arrange for what
//! follows it.
//!
//! What is lost: removals inside the damaged part. Such a message is delivered once more.
//! A journal that needs any of this is read into memory whole, some 64 MB; the others go by in
//! pieces ([`passage`]).

mod batch;
mod order;
mod passage;
mod reinstate;

use std::{
    collections::{BTreeSet, HashSet},
    fs::{self, File, OpenOptions},
    io::{self, Read},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use postern_mail::QueueId;

use self::batch::Remainder;
pub(crate) use self::reinstate::reinstate;
use super::{
    engine::{AtPath, EngineError},
    home::{sync_directory, write_whole},
    record::{self, Kind, Record, Seed},
};

/// What was saved from damaged journals, and what is known to have been removed since.
#[derive(Debug, Default)]
pub(crate) struct Repaired {
    found: Vec<(Kind, Record)>,
    removed: HashSet<QueueId>,
    /// Where damaged journals are kept.
    damaged: BTreeSet<PathBuf>,
}

impl Repaired {
    /// Checks every journal of the store, oldest first, and mends those that need it. There is
    /// nothing to do where there is no store. Nothing is changed before all has been read.
    pub(crate) fn repair(
        &mut self,
        store: &Path,
        quarantine: &Path,
        seed: Seed,
    ) -> Result<(), EngineError> {
        for kept in unfinished(quarantine).at(quarantine)? {
            let octets = read(&kept).at(&kept)?;
            let journal = Journal::parse(&octets);
            self.found.extend(journal.lost(&octets, seed));
            self.damaged.insert(kept);
        }
        for mending in self.examine(store, seed)? {
            let path = &mending.path;
            if mending.is_damaged {
                self.damaged.insert(keep(path, quarantine).at(path)?);
                write_whole(path, &mending.sound).at(path)?;
            } else {
                cut_off(path, mending.sound.len()).at(path)?;
            }
        }
        Ok(())
    }

    /// Reads every journal. Gives back what is to be done to them.
    fn examine(&mut self, store: &Path, seed: Seed) -> Result<Vec<Mending>, EngineError> {
        let paths = paths(store).at(store)?;
        if paths.is_empty() && store.try_exists().at(store)? {
            // The engine would begin a new one, and with it count from the start again: it would
            // not see its own tables any more.
            let gone = io::Error::new(io::ErrorKind::NotFound, "the journal is gone");
            return Err(gone).at(store);
        }
        let mut mendings = Vec::new();
        let mut damage = !self.damaged.is_empty();
        for path in paths {
            if !damage && passage::is_whole(&path).at(&path)? {
                continue;
            }
            let octets = read(&path).at(&path)?;
            let journal = Journal::parse(&octets);
            let is_damaged = journal.is_damaged();
            damage |= is_damaged;
            if is_damaged {
                self.found.extend(journal.lost(&octets, seed));
                let sound = journal.mended(&octets).into();
                mendings.push(Mending {
                    path,
                    sound,
                    is_damaged,
                });
            } else if journal.sound < octets.len() {
                let sound = octets.slice(..journal.sound);
                mendings.push(Mending {
                    path,
                    sound,
                    is_damaged,
                });
            }
            if damage {
                self.removed.extend(journal.removed);
            }
        }
        Ok(mendings)
    }

    /// Notes that what was saved is in the store.
    pub(crate) fn finish(&self) -> Result<(), EngineError> {
        for kept in &self.damaged {
            fs::rename(kept, finished(kept)).at(kept)?;
            kept.parent().map_or(Ok(()), sync_directory).at(kept)?;
        }
        Ok(())
    }
}

/// What is to be done to a journal.
struct Mending {
    path: PathBuf,
    /// What is to stay of it.
    sound: Bytes,
    /// Whether it is more than an end that was never written.
    is_damaged: bool,
}

/// The ids under which the sound batches of the store's journals remove something.
pub(crate) fn removed(store: &Path) -> Result<HashSet<QueueId>, EngineError> {
    let mut removed = HashSet::new();
    for path in paths(store).at(store)? {
        removed.extend(Journal::parse(&read(&path).at(&path)?).removed);
    }
    Ok(removed)
}

/// Whether no journal of a store holds anything.
pub(crate) fn are_blank(store: &Path) -> Result<bool, EngineError> {
    for path in paths(store).at(store)? {
        if !read(&path).at(&path)?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The journals of a store, oldest first.
fn paths(store: &Path) -> io::Result<Vec<PathBuf>> {
    if !store.try_exists()? {
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
    read_from(File::open(path)?)
}

fn read_from(mut file: impl Read) -> io::Result<Bytes> {
    static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
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

/// What a journal's octets are: sound batches up to `sound`, damage up to `behind`, sound
/// batches again up to `end`. Without damage the three are one.
#[derive(Default)]
struct Journal {
    sound: usize,
    behind: usize,
    end: usize,
    /// Where each sound batch begins, and its sequence number.
    batches: Vec<(usize, u64)>,
    removed: Vec<QueueId>,
}

impl Journal {
    fn parse(octets: &[u8]) -> Self {
        let mut journal = Self::default();
        journal.sound = journal.follow(octets, 0);
        (journal.behind, journal.end) = match remainder(octets, journal.sound) {
            Remainder::Nothing | Remainder::CutShort => (journal.sound, journal.sound),
            Remainder::Damage => journal.resume(octets),
        };
        journal
    }

    /// Follows the batches from `at` and returns where they end.
    fn follow(&mut self, octets: &[u8], mut at: usize) -> usize {
        while let Some(batch) = octets.get(at..).and_then(batch::batch) {
            self.batches.push((at, batch.sequence));
            self.removed.extend(batch.removed);
            at += batch.length;
        }
        at
    }

    /// Finds the first place behind the damage whence batches reach the journal's end, and that
    /// end. Both are the file's end where there is none.
    fn resume(&mut self, octets: &[u8]) -> (usize, usize) {
        let mut at = self.sound + 1;
        while at < octets.len() {
            let mut behind = Self::default();
            let end = behind.follow(octets, at);
            if end > at && remainder(octets, end) != Remainder::Damage {
                self.batches.extend(behind.batches);
                self.removed.extend(behind.removed);
                return (at, end);
            }
            // Every batch on the way there leads to the same dead end.
            at = end.max(at + 1);
        }
        (octets.len(), octets.len())
    }

    fn corrections(&self) -> Vec<(usize, u64)> {
        let numbers: Vec<_> = self.batches.iter().map(|(_, number)| *number).collect();
        order::corrections(&numbers)
    }

    fn is_damaged(&self) -> bool {
        self.behind > self.sound || !self.corrections().is_empty()
    }

    /// The records that lie in the damage.
    fn lost(&self, octets: &Bytes, seed: Seed) -> Vec<(Kind, Record)> {
        record::find(&octets.slice(self.sound..self.behind), seed)
    }

    /// The sound batches alone, in order.
    fn mended(&self, octets: &[u8]) -> Vec<u8> {
        let mut octets = octets.to_vec();
        for (at, number) in self.corrections() {
            let batch = self
                .batches
                .get(at)
                .map(|(place, _)| place + batch::SEQUENCE);
            let place = batch.and_then(|start| octets.get_mut(start..start + 8));
            if let Some(place) = place {
                place.copy_from_slice(&number.to_le_bytes());
            }
        }
        octets.truncate(self.end);
        octets.drain(self.sound..self.behind);
        octets
    }
}

fn remainder(octets: &[u8], from: usize) -> Remainder {
    batch::remainder(octets.get(from..).unwrap_or_default())
}

fn cut_off(path: &Path, length: usize) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(length as u64)?;
    file.sync_all()
}

/// What a damaged journal is called until what was saved from it is in the store: a start that is
/// cut short in between begins again with it.
const UNFINISHED: &str = ".mending";

/// Keeps a damaged journal under a name of its own.
fn keep(path: &Path, quarantine: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    for number in 0..u32::MAX {
        let kept = quarantine.join(format!("{name}.{number}{UNFINISHED}"));
        if finished(&kept).try_exists()? {
            continue;
        }
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

/// The name for good of a journal that is kept.
fn finished(kept: &Path) -> PathBuf {
    let name = kept.file_name().unwrap_or_default().to_string_lossy();
    kept.with_file_name(name.strip_suffix(UNFINISHED).unwrap_or(&name))
}

/// The journals whose mending was cut short.
fn unfinished(quarantine: &Path) -> io::Result<Vec<PathBuf>> {
    let mut kept = Vec::new();
    for entry in fs::read_dir(quarantine)? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(UNFINISHED) {
            kept.push(path);
        }
    }
    Ok(kept)
}
