//! Files that the configuration consists of or names: how they may be protected, and reading
//! them within bounds.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::Path,
};

/// The largest file that is read, so that a path such as `/dev/zero` costs no more than this.
/// A thousand partners take less than one of these sixteen mebioctets.
const LARGEST: u64 = 16 << 20;

/// Whether others may know what a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secrecy {
    /// They may read it; nobody but owner and group may change it.
    Public,
    /// They may not even read it.
    Secret,
}

/// Why a file is not used; reads on from its name.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileFault {
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("is not a file")]
    NotAFile,
    #[error("is larger than 16 MiB")]
    TooLarge,
    #[error("is not UTF-8 from octet {0} on")]
    NotUtf8(usize),
    #[error("may be changed by everyone on this host (mode {0:04o})")]
    WorldWritable(u32),
    #[error("is secret and may be read by everyone on this host (mode {0:04o})")]
    WorldReadable(u32),
}

impl FileFault {
    /// What would be right.
    pub(crate) fn right(&self) -> &'static str {
        match self {
            Self::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                "let the user that runs Postern read it; a running daemon reads new folders only after \
                 a restart ([service] readable)"
            }
            Self::Io(_) | Self::NotAFile => "give the path of an existing file",
            Self::TooLarge => "give the file that was meant",
            Self::NotUtf8(_) => "give a text file in UTF-8",
            Self::WorldWritable(_) => "take that right away: chmod o-w",
            Self::WorldReadable(_) => "take that right away: chmod o-rwx",
        }
    }
}

/// The text of a file that is protected as `secrecy` asks.
pub(crate) fn read(path: &Path, secrecy: Secrecy) -> Result<String, FileFault> {
    String::from_utf8(octets(path, secrecy)?)
        .map_err(|error| FileFault::NotUtf8(error.utf8_error().valid_up_to()))
}

/// The octets of a file that is protected as `secrecy` asks.
pub(crate) fn octets(path: &Path, secrecy: Secrecy) -> Result<Vec<u8>, FileFault> {
    let file = open(path, secrecy)?;
    let mut octets = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut octets)?;
    if octets.len() as u64 > LARGEST {
        return Err(FileFault::TooLarge);
    }
    Ok(octets)
}

/// Checks that a file can be opened and is protected as `secrecy` asks.
pub(crate) fn check(path: &Path, secrecy: Secrecy) -> Result<(), FileFault> {
    open(path, secrecy).map(drop)
}

/// Rights are looked up on the open file, which is the one that is read then.
fn open(path: &Path, secrecy: Secrecy) -> Result<File, FileFault> {
    // Opening a FIFO would wait for its writer.
    if !fs::metadata(path)?.is_file() {
        return Err(FileFault::NotAFile);
    }
    let file = File::open(path)?;
    let mode = file.metadata()?.permissions().mode() & 0o7777;
    if mode & 0o002 != 0 {
        return Err(FileFault::WorldWritable(mode));
    }
    match secrecy {
        Secrecy::Secret if mode & 0o004 != 0 => Err(FileFault::WorldReadable(mode)),
        Secrecy::Secret | Secrecy::Public => Ok(file),
    }
}
