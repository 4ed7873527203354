//! Command lines (RFC 5321 §2.3.8, §4.5.3.1.4).

use bytes::{Buf, Bytes, BytesMut};

/// How many octets of an over-long line are thrown away before the peer is given up. A client
/// that sends this much without a line end does not speak SMTP.
const ENDLESS: usize = 64 * 1024;

/// What stands at the front of the input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line, without its CRLF. It may hold a bare CR or a NUL.
    Complete(Bytes),
    /// A line of more octets than the limit, thrown away to its end.
    TooLong,
    /// A line that has no end within 64 KiB.
    Endless,
    /// A LF without CR before it. Nobody can say where the peer believes its lines to end, so
    /// what follows must not be read as commands.
    BareLineFeed,
    /// No line end so far.
    NeedOctets,
}

/// Takes lines that end in CRLF, and in nothing else, from the input.
#[derive(Debug, Default)]
pub(crate) struct LineFramer {
    /// Octets at the front of the input that are known to hold no LF.
    searched: usize,
    /// Octets of the present line already thrown away, because it is over-long.
    thrown_away: usize,
}

impl LineFramer {
    /// The next line. `limit` counts the CRLF, as RFC 5321 §4.5.3.1.4 does.
    pub(crate) fn next(&mut self, input: &mut BytesMut, limit: usize) -> Line {
        let unsearched = input.get(self.searched..).unwrap_or_default();
        let Some(at) = memchr::memchr(b'\n', unsearched) else {
            self.searched = input.len();
            return self.without_end(input, limit);
        };
        let length = self.searched + at + 1;
        let whole = self.thrown_away + length;
        *self = Self::default();
        let mut line = input.split_to(length).freeze();
        if whole > ENDLESS {
            Line::Endless
        } else if !line.ends_with(b"\r\n") {
            Line::BareLineFeed
        } else if whole > limit {
            Line::TooLong
        } else {
            line.truncate(length - 2);
            Line::Complete(line)
        }
    }

    /// Keeps the buffer small while an over-long line comes in: all but its last octet goes,
    /// which may be the CR of its end.
    fn without_end(&mut self, input: &mut BytesMut, limit: usize) -> Line {
        if self.thrown_away + input.len() >= ENDLESS {
            return Line::Endless;
        }
        if input.len() > limit {
            let surplus = input.len() - 1;
            input.advance(surplus);
            self.thrown_away += surplus;
            self.searched = 1;
        }
        Line::NeedOctets
    }
}
