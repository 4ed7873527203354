//! What can go wrong with the files, and whether somebody must act.

use std::{fmt, io, path::PathBuf};

/// Why the ledger, or the book of judged mail, cannot be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Another process has it.
    #[error("{0} is in use by another process")]
    Locked(PathBuf),
    /// A directory or file could not be made, read or written. Counts stay in memory and are
    /// written with the next flush that succeeds.
    #[error("cannot {action} {path}")]
    File {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The task that was to write has been ended with the runtime.
    #[error("counts were not written, since the program is ending")]
    Stopped,
}

/// A file that is not what was written. It never keeps what was counted from opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub fault: Fault,
    /// Where it was put for whoever wants to look at it.
    pub kept: Option<PathBuf>,
}

/// What is wrong with a file of counts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The program was stopped while it wrote: the last seconds of counts are lost, as was to
    /// be expected. The file is repaired and not kept.
    #[error("its last entry was not written whole")]
    Torn,
    /// Some entries fail their checksum. They count as they stood before, or not at all.
    #[error("{0} of its entries are damaged")]
    Damaged(usize),
    /// The file is of a version that this program does not know. It starts anew.
    #[error("it has the unknown version {0:?}")]
    Version(String),
    /// The file could not be read. It starts anew.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.fault)?;
        match &self.kept {
            Some(kept) => write!(f, " (kept as {})", kept.display()),
            None => Ok(()),
        }
    }
}

/// Gives an IO error the file and the action it belongs to.
pub(crate) trait OnFile<T> {
    fn while_trying(self, action: &'static str, path: &std::path::Path) -> Result<T, LedgerError>;
}

impl<T> OnFile<T> for io::Result<T> {
    fn while_trying(self, action: &'static str, path: &std::path::Path) -> Result<T, LedgerError> {
        self.map_err(|source| LedgerError::File {
            action,
            path: path.to_owned(),
            source,
        })
    }
}
