//! Replies read from a peer (RFC 5321 §4.2), which are hostile input: an MTA has run commands
//! as root because of what stood in the second line of one (CVE-2020-8794).
//!
//! A line ends with CRLF and nothing else (RFC 5321 §2.3.8). A CR or LF that stands alone is
//! refused rather than taken for a line end or for text: servers repeat in their replies what
//! others wrote, and a line feed smuggled into such a text would otherwise forge the next reply.
//! The few servers that end every line with LF are told apart from silence that way, at once.

use bytes::BytesMut;
use memchr::memchr2;
use postern_mail::{EnhancedStatusCode, Foreign, Reply, ReplyCode, Severity, StatusClass};

/// The longest line taken, CRLF included. RFC 5321 §4.5.3.1.5 allows 512 octets; servers that
/// explain a refusal with a link or two have been seen to pass it.
const LONGEST_LINE: usize = 2048;

/// The most octets of one reply, whatever its number of lines.
const LONGEST_REPLY: usize = 64 * 1024;

/// The most lines of one reply. The longest EHLO replies in use have about thirty.
const MOST_LINES: usize = 256;

/// Reads one reply after the other from the octets a peer sent.
///
/// It holds a reply of several lines until its last line is there. What does not yet make up a
/// line stays in the input.
///
/// ```
/// use bytes::BytesMut;
/// use postern_smtp::client::ReplyReader;
///
/// let mut input = BytesMut::from("550-5.1.1 No such\r\n550 5.1.1 user\r\n25");
/// let reply = ReplyReader::default().next(&mut input)?.ok_or("no reply")?;
/// assert_eq!(reply.to_string(), "550 5.1.1 No such / user");
/// assert_eq!(input, "25");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct ReplyReader {
    partial: Option<Reply>,
    octets: usize,
}

impl ReplyReader {
    /// Takes the next reply out of `input`, or `None` while it is incomplete.
    ///
    /// # Errors
    /// Says how the octets break the grammar or exceed a bound. There is no way to go on in
    /// step with the peer then.
    pub fn next(&mut self, input: &mut BytesMut) -> Result<Option<Reply>, ReplyError> {
        while let Some(line) = take_line(input)? {
            self.octets += line.len();
            if self.octets > LONGEST_REPLY {
                return Err(ReplyError::TooLong);
            }
            let line = Line::parse(&line)?;
            let last = line.last;
            let reply = match self.partial.take() {
                None => line.begin_reply(),
                Some(reply) => line.continue_reply(reply)?,
            };
            if last {
                self.octets = 0;
                return Ok(Some(reply));
            }
            self.partial = Some(reply);
        }
        Ok(None)
    }

    /// Whether a reply has begun and not ended.
    pub(super) fn is_midway(&self) -> bool {
        self.partial.is_some()
    }
}

/// Takes a line with its CRLF, looking no further than the longest line reaches.
fn take_line(input: &mut BytesMut) -> Result<Option<BytesMut>, ReplyError> {
    let window = input.get(..LONGEST_LINE).unwrap_or(input);
    let Some(end) = memchr2(b'\r', b'\n', window) else {
        return if input.len() < LONGEST_LINE {
            Ok(None)
        } else {
            Err(ReplyError::LineTooLong)
        };
    };
    match (input.get(end), input.get(end + 1)) {
        (Some(b'\r'), _) if end + 2 > LONGEST_LINE => Err(ReplyError::LineTooLong),
        (Some(b'\r'), None) => Ok(None),
        (Some(b'\r'), Some(b'\n')) => Ok(Some(input.split_to(end + 2))),
        _ => Err(ReplyError::BareLineEnd),
    }
}

/// `Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF`
/// (RFC 5321 §4.2), one line of it.
struct Line {
    code: ReplyCode,
    last: bool,
    text: String,
}

