//! Taking content in, piece by piece.

use std::{
    fmt,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::{Bytes, BytesMut};
use xxhash_rust::xxh3::Xxh3;

use super::{Budget, Content, PartFile, Place, Reservation};
use crate::{SpoolError, blocking::off_the_runtime};

/// A piece smaller than this is copied to its neighbours. A shared piece keeps the whole
/// buffer alive that it was cut from, so a peer that sends octets one by one must not make us
/// keep a buffer for each.
const WORTH_SHARING: usize = 4 * 1024;

/// How much is gathered before it is handed to the file: few hops to a blocking thread, and
/// little memory.
const FILE_PIECE: usize = 256 * 1024;

/// Where writers put what does not fit into memory.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    pub(crate) incoming: PathBuf,
    pub(crate) in_memory: u64,
    pub(crate) budget: Arc<Budget>,
}

/// Content that is being received.
///
/// It is either finished or dropped; dropped, it leaves nothing behind. After an error it can
/// only be dropped: further octets are refused with the same kind of error.
#[derive(Debug)]
pub struct ContentWriter {
    room: Room,
    /// Small pieces that were copied together, not yet in `pieces`.
    tail: BytesMut,
    pieces: Vec<Bytes>,
    /// Octets in `pieces` and `tail`.
    gathered: usize,
    octets: u64,
    reservation: Reservation,
    spill: Spill,
}

#[derive(Debug)]
enum Spill {
    /// All is in memory.
    No,
    /// What was gathered before is in the file.
    To(Box<Spilled>),
    /// A write failed or was abandoned half way.
    Broken,
}

struct Spilled {
    part: PartFile,
    file: File,
    checksum: Xxh3,
}

impl ContentWriter {
    pub(crate) fn new(room: Room) -> Self {
        Self {
            reservation: room.budget.open(),
            room,
            tail: BytesMut::new(),
            pieces: Vec::new(),
            gathered: 0,
            octets: 0,
            spill: Spill::No,
        }
    }

    /// Octets so far.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Takes the next piece. It waits for the disk only where content has outgrown memory.
    ///
    /// # Errors
    /// The disk is full, or the file cannot be written.
    pub async fn write(&mut self, piece: Bytes) -> Result<(), SpoolError> {
        self.octets += piece.len() as u64;
        self.gathered += piece.len();
        let more = piece.len() as u64;
        if piece.len() < WORTH_SHARING {
            self.tail.extend_from_slice(&piece);
        } else {
            self.close_tail();
            self.pieces.push(piece);
        }
        let stays = match self.spill {
            Spill::No => {
                self.octets <= self.room.in_memory && self.reservation.extend(more).is_ok()
            }
            Spill::To(_) => self.gathered < FILE_PIECE,
            Spill::Broken => false,
        };
        if stays { Ok(()) } else { self.flush().await }
    }

    /// Ends the content. What is in a file is synced when the message is accepted.
    ///
    /// # Errors
    /// The disk is full, or the file cannot be written.
    pub async fn finish(mut self) -> Result<Content, SpoolError> {
        if !matches!(self.spill, Spill::No) {
            self.flush().await?;
        }
        self.close_tail();
        match self.spill {
            Spill::To(spilled) => Ok(Content {
                octets: self.octets,
                checksum: spilled.checksum.digest(),
                place: Place::Part(Arc::new(spilled.part)),
            }),
            Spill::Broken => Err(SpoolError::Closed),
            Spill::No => Ok(Content::in_memory(
                self.pieces.into(),
                Some(Arc::new(self.reservation)),
            )),
        }
    }

    fn close_tail(&mut self) {
        if !self.tail.is_empty() {
            self.pieces.push(self.tail.split().freeze());
        }
    }

    /// Moves what was gathered to the file, which is created where there is none.
    async fn flush(&mut self) -> Result<(), SpoolError> {
        self.close_tail();
        let pieces = std::mem::take(&mut self.pieces);
        self.gathered = 0;
        // Until the file comes back from the blocking thread it is the thread's alone, so a
        // write that is abandoned half way leaves the writer broken rather than torn.
        let spill = std::mem::replace(&mut self.spill, Spill::Broken);
        let incoming = self.room.incoming.clone();
        let written = off_the_runtime(move || {
            let mut spilled = match spill {
                Spill::To(spilled) => spilled,
                Spill::No => Box::new(Spilled::create(&incoming)?),
                Spill::Broken => return Err(SpoolError::Closed),
            };
            spilled.append(&pieces)?;
            Ok(spilled)
        });
        self.spill = Spill::To(written.await??);
        self.reservation = self.room.budget.open();
        Ok(())
    }
}

impl Spilled {
    fn create(directory: &Path) -> Result<Self, SpoolError> {
        let (part, file) = PartFile::create(directory)?;
        Ok(Self {
            part,
            file,
            checksum: Xxh3::new(),
        })
    }

    fn append(&mut self, pieces: &[Bytes]) -> Result<(), SpoolError> {
        for piece in pieces {
            self.checksum.update(piece);
        }
        self.part.append(&mut self.file, pieces)
    }
}

impl fmt::Debug for Spilled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spilled({})", self.part.path().display())
    }
}
