//! Content as it comes: the header is looked into, the body is hashed, nothing is kept.

use bytes::{Buf as _, BytesMut};
use memchr::memmem;
use xxhash_rust::xxh3::Xxh3;

use crate::ledger::Ledger;

/// More than any header of a message that was sent, with what relays put in front.
const LONGEST_HEADER: usize = 64 * 1024;

/// The content of one message.
#[derive(Default)]
pub(super) struct Content {
    header: Vec<u8>,
    body: Option<Box<Xxh3>>,
    octets: u64,
}

impl Content {
    pub(super) fn feed(&mut self, octets: &[u8]) {
        self.octets += octets.len() as u64;
        if let Some(body) = &mut self.body {
            body.update(octets);
            return;
        }
        // The end may lie across two pieces.
        let seen = self.header.len().saturating_sub(3);
        self.header.extend_from_slice(octets);
        let unseen = self.header.get(seen..).unwrap_or_default();
        let end = match memmem::find(unseen, b"\r\n\r\n") {
            Some(found) => seen + found + 4,
            None if self.header.len() > LONGEST_HEADER => self.header.len(),
            None => return,
        };
        let mut body = Box::new(Xxh3::new());
        body.update(self.header.get(end..).unwrap_or_default());
        self.header.truncate(end);
        self.body = Some(body);
    }

    /// Puts the message down in the account.
    pub(super) fn finish(self, ledger: &Ledger) {
        let hash = self.body.map_or(0, |body| body.digest());
        ledger.arrive(&self.header, hash, self.octets);
    }
}

/// The content of DATA, up to the line with a single dot (RFC 5321 §4.5.2).
pub(super) struct Lines {
    at_line_start: bool,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self {
            at_line_start: true,
        }
    }

    /// Takes content from `buffer` as far as it goes, and says whether its end was there.
    pub(super) fn take(&mut self, buffer: &mut BytesMut, content: &mut Content) -> bool {
        const END: &[u8] = b".\r\n";
        loop {
            if self.at_line_start && buffer.first() == Some(&b'.') {
                if buffer.starts_with(END) {
                    buffer.advance(END.len());
                    return true;
                }
                if END.starts_with(buffer) {
                    return false;
                }
                buffer.advance(1);
            }
            let dotted = memmem::find(buffer, b"\r\n.").map(|found| found + 2);
            let held_back = usize::from(buffer.last() == Some(&b'\r'));
            let take = dotted.unwrap_or(buffer.len() - held_back);
            if take > 0 {
                let piece = buffer.get(..take).unwrap_or_default();
                self.at_line_start = piece.ends_with(b"\r\n");
                content.feed(piece);
                buffer.advance(take);
            }
            if dotted.is_none() {
                return false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_64;

    const WIRE: &[u8] = b"A: b\r\n\r\n..one\r\ntwo.\r\n...\r\n\r\n.\r\nQUIT\r\n";
    const BODY: &[u8] = b".one\r\ntwo.\r\n..\r\n\r\n";

    #[test]
    fn content_is_the_same_however_it_is_cut() {
        for size in 1..WIRE.len() {
            let (mut lines, mut content) = (Lines::new(), Content::default());
            let mut buffer = BytesMut::new();
            let mut ended = false;
            for piece in WIRE.chunks(size) {
                buffer.extend_from_slice(piece);
                ended = ended || lines.take(&mut buffer, &mut content);
            }
            assert!(ended, "in pieces of {size}");
            assert_eq!(&buffer[..], b"QUIT\r\n", "in pieces of {size}");
            assert_eq!(content.header, b"A: b\r\n\r\n");
            assert_eq!(content.body.unwrap().digest(), xxh3_64(BODY));
        }
    }
}
