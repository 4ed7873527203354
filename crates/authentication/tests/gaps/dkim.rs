//! RFC 6376, RFC 8301, RFC 8617.

use mail_auth::{
    DkimResult as Library, Error,
    common::{
        crypto::{Ed25519Key, SigningKey as _},
        headers::HeaderWriter as _,
    },
    dkim::{Canonicalization, DkimError, DkimSigner, Signature},
};
use postern_authentication::{ArcResult, DkimKey, DkimKeyKind, DkimResult, make_dkim_key};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};

use crate::both::{arc, library_dkim, our_dkim};

const MESSAGE: &str = "From: jo@d.example\r\nSubject: Hello\r\n\r\nHello\r\n";

/// A key of the library's, and its record.
fn key() -> (Ed25519Key, String) {
    let pem = make_dkim_key(DkimKeyKind::Ed25519).unwrap();
    let record = DkimKey::from_pem(pem.as_bytes()).unwrap().public_record();
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).unwrap();
    let key = Ed25519Key::from_pkcs8_maybe_unchecked_der(der.secret_pkcs8_der());
    (key.unwrap(), record)
}

/// A message signed by the library, and the zone with its key. To the record `more` is added.
fn signed(message: &str, names: &[&str], length: bool, more: &str) -> (String, String) {
    let (key, record) = key();
    let signer = DkimSigner::from_key(key)
        .domain("d.example")
        .selector("s")
        .headers(names.iter().copied())
        .body_length(length);
    let signature = signer.sign(message.as_bytes()).unwrap().to_header();
    let zone = format!("s._domainkey.d.example TXT {record}{more}");
    (zone, format!("{signature}{message}"))
}

/// The library finds the first signature good, and this crate says something else.
async fn check(zone: &str, message: &str, ours: DkimResult, reason: &str) {
    let theirs = library_dkim(zone, message).await;
    assert_eq!(theirs, [Library::Pass], "{message}");
    let found = our_dkim(zone, message).await;
    assert_eq!(found.len(), 1, "{found:?}");
    let found = found.first().unwrap();
    let why = found.reason.as_deref().unwrap_or_default();
    assert_eq!((found.result, why), (ours, reason), "{message}");
}

#[tokio::test]
async fn from_need_not_be_signed() {
    let (zone, message) = signed(MESSAGE, &["Subject"], false, "");
    let reason = "From is not among the signed fields";
    check(&zone, &message, DkimResult::PermError, reason).await;
}

#[tokio::test]
async fn flags_of_keys_are_not_minded() {
    for (more, result, reason) in [
        ("; t=y", DkimResult::Neutral, "its key is for tests (t=y)"),
        (
            "; s=tlsrpt",
            DkimResult::PermError,
            "its key is not for mail",
        ),
        (
            "; h=sha1",
            DkimResult::PermError,
            "its key is not for SHA-256",
        ),
    ] {
        let (zone, message) = signed(MESSAGE, &["From"], false, more);
        check(&zone, &message, result, reason).await;
    }
}

#[tokio::test]
async fn a_part_of_the_body_is_enough() {
    let (zone, message) = signed(MESSAGE, &["From"], true, "");
    let longer = format!("{message}<b>More</b>\r\n");
    let reason = "l= covers 7 of 20 octets";
    check(&zone, &longer, DkimResult::Policy, reason).await;
}

#[tokio::test]
async fn signatures_from_the_future_pass() {
    let (key, record) = key();
    let mut signature = Signature {
        v: 1,
        a: key.algorithm(),
        d: "d.example".to_owned(),
        s: "s".to_owned(),
        h: vec!["From".to_owned()],
        t: 1 << 40,
        ch: Canonicalization::Relaxed,
        cb: Canonicalization::Relaxed,
        ..Signature::default()
    };
    let body = Canonicalization::Relaxed.canonical_body(b"Hello\r\n", 0);
    signature.bh = key.hash(body).as_ref().to_vec();
    let unsigned = format!("from:jo@d.example\r\n{signature}");
    signature.b = key.sign(unsigned.as_bytes()).unwrap();
    let message = format!("{}{MESSAGE}", signature.to_header());
    let zone = format!("s._domainkey.d.example TXT {record}");
    let reason = "it is from the future (t=)";
    check(&zone, &message, DkimResult::Policy, reason).await;
}

