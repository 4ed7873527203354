//! Messages with signatures of any form, for tests.

use std::{
    sync::{Arc, LazyLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use data_encoding::BASE64;
use mail_auth::{
    AuthenticatedMessage, common::crypto::SigningKey as _, dkim::Canonicalization as Form,
};
use postern_dns::FixedZone;
use postern_mail::{Domain, Host, ReversePath};

use crate::{
    DkimKey, DkimKeyKind, Letter, Verdict, Verifier, VerifierSettings,
    body::Given,
    make_dkim_key,
    message::Message,
    tags::{Tags, items},
};

/// A key of the quick kind.
pub(crate) static KEY: LazyLock<DkimKey> = LazyLock::new(|| key(DkimKeyKind::Ed25519));

/// A key of the common kind.
pub(crate) static RSA: LazyLock<DkimKey> = LazyLock::new(|| key(DkimKeyKind::Rsa2048));

fn key(kind: DkimKeyKind) -> DkimKey {
    let pem = make_dkim_key(kind).unwrap();
    DkimKey::from_pem(pem.as_bytes()).unwrap()
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap().as_secs()
}

/// The message below a signature with these tags, to which `bh` and `b` are added where they are
/// missing.
pub(crate) fn signed(key: &DkimKey, tags: &str, message: &str) -> String {
    with_signature("DKIM-Signature", key, tags, message)
}

/// The same with a field of another name.
pub(crate) fn with_signature(name: &str, key: &DkimKey, tags: &str, message: &str) -> String {
    let parsed = Tags::parse(tags.as_bytes());
    let get = |name: &str| parsed.as_ref().ok().and_then(|it| it.get(name));
    let (header_form, body_form) = match get("c") {
        Some("relaxed/relaxed") => (Form::Relaxed, Form::Relaxed),
        Some("relaxed") => (Form::Relaxed, Form::Simple),
        Some("simple/relaxed") => (Form::Simple, Form::Relaxed),
        _ => (Form::Simple, Form::Simple),
    };
    let body = Message::new(&[Bytes::from(message.to_owned())]);
    let body = body.body_hash(body_form, Given::AsItIs);
    let hash = match get("bh") {
        Some(_) => String::new(),
        None => format!("; bh={}", BASE64.encode(&body.sha256)),
    };
    let value = format!(" {tags}{hash}; b=");
    let names: Vec<_> = items(get("h").unwrap_or_default())
        .map(str::to_ascii_lowercase)
        .collect();
    let whole = AuthenticatedMessage::parse(message.as_bytes()).unwrap();
    let signed = whole.signed_headers(&names, name.as_bytes(), value.as_bytes());
    let mut octets = Vec::new();
    header_form.canonicalize_headers(signed, &mut octets);
    let signature = BASE64.encode(&key.pair().sign(octets.as_slice()).unwrap());
    format!("{name}:{value}{signature}\r\n{message}")
}

/// Adds a set of ARC with this instance and state on top of a message.
pub(crate) fn sealed(
    key: &DkimKey,
    domain: &str,
    instance: usize,
    state: &str,
    results: &str,
    message: &str,
) -> String {
    let results = format!("ARC-Authentication-Results: i={instance}; {domain}; {results}\r\n");
    let tags = format!(
        "i={instance}; a=ed25519-sha256; c=relaxed/relaxed; d={domain}; s=s; h=from:subject"
    );
    let message = with_signature("ARC-Message-Signature", key, &tags, message);
    let message = format!("{results}{message}");
    let tags = format!("i={instance}; a=ed25519-sha256; cv={state}; d={domain}; s=s");
    let value = format!(" {tags}; b=");
    let octets = sealed_octets(&message, instance, &value);
    let signature = BASE64.encode(&key.pair().sign(octets.as_slice()).unwrap());
    format!("ARC-Seal:{value}{signature}\r\n{message}")
}

/// What a seal with this value is made over.
fn sealed_octets(message: &str, instance: usize, value: &str) -> Vec<u8> {
    let message = AuthenticatedMessage::parse(message.as_bytes()).unwrap();
    let mut octets = Vec::new();
    for number in 1..=instance {
        let own = format!(" i={number};");
        for name in [
            "ARC-Authentication-Results",
            "ARC-Message-Signature",
            "ARC-Seal",
        ] {
            let mut fields = message.headers.iter().copied();
            let field = fields.find(|(found, value)| {
                *found == name.as_bytes() && value.starts_with(own.as_bytes())
            });
            let field = field.unwrap_or((b"ARC-Seal", value.as_bytes()));
            Form::Relaxed.canonicalize_headers(std::iter::once(field), &mut octets);
        }
    }
    octets
}

/// A zone with the keys of `author.example` and `lists.example`, and whatever else is said.
pub(crate) fn zone(more: &str) -> FixedZone {
    format!(
        "s._domainkey.author.example  TXT {ed25519}
         rsa._domainkey.author.example TXT {rsa}
         s._domainkey.lists.example   TXT {ed25519}
         s._domainkey.other.example   TXT {ed25519}
         {more}",
        ed25519 = KEY.public_record(),
        rsa = RSA.public_record(),
    )
    .parse()
    .unwrap()
}

/// Verifies a message from 192.0.2.1, `mx.sender.example`, with this reverse-path.
pub(crate) async fn verify_from(zone: FixedZone, reverse_path: &str, message: &str) -> Verdict {
    let settings = VerifierSettings {
        trusted_sealers: vec!["lists.example".parse().unwrap()],
        trusted_forwarders: vec!["198.51.100.0/24".parse().unwrap()],
        ..VerifierSettings::default()
    };
    let verifier = Verifier::new(Arc::new(zone), settings);
    verify_by(&verifier, "192.0.2.1", reverse_path, message).await
}

/// Verifies a message with the verifier given.
pub(crate) async fn verify_by(
    verifier: &Verifier,
    client: &str,
    reverse_path: &str,
    message: &str,
) -> Verdict {
    let helo: Host = "mx.sender.example".parse().unwrap();
    let hostname: Domain = "mx.here.example".parse().unwrap();
    let (reverse_path, _) = ReversePath::parse_prefix(reverse_path).unwrap();
    let letter = Letter {
        client: client.parse().unwrap(),
        helo: &helo,
        reverse_path: &reverse_path,
        hostname: &hostname,
        content: &[Bytes::from(message.to_owned())],
    };
    let limit = Duration::from_secs(120);
    let verdict = tokio::time::timeout(limit, verifier.verify(&letter)).await;
    verdict.expect("a verification ends")
}

/// Verifies a message with a null reverse-path.
pub(crate) async fn verify(zone: FixedZone, message: &str) -> Verdict {
    verify_from(zone, "<>", message).await
}
