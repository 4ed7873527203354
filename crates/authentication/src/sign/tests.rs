use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey},
};
use data_encoding::BASE64;
use mail_auth::{AuthenticatedMessage, dkim::Canonicalization};
use postern_mail::header::fields;
use proptest::prelude::*;

use super::*;
use crate::{DkimKeyKind, SignatureAlgorithm, make_dkim_key};

const MESSAGE: &str = "Received: from a by b\r\n\
    From: Jo <jo@example.org>\r\n\
    To: mo@example.net\r\n\
    Subject: first\r\n\
    subject: a\r\n \tb \r\n\
    List-Id: <l.example.org>\r\n\
    \r\n\
    Hello \t you \r\n \r\n";

fn key(kind: DkimKeyKind) -> Arc<DkimKey> {
    static RSA: OnceLock<Arc<DkimKey>> = OnceLock::new();
    static ED25519: OnceLock<Arc<DkimKey>> = OnceLock::new();
    let made = || Arc::new(DkimKey::from_pem(make_dkim_key(kind).unwrap().as_bytes()).unwrap());
    match kind {
        DkimKeyKind::Ed25519 => ED25519.get_or_init(made).clone(),
        DkimKeyKind::Rsa2048 | DkimKeyKind::Rsa3072 => RSA.get_or_init(made).clone(),
    }
}

fn at(second: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(second)
}

fn signing_key(domain: &str, selector: &str, times: [Option<u64>; 2]) -> SigningKey {
    let [from, until] = times.map(|second| second.map(at));
    SigningKey {
        domain: domain.parse().unwrap(),
        selector: selector.to_owned(),
        key: key(DkimKeyKind::Ed25519),
        from,
        until,
    }
}

fn signer() -> Signer {
    Signer::new(vec![
        SigningKey {
            key: key(DkimKeyKind::Rsa2048),
            ..signing_key("example.org", "rsa", [None, None])
        },
        signing_key("example.org", "ed", [None, None]),
    ])
}

fn sign(signer: &Signer, message: &str) -> Result<Bytes, Unsigned> {
    signer.sign_whole(&[Bytes::copy_from_slice(message.as_bytes())], at(1000))
}

/// The tags of a field, white space taken out.
fn tags(field: &[u8]) -> HashMap<String, String> {
    let (_, value) = std::str::from_utf8(field).unwrap().split_once(':').unwrap();
    let bare = |text: &str| text.split_whitespace().collect::<String>();
    let tags = value.split(';').filter_map(|tag| tag.split_once('='));
    tags.map(|(name, value)| (bare(name), bare(value)))
        .collect()
}

#[test]
fn every_key_signs_the_canonical_message() {
    let signed = sign(&signer(), MESSAGE).unwrap();
    let found: Vec<_> = fields(&signed).map(|field| field.octets()).collect();
    assert_eq!(found.len(), 2);
    for (field, selector, algorithm) in [
        (found[0], "rsa", SignatureAlgorithm::RsaSha256),
        (found[1], "ed", SignatureAlgorithm::Ed25519Sha256),
    ] {
        let tags = tags(field);
        assert_eq!(tags["a"], algorithm.to_string());
        assert_eq!(
            tags["bh"],
            BASE64.encode(digest(&SHA256, b"Hello you\r\n").as_ref())
        );
        let unsigned = String::from_utf8_lossy(field);
        let unsigned: Vec<_> = unsigned.split_whitespace().collect();
        let unsigned = unsigned
            .join(" ")
            .replacen("DKIM-Signature: ", "dkim-signature:", 1);
        let (unsigned, _) = unsigned.rsplit_once(" b=").unwrap();
        let octets = format!(
            "list-id:<l.example.org>\r\nsubject:a b\r\nsubject:first\r\nto:mo@example.net\r\n\
             from:Jo <jo@example.org>\r\n{unsigned} b=;"
        );
        verify(
            selector,
            octets.as_bytes(),
            &BASE64.decode(tags["b"].as_bytes()).unwrap(),
        );
    }
}

fn verify(selector: &str, octets: &[u8], signature: &[u8]) {
    let public = |kind| {
        let record = key(kind).public_record();
        BASE64
            .decode(record.rsplit_once("p=").unwrap().1.as_bytes())
            .unwrap()
    };
    if selector == "rsa" {
        // The RSAPublicKey stands behind 24 octets of SubjectPublicKeyInfo.
        let public = public(DkimKeyKind::Rsa2048);
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public[24..])
            .verify(octets, signature)
            .unwrap();
    } else {
        UnparsedPublicKey::new(&ED25519, public(DkimKeyKind::Ed25519))
            .verify(digest(&SHA256, octets).as_ref(), signature)
            .unwrap();
    }
}

