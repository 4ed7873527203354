//! What was said to a peer and is still to leave, gathered so that it leaves together.

use std::{collections::VecDeque, io::IoSlice};

use bytes::{Buf, Bytes};

/// Pieces on their way out. They are not copied together: encryption, or the kernel, takes them one
/// behind the other.
#[derive(Debug, Default)]
pub(crate) struct Unsent {
    /// None of them is empty.
    pieces: VecDeque<Bytes>,
    octets: usize,
}

impl Unsent {
    /// Adds a piece behind the others.
    pub(crate) fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.octets = self.octets.saturating_add(piece.len());
            self.pieces.push_back(piece);
        }
    }
}

impl Buf for Unsent {
    fn remaining(&self) -> usize {
        self.octets
    }

    fn chunk(&self) -> &[u8] {
        self.pieces.front().map_or(&[], Bytes::as_ref)
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let pairs = slices.iter_mut().zip(&self.pieces);
        pairs
            .map(|(slice, piece)| *slice = IoSlice::new(piece))
            .count()
    }

    fn advance(&mut self, mut count: usize) {
        self.octets = self.octets.saturating_sub(count);
        while let Some(first) = self.pieces.front_mut()
            && count > 0
        {
            let gone = count.min(first.len());
            first.advance(gone);
            count -= gone;
            if first.is_empty() {
                self.pieces.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_leave_in_their_order_wherever_a_write_ends() {
        let pieces = ["MAIL\r\n", "", "BDAT 4 LAST\r\n", "a\r\n", "b"];
        let whole = pieces.concat();
        for step in 1..=whole.len() {
            let mut unsent = Unsent::default();
            for piece in pieces {
                unsent.push(Bytes::from_static(piece.as_bytes()));
            }
            assert_eq!(unsent.remaining(), whole.len());
            let mut left = Vec::new();
            while unsent.has_remaining() {
                let mut slices = [IoSlice::new(&[]); 2];
                let filled = unsent.chunks_vectored(&mut slices);
                let offered: Vec<u8> = slices[..filled].iter().flat_map(|it| it.to_vec()).collect();
                assert!(offered.starts_with(unsent.chunk()));
                let taken = step.min(offered.len());
                left.extend_from_slice(&offered[..taken]);
                unsent.advance(taken);
            }
            assert_eq!(left, whole.as_bytes(), "in steps of {step}");
        }
    }
}
