//! A directory of counts.
//!
//! ```text
//! lock                 held by the process that has the directory
//! 2026-11-23.day       what was counted on one day
//! partners             what is known of partners (the ledger alone)
//! *.new                a file that is being written; removed at the start
//! *.damaged            a file in which damage was found, until the next time
//! ```

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;

use super::{
    day::Day,
    error::{Fault, LedgerError, OnFile, Problem},
    file::{self, CountsFile, UNFINISHED},
};

pub(crate) use super::file::FileKind;

const DAMAGED: &str = "damaged";
const DAY: &str = "day";

/// Which file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    Day(Day),
    Partners,
}

impl Name {
    fn path(self, directory: &Path) -> PathBuf {
        match self {
            Self::Day(day) => directory.join(format!("{day}.{DAY}")),
            Self::Partners => directory.join("partners"),
        }
    }
}

/// The files, and the lock that makes them ours.
#[derive(Debug)]
pub(crate) struct Files {
    kind: FileKind,
    directory: PathBuf,
    files: BTreeMap<Name, CountsFile>,
    lock: File,
}

/// A child process has a copy of the file until it executes its program; closing ours would not
/// end the lock before that.
impl Drop for Files {
    fn drop(&mut self) {
        // Where it fails, the lock ends with the process.
        let _ = self.lock.unlock();
    }
}

impl Files {
    /// Takes the directory for this process, and makes it where it is missing.
    pub(crate) fn open(directory: &Path, kind: FileKind) -> Result<Self, LedgerError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .while_trying("make the directory", directory)?;
        let path = directory.join("lock");
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .while_trying("open", &path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LedgerError::Locked(directory.to_owned())),
            Err(TryLockError::Error(error)) => return Err(error).while_trying("lock", &path),
        }
        Ok(Self {
            kind,
            directory: directory.to_owned(),
            files: BTreeMap::new(),
            lock,
        })
    }

    /// The days of which there are files. Those that a stop left unfinished are removed.
    pub(crate) fn days(&self) -> Result<Vec<Day>, LedgerError> {
        let mut days = Vec::new();
        let entries = fs::read_dir(&self.directory).while_trying("read", &self.directory)?;
        for entry in entries {
            let path = entry.while_trying("read", &self.directory)?.path();
            let stem = path.file_stem().and_then(|it| it.to_str()).unwrap_or("");
            match path.extension().and_then(|it| it.to_str()) {
                Some(UNFINISHED) => {
                    // Where it fails, the next write of that file meets it and says so.
                    let _ = fs::remove_file(&path);
                }
                Some(DAY) => days.extend(stem.parse::<Day>()),
                _ => {}
            }
        }
        days.sort_unstable();
        Ok(days)
    }

    /// Reads a file; none there is like an empty one.
    pub(crate) fn read<T: DeserializeOwned>(
        &mut self,
        name: Name,
        problems: &mut Vec<Problem>,
    ) -> Vec<T> {
        let path = name.path(&self.directory);
        if !path.exists() {
            return Vec::new();
        }
        let contents = file::read(self.kind, &path);
        self.files
            .insert(name, CountsFile::found(self.kind, path.clone(), &contents));
        if let Some(fault) = contents.fault {
            let kept = set_aside(&path, &fault);
            problems.push(Problem {
                file: path,
                fault,
                kept,
            });
        }
        contents.entries
    }

    /// Whether anything must be written, even if nothing has changed in memory.
    pub(crate) fn is_stale(&self, name: Name) -> bool {
        self.files.get(&name).is_some_and(CountsFile::is_stale)
    }

    pub(crate) fn wants_whole(&self, name: Name) -> bool {
        self.files.get(&name).is_none_or(CountsFile::wants_whole)
    }

    pub(crate) fn write(
        &mut self,
        name: Name,
        lines: io::Result<Vec<u8>>,
    ) -> Result<(), LedgerError> {
        let new = || CountsFile::new(self.kind, name.path(&self.directory));
        self.files.entry(name).or_insert_with(new).write(lines)
    }

    /// Removes the files of days that are none of `days`.
    pub(crate) fn retain_days(&mut self, days: &[Day]) -> Result<(), LedgerError> {
        let gone = |name: &Name| matches!(name, Name::Day(day) if !days.contains(day));
        let gone: Vec<Name> = self.files.keys().copied().filter(gone).collect();
        for name in gone {
            if let Name::Day(day) = name {
                self.remove_day(day)?;
            }
        }
        Ok(())
    }

    /// Removes the file of a day, and what was kept of it.
    pub(crate) fn remove_day(&mut self, day: Day) -> Result<(), LedgerError> {
        let name = Name::Day(day);
        let path = name.path(&self.directory);
        for path in [path.with_added_extension(DAMAGED), path] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                done => done.while_trying("remove", &path)?,
            }
        }
        self.files.remove(&name);
        Ok(())
    }
}

/// Keeps a damaged file for whoever wants to look at it. It stays in its place as well where the
/// file system can do that, so that a stop before it is written anew loses nothing of it.
fn set_aside(path: &Path, fault: &Fault) -> Option<PathBuf> {
    if *fault == Fault::Torn {
        return None;
    }
    let kept = path.with_added_extension(DAMAGED);
    // Whatever was kept before gives way; there may be nothing.
    let _ = fs::remove_file(&kept);
    fs::hard_link(path, &kept)
        .or_else(|_| fs::rename(path, &kept))
        .ok()
        .map(|()| kept)
}
