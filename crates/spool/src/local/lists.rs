//! Checking the engine's lists of tables before it trusts them.
//!
//! fjall keeps for each keyspace a list of its tables (`v1`, `v2`, …) and in `current` which
//! list counts and its checksum, which it writes and does not read. A table that the list does
//! not name is deleted as a leftover. A damaged list would therefore take sound tables with it,
//! so this looks at the checksums first.
//!
//! ```text
//! version   "FJL" 3
//! keyspaces/N/current   number of the list 8 LE | XXH3-128 of the list 16 LE | 0
//! ```

use std::{
    fs, io,
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
    let (list, checksum) = parse(keyspace, &current).ok_or_else(|| damaged("a list's name"))?;
    if xxh3_128(&fs::read(list)?) != checksum {
        return Err(damaged("a list of tables"));
    }
    Ok(())
}

fn has_tables(keyspace: &Path) -> bool {
    fs::read_dir(keyspace.join("tables")).is_ok_and(|mut tables| tables.next().is_some())
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
