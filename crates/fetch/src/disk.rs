//! Files that are there whole or not at all.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
    sync::{Mutex, PoisonError},
};

/// Held while a file is written. Two that write the same one would be in each other's way: two
/// partners may have one list, and whoever gave up waiting does not take back what was begun.
static WRITING: Mutex<()> = Mutex::new(());

/// Makes a directory and those above it, for us alone, where they are missing.
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes a file beside its place, makes it durable, and moves it there. Whenever the process or
/// the machine stops, the place holds the old file or the new one. One that was being written
/// begins with a dot; its name is that of the place, so that no more than one is left over.
pub(crate) fn write_whole(directory: &Path, name: &str, octets: &[u8]) -> io::Result<()> {
    let _only_one = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let unfinished = directory.join(format!(".{name}"));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)?;
    file.write_all(octets)?;
    file.sync_all()?;
    fs::rename(&unfinished, directory.join(name))?;
    File::open(directory)?.sync_all()
}

/// Removes a file that nobody came to finish.
pub(crate) fn remove_unfinished(path: &Path) {
    // Whoever is at it in this process finishes it first, and it is gone then.
    let _nobody_writes = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    // What stays is written over by the next of its name.
    let _ = fs::remove_file(path);
}

/// Reads a file that has no more octets than this. A longer one is [`io::ErrorKind::FileTooLarge`].
pub(crate) fn read_bounded(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(bound).read_to_end(&mut octets)?;
    if octets.len() > most {
        let text = format!("it is longer than {most} octets");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(octets)
}
