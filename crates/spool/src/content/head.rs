//! Content with other octets at its start.
//!
//! Content goes into the queue as it comes, so that it never waits in memory for its end. What is
//! to stand above it is known only then: what became of its signatures, and which of its fields
//! are forged. The rest is kept octet for octet.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use xxhash_rust::xxh3::Xxh3;

use super::{Content, PartFile, Place, part::failed, reader::blocking};
use crate::{SpoolError, message::ContentPlace};

/// How much is copied at once.
const PIECE: usize = 256 * 1024;

impl Content {
    /// The content with `head` in place of its first `instead_of` octets; with `head` alone, where
    /// it has no more than these.
    ///
    /// What is in memory stays where it is. Of a file a copy is made, on a blocking thread, and
    /// the file is given up; for a moment the disk holds both.
    ///
    /// # Errors
    /// The content cannot be read or is damaged, or the disk is full.
    pub async fn with_head(self, head: Bytes, instead_of: u64) -> Result<Self, SpoolError> {
        match &self.place {
            Place::Memory {
                pieces,
                reservation,
            } => {
                let pieces = [head].into_iter().chain(behind(pieces, instead_of));
                Ok(Self::in_memory(pieces.collect(), reservation.clone()))
            }
            Place::Stored {
                vault,
                id,
                place: ContentPlace::Record,
            } => {
                let (vault, id) = (vault.upgrade().ok_or(SpoolError::Closed)?, *id);
                let content = [blocking(move || vault.read_record(id)).await?];
                let pieces = [head].into_iter().chain(behind(&content, instead_of));
                Ok(Self::in_memory(pieces.collect(), None))
            }
            Place::Part(_)
            | Place::Stored {
                place: ContentPlace::File,
                ..
            } => blocking(move || self.copied(&head, instead_of)).await,
        }
    }

    /// A copy of the file with another head. Blocks.
    fn copied(&self, head: &Bytes, instead_of: u64) -> Result<Self, SpoolError> {
        let (source, directory) = self.file_and_incoming()?;
        let (part, file) = PartFile::create(&directory)?;
        let mut copy = Copy {
            part,
            file,
            octets: 0,
            checksum: Xxh3::new(),
        };
        copy.append(head)?;
        let mut original = File::open(&source).map_err(|error| self.unreadable(&source, error))?;
        let mut seen = Xxh3::new();
        let (mut read, mut skip) = (0, instead_of);
        loop {
            let piece =
                next_piece(&mut original).map_err(|error| self.unreadable(&source, error))?;
            if piece.is_empty() {
                break;
            }
            seen.update(&piece);
            read += piece.len() as u64;
            for kept in behind(std::slice::from_ref(&piece), skip) {
                copy.append(&kept)?;
            }
            skip = instead_of.saturating_sub(read);
        }
        if read != self.octets || seen.digest() != self.checksum {
            return Err(self.unreadable(&source, io::ErrorKind::InvalidData.into()));
        }
        Ok(copy.finish())
    }

    /// The file of content that has one, and where a copy of it may be made.
    fn file_and_incoming(&self) -> Result<(PathBuf, PathBuf), SpoolError> {
        match &self.place {
            Place::Part(part) => {
                let directory = part.path().parent().unwrap_or(Path::new("."));
                Ok((part.path().to_owned(), directory.to_owned()))
            }
            Place::Stored { vault, id, .. } => {
                let vault = vault.upgrade().ok_or(SpoolError::Closed)?;
                Ok((vault.content_path(*id), vault.incoming()))
            }
            // It has no file, so nobody asks.
            Place::Memory { .. } => Err(SpoolError::Closed),
        }
    }

    fn unreadable(&self, path: &Path, error: io::Error) -> SpoolError {
        let damaged = matches!(
            error.kind(),
            io::ErrorKind::InvalidData | io::ErrorKind::NotFound
        );
        match &self.place {
            Place::Stored { vault, id, .. } if damaged => vault
                .upgrade()
                .map_or(SpoolError::Closed, |vault| vault.damaged(*id)),
            Place::Stored { .. } | Place::Part(_) | Place::Memory { .. } => {
                failed("read back", path, error)
            }
        }
    }
}

/// What of `pieces` stands behind their first `skip` octets.
fn behind(pieces: &[Bytes], skip: u64) -> impl Iterator<Item = Bytes> {
    let mut skip = skip;
    pieces.iter().filter_map(move |piece| {
        let here = usize::try_from(skip).map_or(piece.len(), |skip| skip.min(piece.len()));
        skip -= here as u64;
        Some(piece.slice(here..)).filter(|rest| !rest.is_empty())
    })
}

fn next_piece(file: &mut File) -> io::Result<Bytes> {
    let mut piece = Vec::with_capacity(PIECE);
    file.take(PIECE as u64).read_to_end(&mut piece)?;
    Ok(piece.into())
}

/// A file that is being written.
struct Copy {
    part: PartFile,
    file: File,
    octets: u64,
    checksum: Xxh3,
}

impl Copy {
    fn append(&mut self, piece: &Bytes) -> Result<(), SpoolError> {
        self.octets += piece.len() as u64;
        self.checksum.update(piece);
        self.part
            .append(&mut self.file, std::slice::from_ref(piece))
    }

    fn finish(self) -> Content {
        Content {
            octets: self.octets,
            checksum: self.checksum.digest(),
            place: Place::Part(Arc::new(self.part)),
        }
    }
}
