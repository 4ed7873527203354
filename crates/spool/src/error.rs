//! What can go wrong, and whose next step it is.

use std::{io, path::PathBuf};

use postern_mail::QueueId;

/// Why the spool did not do what it was asked.
///
/// Whoever answers a peer says 452 4.3.1 for [`SpoolError::Full`] and 451 4.3.0 for the rest:
/// none of them is the peer's fault, and none is final for the message.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The disk is full, or fuller than the reserve allows.
    #[error("the queue's disk has no room: {available} octets are free, {reserve} are kept back")]
    Full {
        /// What is free.
        available: u64,
        /// What is kept back for the queue's own work.
        reserve: u64,
    },
    /// A write or a sync failed before. Nothing is accepted, claimed or settled until the
    /// process starts anew and reads back what the disk really holds.
    #[error("the queue stopped after a failed write: {0}")]
    Poisoned(String),
    /// A file of this message could not be written or read; the queue itself is well.
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
    /// What was read is not what was written. The message is on hold from now on.
    #[error("message {0} is damaged on disk")]
    Damaged(QueueId),
    /// No such message is in the queue.
    #[error("there is no message {0} in the queue")]
    Unknown(QueueId),
    /// A message without recipients would wait for ever.
    #[error("a message needs a recipient")]
    NoRecipients,
    /// The queue is shutting down.
    #[error("the queue is closed")]
    Closed,
}

/// Why a queue cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("the queue {path} is in use by {}", holder(*.pid))]
    Locked {
        /// The queue's directory.
        path: PathBuf,
        /// The process that has it, where its number could be read.
        pid: Option<u32>,
    },
    /// A directory or file could not be made or read.
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
    /// The system could not read the store, or not write to it. That says nothing about what is on
    /// the disk, so nothing was set aside.
    #[error(
        "cannot read the store {path}: {reason}. Nothing was set aside, and another start may succeed. \
         If it does not, the disk is failing: copy the queue's directory to another one, with zeros \
         for what cannot be read, as ddrescue writes them; from there the queue opens, and says what \
         is missing"
    )]
    Unreadable {
        /// Where the store is.
        path: PathBuf,
        /// Which file it was, and what the system said.
        reason: String,
    },
    /// A later version of this program has written the store. Nothing was changed.
    #[error(
        "the store {path} was written by a later version of this program: {reason}. Nothing was \
         changed; start that version"
    )]
    Later {
        /// Where the store is.
        path: PathBuf,
        /// Its version.
        reason: String,
    },
    /// The disk has no room, or the storage engine refuses even an empty store.
    #[error("cannot open the store {path}: {reason}")]
    Store {
        /// Where the store is.
        path: PathBuf,
        /// What the engine said.
        reason: String,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(
        || "another process".to_owned(),
        |pid| format!("process {pid}"),
    )
}

/// Gives an IO error the file and the action it belongs to.
pub(crate) trait OnFile<T> {
    fn while_opening(self, action: &'static str, path: &std::path::Path) -> Result<T, OpenError>;
}

impl<T> OnFile<T> for io::Result<T> {
    fn while_opening(self, action: &'static str, path: &std::path::Path) -> Result<T, OpenError> {
        self.map_err(|source| OpenError::File {
            action,
            path: path.to_owned(),
            source,
        })
    }
}
