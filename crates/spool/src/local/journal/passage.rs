//! Letting a journal go by in pieces: what every start does, and all that a sound one needs.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::{batch, order, read_from};

/// How much more is read when a batch is not yet complete. A batch has some MiB at most.
const PIECE: usize = 1024 * 1024;

/// Whether a journal is sound batches in order, and nothing behind them.
pub(crate) fn is_whole(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let mut window: Vec<u8> = Vec::new();
    let mut numbers = Vec::new();
    loop {
        let mut at = 0;
        while let Some(batch) = window.get(at..).and_then(batch::batch) {
            numbers.push(batch.sequence);
            at += batch.length;
        }
        window.drain(..at);
        // No batch begins with a zero: these are the zeros at the end, or damage.
        if window.first() == Some(&0) {
            break;
        }
        // Twice as much each time, so that a long batch is not parsed once for every piece.
        let more = PIECE.max(window.len());
        if file.by_ref().take(more as u64).read_to_end(&mut window)? == 0 {
            break;
        }
    }
    let rest_is_zero = window.iter().all(|octet| *octet == 0) && read_from(file)?.is_empty();
    Ok(rest_is_zero && order::corrections(&numbers).is_empty())
}
