//! Content behind DATA: its end, and the dots that hide it (RFC 5321 §4.1.1.4, §4.5.2).

use std::sync::LazyLock;

use bytes::{Buf, BytesMut};
use memchr::memmem::Finder;

use super::Piece;

/// The end of a line and the dot that begins the next.
static DOT_LINE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\r\n."));

/// Takes content from the input until CRLF.CRLF, and drops the dot that a client puts before a
/// line that begins with one.
///
/// ```text
///  CRLF . CRLF        the end; the first CRLF belongs to the content
///  CRLF . anything    a stuffed dot, dropped
///  LF . LF, CR . CR, LF . CRLF, CRLF . LF, CRLF . CR CR LF, …    content, whatever it holds
/// ```
#[derive(Debug)]
pub(crate) struct Transparency {
    /// Whether the next octet begins a line: all before it was taken and ended in CRLF.
    at_line_start: bool,
}

impl Transparency {
    /// Content begins at a line start: the CRLF of the DATA command counts (RFC 5321 §4.1.1.4),
    /// so `.` CRLF at once is empty content.
    pub(crate) fn new() -> Self {
        Self {
            at_line_start: true,
        }
    }

    /// All content at the front of the input whose place is decided, in one piece.
    ///
    /// Without stuffed dots the piece is a slice of the input. Behind a dropped dot the octets
    /// move up within the input, so that dense dots make neither copies elsewhere nor a flood of
    /// tiny pieces.
    pub(crate) fn next(&mut self, input: &mut BytesMut) -> Piece {
        let (mut kept, mut seen) = (0, 0);
        loop {
            let rest = input.get(seen..).unwrap_or_default();
            let dot = match (self.at_line_start, rest) {
                (true, [] | [b'.'] | [b'.', b'\r']) => break,
                (true, [b'.', b'\r', b'\n', ..]) if kept == 0 => {
                    input.advance(seen + 3);
                    return Piece::End;
                }
                // The content before the end goes first; the next call finds the end.
                (true, [b'.', b'\r', b'\n', ..]) => break,
                (true, [b'.', ..]) => 1,
                (true, _) | (false, _) => 0,
            };
            let run = self.run(rest.get(dot..).unwrap_or_default());
            if dot + run == 0 {
                break;
            }
            let from = seen + dot;
            if from != kept {
                input.copy_within(from..from + run, kept);
            }
            kept += run;
            seen = from + run;
        }
        let content = input.split_to(kept);
        input.advance(seen - kept);
        if content.is_empty() {
            Piece::NeedOctets
        } else {
            Piece::Content(content.freeze())
        }
    }

    /// The length of what can be taken from `rest`, which begins within a line or at an
    /// unstuffed line start: up to the next line that begins with a dot, or all of it.
    fn run(&mut self, rest: &[u8]) -> usize {
        if let Some(at) = DOT_LINE.find(rest) {
            self.at_line_start = true;
            return at + 2;
        }
        let run = match rest {
            // May be the first half of a line end.
            [before @ .., b'\r'] => before.len(),
            _ => rest.len(),
        };
        if run > 0 {
            self.at_line_start = rest.ends_with(b"\r\n");
        }
        run
    }
}
