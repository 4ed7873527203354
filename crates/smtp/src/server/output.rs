//! Replies on their way out (RFC 5321 §4.2, RFC 2034 §4, RFC 2920 §3.2).

use std::{borrow::Cow, fmt::Write};

use bytes::{Bytes, BytesMut};
use postern_mail::Reply;

/// A reply line is at most 512 octets with its CRLF (RFC 5321 §4.5.3.1.5). This leaves room for
/// the code, the longest enhanced status code and the separators.
const TEXT: usize = 480;

/// How many octets of replies wait for company. A few hundred recipients fit.
const BATCH: usize = 8 * 1024;

/// Whether a reply may wait for those to the next commands (RFC 2920 §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// It may: MAIL, RCPT, RSET and the chunks of BDAT come in groups.
    Gathered,
    /// It may not.
    AtOnce,
}

/// Gathers replies, so that a pipelined group of commands is answered by one write.
#[derive(Debug, Default)]
pub(super) struct Output {
    pending: BytesMut,
    urgent: bool,
}

impl Output {
    pub(super) fn push(&mut self, reply: &Reply, when: When) {
        print(reply, &mut self.pending);
        self.urgent |= when == When::AtOnce || self.pending.len() >= BATCH;
    }

    /// What must not wait any longer.
    pub(super) fn due(&mut self) -> Option<Bytes> {
        if self.urgent { self.take() } else { None }
    }

    /// All that is pending.
    pub(super) fn take(&mut self) -> Option<Bytes> {
        self.urgent = false;
        (!self.pending.is_empty()).then(|| self.pending.split().freeze())
    }
}

/// Prints a reply as the wire has it:
///
/// ```abnf
/// Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
/// textstring = [ status-code SP ] text                  ; RFC 5321 §4.2, RFC 2034 §4
/// ```
///
/// A text that is too long for a line goes on in the next. Replies are ASCII, since not every
/// peer gave SMTPUTF8: other characters are replaced.
pub(super) fn print(reply: &Reply, into: &mut BytesMut) {
    let mut lines = reply.lines().iter().peekable();
    while let Some(line) = lines.next() {
        let line = in_ascii(line);
        let mut rest = line.as_ref();
        loop {
            let (text, more) = rest.split_at_checked(TEXT).unwrap_or((rest, ""));
            let is_last = more.is_empty() && lines.peek().is_none();
            print_line(reply, if is_last { ' ' } else { '-' }, text, into);
            if more.is_empty() {
                break;
            }
            rest = more;
        }
    }
}

fn print_line(reply: &Reply, separator: char, text: &str, into: &mut BytesMut) {
    // Writing to a `BytesMut` fails only beyond `usize::MAX` octets.
    let _ = match reply.status() {
        Some(status) => write!(into, "{}{separator}{status} {text}\r\n", reply.code()),
        None => write!(into, "{}{separator}{text}\r\n", reply.code()),
    };
}

fn in_ascii(line: &str) -> Cow<'_, str> {
    if line.is_ascii() {
        return Cow::Borrowed(line);
    }
    let replaced = line.chars().map(|c| if c.is_ascii() { c } else { '?' });
    Cow::Owned(replaced.collect())
}

#[cfg(test)]
mod tests {
    use postern_mail::{EnhancedStatusCode, ReplyCode};

    use super::*;

    #[track_caller]
    fn check(reply: &Reply, expected: &str) {
        let mut printed = BytesMut::new();
        print(reply, &mut printed);
        assert_eq!(std::str::from_utf8(&printed).unwrap(), expected);
    }

    #[test]
    fn every_line_carries_both_codes() {
        let reply = Reply::new(ReplyCode::UNAVAILABLE, "one").with_line("two");
        check(&reply, "550-one\r\n550 two\r\n");
        check(
            &reply.with_status(EnhancedStatusCode::permanent(7, 1)),
            "550-5.7.1 one\r\n550 5.7.1 two\r\n",
        );
    }

    #[test]
    fn lines_stay_short_and_ascii() {
        let reply = Reply::new(ReplyCode::OK, "x".repeat(500)).with_line("é");
        check(
            &reply,
            &format!(
                "250-{}\r\n250-{}\r\n250 ?\r\n",
                "x".repeat(480),
                "x".repeat(20)
            ),
        );
    }

    #[test]
    fn replies_wait_for_company_until_one_may_not_or_they_are_many() {
        let reply = Reply::new(ReplyCode::OK, "Ok");
        let mut output = Output::default();
        output.push(&reply, When::Gathered);
        output.push(&reply, When::Gathered);
        assert_eq!(output.due(), None);
        output.push(&reply, When::AtOnce);
        assert_eq!(output.due().unwrap(), "250 Ok\r\n".repeat(3));
        assert_eq!(output.take(), None);
        let mut gathered = 0;
        while output.due().is_none() {
            output.push(&reply, When::Gathered);
            gathered += 1;
        }
        assert_eq!(gathered, BATCH / 8);
    }
}
