//! Checking what the engine reads without checking it.
//!
//! fjall keeps for each keyspace a list of its tables (`v1`, `v2`, …) and in `current` which
//! list counts and its checksum, which it writes and does not read. A table that the list does
//! not name is deleted as a leftover: a damaged list would take sound tables with it. The
//! contents list at the end of each table it does check, but only after it has reserved memory
//! for as many entries as the list claims to have, which can end the process. So this looks at
//! the checksums of both first. Blocks within tables need no such help.
//!
//! ```text
//! version               "FJL" 3
//! keyspaces/N/current   number of the list 8 | XXH3-128 of the list 16 | 0
//! keyspaces/N/tables/M  … contents list | "SFA!" 1 0 | XXH3-128 of the contents list 16
//!                       | its place 8 | its length 8
//! ```

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use xxhash_rust::xxh3::xxh3_128;

use super::{
    engine::{AtPath, EngineError, Whose},
    home::{Home, sync_directory},
    journal,
};

/// What stands in `version`.
const MARK: [u8; 4] = [b'F', b'J', b'L', KNOWN];

/// The version of the engine's format that this program knows.
const KNOWN: u8 = 3;

/// Versions of the engine's format that this program will perhaps know one day. What is further off is no
/// number that anybody has given to a version.
const LATER: std::ops::Range<u8> = 4..32;

/// Removes a store whose creation was cut short before it could hold anything: neither a table nor
/// an octet in its journal, and no message has content beside it. The engine writes the mark
/// before it makes the first keyspace.
pub(crate) fn discard_unfinished(home: &Home) -> Result<(), EngineError> {
    let store = home.store();
    if !store.try_exists().at(&store)? {
        return Ok(());
    }
    let mark = read_if_there(&store.join("version"))?;
    let unfinished = mark.len() < MARK.len()
        && MARK.starts_with(&mark)
        && is_empty(&store.join("keyspaces"))?
        && is_empty(&home.content())?
        && journal::are_blank(&store)?;
    if !unfinished {
        return Ok(());
    }
    fs::remove_dir_all(&store).at(&store)?;
    sync_directory(home.root()).at(home.root())
}

fn read_if_there(path: &Path) -> Result<Vec<u8>, EngineError> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read.at(path),
    }
}

/// Whether a directory has no entries, or is not there.
fn is_empty(directory: &Path) -> Result<bool, EngineError> {
    match fs::read_dir(directory) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error).at(directory),
    }
}

/// Finds out whether the engine may be let at the store. A store that does not exist is fine.
///
/// # Errors
/// Something cannot be read or is not as the engine wrote it.
pub(crate) fn check(store: &Path) -> Result<(), EngineError> {
    if !store.try_exists().at(store)? {
        return Ok(());
    }
    check_mark(&store.join("version"))?;
    let keyspaces = store.join("keyspaces");
    for keyspace in fs::read_dir(&keyspaces).at(&keyspaces)? {
        check_keyspace(&keyspace.at(&keyspaces)?.path())?;
    }
    Ok(())
}

/// Without this mark the engine would begin a new store among the files of the old one.
fn check_mark(path: &Path) -> Result<(), EngineError> {
    let mark = fs::read(path).at(path)?;
    match mark.as_slice() {
        mark if mark == MARK => Ok(()),
        [b'F', b'J', b'L', version] if LATER.contains(version) => Err(EngineError {
            reason: format!(
                "{} says version {version}, and this one knows version {KNOWN}",
                path.display()
            ),
            whose: Whose::Later,
        }),
        _ => Err(damaged("the mark of the store's version")).at(path),
    }
}

fn check_keyspace(keyspace: &Path) -> Result<(), EngineError> {
    let tables = keyspace.join("tables");
    let has_tables = !is_empty(&tables)?;
    let current = keyspace.join("current");
    let current = match fs::read(&current) {
        Ok(current) => current,
        // A keyspace whose creation was cut short has no list and no table yet.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !has_tables => {
            return Ok(());
        }
        Err(error) => return Err(error).at(&current),
    };
    if has_tables {
        for table in fs::read_dir(&tables).at(&tables)? {
            let table = table.at(&tables)?.path();
            check_table(&table).at(&table)?;
        }
    }
    let list = parse(keyspace, &current).ok_or_else(|| damaged("a list's name"));
    let (list, checksum) = list.at(keyspace)?;
    if xxh3_128(&fs::read(&list).at(&list)?) != checksum {
        return Err(damaged("a list of tables")).at(&list);
    }
    Ok(())
}

/// A table whose creation was cut short has no end yet, and is none of the listed ones; the
/// engine refuses a listed one without its end.
fn check_table(path: &Path) -> io::Result<()> {
    const TRAILER: u64 = 38;
    const MARK: [u8; 6] = *b"SFA!\x01\0";

    let mut table = File::open(path)?;
    let length = table.metadata()?.len();
    let Some(end) = length.checked_sub(TRAILER) else {
        return Ok(());
    };
    table.seek(SeekFrom::Start(end))?;
    let mut trailer = [0; TRAILER as usize];
    table.read_exact(&mut trailer)?;
    let Some((checksum, place)) = parse_trailer(&trailer, MARK) else {
        return Ok(());
    };
    let size = end.checked_sub(place);
    let size = size.ok_or_else(|| damaged("the end of a table"))?;
    table.seek(SeekFrom::Start(place))?;
    let mut contents = Vec::new();
    // A contents list names a handful of sections; more than this it cannot be.
    table.take(size.min(64 * 1024)).read_to_end(&mut contents)?;
    match xxh3_128(&contents) == checksum {
        true => Ok(()),
        false => Err(damaged("the contents list of a table")),
    }
}

/// The checksum and the place of the contents list.
fn parse_trailer(trailer: &[u8], mark: [u8; 6]) -> Option<(u128, u64)> {
    let (found, rest) = trailer.split_first_chunk::<6>()?;
    let (checksum, rest) = rest.split_first_chunk()?;
    let (place, _length) = rest.split_first_chunk()?;
    let parsed = (u128::from_le_bytes(*checksum), u64::from_le_bytes(*place));
    (*found == mark).then_some(parsed)
}

fn parse(keyspace: &Path, current: &[u8]) -> Option<(PathBuf, u128)> {
    let (number, rest) = current.split_first_chunk::<8>()?;
    let (checksum, kind) = rest.split_first_chunk::<16>()?;
    let list = keyspace.join(format!("v{}", u64::from_le_bytes(*number)));
    (kind == [0]).then_some((list, u128::from_le_bytes(*checksum)))
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what} is damaged"))
}
