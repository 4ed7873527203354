//! Content on its way into the queue and out of it.
//!
//! Small content stays in memory as the pieces in which it came; what grows beyond
//! [`Settings::in_memory`](crate::Settings) goes to a file of its own, and so does content that
//! would push all sessions together over [`Settings::memory`](crate::Settings). A writer or an
//! unaccepted content that is dropped leaves nothing behind.

mod budget;
mod head;
mod part;
mod reader;
mod writer;

use std::{
    fmt,
    sync::{Arc, Weak},
};

use bytes::{Bytes, BytesMut};
use postern_mail::QueueId;
use xxhash_rust::xxh3::Xxh3;

pub(crate) use budget::Budget;
use budget::Reservation;
pub(crate) use part::{PartFile, failed, is_full};
pub use reader::ContentReader;
pub use writer::ContentWriter;
pub(crate) use writer::Room;

use crate::{
    SpoolError,
    message::{ContentPlace, StoredContent},
};

/// What a message carries: complete, of known size, readable more than once.
#[derive(Debug, Clone)]
pub struct Content {
    octets: u64,
    checksum: u64,
    place: Place,
}

#[derive(Clone)]
enum Place {
    /// In memory, in the pieces in which it came.
    Memory {
        pieces: Arc<[Bytes]>,
        /// Its share of the memory for content that is not yet accepted.
        reservation: Option<Arc<Reservation>>,
    },
    /// In a file that vanishes unless the message is accepted.
    Part(Arc<PartFile>),
    /// In the queue.
    Stored {
        vault: Weak<dyn Vault>,
        id: QueueId,
        place: ContentPlace,
    },
}

/// Where stored content is read from.
pub(crate) trait Vault: Send + Sync + fmt::Debug {
    /// The content record of `id`, already found whole. Blocks.
    fn read_record(&self, id: QueueId) -> Result<Bytes, SpoolError>;

    /// The content file of `id`.
    fn content_path(&self, id: QueueId) -> std::path::PathBuf;

    /// Where files of content lie that is not accepted yet.
    fn incoming(&self) -> std::path::PathBuf;

    /// Takes note that the content of `id` is not what it was, and returns the error to give.
    fn damaged(&self, id: QueueId) -> SpoolError;
}

impl Content {
    /// The content in `pieces`, one after the other: how a notification is submitted.
    pub fn from_pieces(pieces: impl IntoIterator<Item = Bytes>) -> Self {
        Self::in_memory(pieces.into_iter().collect(), None)
    }

    fn in_memory(pieces: Arc<[Bytes]>, reservation: Option<Arc<Reservation>>) -> Self {
        let mut checksum = Xxh3::new();
        let mut octets = 0;
        for piece in pieces.iter() {
            checksum.update(piece);
            octets += piece.len() as u64;
        }
        Self {
            octets,
            checksum: checksum.digest(),
            place: Place::Memory {
                pieces,
                reservation,
            },
        }
    }

    /// Content of a queued message that is read when it is needed.
    pub(crate) fn stored(vault: Weak<dyn Vault>, id: QueueId, stored: StoredContent) -> Self {
        Self {
            octets: stored.octets,
            checksum: stored.checksum,
            place: Place::Stored {
                vault,
                id,
                place: stored.place,
            },
        }
    }

    /// Content of a queued message that is still in memory.
    pub(crate) fn resident(octets: Bytes, stored: StoredContent) -> Self {
        Self {
            octets: stored.octets,
            checksum: stored.checksum,
            place: Place::Memory {
                pieces: Arc::new([octets]),
                reservation: None,
            },
        }
    }

    /// Its size.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Whether it is in memory, so that reading it costs nothing.
    pub fn is_in_memory(&self) -> bool {
        match self.place {
            Place::Memory { .. } => true,
            Place::Part(_) | Place::Stored { .. } => false,
        }
    }

    /// Reads it from the start.
    pub fn reader(&self) -> ContentReader {
        ContentReader::new(self)
    }

    /// The first `limit` octets, or all if there are fewer: enough for a header that a
    /// notification returns.
    ///
    /// # Errors
    /// The content cannot be read, or is damaged.
    pub async fn head(&self, limit: usize) -> Result<Bytes, SpoolError> {
        let mut reader = self.reader();
        let mut head = BytesMut::new();
        while head.len() < limit
            && let Some(piece) = reader.next().await?
        {
            let wanted = piece.len().min(limit - head.len());
            head.extend_from_slice(piece.get(..wanted).unwrap_or(&piece));
        }
        Ok(head.freeze())
    }

    /// All of it in pieces, or nothing where it is larger than `most`: whoever wants the whole in
    /// memory has to say how much of it may be there. What is in memory already is shared.
    ///
    /// # Errors
    /// The content cannot be read, or is damaged.
    pub async fn pieces(&self, most: u64) -> Result<Option<Vec<Bytes>>, SpoolError> {
        if self.octets > most {
            return Ok(None);
        }
        let mut reader = self.reader();
        let mut pieces = Vec::new();
        while let Some(piece) = reader.next().await? {
            pieces.push(piece);
        }
        Ok(Some(pieces))
    }

    /// The pieces, where they are in memory; else the file that has them.
    pub(crate) fn for_storage(&self) -> Storage<'_> {
        match &self.place {
            Place::Memory { pieces, .. } => Storage::Pieces(pieces),
            Place::Part(part) => Storage::Part(part),
            Place::Stored { .. } => Storage::Elsewhere,
        }
    }

    /// What a record says of it once it is stored at `place`.
    pub(crate) fn description(&self, place: ContentPlace) -> StoredContent {
        StoredContent {
            octets: self.octets,
            checksum: self.checksum,
            place,
        }
    }
}

/// How content that is to be accepted is at hand.
pub(crate) enum Storage<'a> {
    /// As pieces in memory.
    Pieces(&'a [Bytes]),
    /// As a complete file.
    Part(&'a Arc<PartFile>),
    /// As content of another message, to be read first.
    Elsewhere,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory { pieces, .. } => write!(f, "Memory({} pieces)", pieces.len()),
            Self::Part(part) => write!(f, "Part({})", part.path().display()),
            Self::Stored { id, .. } => write!(f, "Stored({id})"),
        }
    }
}
