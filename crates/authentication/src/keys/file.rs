//! Key files, and who may read them.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::UnfitKey;

/// The largest key file that is read. An RSA key of 8192 bit takes 7 KiB.
const LARGEST: u64 = 64 * 1024;

/// Rights are looked up on the open file, which is the one that is read then.
pub(super) fn octets(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileFault> {
    // Opening a FIFO would wait for its writer.
    if !fs::metadata(path)?.is_file() {
        return Err(KeyFileFault::NotAFile);
    }
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyFileFault::Mode(mode));
    }
    if metadata.len() > LARGEST {
        return Err(KeyFileFault::TooLarge);
    }
    let room = usize::try_from(LARGEST).unwrap_or(usize::MAX);
    let mut octets = Zeroizing::new(Vec::with_capacity(room));
    file.take(LARGEST).read_to_end(&mut octets)?;
    Ok(octets)
}

/// Why a key file is not used.
#[derive(Debug, thiserror::Error)]
#[error("the key file {} {fault}", path.display())]
pub struct DkimKeyError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: KeyFileFault,
}

/// What is wrong with a key file; reads on from its name.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileFault {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is a directory or a device.
    #[error("is not a file")]
    NotAFile,
    /// It is larger than any key.
    #[error("is larger than {} KiB", LARGEST / 1024)]
    TooLarge,
    /// Somebody other than its owner has rights to it.
    #[error("may be used by others than its owner (mode {0:04o}); take that away: chmod 0600")]
    Mode(u32),
    /// What it holds does not sign.
    #[error("{0}")]
    Unfit(#[from] UnfitKey),
}
