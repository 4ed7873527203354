//! A message whose content has come in, read back for those who must see it whole.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use postern_authentication::{NoRoom, Share, Verifier};
use postern_spool::{Content, SpoolError};
use tokio::time::timeout;

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
    _share: Option<Share>,
}

/// The content behind its first `ours` octets. What is in memory already counts there; what is not
/// needs room among what is being verified.
pub(super) async fn whole(
    content: &Content,
    ours: usize,
    verifier: &Verifier,
) -> Result<Result<Whole, NoRoom>, SpoolError> {
    let share = match content.is_in_memory() {
        true => None,
        false => match timeout(PATIENCE, verifier.reserve(content.octets())).await {
            Ok(Ok(share)) => Some(share),
            Ok(Err(why)) => return Ok(Err(why)),
            Err(_) => return Ok(Err(NoRoom::Busy)),
        },
    };
    // The share is for all of it, so there is no other bound.
    let pieces = content.pieces(u64::MAX).await?.unwrap_or_default();
    Ok(Ok(Whole {
        pieces: behind(pieces, ours),
        _share: share,
    }))
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
            let whole = super::behind(run(content.pieces(100)).unwrap().unwrap(), ours);
            prop_assert_eq!(whole.concat(), behind);
        }
    }
}
