//! The ledger's directory.
//!
//! ```text
//! lock                 held by the process that has the ledger
//! 2026-11-23.day       one day's destinations
//! partners             what is known of partners
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
    file::{self, LedgerFile, UNFINISHED},
};

const DAMAGED: &str = "damaged";
const DAY: &str = "day";

/// Which file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
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
pub(super) struct Files {
    directory: PathBuf,
    files: BTreeMap<Name, LedgerFile>,
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
    pub(super) fn open(directory: &Path) -> Result<Self, LedgerError> {
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
            directory: directory.to_owned(),
            files: BTreeMap::new(),
            lock,
        })
    }

    /// The days of which there are files. Those that a stop left unfinished are removed.
    pub(super) fn days(&self) -> Result<Vec<Day>, LedgerError> {
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
    pub(super) fn read<T: DeserializeOwned>(
        &mut self,
        name: Name,
        problems: &mut Vec<Problem>,
    ) -> Vec<T> {
        let path = name.path(&self.directory);
        if !path.exists() {
            return Vec::new();
        }
        let contents = file::read(&path);
        self.files
            .insert(name, LedgerFile::found(path.clone(), &contents));
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
    pub(super) fn is_stale(&self, name: Name) -> bool {
        self.files.get(&name).is_some_and(LedgerFile::is_stale)
    }

    pub(super) fn wants_whole(&self, name: Name) -> bool {
        self.files.get(&name).is_none_or(LedgerFile::wants_whole)
    }

    pub(super) fn write(
        &mut self,
        name: Name,
        lines: io::Result<Vec<u8>>,
    ) -> Result<(), LedgerError> {
        let new = || LedgerFile::new(name.path(&self.directory));
        self.files.entry(name).or_insert_with(new).write(lines)
    }

    /// Removes the files of days that are none of `days`.
    pub(super) fn retain_days(&mut self, days: &[Day]) -> Result<(), LedgerError> {
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
    pub(super) fn remove_day(&mut self, day: Day) -> Result<(), LedgerError> {
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
