//! What an operator can choose about the queue.

use std::path::PathBuf;

/// Where the queue is and what it may take. The configuration makes one of these; the numbers
/// of [`Settings::at`] are its defaults.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The directory, which is made with mode 0700 where it is missing.
    pub path: PathBuf,
    /// Content up to this many octets stays in memory while it is received and is stored as a
    /// record; larger content gets a file of its own. 16 MiB at most.
    pub in_memory: u64,
    /// Content that is being received takes at most this much memory, all sessions together;
    /// what is beyond goes to files whatever its size.
    pub memory: u64,
    /// Messages just accepted stay in memory for their first delivery up to this many octets.
    pub fresh: u64,
    /// So many messages of a queue are known before it opens, the others bit by bit while it
    /// works, so that a large queue does not keep peers from being greeted.
    pub loaded_at_start: usize,
    /// New messages are refused while fewer octets than this are free on the disk, so that
    /// what is in the queue can still be settled.
    pub reserve: u64,
}

impl Settings {
    /// A record must fit several times over into what the engine keeps in memory.
    pub(crate) const LARGEST_RECORD: u64 = 16 * 1024 * 1024;

    /// A queue in the directory `path`, with defaults for the rest.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            in_memory: 1024 * 1024,
            memory: 64 * 1024 * 1024,
            fresh: 16 * 1024 * 1024,
            // A tenth of a second, more or less.
            loaded_at_start: 20_000,
            reserve: 256 * 1024 * 1024,
        }
    }
}
