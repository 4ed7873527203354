//! The octets behind a BDAT command (RFC 3030 §2).

use bytes::BytesMut;

use super::Piece;

/// A chunk: as many octets as the command announced, whatever they are.
#[derive(Debug)]
pub(crate) struct Chunk {
    remaining: u64,
}

impl Chunk {
    pub(crate) fn new(size: u64) -> Self {
        Self { remaining: size }
    }

    /// The octets of the chunk at the front of the input.
    pub(crate) fn next(&mut self, input: &mut BytesMut) -> Piece {
        if self.remaining == 0 {
            return Piece::End;
        }
        if input.is_empty() {
            return Piece::NeedOctets;
        }
        let length = usize::try_from(self.remaining).map_or(input.len(), |n| n.min(input.len()));
        self.remaining -= length as u64;
        Piece::Content(input.split_to(length).freeze())
    }
}
