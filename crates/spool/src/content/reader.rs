//! Giving content out, piece by piece.

use std::{
    fs::File,
    io::{self, Read},
    path::PathBuf,
    sync::{Arc, Weak},
};

use bytes::Bytes;
use postern_mail::QueueId;
use xxhash_rust::xxh3::Xxh3;

use super::{Content, PartFile, Place, Vault, part::failed};
use crate::{SpoolError, blocking::off_the_runtime, message::ContentPlace};

/// How much of a file is read at once.
const PIECE: u64 = 256 * 1024;

/// Reads content once, from its start to its end.
///
/// Content in a file is checked as it goes by: that it is whole is known only when
/// [`ContentReader::next`] has returned `None`. Whoever sends it on must not end the data
/// before that; on an error the transaction is cut off, so that no damaged message is accepted
/// anywhere.
#[derive(Debug)]
pub struct ContentReader {
    source: Source,
}

enum Source {
    Memory {
        pieces: Arc<[Bytes]>,
        at: usize,
    },
    Record {
        vault: Weak<dyn Vault>,
        id: QueueId,
    },
    File(Box<FileSource>),
    /// At the end of content that was whole.
    Ended,
    /// After an error, or given up in the middle of a read: never to be taken for the end.
    Broken,
}

struct FileSource {
    location: Location,
    file: Option<File>,
    left: u64,
    seen: Xxh3,
    expected: u64,
}

enum Location {
    Part(Arc<PartFile>),
    Stored { vault: Weak<dyn Vault>, id: QueueId },
}

impl ContentReader {
    pub(crate) fn new(content: &Content) -> Self {
        let file = |location| {
            Source::File(Box::new(FileSource {
                location,
                file: None,
                left: content.octets,
                seen: Xxh3::new(),
                expected: content.checksum,
            }))
        };
        let source = match &content.place {
            Place::Memory { pieces, .. } => Source::Memory {
                pieces: Arc::clone(pieces),
                at: 0,
            },
            Place::Part(part) => file(Location::Part(Arc::clone(part))),
            Place::Stored { vault, id, place } => {
                let (vault, id) = (Weak::clone(vault), *id);
                match place {
                    ContentPlace::Record => Source::Record { vault, id },
                    ContentPlace::File => file(Location::Stored { vault, id }),
                }
            }
        };
        Self { source }
    }

    /// The next piece, or `None` at the end of content that is whole. A call that is abandoned
    /// ends the reading.
    ///
    /// # Errors
    /// The content cannot be read, or is not what was accepted.
    pub async fn next(&mut self) -> Result<Option<Bytes>, SpoolError> {
        match std::mem::replace(&mut self.source, Source::Broken) {
            Source::Memory { pieces, at } => {
                let piece = pieces.get(at).cloned();
                self.source = Source::Memory { pieces, at: at + 1 };
                Ok(piece)
            }
            Source::Record { vault, id } => {
                let vault = vault.upgrade().ok_or(SpoolError::Closed)?;
                let content = blocking(move || vault.read_record(id)).await?;
                self.source = Source::Ended;
                Ok(Some(content).filter(|content| !content.is_empty()))
            }
            Source::File(source) => {
                let (piece, source) = blocking(|| source.read()).await?;
                self.source = source;
                Ok(piece)
            }
            Source::Ended => {
                self.source = Source::Ended;
                Ok(None)
            }
            Source::Broken => Err(SpoolError::Closed),
        }
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SpoolError> + Send + 'static,
) -> Result<T, SpoolError> {
    off_the_runtime(work).await?
}

impl FileSource {
    /// Reads on, and judges the whole at its end. Blocks.
    fn read(mut self: Box<Self>) -> Result<(Option<Bytes>, Source), SpoolError> {
        if self.left == 0 {
            if self.seen.digest() != self.expected {
                return Err(self.damaged());
            }
            return Ok((None, Source::Ended));
        }
        match self.read_piece() {
            Ok(piece) if piece.is_empty() => Err(self.damaged()),
            Ok(piece) => {
                self.seen.update(&piece);
                self.left -= piece.len() as u64;
                Ok((Some(piece), Source::File(self)))
            }
            Err(source) if source.kind() == io::ErrorKind::NotFound => Err(self.damaged()),
            Err(source) => Err(failed("read", &self.location.path()?, source)),
        }
    }

    fn read_piece(&mut self) -> io::Result<Bytes> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(File::open(self.location.path().map_err(io::Error::other)?)?),
        };
        let mut piece = Vec::with_capacity(usize::try_from(self.left.min(PIECE)).unwrap_or(0));
        file.take(self.left.min(PIECE)).read_to_end(&mut piece)?;
        Ok(piece.into())
    }

    fn damaged(&self) -> SpoolError {
        match &self.location {
            Location::Stored { vault, id } => vault
                .upgrade()
                .map_or(SpoolError::Closed, |vault| vault.damaged(*id)),
            Location::Part(part) => {
                failed("read back", part.path(), io::ErrorKind::InvalidData.into())
            }
        }
    }
}

impl Location {
    fn path(&self) -> Result<PathBuf, SpoolError> {
        match self {
            Self::Part(part) => Ok(part.path().to_owned()),
            Self::Stored { vault, id } => vault
                .upgrade()
                .map(|vault| vault.content_path(*id))
                .ok_or(SpoolError::Closed),
        }
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Memory { at, .. } => write!(f, "Memory(at piece {at})"),
            Self::Record { id, .. } => write!(f, "Record({id})"),
            Self::File(source) => write!(f, "File({} octets left)", source.left),
            Self::Ended => f.write_str("Ended"),
            Self::Broken => f.write_str("Broken"),
        }
    }
}