#[test]
fn what_matters_is_signed_once_more_than_it_is_there() {
    let signed = sign(&signer(), MESSAGE).unwrap();
    let tags = tags(fields(&signed).next().unwrap().octets());
    assert_eq!(
        tags["h"],
        "List-Id:subject:Subject:To:From:From:Reply-To:To:Cc:Subject:Date:Message-ID:In-Reply-To:\
         References:MIME-Version:Content-Type:Content-Transfer-Encoding:Content-Disposition"
    );
    let mut names: Vec<_> = tags.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "b", "bh", "c", "d", "h", "s", "t", "v"]);
    assert_eq!(tags["c"], "relaxed/relaxed");
}

#[test]
fn fields_are_short_lines_of_ascii() {
    let signed = sign(&signer(), MESSAGE).unwrap();
    let text = std::str::from_utf8(&signed).unwrap();
    assert!(text.is_ascii() && text.ends_with("\r\n"));
    // The first line holds the selector and the domain, however long they are.
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");
}

#[test]
fn signatures_may_expire() {
    let signer = signer().with_lifetime(Duration::from_secs(60));
    let signed = sign(&signer, MESSAGE).unwrap();
    let tags = tags(fields(&signed).next().unwrap().octets());
    let [made, ends] = ["t", "x"].map(|tag| tags[tag].parse::<u64>().unwrap());
    assert_eq!(ends - made, 60);
}

/// What was signed, whenever that was.
fn covered(signed: Result<Bytes, Unsigned>) -> Vec<[String; 3]> {
    let signed = signed.unwrap();
    let signatures = fields(&signed).map(|field| tags(field.octets()));
    signatures
        .map(|tags| ["s", "h", "bh"].map(|tag| tags[tag].clone()))
        .collect()
}

#[track_caller]
fn check_keys(author: &str, now: u64, expected: &[&str]) {
    let signer = Signer::new(vec![
        signing_key("example.org", "old", [None, Some(200)]),
        signing_key("example.org", "new", [Some(100), Some(300)]),
        signing_key("example.org", "next", [Some(300), None]),
        signing_key("sub.example.org", "sub", [None, Some(150)]),
    ]);
    let keys = signer.keys_for(&author.parse().unwrap(), at(now));
    let selectors: Vec<_> = keys.iter().map(|key| key.selector.as_str()).collect();
    assert_eq!(selectors, expected, "{author} at {now}");
}

#[test]
fn keys_overlap_and_follow_one_another() {
    check_keys("example.org", 0, &["old"]);
    check_keys("example.org", 99, &["old"]);
    check_keys("example.org", 100, &["old", "new"]);
    check_keys("example.org", 200, &["new"]);
    check_keys("example.org", 299, &["new"]);
    check_keys("example.org", 300, &["next"]);
}

#[test]
fn the_nearest_domain_with_keys_signs() {
    check_keys("sub.example.org", 100, &["sub"]);
    check_keys("a.b.sub.example.org", 100, &["sub"]);
    check_keys("sub.example.org", 150, &["old", "new"]);
    check_keys("other.example.org", 100, &["old", "new"]);
    check_keys("org", 100, &[]);
    check_keys("badexample.org", 100, &[]);
}

#[track_caller]
fn check_unsigned(message: &str, expected: &Unsigned) {
    assert_eq!(
        sign(&signer(), message).as_ref(),
        Err(expected),
        "{message:.80?}"
    );
}

#[test]
fn what_cannot_be_signed_says_why() {
    let domain = |text: &str| text.parse::<Domain>().unwrap();
    let both = vec![domain("example.net"), domain("example.org")];
    check_unsigned(
        "From: a@example.net\r\n\r\n",
        &Unsigned::NoKey(domain("example.net")),
    );
    check_unsigned("To: a@example.org\r\n\r\n", &Unsigned::Author(Author::None));
    check_unsigned(
        "\r\nFrom: a@example.org\r\n",
        &Unsigned::Author(Author::None),
    );
    check_unsigned("", &Unsigned::Author(Author::None));
    check_unsigned(
        "From: a@example.org, b@example.net\r\n\r\n",
        &Unsigned::Author(Author::Several(both)),
    );
    check_unsigned(
        "From: a@example.org\r\nno field\r\nTo: b\r\n\r\n",
        &Unsigned::BrokenHeader,
    );
    check_unsigned(" From: a@example.org\r\n\r\n", &Unsigned::BrokenHeader);
    let subjects = "Subject: x\r\n".repeat(200);
    check_unsigned(
        &format!("From: a@example.org\r\n{subjects}\r\n"),
        &Unsigned::TooManyFields,
    );
    for field in [
        "Subject: a\u{c}b",
        "Subject : a",
        "Subject: a\rb",
        "Subject: a\n b",
    ] {
        check_unsigned(
            &format!("From: a@example.org\r\n{field}\r\n\r\n"),
            &Unsigned::Disputed("Subject"),
        );
    }
    for body in ["a\nb\r\n", "a\rb\r\n", "a\r"] {
        check_unsigned(
            &format!("From: a@example.org\r\n\r\n{body}"),
            &Unsigned::StrayLineEnd,
        );
    }
    let endless = format!("From: a@example.org\r\nX: {}", "x".repeat(1024 * 1024));
    check_unsigned(&endless, &Unsigned::HeaderTooLarge);
}

