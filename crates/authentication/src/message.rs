//! The octets of a message as signatures see them: its fields, and the hash of its body.

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use postern_mail::header::{self, Field};

use crate::canonical::RelaxedBody;

/// How much is looked at for a header. No message is accepted whose header is larger; without an
/// empty line in it there is no body to be hashed.
const HEADER: usize = 1024 * 1024;

/// A message, divided.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    header: Vec<u8>,
    body: Vec<Bytes>,
    length: u64,
}

/// A canonical form (RFC 6376 §3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Simple,
    Relaxed,
}

/// The hash of a whole body in a canonical form, and how many octets that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BodyHash {
    pub(crate) sha256: Vec<u8>,
    pub(crate) length: u64,
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

    /// The fields, from the top. Lines that are no field are passed over, as signers do.
    pub(crate) fn fields(&self) -> Vec<Field<'_>> {
        let mut fields = Vec::new();
        let mut rest = self.header.as_slice();
        while !rest.is_empty() {
            let known = fields.len();
            fields.extend(header::fields(rest));
            let new = fields.iter().skip(known);
            let read: usize = new.map(|field| field.octets().len()).sum();
            rest = rest.get(read..).unwrap_or_default();
            let junk = rest.iter().position(|octet| *octet == b'\n');
            rest = rest
                .get(junk.map_or(rest.len(), |at| at + 1)..)
                .unwrap_or_default();
        }
        fields
    }

    /// Hashes the body.
    pub(crate) fn body_hash(&self, form: Form) -> BodyHash {
        let mut context = Context::new(&SHA256);
        let mut length = 0;
        let mut sink = |octets: &[u8]| {
            length += octets.len() as u64;
            context.update(octets);
        };
        match form {
            Form::Relaxed => {
                let mut canonical = RelaxedBody::default();
                self.body
                    .iter()
                    .for_each(|it| canonical.write(it, &mut sink));
                canonical.finish(&mut sink);
            }
            Form::Simple => {
                let mut canonical = SimpleBody::default();
                self.body
                    .iter()
                    .for_each(|it| canonical.write(it, &mut sink));
                canonical.finish(&mut sink);
            }
        }
        BodyHash {
            sha256: context.finish().as_ref().to_vec(),
            length,
        }
    }
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

/// Passes a body through as it is, but for the empty lines at its end (RFC 6376 §3.4.3). They
/// are counted rather than kept.
#[derive(Debug, Default)]
struct SimpleBody {
    line_ends: u64,
    carriage_return: bool,
}

impl SimpleBody {
    fn write(&mut self, octets: &[u8], canonical: &mut impl FnMut(&[u8])) {
        for line in octets.split_inclusive(|octet| *octet == b'\n') {
            if std::mem::take(&mut self.carriage_return) {
                if line == b"\n" {
                    self.line_ends += 1;
                    continue;
                }
                self.flush(canonical);
                canonical(b"\r");
            }
            let (text, line_ends) = match line {
                [text @ .., b'\r', b'\n'] => (text, 1),
                [text @ .., b'\r'] => {
                    self.carriage_return = true;
                    (text, 0)
                }
                text => (text, 0),
            };
            if !text.is_empty() {
                self.flush(canonical);
                canonical(text);
            }
            self.line_ends += line_ends;
        }
    }

    fn finish(mut self, canonical: &mut impl FnMut(&[u8])) {
        if self.carriage_return {
            self.flush(canonical);
            canonical(b"\r");
        }
        canonical(b"\r\n");
    }

    fn flush(&mut self, canonical: &mut impl FnMut(&[u8])) {
        for _ in 0..std::mem::take(&mut self.line_ends) {
            canonical(b"\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn simple(body: &[u8], cut: usize) -> Vec<u8> {
        let mut canonical = Vec::new();
        let mut sink = |octets: &[u8]| canonical.extend_from_slice(octets);
        let mut form = SimpleBody::default();
        let (one, other) = body.split_at(cut.min(body.len()));
        form.write(one, &mut sink);
        form.write(other, &mut sink);
        form.finish(&mut sink);
        canonical
    }

    #[test]
    fn the_simple_form_ends_with_one_line_end() {
        for (body, expected) in [
            ("", "\r\n"),
            ("\r\n", "\r\n"),
            ("\r\n\r\n", "\r\n"),
            ("a", "a\r\n"),
            ("a\r\n\r\n\r\n", "a\r\n"),
            (" a \r\n \r\n\r\nb\r\n", " a \r\n \r\n\r\nb\r\n"),
            ("a\r", "a\r\r\n"),
            ("a\rb\nc", "a\rb\nc\r\n"),
        ] {
            for cut in 0..=body.len() {
                let found = simple(body.as_bytes(), cut);
                assert_eq!(
                    String::from_utf8_lossy(&found),
                    expected,
                    "{body:?} cut at {cut}"
                );
            }
        }
    }

    #[test]
    fn fields_behind_a_line_that_is_none_count() {
        let content = Bytes::from_static(b"A: b\r\nno field\r\n folded\r\nC: d\r\n\r\nE: f\r\n");
        let message = Message::new(&[content]);
        let names: Vec<_> = message.fields().iter().map(Field::name).collect();
        assert_eq!(names, [b"A", b"C"]);
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
            for form in [Form::Simple, Form::Relaxed] {
                prop_assert_eq!(one.body_hash(form), two.body_hash(form));
            }
        }
    }
}
