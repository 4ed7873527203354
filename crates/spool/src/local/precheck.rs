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

/// Finds out whether the engine may be let at the store. A store that does not exist is fine.
///
/// # Errors
/// Something cannot be read or is not as the engine wrote it.
pub(crate) fn check(store: &Path) -> io::Result<()> {
    if !store.exists() {
        return Ok(());
    }
    // Without this mark the engine would begin a new store among the files of the old one.
    if fs::read(store.join("version"))? != b"FJL\x03" {
        return Err(damaged("the mark of the store's version"));
    }
    for keyspace in fs::read_dir(store.join("keyspaces"))? {
        check_keyspace(&keyspace?.path())?;
    }
    Ok(())
}

fn check_keyspace(keyspace: &Path) -> io::Result<()> {
    let current = match fs::read(keyspace.join("current")) {
        Ok(current) => current,
        // A keyspace whose creation was cut short has no list and no table yet.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !has_tables(keyspace) => {
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    if has_tables(keyspace) {
        for table in fs::read_dir(keyspace.join("tables"))? {
            check_table(&table?.path())?;
        }
    }
    let (list, checksum) = parse(keyspace, &current).ok_or_else(|| damaged("a list's name"))?;
    if xxh3_128(&fs::read(list)?) != checksum {
        return Err(damaged("a list of tables"));
    }
    Ok(())
}

fn has_tables(keyspace: &Path) -> bool {
    fs::read_dir(keyspace.join("tables")).is_ok_and(|mut tables| tables.next().is_some())
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
