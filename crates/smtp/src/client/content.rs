//! Content on its way to the wire (RFC 5321 §4.5.2).
//!
//! Content handed to the client is made of lines that end with CRLF: the receiving end lets
//! nothing else in. That is checked here once more, because a peer that takes `LF.LF` for the
//! end of content would run what follows it as commands (CVE-2023-51764 and its kin), and the
//! spool lies between the two checks. Content that fails is refused and never repaired: a relay
//! that rewrites line ends breaks signatures, and has turned harmless octets into an end of
//! content before.

use bytes::{BufMut, Bytes, BytesMut};
use memchr::memmem;

use crate::framing::{Hygiene, Impurity};

/// Turns content into what DATA carries, chunk by chunk.
///
/// A chunk without a dot to double goes through as it is, uncopied. Whatever the edges of the
/// chunks, the end of the output is the only place where `CRLF.CRLF` stands.
///
/// ```
/// use bytes::Bytes;
/// use postern_smtp::client::ContentEncoder;
///
/// let mut encoder = ContentEncoder::default();
/// assert_eq!(encoder.encode(Bytes::from("Hi\r\n"))?, "Hi\r\n");
/// assert_eq!(encoder.encode(Bytes::from(".\r\n"))?, "..\r\n");
/// assert_eq!(encoder.finish()?, ".\r\n");
/// # Ok::<(), postern_smtp::client::ContentError>(())
/// ```
#[derive(Debug, Default)]
pub struct ContentEncoder {
    hygiene: Hygiene,
    /// Content begins at the start of a line: the CRLF of the DATA command counts
    /// (RFC 5321 §4.1.1.4).
    amid_line: bool,
}

impl ContentEncoder {
    /// Doubles the dot of every line of `chunk` that begins with one.
    ///
    /// # Errors
    /// Refuses a CR or LF that stands alone, and NUL. Nothing may be sent of the chunk then,
    /// and the end of content must never be.
    pub fn encode(&mut self, chunk: Bytes) -> Result<Bytes, ContentError> {
        self.hygiene.inspect(&chunk)?;
        // Every LF is known by now to stand behind a CR, in this chunk or the one before, so
        // each is the end of a line.
        let first = (!self.amid_line && chunk.starts_with(b".")).then_some(0);
        let others = memmem::find_iter(&chunk, b"\n.").map(|line_feed| line_feed + 1);
        let (mut stuffed, mut copied) = (BytesMut::new(), 0);
        for dot in first.into_iter().chain(others) {
            stuffed.reserve(chunk.len() - copied + 1);
            stuffed.extend_from_slice(chunk.get(copied..dot).unwrap_or_default());
            stuffed.put_u8(b'.');
            copied = dot;
        }
        if let Some(last) = chunk.last() {
            self.amid_line = *last != b'\n';
        }
        if stuffed.is_empty() {
            return Ok(chunk);
        }
        stuffed.extend_from_slice(chunk.get(copied..).unwrap_or_default());
        Ok(stuffed.freeze())
    }

    /// The end of content (RFC 5321 §4.1.1.4): a last line without CRLF is given one.
    ///
    /// # Errors
    /// Refuses content that ends in a CR.
    pub fn finish(self) -> Result<Bytes, ContentError> {
        self.hygiene.finish()?;
        Ok(if self.amid_line {
            Bytes::from_static(b"\r\n.\r\n")
        } else {
            Bytes::from_static(b".\r\n")
        })
    }
}

/// Why content cannot be sent. The fault is ours: the peer was promised something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// A CR without LF.
    #[error("the content has a CR that stands alone")]
    BareCr,
    /// An LF without CR.
    #[error("the content has an LF that stands alone")]
    BareLf,
    /// An octet 0 (RFC 5322 §2.2, §2.3).
    #[error("the content has a NUL")]
    Nul,
    /// More or fewer octets than were announced. Sending the end of content would make a
    /// truncated message a delivered one.
    #[error("the content is not of the size announced for it")]
    Size,
}

