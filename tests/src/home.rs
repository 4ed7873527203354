//! Temporary directories that daemons under other users can reach.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::fault::Fault;

/// A temporary directory, removed with the value.
///
/// With the environment variable `POSTERN_TEST_KEEP` set it stays, to look at logs and queues.
#[derive(Debug)]
pub struct Home {
    directory: TempDir,
}

impl Home {
    /// Makes a directory that every user may pass through: mail systems drop root early.
    pub fn new(name: &str) -> Result<Self, Fault> {
        let mut directory = tempfile::Builder::new()
            .prefix(&format!("postern-{name}-"))
            .tempdir()
            .map_err(Fault::doing("temporary directory"))?;
        directory.disable_cleanup(std::env::var_os("POSTERN_TEST_KEEP").is_some());
        set_mode(directory.path(), 0o755)?;
        Ok(Self { directory })
    }

    /// Leaves the directory where it is, for somebody to look at, and says where.
    pub fn keep(mut self) -> PathBuf {
        self.directory.disable_cleanup(true);
        self.directory.path().to_owned()
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file into it, and gives its path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Result<PathBuf, Fault> {
        let path = self.path().join(name);
        fs::write(&path, content).map_err(Fault::at(&path))?;
        Ok(path)
    }

    /// Makes a directory in it, with those above it.
    pub fn directory(&self, name: &str) -> Result<PathBuf, Fault> {
        let path = self.path().join(name);
        fs::create_dir_all(&path).map_err(Fault::at(&path))?;
        Ok(path)
    }
}

/// Writes a file that looks old. Postfix waits until a file it reads has not changed for a second,
/// lest it be half written; here nobody writes any more.
pub fn write_aged(path: &Path, text: &str) -> Result<(), Fault> {
    let mut file = File::create(path).map_err(Fault::at(path))?;
    file.write_all(text.as_bytes()).map_err(Fault::at(path))?;
    let age = Duration::from_secs(10);
    file.set_modified(SystemTime::now() - age)
        .map_err(Fault::at(path))
}

/// Sets who may read, write and pass through.
pub fn set_mode(path: &Path, mode: u32) -> Result<(), Fault> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(Fault::at(path))
}