#[test]
fn the_bare_library_makes_something_else_of_some_fields() {
    let form = |name: &[u8], value: &[u8]| {
        let mut octets = Vec::new();
        Canonicalization::Relaxed.canonicalize_headers(std::iter::once((name, value)), &mut octets);
        octets
    };
    // Nobody else takes these for white space (RFC 6376 §2.8).
    assert_eq!(form(b"Subject", b" a\x0cb\r\n"), b"subject:ab\r\n");
    assert_eq!(form(b"Subject", b" a\rb\r\n"), b"subject:ab\r\n");
    let message = b"From: a@example.org\r\nSubject : a\r\n\r\n";
    let message = AuthenticatedMessage::parse(message).unwrap();
    let names = ["Subject".to_owned()];
    // The field is not found, and so nothing of it is signed.
    assert_eq!(message.signed_headers(&names, b"", b"").count(), 1);
}

#[test]
fn a_large_header_and_one_without_a_body_are_signed() {
    let large = format!(
        "From: a@example.org\r\nX: {}\r\n\r\n",
        "x".repeat(1_000_000)
    );
    assert!(sign(&signer(), &large).is_ok());
    let whole = covered(sign(&signer(), "From: a@example.org\r\n\r\n"));
    for bodyless in ["From: a@example.org\r\n", "From: a@example.org"] {
        assert_eq!(covered(sign(&signer(), bodyless)), whole);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn pieces_do_not_matter(cuts in prop::collection::vec(0..MESSAGE.len(), 0..6)) {
        let signer = Signer::new(vec![signing_key("example.org", "ed", [None, None])]);
        let mut cuts = cuts;
        cuts.sort_unstable();
        cuts.push(MESSAGE.len());
        let mut from = 0;
        let pieces: Vec<_> = cuts
            .into_iter()
            .map(|cut| Bytes::from_static(&MESSAGE.as_bytes()[std::mem::replace(&mut from, cut)..cut]))
            .collect();
        prop_assert_eq!(covered(signer.sign_whole(&pieces, at(1000))), covered(sign(&signer, MESSAGE)));
    }
}

#[tokio::test]
async fn a_stream_is_signed_like_a_whole() {
    let signer = Arc::new(signer());
    let mut signing = signer.begin(at(1000));
    for piece in MESSAGE.as_bytes().chunks(7) {
        signing.write(Bytes::from_static(piece)).await;
    }
    assert_eq!(
        covered(signing.finish().await),
        covered(sign(&signer, MESSAGE))
    );
}

/// Octets that are counted while anybody holds them.
struct Counted(Vec<u8>, Arc<AtomicUsize>);

impl Counted {
    fn bytes(octets: Vec<u8>, held: &Arc<AtomicUsize>) -> Bytes {
        held.fetch_add(octets.len(), Ordering::Relaxed);
        Bytes::from_owner(Self(octets, Arc::clone(held)))
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.fetch_sub(self.0.len(), Ordering::Relaxed);
    }
}

/// Streams 50 MiB behind this header, and tells the most that was held at any time.
async fn most_held(header: &str) -> (usize, Result<Bytes, Unsigned>) {
    const PIECE: usize = 64 * 1024;
    let mut signing = Arc::new(signer()).begin(at(1000));
    signing
        .write(Bytes::copy_from_slice(header.as_bytes()))
        .await;
    let held = Arc::new(AtomicUsize::new(0));
    let mut most = 0;
    for _ in 0..50 * 1024 * 1024 / PIECE {
        signing
            .write(Counted::bytes(b"\r\n".repeat(PIECE / 2), &held))
            .await;
        most = most.max(held.load(Ordering::Relaxed));
    }
    (most / PIECE, signing.finish().await)
}

#[tokio::test]
async fn a_large_message_is_not_kept() {
    let (most, signed) = most_held("From: a@example.org\r\n\r\nx\r\n").await;
    assert!((1..=PIECES + 1).contains(&most), "{most} pieces");
    // All of it was empty lines, and those at the end of a body are not signed.
    let short = sign(&signer(), "From: a@example.org\r\n\r\nx\r\n");
    assert_eq!(covered(signed), covered(short));
}

#[tokio::test]
async fn a_message_that_is_not_signed_is_not_kept_either() {
    let (most, signed) = most_held("To: a@example.org\r\n\r\n").await;
    assert!(most <= PIECES + 1, "{most} pieces");
    assert_eq!(signed, Err(Unsigned::Author(Author::None)));
}
