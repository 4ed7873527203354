//! A message, divided into the header that mail-auth reads and the body that it hashes.

use bytes::Bytes;
use mail_auth::{AuthenticatedMessage, dkim::Canonicalization};
use postern_mail::header::fields;

use crate::body::{self, BodyHash, Given, LineEnds};

/// How much is looked at for a header. No message is accepted whose header is larger; without an
/// empty line in it there is no body to be hashed.
const HEADER: usize = 1024 * 1024;

/// A message, divided.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    header: Vec<u8>,
    /// The header without lines that are no field, where it has any.
    fields: Option<Vec<u8>>,
    body: Vec<Bytes>,
    length: u64,
}

impl Message {
    /// Divides content at its first empty line. The pieces of the body are shared, not copied.
    pub(crate) fn new(content: &[Bytes]) -> Self {
        let mut header = Vec::new();
        let mut body = Vec::new();
        for piece in content {
            if !body.is_empty() {
                body.push(piece.clone());
                continue;
            }
            let before = header.len();
            let room = HEADER.saturating_sub(before).min(piece.len());
            header.extend_from_slice(piece.get(..room).unwrap_or_default());
            if let Some(end) = end_of_header(&header, before) {
                header.truncate(end);
                body.push(piece.slice(end.saturating_sub(before).min(piece.len())..));
            }
        }
        Self {
            fields: fields_alone(&header),
            header,
            body,
            length: content.iter().map(|piece| piece.len() as u64).sum(),
        }
    }

    /// All octets up to the empty line and with it.
    pub(crate) fn header(&self) -> &[u8] {
        &self.header
    }

    /// How many octets the whole content has.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// The header as mail-auth reads it; `None` where there are no fields.
    ///
    /// Two things mail-auth 0.13.3 does not see to. For it a header ends at the first line that is
    /// no field, where for others it goes on, and they see fields that were not verified: so it
    /// gets the header without such lines. And a field whose name has white space behind it counts
    /// like any other.
    pub(crate) fn read(&self) -> Option<AuthenticatedMessage<'_>> {
        let header = self.fields.as_ref().unwrap_or(&self.header);
        let mut message = AuthenticatedMessage::parse_with_opts(header, None, false)?;
        for (name, _) in &mut message.headers {
            *name = name.trim_ascii_end();
        }
        Some(message)
    }

    /// Has the body hashed.
    pub(crate) fn body_hash(&self, form: Canonicalization, given: Given) -> BodyHash {
        body::hash(self.body.iter().map(|piece| &**piece), form, given)
    }

    /// Whether the body has a CR or LF that ends no line.
    pub(crate) fn has_stray_line_end(&self) -> bool {
        let mut ends = LineEnds::default();
        self.body.iter().for_each(|piece| ends.write(piece));
        ends.any_stray()
    }
}

/// The fields of a header, where it has lines that are none. Signers pass over those.
fn fields_alone(header: &[u8]) -> Option<Vec<u8>> {
    let mut alone = Vec::new();
    let mut rest = header;
    while !rest.is_empty() {
        let read = fields(rest).map(|field| field.octets().len()).sum();
        let (read, behind) = rest.split_at_checked(read)?;
        alone.extend_from_slice(read);
        let line = behind.iter().position(|octet| *octet == b'\n');
        let line = line.map_or(behind.len(), |at| at + 1);
        let (line, behind) = behind.split_at_checked(line)?;
        if matches!(line, b"\r\n" | b"\n") {
            alone.extend_from_slice(line);
        }
        rest = behind;
    }
    (alone.len() < header.len()).then_some(alone)
}

/// Where the header ends, its empty line included. The first `known` octets were looked through
/// before.
fn end_of_header(header: &[u8], known: usize) -> Option<usize> {
    if header.starts_with(b"\r\n") {
        return Some(2);
    }
    if header.starts_with(b"\n") {
        return Some(1);
    }
    let mut at = known.saturating_sub(2);
    loop {
        let rest = header.get(at..)?;
        at += rest.iter().position(|octet| *octet == b'\n')? + 1;
        match header.get(at..)? {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_behind_a_line_that_is_none_count() {
        let content = b"A: b\r\nno field\r\n folded\r\nC : d\r\n\r\nE: f\r\n";
        let names = |message: &AuthenticatedMessage<'_>| {
            let names = message.headers.iter();
            let names = names.map(|(name, _)| String::from_utf8_lossy(name).into_owned());
            names.collect::<Vec<_>>()
        };
        let bare = AuthenticatedMessage::parse(content).unwrap();
        assert_eq!(names(&bare), ["A"]);
        let message = Message::new(&[Bytes::from_static(content)]);
        assert_eq!(names(&message.read().unwrap()), ["A", "C"]);
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_are_one_message(content in "[A:\\r\\n b]{0,60}", cut in 0..60_usize) {
            let whole = Bytes::from(content);
            let cut = cut.min(whole.len());
            let one = Message::new(std::slice::from_ref(&whole));
            let two = Message::new(&[whole.slice(..cut), whole.slice(cut..)]);
            prop_assert_eq!(one.header(), two.header());
            prop_assert_eq!(one.length(), whole.len() as u64);
            let hash = |message: &Message| message.body_hash(Canonicalization::Simple, Given::AsItIs);
            prop_assert_eq!(hash(&one), hash(&two));
            prop_assert_eq!(one.has_stray_line_end(), two.has_stray_line_end());
        }
    }
}
