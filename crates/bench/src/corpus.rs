//! The messages of a run: each with a number of its own, each known octet for octet.
//!
//! A message says in a header field which run it belongs to and which number it has. Its body is one
//! of a few texts, chosen by the number, so that a body which came under another's header is noticed
//! more often than not, while neither end has to make a text for every message. Some lines begin with
//! dots: whoever handles RFC 5321 §4.5.2 wrongly damages them.

use std::fmt::Write as _;

use bytes::Bytes;
use memchr::memmem;
use xxhash_rust::xxh3::xxh3_64;

/// The field that tells which message this is.
const FIELD: &str = "X-Postern-Bench: ";

/// Octets of a line of body, its end included.
const LINE: usize = 80;

/// What all bodies of a run may take in memory together; there are at least two.
const TEXTS: usize = 1 << 20;
const MOST_TEXTS: usize = 16;

/// All messages of a run.
#[derive(Debug)]
pub struct Corpus {
    run: u64,
    domain: &'static str,
    octets: usize,
    texts: Vec<Text>,
}

#[derive(Debug)]
struct Text {
    /// With doubled dots and the last line of DATA behind it.
    on_the_wire: Bytes,
    hash: u64,
}

/// A message as it is written behind DATA, in two pieces.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) header: Vec<u8>,
    pub(crate) body: Bytes,
}

impl Corpus {
    /// Messages of `octets` octets each to mailboxes in `domain`; `run` tells them from those of any
    /// other run. Messages are never smaller than their header.
    pub fn new(run: u64, domain: &'static str, octets: usize) -> Self {
        let mut corpus = Self {
            run,
            domain,
            octets,
            texts: Vec::new(),
        };
        let size = octets.saturating_sub(corpus.header(0).len()).max(2);
        let count = (TEXTS / size).clamp(2, MOST_TEXTS);
        corpus.texts = (0..count).map(|seed| Text::new(seed, size)).collect();
        corpus
    }

    /// Octets of each message.
    pub fn octets(&self) -> usize {
        self.octets
    }

    /// The forward-path of every message.
    pub(crate) fn forward_path(&self) -> String {
        format!("bob@{}", self.domain)
    }

    pub(crate) fn outgoing(&self, number: usize) -> Outgoing {
        Outgoing {
            header: self.header(number),
            body: self
                .text(number)
                .map(|it| it.on_the_wire.clone())
                .unwrap_or_default(),
        }
    }

    fn text(&self, number: usize) -> Option<&Text> {
        self.texts.get(number.checked_rem(self.texts.len())?)
    }

    /// As long for every number, up to the empty line.
    fn header(&self, number: usize) -> Vec<u8> {
        let mut header = String::with_capacity(256);
        // Writing to a String cannot fail.
        let _ = write!(
            header,
            "From: <alice@sender.example>\r\n\
             To: <{to}>\r\n\
             Subject: Message of a load\r\n\
             Date: Mon, 02 Nov 2026 09:00:00 +0000\r\n\
             Message-ID: <{run:016x}.{number:08}@sender.example>\r\n\
             {FIELD}{run:016x}-{number:08}\r\n\r\n",
            to = self.forward_path(),
            run = self.run,
        );
        header.into_bytes()
    }

    /// The number in a header, if it is one of a message of this run.
    pub(crate) fn number_in(&self, header: &[u8]) -> Option<usize> {
        let value = memmem::find(header, FIELD.as_bytes())? + FIELD.len();
        let value = header.get(value..)?;
        let end = memchr::memchr(b'\r', value)?;
        let (run, number) = std::str::from_utf8(value.get(..end)?)
            .ok()?
            .split_once('-')?;
        (u64::from_str_radix(run, 16) == Ok(self.run)).then_some(())?;
        number.parse().ok()
    }

    /// Whether this is the hash of the body of message `number`.
    pub(crate) fn is_body_of(&self, number: usize, hash: u64) -> bool {
        self.text(number).is_some_and(|text| text.hash == hash)
    }
}

impl Text {
    fn new(seed: usize, size: usize) -> Self {
        let body = body(seed as u64, size);
        let hash = xxh3_64(&body);
        let mut on_the_wire = Vec::with_capacity(body.len() + body.len() / LINE + 3);
        for line in body.split_inclusive(|&octet| octet == b'\n') {
            if line.starts_with(b".") {
                on_the_wire.push(b'.');
            }
            on_the_wire.extend_from_slice(line);
        }
        on_the_wire.extend_from_slice(b".\r\n");
        Self {
            on_the_wire: on_the_wire.into(),
            hash,
        }
    }
}

/// `size` octets of lines.
fn body(seed: u64, size: usize) -> Vec<u8> {
    // Any sequence does that differs from text to text and does not shrink to nothing when packed:
    // this is a linear congruence with the factor and the summand of Knuth's MMIX.
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut letter = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        b'A' + u8::try_from((state >> 33) % 26).unwrap_or_default()
    };
    let mut body = Vec::with_capacity(size);
    let mut number = 0_usize;
    while body.len() < size {
        let left = size - body.len();
        // The last line is a little longer or shorter: no piece is too small for a line's end.
        let length = if left >= LINE + 2 { LINE } else { left };
        let text = length.saturating_sub(2);
        let first = if number % 8 == 3 { b'.' } else { letter() };
        body.extend((0..text).map(|at| if at == 0 { first } else { letter() }));
        body.extend_from_slice(b"\r\n");
        number += 1;
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(corpus: &Corpus, number: usize) -> Vec<u8> {
        let Outgoing { header, body } = corpus.outgoing(number);
        [header, body.to_vec()].concat()
    }

    #[test]
    fn messages_are_as_long_as_asked_and_differ() {
        for octets in [400, 401, 402, 4096, 10 * 1024] {
            let corpus = Corpus::new(7, "receiver.example", octets);
            let message = whole(&corpus, 12);
            let text = String::from_utf8(message).unwrap();
            let plain = text
                .strip_suffix(".\r\n")
                .unwrap()
                .replace("\r\n..", "\r\n.");
            assert_eq!(plain.len(), octets);
            assert!(plain.ends_with("\r\n"));
            assert_eq!(plain.contains("\r\n."), octets > 1000, "of {octets}");
        }
    }

    #[test]
    fn a_header_tells_its_number_and_run() {
        let corpus = Corpus::new(7, "receiver.example", 4096);
        let header = corpus.outgoing(12).header;
        let relayed = [b"Received: from x\r\n".to_vec(), header].concat();
        assert_eq!(corpus.number_in(&relayed), Some(12));
        assert_eq!(
            Corpus::new(8, "receiver.example", 4096).number_in(&relayed),
            None
        );
        assert_eq!(corpus.number_in(b"Subject: bounce\r\n\r\n"), None);
    }
}