#[tokio::test]
async fn a_header_ends_at_a_line_that_is_no_field() {
    let (zone, message) = signed(MESSAGE, &["From", "Subject"], false, "");
    let hidden = message.replacen(
        "\r\n\r\n",
        "\r\nno field\r\nFrom: evil@d.example\r\n\r\n",
        1,
    );
    // The library takes what comes behind for the body, unless that is as it was.
    let theirs = library_dkim(&zone, &hidden).await;
    let changed = Error::Dkim(DkimError::FailedBodyHashMatch);
    assert_eq!(theirs, [Library::Neutral(changed)]);
    let reason = "it is not of these fields or this key";
    let found = our_dkim(&zone, &hidden).await;
    assert_eq!(found[0].reason.as_deref(), Some(reason));
}

#[tokio::test]
async fn line_ends_may_become_others() {
    let (zone, message) = signed(MESSAGE, &["From"], false, "");
    let changed = message.replace("\r\nHello\r\n", "\r\nHel\rlo\n");
    let reason = "the body has a CR or LF that ends no line";
    check(&zone, &changed, DkimResult::Neutral, reason).await;
}

#[tokio::test]
async fn lines_of_white_space_at_the_end_of_a_body_count() {
    let (zone, message) = signed(MESSAGE, &["From"], false, "");
    // RFC 6376 §3.4.4: white space goes first, and then the empty lines at the end.
    let longer = format!("{message} \r\n\t\r\n");
    let changed = Error::Dkim(DkimError::FailedBodyHashMatch);
    assert_eq!(
        library_dkim(&zone, &longer).await,
        [Library::Neutral(changed)]
    );
    assert_eq!(our_dkim(&zone, &longer).await[0].result, DkimResult::Pass);
}

#[tokio::test]
async fn any_number_of_signatures_is_looked_at() {
    let field = "DKIM-Signature: v=1; a=rsa-sha256; d=d.example; s=s; h=from; bh=AAAA; b=AAAA\r\n";
    let message = format!("{}{MESSAGE}", field.repeat(500));
    assert_eq!(library_dkim("", &message).await.len(), 500);
    assert_eq!(our_dkim("", &message).await.len(), 10);
}

#[tokio::test]
async fn signatures_are_read_that_must_not_count() {
    for (tags, reason) in [
        (
            "d=good.example; d=d.example",
            "the tag d stands there twice",
        ),
        (
            "d=d.example(.evil.example",
            "what it names as its domain (d=) is none",
        ),
        ("d=d.example\0.evil.example", "it is not text"),
        ("d=d.example; a=rsa-sha1", "the tag a stands there twice"),
    ] {
        let value = format!("v=1; a=rsa-sha256; s=s; h=from; bh=AAAA; b=AAAA; {tags}");
        assert!(Signature::parse(value.as_bytes()).is_ok(), "{tags}");
        let found = our_dkim("", &format!("DKIM-Signature: {value}\r\n{MESSAGE}")).await;
        assert_eq!(found[0].result, DkimResult::PermError, "{tags}");
        assert_eq!(found[0].reason.as_deref(), Some(reason), "{tags}");
    }
    let sha1 = "v=1; a=rsa-sha1; d=d.example; s=s; h=from; bh=AAAA; b=AAAA";
    assert!(Signature::parse(sha1.as_bytes()).is_ok());
    let found = our_dkim("", &format!("DKIM-Signature: {sha1}\r\n{MESSAGE}")).await;
    assert_eq!(found[0].reason.as_deref(), Some("rsa-sha1 is not accepted"));
}

#[tokio::test]
async fn a_chain_without_signatures_is_none() {
    let seal = "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=d.example; s=s; b=AAAA\r\n";
    let (theirs, ours) = arc("", &format!("{seal}{MESSAGE}")).await;
    assert_eq!((theirs, ours.result), (Library::None, ArcResult::Fail));
}
