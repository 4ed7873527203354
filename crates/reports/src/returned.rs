//! What of the message itself a notice returns (RFC 6522 §3 (3), RFC 3461 §4.3).
//!
//! The header, as a rule: it tells the sender which message is meant, costs little, and does not
//! carry to whoever reads the notice what the message was to say. The whole message comes back
//! only to a sender who asks for it with `RET=FULL`, and then only if it is short. Of a message
//! that came with REQUIRETLS there is never more than the header, whatever `RET` says (RFC 8689
//! §5): the way back may not be as well protected as the way there.
//!
//! | returned | as | where the notice is in |
//! |---|---|---|
//! | lines of ASCII, whole | `message/rfc822` | either |
//! | lines of other octets, whole, of mail with SMTPUTF8 | `message/global`, RFC 6532 §3.7 | either, encoded in ASCII |
//! | lines of other octets, whole | `message/rfc822` | UTF-8 |
//! | a header in ASCII | `text/rfc822-headers` | either |
//! | a header in UTF-8, of mail with SMTPUTF8 | `message/global-headers`, RFC 6533 §4 | either, encoded in ASCII |
//! | any other header | `text/rfc822-headers`, encoded | either |
//!
//! Whatever else is asked for is returned as its header. `message/rfc822` may not be encoded
//! (RFC 2046 §5.2.1), and a notice that needs 8BITMIME on its way back is one that may not arrive;
//! `message/global` may be (RFC 6532 §3.7).

use std::borrow::Cow;

use mail_builder::{
    encoders::QuotedPrintableEncoder,
    headers::raw::Raw,
    mime::{BodyPart, MimePart},
};
use postern_mail::{Return, TlsWish, header};

use crate::{Content, Facts, ascii::Script};

/// The most octets of a message that a notice returns. A short letter fits, and a peer who sends
/// large messages from a forged address cannot make us multiply them (backscatter).
pub const MOST_RETURNED: usize = 64 * 1024;

/// The longest line of a message without its line end (RFC 5322 §2.1.1).
const LONGEST_LINE: usize = 998;

/// What is returned; nothing where not even a header was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Returned<'a>(Option<Part<'a>>);

#[derive(Debug, PartialEq, Eq)]
struct Part<'a> {
    kind: Kind,
    encoding: Encoding,
    octets: Cow<'a, [u8]>,
}

/// The media types of what is returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Headers,
    GlobalHeaders,
    Message,
    GlobalMessage,
}

/// How octets are written (RFC 2045 §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    SevenBit,
    EightBit,
    QuotedPrintable,
}

impl<'a> Returned<'a> {
    pub(crate) fn choose(facts: &Facts<'a>, script: Script) -> Self {
        let whole = match (facts.envelope.ret, facts.content) {
            (Some(Return::Full), Content::Whole(content)) => whole(content, facts, script),
            (_, Content::Whole(_) | Content::Start(_)) => None,
        };
        let (Content::Whole(start) | Content::Start(start)) = facts.content;
        Self(whole.or_else(|| header_of(start, facts, script)))
    }

    /// What is returned, before any encoding.
    pub(crate) fn octets(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |part| &part.octets)
    }

    /// The part of the notice, unless there is nothing to return.
    pub(crate) fn into_part(self) -> Option<MimePart<'a>> {
        let Part {
            kind,
            encoding,
            octets,
        } = self.0?;
        let (kind, description) = match kind {
            Kind::Headers => ("text/rfc822-headers", "Header of the message"),
            Kind::GlobalHeaders => ("message/global-headers", "Header of the message"),
            Kind::Message => ("message/rfc822", "The message"),
            Kind::GlobalMessage => ("message/global", "The message"),
        };
        let (encoding, octets) = match encoding {
            Encoding::SevenBit => ("7bit", octets),
            Encoding::EightBit => ("8bit", octets),
            Encoding::QuotedPrintable => ("quoted-printable", quoted_printable(&octets).into()),
        };
        Some(
            MimePart::new(kind, BodyPart::Binary(octets))
                .header("Content-Description", Raw::new(description))
                .transfer_encoding(encoding),
        )
    }
}

/// The whole message, where it may be returned and some type and encoding can hold it.
fn whole<'a>(content: &'a [u8], facts: &Facts<'_>, script: Script) -> Option<Part<'a>> {
    let is_allowed = facts.envelope.tls_wish != TlsWish::Required;
    if !is_allowed || content.len() > MOST_RETURNED || !is_in_lines(content) {
        return None;
    }
    let (kind, encoding) = match (script, is_global(fields(content), facts)) {
        _ if content.is_ascii() => (Kind::Message, Encoding::SevenBit),
        (Script::Ascii, false) => return None,
        (Script::Ascii, true) => (Kind::GlobalMessage, Encoding::QuotedPrintable),
        (Script::Unicode, false) => (Kind::Message, Encoding::EightBit),
        (Script::Unicode, true) => (Kind::GlobalMessage, Encoding::EightBit),
    };
    Some(Part {
        kind,
        encoding,
        octets: content.into(),
    })
}

/// As many header fields as fit.
fn header_of<'a>(content: &'a [u8], facts: &Facts<'_>, script: Script) -> Option<Part<'a>> {
    let fields = Some(fields(content)).filter(|fields| !fields.is_empty())?;
    let can_stand = is_in_lines(fields);
    let (kind, encoding) = match (fields.is_ascii(), is_global(fields, facts), script) {
        (true, _, _) if can_stand => (Kind::Headers, Encoding::SevenBit),
        (true, _, _) | (false, false, _) => (Kind::Headers, Encoding::QuotedPrintable),
        (false, true, Script::Unicode) if can_stand => (Kind::GlobalHeaders, Encoding::EightBit),
        (false, true, _) => (Kind::GlobalHeaders, Encoding::QuotedPrintable),
    };
    let octets = if can_stand {
        fields.into()
    } else {
        with_line_ends(fields).into()
    };
    Some(Part {
        kind,
        encoding,
        octets,
    })
}

/// The header, or as much of it as may be returned.
fn fields(content: &[u8]) -> &[u8] {
    let mut length = 0;
    for field in header::fields(content) {
        if length + field.octets().len() > MOST_RETURNED {
            break;
        }
        length += field.octets().len();
    }
    content.get(..length).unwrap_or_default()
}

/// Whether a header is one of RFC 6532: in UTF-8, of a message that was sent as such.
fn is_global(header: &[u8], facts: &Facts<'_>) -> bool {
    facts.envelope.smtputf8 && str::from_utf8(header).is_ok()
}

/// Whether octets may stand where no encoding is declared, or `8bit` (RFC 2045 §2.7, §2.8): lines
/// that end with CRLF, without NUL, bare CR or bare LF.
fn is_in_lines(octets: &[u8]) -> bool {
    let stands = |octet: &u8| !matches!(octet, 0 | b'\r');
    let fits = |line: &[u8]| line.len() <= LONGEST_LINE && line.iter().all(stands);
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
