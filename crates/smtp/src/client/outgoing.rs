//! Content between the caller and the wire.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use postern_mail::BodyType;

use super::{ContentEncoder, ContentError};

/// How long content may take, apart from its size.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// The octets of content that a peer must take in a second. The patience for each piece alone
/// (RFC 5321 §4.5.3.2.5) would let it hold a connection for days.
const SLOWEST_RATE: u64 = 4096;

/// How the end of content is told from content.
///
/// DATA is the rule, also where the peer offers CHUNKING: with pipelining both take the same
/// round trips, and content must be looked through for stray CR and LF either way, which finds
/// the dots in passing. BDAT is for content that is not made of lines, which DATA cannot carry
/// (RFC 3030 §3); it goes out as one chunk of the announced size.
#[derive(Debug)]
enum Framing {
    Data(ContentEncoder),
    Bdat,
}

/// Content of an announced size under way.
#[derive(Debug)]
pub(super) struct Outgoing {
    framing: Framing,
    size: u64,
    taken: u64,
    pieces: VecDeque<Bytes>,
    ended: bool,
}

impl Outgoing {
    pub(super) fn new(body: BodyType, size: u64) -> Self {
        let (framing, head) = match body {
            BodyType::SevenBit | BodyType::EightBitMime => {
                (Framing::Data(ContentEncoder::default()), None)
            }
            BodyType::BinaryMime => {
                let head = Bytes::from(format!("BDAT {size} LAST\r\n"));
                (Framing::Bdat, Some(head))
            }
        };
        Self {
            framing,
            size,
            taken: 0,
            pieces: head.into_iter().collect(),
            ended: false,
        }
    }

    /// How long all of it may take.
    pub(super) fn limit(&self) -> Duration {
        LIMIT + Duration::from_secs(self.size / SLOWEST_RATE)
    }

    /// Takes a piece of content.
    pub(super) fn push(&mut self, chunk: Bytes) -> Result<(), ContentError> {
        self.taken = self.taken.saturating_add(chunk.len() as u64);
        if self.taken > self.size {
            return Err(ContentError::Size);
        }
        let piece = match &mut self.framing {
            Framing::Data(encoder) => encoder.encode(chunk)?,
            Framing::Bdat => chunk,
        };
        if !piece.is_empty() {
            self.pieces.push_back(piece);
        }
        Ok(())
    }

    /// Notes that all content was given.
    pub(super) fn end(&mut self) -> Result<(), ContentError> {
        if self.taken != self.size {
            return Err(ContentError::Size);
        }
        match &mut self.framing {
            Framing::Data(encoder) => self.pieces.push_back(std::mem::take(encoder).finish()?),
            Framing::Bdat => {}
        }
        self.ended = true;
        Ok(())
    }

    /// The next octets for the wire.
    pub(super) fn next_piece(&mut self) -> Option<Bytes> {
        self.pieces.pop_front()
    }

    /// Whether the wire has everything, so that a reply is due. With BDAT that is so as soon as
    /// the announced size has been reached, whether or not the caller has said so.
    pub(super) fn is_done(&self) -> bool {
        let ended = match self.framing {
            Framing::Data(_) => self.ended,
            Framing::Bdat => self.taken == self.size,
        };
        ended && self.pieces.is_empty()
    }
}
