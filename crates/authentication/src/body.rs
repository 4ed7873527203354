//! Bodies, as mail-auth is given them to hash (RFC 6376 §3.4).
//!
//! mail-auth 0.13.3 brings them into their canonical forms, and differs from the RFC twice. Under
//! the relaxed form it keeps lines of nothing but white space at the end of a body
//! (RFC 6376 §3.4.4): [`BodyEnd`] empties such lines beforehand, which changes nothing else in
//! that form. And it takes a LF alone for a line end and drops a CR alone, in both forms, where
//! other verifiers take them for text: [`LineEnds`] finds those, and then nothing is signed or
//! found good.

use mail_auth::{
    common::{
        crypto::{HashContext, HashImpl, HashOutput, Sha256},
        headers::Writer,
    },
    dkim::{Canonicalization, canonicalize::BodyHasher},
};

/// Empties the lines of a body that are nothing but white space, piece by piece. White space at
/// the start of other lines becomes one space, so that there is nothing to be kept of it.
#[derive(Debug, Default)]
pub(crate) struct BodyEnd {
    line: Line,
}

/// What the line has had so far.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Line {
    #[default]
    Nothing,
    White,
    Text,
}

impl BodyEnd {
    /// Gives to `pass` what the next octets come to. White space at the end of all is left out.
    pub(crate) fn write(&mut self, octets: &[u8], pass: &mut impl FnMut(&[u8])) {
        for part in octets.split_inclusive(|octet| *octet == b'\n') {
            self.part(part, pass);
            if part.ends_with(b"\n") {
                self.line = Line::Nothing;
            }
        }
    }

    fn part(&mut self, part: &[u8], pass: &mut impl FnMut(&[u8])) {
        if self.line == Line::Text {
            return pass(part);
        }
        let white = part.iter().take_while(|it| matches!(it, b' ' | b'\t'));
        let text = part.get(white.count()..).unwrap_or_default();
        if text.len() < part.len() {
            self.line = Line::White;
        }
        let Some(first) = text.first() else {
            return;
        };
        if self.line == Line::White && !matches!(first, b'\r' | b'\n') {
            pass(b" ");
        }
        self.line = Line::Text;
        pass(text);
    }
}

/// Looks for a CR or LF that does not belong to a CRLF.
#[derive(Debug, Default)]
pub(crate) struct LineEnds {
    carriage_return: bool,
    stray: bool,
}

impl LineEnds {
    pub(crate) fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.stray |= self.carriage_return != (*octet == b'\n');
            self.carriage_return = *octet == b'\r';
        }
    }

    /// Whether there was one in all that was written.
    pub(crate) fn any_stray(&self) -> bool {
        self.stray || self.carriage_return
    }
}

/// The hash of a whole body in a canonical form, and how many octets that form has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BodyHash {
    pub(crate) sha256: Vec<u8>,
    pub(crate) length: u64,
}

/// How a body is given to mail-auth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Given {
    AsItIs,
    /// Through [`BodyEnd`], for the relaxed form alone.
    EndNormalised,
}

/// Has a body hashed by mail-auth.
#[expect(
    single_use_lifetimes,
    reason = "an item of an iterator has no lifetime without a name"
)]
pub(crate) fn hash<'p>(
    pieces: impl Iterator<Item = &'p [u8]>,
    form: Canonicalization,
    given: Given,
) -> BodyHash {
    let counted = Counted {
        hash: Sha256::hasher(),
        octets: 0,
    };
    let mut hasher = BodyHasher::new(counted, form, 0);
    let mut end = BodyEnd::default();
    for piece in pieces {
        match given {
            Given::AsItIs => hasher.write(piece),
            Given::EndNormalised => end.write(piece, &mut |octets| hasher.write(octets)),
        }
    }
    let (counted, _) = hasher.finish();
    BodyHash {
        length: counted.octets,
        sha256: counted.complete().as_ref().to_vec(),
    }
}

/// A hash that counts what is hashed.
struct Counted {
    hash: <Sha256 as HashImpl>::Context,
    octets: u64,
}

impl Writer for Counted {
    fn write(&mut self, octets: &[u8]) {
        self.octets += octets.len() as u64;
        self.hash.write(octets);
    }
}

