//! The queue's directory.
//!
//! ```text
//! lock          held by the process that has the queue; its number is inside
//! seed          what seals the records; seed.second is its copy
//! suspect       there after a failed write: the next start reads everything
//! store/        the engine's files
//! content/      content too large for a record, one file per message, named by its id
//! incoming/     content that is being received; emptied at the start
//! quarantine/   what was found damaged
//! ```
//!
//! Paths are made of names that are constant, or of a [`QueueId`], whose grammar has no dot and
//! no slash.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use postern_mail::QueueId;

use crate::{OpenError, error::OnFile};

/// Where everything is.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    root: PathBuf,
}

/// Held for as long as the queue is ours. The system releases it when the process ends, however
/// it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

/// A child process has a copy of the file until it executes its program; closing ours would not
/// end the lock before that.
impl Drop for Lock {
    fn drop(&mut self) {
        // Where it fails, the lock ends with the process.
        let _ = self.file.unlock();
    }
}

impl Home {
    /// Paths below which there is nothing.
    #[cfg(feature = "simulation")]
    pub(crate) fn nowhere() -> Self {
        Self {
            root: PathBuf::from("/nonexistent/postern"),
        }
    }

    /// Makes the directories that are missing.
    pub(crate) fn prepare(root: &Path) -> Result<Self, OpenError> {
        let home = Self {
            root: root.to_owned(),
        };
        let content = home.content();
        let incoming = home.incoming();
        for directory in [root, &content, &incoming, &home.quarantine()] {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory)
                .while_opening("make the directory", directory)?;
        }
        sync_directory(root).while_opening("sync", root)?;
        Ok(home)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    /// The store that a repair builds before it takes the place of the damaged one.
    pub(crate) fn new_store(&self) -> PathBuf {
        self.root.join("store.new")
    }

    pub(crate) fn seed(&self) -> PathBuf {
        self.root.join("seed")
    }

    pub(crate) fn second_seed(&self) -> PathBuf {
        self.root.join("seed.second")
    }

    pub(crate) fn suspect(&self) -> PathBuf {
        self.root.join("suspect")
    }

    pub(crate) fn content(&self) -> PathBuf {
        self.root.join("content")
    }

    pub(crate) fn content_of(&self, id: QueueId) -> PathBuf {
        self.content().join(id.to_string())
    }

    pub(crate) fn incoming(&self) -> PathBuf {
        self.root.join("incoming")
    }

    pub(crate) fn quarantine(&self) -> PathBuf {
        self.root.join("quarantine")
    }

    /// Where the content of a damaged message is kept.
    pub(crate) fn content_aside(&self, id: QueueId) -> PathBuf {
        self.quarantine().join(format!("{id}.content"))
    }

    /// Takes the queue for this process.
    pub(crate) fn lock(&self) -> Result<Lock, OpenError> {
        let path = self.root.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .while_opening("open", &path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let read = file.take(32).read_to_string(&mut holder);
                return Err(OpenError::Locked {
                    path: self.root.clone(),
                    pid: read.ok().and_then(|_| holder.trim().parse().ok()),
                });
            }
            Err(TryLockError::Error(source)) => return Err(source).while_opening("lock", &path),
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .while_opening("write", &path)?;
        Ok(Lock { file })
    }
}

/// Writes a file that appears whole or not at all.
pub(crate) fn write_whole(path: &Path, octets: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    let temporary = PathBuf::from(name);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(octets)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    path.parent().map_or(Ok(()), sync_directory)
}

/// Makes names in a directory durable.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
