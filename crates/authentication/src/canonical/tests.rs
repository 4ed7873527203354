use mail_auth::{
    common::crypto::{HashContext as _, HashImpl as _, Sha256},
    dkim::{Canonicalization, canonicalize::BodyHasher},
};
use proptest::prelude::*;

use super::*;

/// The relaxed form of a whole body.
fn relaxed_body(body: &[u8]) -> Vec<u8> {
    let mut canonical = Vec::with_capacity(body.len());
    let mut sink = |octets: &[u8]| canonical.extend_from_slice(octets);
    let mut form = RelaxedBody::default();
    form.write(body, &mut sink);
    form.finish(&mut sink);
    canonical
}

#[track_caller]
fn check_body(body: &str, expected: &str) {
    let canonical = relaxed_body(body.as_bytes());
    assert_eq!(String::from_utf8_lossy(&canonical), expected, "{body:?}");
}

#[test]
fn bodies_become_relaxed() {
    // The example of RFC 6376 §3.4.5.
    check_body(" C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n");
    check_body("", "");
    check_body("\r\n\r\n", "");
    check_body("a", "a\r\n");
    check_body("a\r\n", "a\r\n");
    check_body("a  \t\r\n", "a\r\n");
    check_body("a\r\n\r\nb", "a\r\n\r\nb\r\n");
    check_body("a\r\n \t\r\nb\r\n", "a\r\n\r\nb\r\n");
    check_body("a b  c", "a b c\r\n");
    check_body("\tx", " x\r\n");
    // Octets that are no text are kept as they are.
    check_body("a\rb\nc\r", "a\rb\nc\r\r\n");
}

#[test]
fn lines_of_white_space_at_the_end_are_empty_lines() {
    check_body("a\r\n \r\n", "a\r\n");
    check_body("a\r\n\r\n\t\r\n  ", "a\r\n");
    check_body("a \r\n   ", "a\r\n");
    check_body("   \r\n", "");
    check_body("   ", "");
}

#[track_caller]
fn check_field(field: &str, expected: &str) {
    let mut canonical = Vec::new();
    relaxed_field(field.as_bytes(), &mut canonical);
    assert_eq!(String::from_utf8_lossy(&canonical), expected, "{field:?}");
}

#[test]
fn fields_become_relaxed() {
    // The examples of RFC 6376 §3.4.5.
    check_field("A: X\r\n", "a:X\r\n");
    check_field("B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n");
    check_field("Subject:\r\n", "subject:\r\n");
    check_field("Subject:\r\n a\r\n \r\n", "subject:a\r\n");
    check_field("Subject: a: b", "subject:a: b\r\n");
    check_field("Subject: a\u{c}b\r\n", "subject:a\u{c}b\r\n");
}

/// What mail-auth hashes of a body.
fn bare_hash(body: &[u8]) -> Vec<u8> {
    let mut hasher = BodyHasher::new(Sha256::hasher(), Canonicalization::Relaxed, 0);
    hasher.write(body);
    hasher.finish().0.complete().as_ref().to_vec()
}

fn hash(octets: &[u8]) -> Vec<u8> {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, octets);
    digest.as_ref().to_vec()
}

#[test]
fn the_bare_library_keeps_white_space_at_the_end_of_a_body() {
    assert_eq!(bare_hash(b"a\r\n"), hash(b"a\r\n"));
    for body in ["a\r\n \r\n", "a\r\n\t\r\n\r\n", "a\r\n  ", " \r\n"] {
        let right = hash(&relaxed_body(body.as_bytes()));
        assert_ne!(bare_hash(body.as_bytes()), right, "{body:?}");
        // What it makes of the form that we give it is right.
        assert_eq!(bare_hash(&relaxed_body(body.as_bytes())), right, "{body:?}");
    }
}

#[test]
fn the_bare_library_drops_form_feeds_from_a_header() {
    let mut bare = Vec::new();
    let field = (b"Subject".as_slice(), b" a\x0cb\r\n".as_slice());
    Canonicalization::Relaxed.canonicalize_headers(std::iter::once(field), &mut bare);
    assert_eq!(bare, b"subject:ab\r\n");
}

proptest! {
    #[test]
    fn pieces_do_not_matter(body in "[a \t\r\n]{0,40}", cuts in prop::collection::vec(0usize..40, 0..4)) {
        let mut canonical = Vec::new();
        let mut sink = |octets: &[u8]| canonical.extend_from_slice(octets);
        let mut form = RelaxedBody::default();
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(body.len())).collect();
        cuts.sort_unstable();
        let mut from = 0;
        for cut in cuts.into_iter().chain([body.len()]) {
            form.write(&body.as_bytes()[from..cut], &mut sink);
            from = cut;
        }
        form.finish(&mut sink);
        prop_assert_eq!(canonical, relaxed_body(body.as_bytes()));
    }

    #[test]
    fn a_relaxed_body_is_relaxed(body in "([a \t]|\r\n){0,40}") {
        let once = relaxed_body(body.as_bytes());
        prop_assert_eq!(relaxed_body(&once), once.clone());
        prop_assert_eq!(bare_hash(&once), hash(&once));
    }
}
