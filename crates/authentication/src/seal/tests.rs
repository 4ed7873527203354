use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{ED25519, UnparsedPublicKey},
};
use data_encoding::BASE64;

use super::*;
use crate::{Author, DkimKeyKind, make_dkim_key, results::tests::verdict};

const US: &str = "mx1.example.org";

const MESSAGE: &str = "Authentication-Results: other.example; none\r\n\
    DKIM-Signature: v=1; d=example.net\r\n\
    From: jo@example.net\r\n\
    \r\n\
    Hello\r\n \r\n";

fn sealer() -> Sealer {
    let pem = make_dkim_key(DkimKeyKind::Ed25519).unwrap();
    Sealer {
        domain: "example.org".parse().unwrap(),
        selector: "arc".to_owned(),
        key: Arc::new(DkimKey::from_pem(pem.as_bytes()).unwrap()),
    }
}

fn chain(result: ArcResult, sets: u32) -> Verdict {
    let mut verdict = verdict();
    verdict.arc.result = result;
    verdict.arc.sets = sets;
    verdict
}

fn seal(sealer: &Sealer, message: &str, verdict: &Verdict) -> Result<String, Unsealed> {
    // In pieces that part the header and the body.
    let pieces: Vec<_> = message
        .as_bytes()
        .chunks(50)
        .map(Bytes::copy_from_slice)
        .collect();
    let fields = sealer.seal(&pieces, verdict, US)?;
    Ok(String::from_utf8(fields.to_vec()).unwrap())
}

/// A field on one line, with single spaces, its name in lower case.
fn canonical(field: &[u8]) -> String {
    let text = std::str::from_utf8(field).unwrap();
    let (name, value) = text.split_once(':').unwrap();
    let words: Vec<_> = value.split_whitespace().collect();
    format!("{}:{}", name.to_lowercase(), words.join(" "))
}

/// Holds the signature of a field against what stands before it.
#[track_caller]
fn verify(sealer: &Sealer, before: &str, field: &str) {
    let (text, signature) = field.rsplit_once(" b=").unwrap();
    let signature = BASE64
        .decode(signature.replace([' ', ';'], "").as_bytes())
        .unwrap();
    let octets = format!("{before}{text} b=;");
    let record = sealer.key.public_record();
    let public = BASE64
        .decode(record.rsplit_once("p=").unwrap().1.as_bytes())
        .unwrap();
    UnparsedPublicKey::new(&ED25519, public)
        .verify(digest(&SHA256, octets.as_bytes()).as_ref(), &signature)
        .unwrap();
}

fn tag<'a>(field: &'a str, name: &str) -> &'a str {
    let tags = field.split_once(':').unwrap().1.split(';');
    let found = tags
        .filter_map(|tag| tag.split_once('='))
        .find(|(it, _)| it.trim() == name);
    found.unwrap().1.trim()
}

#[test]
fn sets_are_sealed_one_upon_the_other() {
    let sealer = sealer();
    let mut message = MESSAGE.to_owned();
    let mut sealed = String::new();
    for (sets, result, cv) in [(0, ArcResult::None, "none"), (1, ArcResult::Pass, "pass")] {
        let set = seal(&sealer, &message, &chain(result, sets)).unwrap();
        let found: Vec<_> = fields(set.as_bytes())
            .map(|it| canonical(it.octets()))
            .collect();
        let [seal, signature, results] = found.as_slice() else {
            panic!("three fields: {set}");
        };
        let body = BASE64.encode(digest(&SHA256, b"Hello\r\n").as_ref());
        assert_eq!(tag(signature, "bh").replace(' ', ""), body);
        verify(
            &sealer,
            "from:jo@example.net\r\ndkim-signature:v=1; d=example.net\r\n",
            signature,
        );
        sealed = format!("{sealed}{results}\r\n{signature}\r\n");
        verify(&sealer, &sealed, seal);
        sealed = format!("{sealed}{seal}\r\n");
        let instance = (sets + 1).to_string();
        assert_eq!((tag(seal, "i"), tag(seal, "cv")), (instance.as_str(), cv));
        assert_eq!(tag(signature, "i"), instance);
        message = format!("Received: by us\r\n{set}{message}");
    }
}

#[test]
fn the_signature_covers_no_trace_of_the_way() {
    let set = seal(&sealer(), MESSAGE, &chain(ArcResult::None, 0)).unwrap();
    let signature = canonical(fields(set.as_bytes()).nth(1).unwrap().octets());
    let names = tag(&signature, "h").replace(' ', "").to_lowercase();
    let names: Vec<_> = names.split(':').collect();
    assert!(names.contains(&"from") && names.contains(&"dkim-signature"));
    assert!(
        !names.iter().any(|name| name.starts_with("arc-")),
        "{names:?}"
    );
    assert!(!names.contains(&"authentication-results") && !names.contains(&"received"));
}

#[test]
fn the_set_carries_our_results() {
    let verdict = chain(ArcResult::None, 0);
    let set = seal(&sealer(), MESSAGE, &verdict).unwrap();
    let results = AuthenticationResults::new(US, &verdict).arc_field(1);
    assert!(
        set.ends_with(std::str::from_utf8(&results).unwrap()),
        "{set}"
    );
}

#[track_caller]
fn check_unsealed(message: &str, verdict: &Verdict, expected: &Unsealed) {
    assert_eq!(seal(&sealer(), message, verdict).as_ref(), Err(expected));
}

#[test]
fn what_cannot_be_sealed_says_why() {
    check_unsealed(MESSAGE, &chain(ArcResult::Fail, 1), &Unsealed::ChainFailed);
    check_unsealed(
        MESSAGE,
        &chain(ArcResult::TempError, 1),
        &Unsealed::ChainUnknown,
    );
    check_unsealed(
        MESSAGE,
        &chain(ArcResult::Pass, 50),
        &Unsealed::ChainTooLong,
    );
    // What was validated is no longer there.
    check_unsealed(MESSAGE, &chain(ArcResult::Pass, 1), &Unsealed::ChainFailed);
    let stray = format!("ARC-Seal: i=1; cv=none\r\n{MESSAGE}");
    check_unsealed(&stray, &chain(ArcResult::None, 0), &Unsealed::ChainFailed);
    let broken = format!("no field\r\n{MESSAGE}");
    let unsigned = Unsealed::Unsigned(Unsigned::BrokenHeader);
    check_unsealed(&broken, &chain(ArcResult::None, 0), &unsigned);
}

#[test]
fn an_author_is_not_asked_for() {
    let verdict = Verdict {
        author: Author::None,
        ..chain(ArcResult::None, 0)
    };
    assert!(seal(&sealer(), "To: a@example.org\r\n\r\n", &verdict).is_ok());
}
