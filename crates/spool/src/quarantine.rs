//! What was found damaged when the queue was opened.

use std::{fmt, path::PathBuf};

use postern_mail::QueueId;

/// A piece of the queue that is not what was written. It never keeps the queue from opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The message, where one can be named.
    pub id: Option<QueueId>,
    /// What is wrong.
    pub fault: Fault,
    /// Where the damaged octets are kept for whoever wants to look at them.
    pub kept: PathBuf,
}

/// What is wrong with a piece of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A message's record fails its checksum or makes no sense. The message is out of the queue.
    #[error("the record of the message is damaged")]
    Record,
    /// A message's record is of a version that this program does not know. It stays in the
    /// store for the program that does.
    #[error("the record of the message has the unknown version {0}")]
    Version(u8),
    /// A message's record is whole and its content is gone.
    #[error("the content of the message is gone")]
    ContentGone,
    /// Content that no message refers to was found beside other damage.
    #[error("content was found whose message is gone")]
    Ownerless,
    /// The engine's journal is damaged. Records that could be read are in the queue; messages
    /// whose removal could not be read may be delivered a second time.
    #[error("the journal of the store is damaged")]
    Journal,
    /// The engine's tables or their list are damaged. The records that could be found in its
    /// files are in a new store. Of these, messages that may have left the queue before are on
    /// hold.
    #[error("the store is damaged")]
    Store,
}

impl fmt::Display for Quarantined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(id) = self.id {
            write!(f, "message {id}: ")?;
        }
        write!(f, "{} (kept as {})", self.fault, self.kept.display())
    }
}