impl From<Impurity> for ContentError {
    fn from(impurity: Impurity) -> Self {
        match impurity {
            Impurity::BareCarriageReturn => Self::BareCr,
            Impurity::BareLineFeed => Self::BareLf,
            Impurity::Nul => Self::Nul,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(chunks: &[&[u8]]) -> Result<Vec<u8>, ContentError> {
        let (mut encoder, mut wire) = (ContentEncoder::default(), Vec::new());
        for chunk in chunks {
            wire.extend_from_slice(&encoder.encode(Bytes::copy_from_slice(chunk))?);
        }
        wire.extend_from_slice(&encoder.finish()?);
        Ok(wire)
    }

    /// Checks `content` whole and split at every place.
    #[track_caller]
    fn check(content: &str, expected: Result<&str, ContentError>) {
        let content = content.as_bytes();
        let expected = expected.map(|wire| wire.as_bytes().to_vec());
        for at in 0..=content.len() {
            let (left, right) = content.split_at(at);
            assert_eq!(encode(&[left, right]), expected, "split at {at}");
        }
    }

    #[test]
    fn dots_are_doubled_at_the_start_of_lines_only() {
        check("", Ok(".\r\n"));
        check("a\r\n", Ok("a\r\n.\r\n"));
        check("a", Ok("a\r\n.\r\n"));
        check(".", Ok("..\r\n.\r\n"));
        check(".\r\n", Ok("..\r\n.\r\n"));
        check("..\r\n", Ok("...\r\n.\r\n"));
        check("a\r\n.\r\nb\r\n", Ok("a\r\n..\r\nb\r\n.\r\n"));
        check(
            "a.\r\n.b.\r\n\r\n.\r\n",
            Ok("a.\r\n..b.\r\n\r\n..\r\n.\r\n"),
        );
    }

    #[test]
    fn line_ends_other_than_crlf_are_refused() {
        check("a\n.\nb\r\n", Err(ContentError::BareLf));
        check("\n", Err(ContentError::BareLf));
        check(".\n", Err(ContentError::BareLf));
        check("a\r\n\n.\r\n", Err(ContentError::BareLf));
        check("a\r.\r\n", Err(ContentError::BareCr));
        check("a\r", Err(ContentError::BareCr));
        check("a\r\r\n", Err(ContentError::BareCr));
        check("a\r\0\n", Err(ContentError::BareCr));
        check("a\0b\r\n", Err(ContentError::Nul));
        check("\0", Err(ContentError::Nul));
    }

    #[test]
    fn dots_are_doubled_at_the_edges_of_large_chunks() {
        for edge in [1024, 4096, 16384, 65536] {
            for distance in 0..4 {
                let content = [&*vec![b'x'; edge - distance], b"\r\n.\r\n"].concat();
                let chunks: Vec<_> = content.chunks(edge).collect();
                let wire = encode(&chunks).unwrap();
                assert!(wire.ends_with(b"x\r\n..\r\n.\r\n"), "{edge} {distance}");
                assert_eq!(wire.len(), content.len() + 4);
            }
        }
    }

    #[test]
    fn chunks_without_dots_are_not_copied() {
        let chunk = Bytes::from(b"one\r\ntwo.\r\n".repeat(100));
        let encoded = ContentEncoder::default().encode(chunk.clone()).unwrap();
        assert_eq!(encoded.as_ptr(), chunk.as_ptr());
    }

    /// What a server that knows only CRLF.CRLF makes of `wire`: content, and what follows it.
    fn decode(wire: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let (mut content, mut rest) = (Vec::new(), wire);
        loop {
            let end = memmem::find(rest, b"\r\n").unwrap() + 2;
            let (line, behind) = rest.split_at(end);
            rest = behind;
            if line == b".\r\n" {
                return (content, rest.to_vec());
            }
            content.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        }
    }

    fn is_clean(content: &[u8]) -> bool {
        let bare = String::from_utf8_lossy(content).replace("\r\n", "");
        !bare.contains(['\r', '\n', '\0'])
    }

    proptest! {
        #[test]
        fn content_survives_or_is_refused(
            content in "[.\r\n\0a]{0,40}|([.a]{0,3}\r\n){0,12}[.a]{0,3}",
            piece in 1..9_usize,
        ) {
            let chunks: Vec<_> = content.as_bytes().chunks(piece).collect();
            match encode(&chunks) {
                Ok(wire) => {
                    prop_assert!(is_clean(&wire));
                    let (mut received, behind) = decode(&wire);
                    prop_assert_eq!(behind, b"");
                    if !content.is_empty() && !content.ends_with("\r\n") {
                        received.truncate(received.len() - 2);
                    }
                    prop_assert_eq!(received, content.as_bytes());
                }
                Err(_) => prop_assert!(!is_clean(content.as_bytes())),
            }
            prop_assert_eq!(encode(&chunks), encode(&[content.as_bytes()]));
        }
    }
}