impl Line {
    fn parse(line: &[u8]) -> Result<Self, ReplyError> {
        let line = line.strip_suffix(b"\r\n").unwrap_or(line);
        let not_a_reply = || ReplyError::NotAReply(shown(line));
        let (digits, rest) = line.split_at_checked(3).ok_or_else(not_a_reply)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(not_a_reply());
        }
        let code = digits
            .iter()
            .fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
        let (last, text) = match rest.split_first() {
            None => (true, rest),
            Some((b' ', text)) => (true, text),
            Some((b'-', text)) => (false, text),
            Some(_) => return Err(not_a_reply()),
        };
        Ok(Self {
            code: ReplyCode::new(code).map_err(|_| not_a_reply())?,
            last,
            text: String::from_utf8_lossy(text).into_owned(),
        })
    }

    fn begin_reply(&self) -> Reply {
        match self.split_status() {
            Some((status, text)) => Reply::new(self.code, text).with_status(status),
            None => Reply::new(self.code, &self.text),
        }
    }

    /// Every line carries the code of the first (RFC 5321 §4.2.1).
    fn continue_reply(&self, reply: Reply) -> Result<Reply, ReplyError> {
        if self.code != reply.code() {
            return Err(ReplyError::CodesDiffer(reply.code(), self.code));
        }
        if reply.lines().len() >= MOST_LINES {
            return Err(ReplyError::TooManyLines);
        }
        Ok(match self.split_status() {
            Some((status, text)) if reply.status() == Some(status) => reply.with_line(text),
            Some(_) | None => reply.with_line(&self.text),
        })
    }

    /// The enhanced status code at the start of the text (RFC 2034 §4) and the text behind it.
    /// A code whose class contradicts the reply code is text: the reply code decides.
    fn split_status(&self) -> Option<(EnhancedStatusCode, &str)> {
        let (word, text) = self.text.split_once(' ').unwrap_or((&self.text, ""));
        let status: EnhancedStatusCode = word.parse().ok()?;
        let agrees = match self.code.severity() {
            Severity::PositiveCompletion => status.class() == StatusClass::Success,
            Severity::PositiveIntermediate => false,
            Severity::TransientNegative => status.class() == StatusClass::Transient,
            Severity::PermanentNegative => status.class() == StatusClass::Permanent,
        };
        agrees.then_some((status, text))
    }
}

/// What the peer said instead of a reply, for people: `HTTP/1.1 400 Bad Request` tells more
/// than any error text of ours.
fn shown(line: &[u8]) -> String {
    Foreign::new(&String::from_utf8_lossy(line)).to_string()
}