impl HashContext for Counted {
    fn complete(self) -> HashOutput {
        self.hash.complete()
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest::{SHA256, digest};
    use proptest::prelude::*;

    use super::*;

    fn hashed(body: &[u8], given: Given) -> BodyHash {
        hash(std::iter::once(body), Canonicalization::Relaxed, given)
    }

    fn normalised(body: &[u8]) -> Vec<u8> {
        let mut whole = Vec::new();
        BodyEnd::default().write(body, &mut |octets| whole.extend_from_slice(octets));
        whole
    }

    /// Whether the relaxed form of a body is this.
    #[track_caller]
    fn check(body: &str, form: &str) {
        let found = hashed(body.as_bytes(), Given::EndNormalised);
        let form = form.as_bytes();
        assert_eq!(found.sha256, digest(&SHA256, form).as_ref(), "{body:?}");
        assert_eq!(found.length, form.len() as u64, "{body:?}");
    }

    #[test]
    fn bodies_become_relaxed() {
        // The example of RFC 6376 §3.4.5.
        check(" C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n");
        check("", "");
        check("\r\n\r\n", "");
        check("a", "a\r\n");
        check("a\r\n", "a\r\n");
        check("a  \t\r\n", "a\r\n");
        check("a\r\n\r\nb", "a\r\n\r\nb\r\n");
        check("a\r\n \t\r\nb\r\n", "a\r\n\r\nb\r\n");
        check("a b  c", "a b c\r\n");
        check("\t x", " x\r\n");
    }

    #[test]
    fn the_bare_library_keeps_lines_of_white_space_at_the_end() {
        for (body, form) in [
            ("a\r\n \r\n", "a\r\n"),
            ("a\r\n\r\n\t\r\n  ", "a\r\n"),
            ("a \r\n   ", "a\r\n"),
            ("   \r\n", ""),
            ("   ", ""),
        ] {
            let bare = hashed(body.as_bytes(), Given::AsItIs);
            assert_ne!(
                bare.sha256,
                digest(&SHA256, form.as_bytes()).as_ref(),
                "{body:?}"
            );
            check(body, form);
        }
    }

    #[test]
    fn the_bare_library_reads_stray_line_ends_as_it_likes() {
        for form in [Canonicalization::Simple, Canonicalization::Relaxed] {
            let bare = |body: &'static [u8]| hash(std::iter::once(body), form, Given::AsItIs);
            assert_eq!(bare(b"a\nb\r\n"), bare(b"a\r\nb\r\n"), "{form:?}");
        }
        let bare = |body: &'static [u8]| hashed(body, Given::AsItIs);
        assert_eq!(bare(b"a\rb\r\n"), bare(b"ab\r\n"));
    }

    #[test]
    fn stray_line_ends_are_found() {
        for (body, stray) in [
            ("", false),
            ("a\r\nb\r\n\r\n", false),
            ("a\nb", true),
            ("a\rb", true),
            ("a\r\r\n", true),
            ("a\r\n\n", true),
            ("a\r", true),
        ] {
            for cut in 0..=body.len() {
                let mut ends = LineEnds::default();
                let (one, other) = body.as_bytes().split_at(cut);
                ends.write(one);
                ends.write(other);
                assert_eq!(ends.any_stray(), stray, "{body:?} cut at {cut}");
            }
        }
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(body in "([a \t]|\r\n){0,40}", cut in 0..60_usize) {
            let (one, other) = body.as_bytes().split_at(cut.min(body.len()));
            for form in [Canonicalization::Simple, Canonicalization::Relaxed] {
                for given in [Given::AsItIs, Given::EndNormalised] {
                    let parted = hash([one, other].into_iter(), form, given);
                    prop_assert_eq!(parted, hash(std::iter::once(body.as_bytes()), form, given));
                }
            }
        }

        #[test]
        fn what_is_normalised_is_so_for_good(body in "([a \t]|\r\n){0,40}") {
            let once = normalised(body.as_bytes());
            prop_assert_eq!(normalised(&once), once.clone());
            prop_assert_eq!(hashed(&once, Given::AsItIs), hashed(body.as_bytes(), Given::EndNormalised));
        }
    }
}
