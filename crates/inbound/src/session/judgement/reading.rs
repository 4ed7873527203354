//! A message whose content has come in, read back for those who must see it whole.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use postern_spool::{Content, SpoolError};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::shared::{READ_BACK, READ_BACK_UNIT};

/// How long a message waits for its share of the memory. Nobody holds a share for longer than a
/// verification takes; the client that waits for our reply has ten minutes (RFC 5321 §4.5.3.2.6).
const PATIENCE: Duration = Duration::from_secs(5);

/// The largest header that is looked at: what [`crate::header_watch`] lets in of a header that is
/// well formed.
const HEADER: usize = 1024 * 1024;

/// A message in memory.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) pieces: Vec<Bytes>,
    _share: Option<OwnedSemaphorePermit>,
}

/// Why a message was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unread {
    /// There is no use in trying again.
    #[error("the message is too large to be verified")]
    TooLarge,
    /// Others are being read.
    #[error("too many large messages are being verified")]
    NoRoom,
}

/// The content behind its first `ours` octets.
pub(super) async fn whole(
    content: &Content,
    ours: usize,
    memory: &Arc<Semaphore>,
) -> Result<Result<Whole, Unread>, SpoolError> {
    let share = match content.is_in_memory() {
        true => None,
        false => match share(content.octets(), memory).await {
            Ok(share) => Some(share),
            Err(unread) => return Ok(Err(unread)),
        },
    };
    // The share is for all of it, so there is no other bound.
    let pieces = content.pieces(u64::MAX).await?.unwrap_or_default();
    Ok(Ok(Whole {
        pieces: behind(pieces, ours),
        _share: share,
    }))
}

async fn share(octets: u64, memory: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Unread> {
    let units = u32::try_from(octets / READ_BACK_UNIT + 1).unwrap_or(u32::MAX);
    if units as usize > READ_BACK {
        return Err(Unread::TooLarge);
    }
    let share = Arc::clone(memory).acquire_many_owned(units);
    match timeout(PATIENCE, share).await {
        Ok(Ok(share)) => Ok(share),
        // It is never closed.
        Ok(Err(_)) | Err(_) => Err(Unread::NoRoom),
    }
}

fn behind(mut pieces: Vec<Bytes>, ours: usize) -> Vec<Bytes> {
    let mut skip = ours;
    for piece in &mut pieces {
        let here = skip.min(piece.len());
        *piece = piece.slice(here..);
        skip -= here;
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// The header with the empty line that ends it, behind the first `ours` octets of the content.
/// Where there is no such line it is all of the content, and of a longer one the lines that come
/// first.
pub(super) async fn header(content: &Content, ours: usize) -> Result<Bytes, SpoolError> {
    let mut reader = content.reader();
    let mut header = BytesMut::new();
    let mut skip = ours;
    while let Some(mut piece) = reader.next().await? {
        let here = skip.min(piece.len());
        piece = piece.slice(here..);
        skip -= here;
        // The empty line may lie across two pieces.
        let seen = header.len().saturating_sub(3);
        if header.is_empty()
            && let Some(end) = end_of_header(&piece, 0)
        {
            return Ok(piece.slice(..end));
        }
        header.extend_from_slice(&piece);
        if let Some(end) = end_of_header(&header, seen) {
            return Ok(header.split_to(end).freeze());
        }
        if header.len() > HEADER {
            let line_end = header
                .iter()
                .take(HEADER)
                .rposition(|octet| *octet == b'\n');
            return Ok(header.split_to(line_end.map_or(0, |at| at + 1)).freeze());
        }
    }
    Ok(header.freeze())
}

/// Where the octets behind the first empty line begin.
fn end_of_header(octets: &[u8], from: usize) -> Option<usize> {
    if from == 0 && octets.starts_with(b"\r\n") {
        return Some(2);
    }
    let rest = octets.get(from..)?;
    let at = rest.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(from + at + 4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Content of these texts, each a piece.
    fn content(pieces: &[&str]) -> Content {
        Content::from_pieces(pieces.iter().map(|piece| Bytes::from((*piece).to_owned())))
    }

    #[track_caller]
    fn run<T>(work: impl Future<Output = T>) -> T {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.build().unwrap().block_on(work)
    }

    #[track_caller]
    fn check(pieces: &[&str], ours: usize, expected: &str) {
        let found = run(header(&content(pieces), ours)).unwrap();
        assert_eq!(String::from_utf8_lossy(&found), expected, "{pieces:?}");
    }

    #[test]
    fn the_header_is_found_wherever_pieces_end() {
        check(&["A: b\r\n\r\nbody"], 0, "A: b\r\n\r\n");
        check(&["Ours\r\nA: b\r\n\r\nbody"], 6, "A: b\r\n\r\n");
        check(
            &["Ours\r", "\nA: b\r\n\r", "\nbody\r\n\r\n"],
            6,
            "A: b\r\n\r\n",
        );
        check(&["\r\nbody"], 0, "\r\n");
        check(&["Ours\r\n", "\r\nbody"], 6, "\r\n");
        check(&["A: b\r\nno end"], 0, "A: b\r\nno end");
        check(&[""], 0, "");
        check(&["Ours\r\n"], 6, "");
    }

    #[test]
    fn a_header_without_end_is_cut_at_a_line() {
        let line = "X: y\r\n";
        let long = line.repeat(HEADER / line.len() + 1000);
        let found = run(header(&content(&[&long]), 0)).unwrap();
        assert_eq!(found.len(), HEADER / line.len() * line.len());
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_waits_for_room_and_not_for_ever() {
        let memory = Arc::new(Semaphore::new(READ_BACK));
        let largest = READ_BACK_UNIT * READ_BACK as u64;
        assert_eq!(share(largest, &memory).await.err(), Some(Unread::TooLarge));
        let all = share(largest - 1, &memory).await.unwrap();
        assert_eq!(share(1, &memory).await.err(), Some(Unread::NoRoom));
        drop(all);
        assert!(share(1, &memory).await.is_ok());
    }

    proptest! {
        #[test]
        fn header_and_rest_are_the_content(
            text in "[a:\\r\\n]{0,40}",
            cuts in proptest::collection::vec(0_usize..40, 0..4),
            ours in 0_usize..10,
        ) {
            let ours = ours.min(text.len());
            let mut cuts: Vec<_> = cuts.into_iter().map(|at| at.min(text.len())).collect();
            cuts.sort_unstable();
            cuts.push(text.len());
            let mut at = 0;
            let pieces: Vec<_> = cuts.iter().map(|end| { let piece = &text[at..*end]; at = *end; piece }).collect();
            let content = content(&pieces);
            let found = run(header(&content, ours)).unwrap();
            let behind = &text.as_bytes()[ours..];
            let expected = end_of_header(behind, 0).unwrap_or(behind.len());
            prop_assert_eq!(&found[..], &behind[..expected]);
            let memory = Arc::new(Semaphore::new(0));
            let whole = run(whole(&content, ours, &memory)).unwrap().unwrap();
            prop_assert_eq!(whole.pieces.concat(), behind);
        }
    }
}