/// Why octets are not a reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// A line does not begin with a reply code and a space or hyphen.
    #[error("the line is not a reply: {0}")]
    NotAReply(String),
    /// A CR without LF, or an LF without CR.
    #[error("a reply has a CR or LF that stands alone")]
    BareLineEnd,
    /// The lines of one reply carry different codes.
    #[error("a reply that began with {0} goes on with {1}")]
    CodesDiffer(ReplyCode, ReplyCode),
    /// More than 2048 octets without a line end.
    #[error("a reply has a line of more than 2048 octets")]
    LineTooLong,
    /// More than 64 KiB.
    #[error("a reply is longer than 64 KiB")]
    TooLong,
    /// More than 256 lines.
    #[error("a reply has more than 256 lines")]
    TooManyLines,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the reader makes of `octets` when they come in pieces of `piece`.
    fn read_all(octets: &[u8], piece: usize) -> Vec<Result<String, ReplyError>> {
        let (mut reader, mut input) = (ReplyReader::default(), BytesMut::new());
        let mut seen = Vec::new();
        for piece in octets.chunks(piece) {
            input.extend_from_slice(piece);
            loop {
                match reader.next(&mut input) {
                    Ok(None) => break,
                    Ok(Some(reply)) => seen.push(Ok(reply.to_string())),
                    Err(error) => {
                        seen.push(Err(error));
                        return seen;
                    }
                }
            }
        }
        seen
    }

    #[track_caller]
    fn check(octets: &str, expected: &[Result<&str, ReplyError>]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|one| one.clone().map(str::to_owned))
            .collect();
        assert_eq!(read_all(octets.as_bytes(), usize::MAX), expected, "whole");
        assert_eq!(read_all(octets.as_bytes(), 1), expected, "octet by octet");
    }

    fn not_a_reply(line: &str) -> ReplyError {
        ReplyError::NotAReply(line.to_owned())
    }

    fn code(code: u16) -> ReplyCode {
        ReplyCode::new(code).unwrap()
    }

    #[test]
    fn replies_of_one_line() {
        check("220 mx ready\r\n", &[Ok("220 mx ready")]);
        check("250\r\n", &[Ok("250 ")]);
        check("250 \r\n", &[Ok("250 ")]);
        check(
            "354 go\r\n250 2.0.0 done\r\n",
            &[Ok("354 go"), Ok("250 2.0.0 done")],
        );
        check("250 incomplete\r", &[]);
        check("", &[]);
    }

    #[test]
    fn replies_of_several_lines() {
        check(
            "250-mx\r\n250-SIZE 100\r\n250 DSN\r\n",
            &[Ok("250 mx / SIZE 100 / DSN")],
        );
        check(
            "550-5.7.1 no\r\n550 5.7.1 never\r\n",
            &[Ok("550 5.7.1 no / never")],
        );
        check(
            "550-5.7.1 no\r\n550 5.1.1 never\r\n",
            &[Ok("550 5.7.1 no / 5.1.1 never")],
        );
        check("250-\r\n250\r\n", &[Ok("250  / ")]);
        let differ = ReplyError::CodesDiffer(code(550), code(250));
        check("550-no\r\n250 yes\r\n", &[Err(differ)]);
        check("250-a\r\n", &[]);
    }

    #[test]
    fn enhanced_status_codes_agree_with_the_reply_code_or_are_text() {
        for (line, status) in [
            ("250 2.1.5 ok\r\n", Some("2.1.5")),
            ("250 2.1.5\r\n", Some("2.1.5")),
            ("451 4.7.1 later\r\n", Some("4.7.1")),
            ("451 5.7.1 later\r\n", None),
            ("550 2.0.0 fine\r\n", None),
            ("354 3.0.0 go\r\n", None),
            ("250 2.1.5ok\r\n", None),
        ] {
            let mut input = BytesMut::from(line);
            let reply = ReplyReader::default().next(&mut input).unwrap().unwrap();
            assert_eq!(
                reply.status().map(|s| s.to_string()).as_deref(),
                status,
                "{line}"
            );
        }
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        check("hello\r\n", &[Err(not_a_reply("hello"))]);
        check("25\r\n", &[Err(not_a_reply("25"))]);
        check("2500 ok\r\n", &[Err(not_a_reply("2500 ok"))]);
        check("150 ok\r\n", &[Err(not_a_reply("150 ok"))]);
        check("999 ok\r\n", &[Err(not_a_reply("999 ok"))]);
        check(" 250 ok\r\n", &[Err(not_a_reply(" 250 ok"))]);
        check("\r\n", &[Err(not_a_reply(""))]);
        check("250\tok\r\n", &[Err(not_a_reply("250\\tok"))]);
        check(
            "250-a\r\nb\u{1b}[2J\r\n",
            &[Err(not_a_reply("b\\u{1b}[2J"))],
        );
    }

    #[test]
    fn only_crlf_ends_a_line() {
        for octets in [
            "250 ok\n",
            "550 <x\n250 ok\r\n",
            "550 <x\r250 ok\r\n",
            "250 ok\r\r\n",
            "\n",
        ] {
            check(octets, &[Err(ReplyError::BareLineEnd)]);
        }
    }

    #[test]
    fn replies_are_bounded() {
        let fits = format!("250 {}\r\n", "x".repeat(LONGEST_LINE - 6));
        assert_eq!(read_all(fits.as_bytes(), usize::MAX).len(), 1);
        let too_long = format!("250 {}\r\n", "x".repeat(LONGEST_LINE - 5));
        check(&too_long, &[Err(ReplyError::LineTooLong)]);
        check(&"2".repeat(8_000_000), &[Err(ReplyError::LineTooLong)]);
        check(&"250-\r\n".repeat(9000), &[Err(ReplyError::TooManyLines)]);
        let wide = format!("250-{}\r\n", "x".repeat(1000));
        check(&wide.repeat(100), &[Err(ReplyError::TooLong)]);
    }

    #[test]
    fn text_is_made_safe() {
        check(
            "550 \u{1b}[2J\0\u{202e}\r\n",
            &[Ok("550 \\u{1b}[2J\\u{0}\\u{202e}")],
        );
        assert_eq!(
            read_all(b"550 \xff\r\n", 1),
            [Ok("550 \u{fffd}".to_owned())]
        );
    }

    proptest! {
        #[test]
        fn splits_change_nothing(octets in "[0-9 \\-\r\na]{0,60}", piece in 1..9_usize) {
            prop_assert_eq!(
                read_all(octets.as_bytes(), piece),
                read_all(octets.as_bytes(), usize::MAX)
            );
        }

        #[test]
        fn any_octets_are_survived(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            let whole = read_all(&octets, usize::MAX);
            prop_assert_eq!(whole, read_all(&octets, 1));
        }
    }
}
