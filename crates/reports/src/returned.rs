//! What of the message itself a notice returns (RFC 6522 §3 (3), RFC 3461 §4.3).
//!
//! The header, as a rule: it tells the sender which message is meant, costs little, and does not
//! carry to whoever reads the notice what the message was to say. The whole message comes back
//! only to a sender who asks for it with `RET=FULL`, and then only if it is short, and could
//! stand in a seven-bit message as it is: `message/rfc822` may not be encoded (RFC 2046 §5.2.1),
//! and a notice that needs 8BITMIME on its way back is one that may not arrive. Of a message that
//! came with REQUIRETLS there is never more than the header, whatever `RET` says (RFC 8689 §5): the
//! way back may not be as well protected as the way there.

use std::borrow::Cow;

use mail_builder::{
    encoders::QuotedPrintableEncoder,
    headers::raw::Raw,
    mime::{BodyPart, MimePart},
};
use postern_mail::{Return, TlsWish, header};

use crate::{Content, Facts};

/// The most octets of a message that a notice returns. A short letter fits, and a peer who sends
/// large messages from a forged address cannot make us multiply them (backscatter).
pub const MOST_RETURNED: usize = 64 * 1024;

/// The longest line of a message without its line end (RFC 5322 §2.1.1).
const LONGEST_LINE: usize = 998;

/// What is returned.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Returned<'a> {
    /// Not even a header was found.
    Nothing,
    /// Header fields, as many as fit.
    Header(Cow<'a, [u8]>),
    /// The message.
    Message(&'a [u8]),
}

impl<'a> Returned<'a> {
    pub(crate) fn choose(facts: &Facts<'a>) -> Self {
        let whole_is_allowed = facts.envelope.tls_wish != TlsWish::Required;
        match (facts.envelope.ret, facts.content) {
            (Some(Return::Full), Content::Whole(content))
                if whole_is_allowed && content.len() <= MOST_RETURNED && is_seven_bit(content) =>
            {
                Self::Message(content)
            }
            (_, Content::Whole(content) | Content::Start(content)) => Self::header_of(content),
        }
    }

    fn header_of(content: &'a [u8]) -> Self {
        let mut length = 0;
        for field in header::fields(content) {
            if length + field.octets().len() > MOST_RETURNED {
                break;
            }
            length += field.octets().len();
        }
        match content.get(..length) {
            None | Some([]) => Self::Nothing,
            Some(fields) if is_seven_bit(fields) => Self::Header(fields.into()),
            Some(fields) => Self::Header(with_line_ends(fields).into()),
        }
    }

    /// What is returned, before any encoding.
    pub(crate) fn octets(&self) -> &[u8] {
        match self {
            Self::Nothing => &[],
            Self::Header(octets) => octets,
            Self::Message(octets) => octets,
        }
    }

    /// The part of the notice, unless there is nothing to return.
    pub(crate) fn into_part(self) -> Option<MimePart<'a>> {
        let (kind, description, octets) = match self {
            Self::Nothing => return None,
            Self::Header(octets) => ("text/rfc822-headers", "Header of the message", octets),
            Self::Message(octets) => ("message/rfc822", "The message", octets.into()),
        };
        let (encoding, octets) = if is_seven_bit(&octets) {
            ("7bit", octets)
        } else {
            ("quoted-printable", quoted_printable(&octets).into())
        };
        Some(
            MimePart::new(kind, BodyPart::Binary(octets))
                .header("Content-Description", Raw::new(description))
                .transfer_encoding(encoding),
        )
    }
}

/// Whether octets may stand where no encoding is declared (RFC 2045 §2.7): lines of ASCII that
/// end with CRLF, without NUL, bare CR or bare LF.
pub(crate) fn is_seven_bit(octets: &[u8]) -> bool {
    let fits = |line: &[u8]| {
        let stands = |octet: &u8| octet.is_ascii() && !matches!(octet, 0 | b'\r');
        line.len() <= LONGEST_LINE && line.iter().all(stands)
    };
    octets
        .split_inclusive(|octet| *octet == b'\n')
        .all(|line| line.strip_suffix(b"\r\n").is_some_and(fits))
}

/// The fields with a CRLF after each line. NUL and bare CR, which no message may hold (RFC 5322
/// §2.2, §2.3), become `?`: quoted-printable as the library writes it lets NUL pass.
fn with_line_ends(fields: &[u8]) -> Vec<u8> {
    let lines = fields.strip_suffix(b"\n").unwrap_or(fields);
    let mut whole = Vec::with_capacity(fields.len());
    for line in lines.split(|octet| *octet == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        whole.extend(line.iter().map(|octet| match octet {
            0 | b'\r' => b'?',
            octet => *octet,
        }));
        whole.extend_from_slice(b"\r\n");
    }
    whole
}

fn quoted_printable(octets: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(octets.len() + octets.len() / 4);
    QuotedPrintableEncoder::new()
        .preserve_line_breaks()
        .encode_into(octets, &mut encoded);
    encoded
}
