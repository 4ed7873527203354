//! Content between the caller and the wire.

use std::{collections::VecDeque, mem, time::Duration};

use bytes::Bytes;

use super::{Capabilities, ContentEncoder, ContentError, Extension, command::Command};
use crate::framing::Hygiene;

/// How long content may take, apart from its size.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// The octets of content that a peer must take in a second. The patience for each piece alone
/// (RFC 5321 §4.5.3.2.5) would let it hold a connection for days.
const SLOWEST_RATE: u64 = 4096;

/// How the peer tells the end of content from content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// By `CRLF.CRLF` (RFC 5321 §4.1.1.4).
    Data,
    /// By its size (RFC 3030 §2), in one chunk.
    Bdat,
}

/// Content that may follow its recipients without waiting for what is said of them. It is bounded
/// by what is lost when the peer wants none of it, and by what fits the buffers on the way: the
/// peer may not read on before it has written its replies, and we do not read while we write
/// (RFC 2920 §3.1).
const SENT_AHEAD: u64 = 32 * 1024;

impl Framing {
    /// BDAT wherever CHUNKING is offered. It spares the round trip of DATA where that cannot travel
    /// with the recipients, and lets a small message leave whole; and content goes as it is,
    /// without being searched for dots.
    pub(super) fn for_peer(peer: &Capabilities) -> Self {
        if peer.offers(Extension::Chunking) {
            Self::Bdat
        } else {
            Self::Data
        }
    }

    /// The command that is sent behind the recipients before they are answered, if any. DATA
    /// always may be. BDAT brings its content along, which costs more to have sent in vain; it
    /// ends its group (RFC 2920 §3.1), and a peer that wants nothing swallows it (RFC 3030 §2).
    pub(super) fn said_ahead(self, size: u64, peer: &Capabilities) -> Option<Command> {
        let travels_along = peer.offers(Extension::Pipelining) && size <= SENT_AHEAD;
        match self {
            Self::Data => Some(Command::Data),
            Self::Bdat => travels_along.then_some(Command::Bdat),
        }
    }
}

#[derive(Debug)]
enum Encoder {
    Data(ContentEncoder),
    Bdat(Hygiene),
}

/// Content of an announced size under way.
#[derive(Debug)]
pub(super) struct Outgoing {
    encoder: Encoder,
    size: u64,
    taken: u64,
    pieces: VecDeque<Bytes>,
    /// The last piece of a chunk, until the caller has said that the content was whole. With it
    /// the peer has a message, and whoever reads content may find at its end that it is rotten.
    last: Option<Bytes>,
    ended: bool,
}

impl Outgoing {
    pub(super) fn new(framing: Framing, size: u64) -> Self {
        let (encoder, head) = match framing {
            Framing::Data => (Encoder::Data(ContentEncoder::default()), None),
            Framing::Bdat => {
                let head = Bytes::from(format!("BDAT {size} LAST\r\n"));
                (Encoder::Bdat(Hygiene::default()), Some(head))
            }
        };
        // Of a chunk of nothing the head is all there is.
        let (head, last) = if size == 0 {
            (None, head)
        } else {
            (head, None)
        };
        Self {
            encoder,
            size,
            taken: 0,
            pieces: head.into_iter().collect(),
            last,
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
        let piece = match &mut self.encoder {
            Encoder::Data(encoder) => encoder.encode(chunk)?,
            Encoder::Bdat(hygiene) => {
                hygiene.inspect(&chunk)?;
                if self.taken == self.size && !chunk.is_empty() {
                    hygiene.finish()?;
                    self.last = Some(chunk);
                    return Ok(());
                }
                chunk
            }
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
        match &mut self.encoder {
            Encoder::Data(encoder) => self.pieces.push_back(mem::take(encoder).finish()?),
            Encoder::Bdat(_) => self.pieces.extend(self.last.take()),
        }
        self.ended = true;
        Ok(())
    }

    /// The next octets for the wire.
    pub(super) fn next_piece(&mut self) -> Option<Bytes> {
        self.pieces.pop_front()
    }

    /// Whether the wire has everything, so that a reply is due.
    pub(super) fn is_done(&self) -> bool {
        self.ended && self.pieces.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(outgoing: &mut Outgoing) -> Vec<u8> {
        std::iter::from_fn(|| outgoing.next_piece())
            .flatten()
            .collect()
    }

    /// The peer has no message before the caller has said that its content was whole.
    #[track_caller]
    fn check(framing: Framing, pieces: &[&'static str], before: &str, after: &str) {
        let size = pieces.iter().map(|piece| piece.len() as u64).sum();
        let mut outgoing = Outgoing::new(framing, size);
        for piece in pieces {
            outgoing.push(Bytes::from_static(piece.as_bytes())).unwrap();
        }
        assert_eq!(written(&mut outgoing), before.as_bytes());
        assert!(!outgoing.is_done());
        outgoing.end().unwrap();
        assert_eq!(written(&mut outgoing), after.as_bytes());
        assert!(outgoing.is_done());
    }

    #[test]
    fn the_end_of_content_waits_for_the_caller() {
        use Framing::{Bdat, Data};

        let two = ["Subject: x\r\n\r\n", "hello\r\n"];
        check(Data, &two, "Subject: x\r\n\r\nhello\r\n", ".\r\n");
        check(
            Bdat,
            &two,
            "BDAT 21 LAST\r\nSubject: x\r\n\r\n",
            "hello\r\n",
        );
        check(Bdat, &["a\r\n", ""], "BDAT 3 LAST\r\n", "a\r\n");
        check(Bdat, &["", ""], "", "BDAT 0 LAST\r\n");
    }
}
