//! A file that content is written to before its message is accepted.
//!
//! It lies in `incoming/`, which is emptied when the queue is opened, and moves to its place
//! under the message's id once it is on disk. All methods block.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;

use crate::SpoolError;

/// The name of a file that is deleted when this is dropped, unless it has moved away.
#[derive(Debug)]
pub(crate) struct PartFile {
    path: PathBuf,
}

impl PartFile {
    /// Creates a file that nobody else has opened, readable by us alone.
    pub(crate) fn create(directory: &Path) -> Result<(Self, File), SpoolError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = directory.join(format!("{}-{number}.part", std::process::id()));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(|source| failed("create", &path, source))?;
        Ok((Self { path }, file))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn append(&self, file: &mut File, pieces: &[Bytes]) -> Result<(), SpoolError> {
        pieces
            .iter()
            .try_for_each(|piece| file.write_all(piece))
            .map_err(|source| failed("write", &self.path, source))
    }

    /// Brings the content to the disk and then to its place. The directory has to be synced
    /// before the content counts.
    ///
    /// # Errors
    /// Whatever fails here leaves it unknown what the disk holds.
    pub(crate) fn move_to(&self, place: &Path) -> io::Result<()> {
        OpenOptions::new()
            .read(true)
            .open(&self.path)?
            .sync_data()?;
        std::fs::rename(&self.path, place)
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        // It fails where the file has moved to its place, and harms nothing where it fails
        // otherwise: the directory is emptied at the next start.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// An error on one file: a full disk is told apart, because a peer is answered differently.
pub(crate) fn failed(action: &'static str, path: &Path, source: io::Error) -> SpoolError {
    if is_full(&source) {
        return SpoolError::Full {
            available: 0,
            reserve: 0,
        };
    }
    SpoolError::File {
        action,
        path: path.to_owned(),
        source,
    }
}

/// Whether a write failed for want of room or of quota.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
