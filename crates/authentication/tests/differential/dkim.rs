//! DKIM by dkimpy: what we sign it verifies, and what it signs we verify.

use std::{sync::Arc, time::SystemTime};

use data_encoding::BASE64;
use fastrand::Rng;
use postern_authentication::{
    DkimKey, DkimKeyKind, DkimOutcome, DkimResult, Letter, Signer, SigningKey, Verifier,
    VerifierSettings, make_dkim_key,
};
use serde_json::json;

use crate::{
    Comparison, letters,
    opinion::Opinion,
    zone::{Record, Zone},
};

pub(crate) const ALL: &[Comparison] = &[
    Comparison {
        name: "dkim::what_we_sign_others_verify",
        run: ours_verified_by_others,
    },
    Comparison {
        name: "dkim::what_others_sign_we_verify",
        run: others_verified_by_us,
    },
    Comparison {
        name: "dkim::what_was_changed_fails_on_both_sides",
        run: changed,
    },
    Comparison {
        name: "dkim::a_length_that_others_sign_counts_for_nothing",
        run: partly_signed,
    },
];

/// How many messages are drawn.
const LETTERS: u64 = 150;

/// Two keys of example.org, and the zone that publishes them.
pub(crate) struct Keys {
    pub(crate) rsa: Key,
    pub(crate) ed25519: Key,
}

pub(crate) struct Key {
    pub(crate) selector: &'static str,
    algorithm: &'static str,
    pub(crate) pem: String,
    pub(crate) key: Arc<DkimKey>,
}

impl Keys {
    pub(crate) fn make() -> Self {
        Self {
            rsa: Key::make("rsa", "rsa-sha256", DkimKeyKind::Rsa2048),
            ed25519: Key::make("ed", "ed25519-sha256", DkimKeyKind::Ed25519),
        }
    }

    pub(crate) fn zone(&self) -> Zone {
        [&self.rsa, &self.ed25519]
            .into_iter()
            .fold(Zone::default(), |zone, key| {
                let name = format!("{}._domainkey.example.org", key.selector);
                zone.with(name, Record::Txt(key.key.public_record()))
            })
    }

    fn signer(&self) -> Signer {
        let key = |key: &Key| SigningKey {
            domain: "example.org".parse().unwrap(),
            selector: key.selector.to_owned(),
            key: Arc::clone(&key.key),
            from: None,
            until: None,
        };
        Signer::new(vec![key(&self.ed25519), key(&self.rsa)])
    }
}

impl Key {
    fn make(selector: &'static str, algorithm: &'static str, kind: DkimKeyKind) -> Self {
        let pem = make_dkim_key(kind).unwrap();
        Self {
            selector,
            algorithm,
            key: Arc::new(DkimKey::from_pem(pem.as_bytes()).unwrap()),
            pem: pem.to_string(),
        }
    }

    /// The key as dkimpy reads it: of Ed25519 the seed alone, which ends the PKCS #8 form.
    fn for_dkimpy(&self) -> String {
        if self.algorithm == "rsa-sha256" {
            return self.pem.clone();
        }
        let base64: String = self
            .pem
            .lines()
            .filter(|line| !line.starts_with("--"))
            .collect();
        let der = BASE64.decode(base64.as_bytes()).unwrap();
        // OCTET STRING of an OCTET STRING of 32 octets (RFC 8410 §7).
        let at = der
            .windows(4)
            .position(|it| it == [0x04, 0x22, 0x04, 0x20])
            .unwrap()
            + 4;
        BASE64.encode(&der[at..at + 32])
    }
}

fn ours_verified_by_others(opinion: &mut Opinion) -> Result<(), String> {
    let keys = Keys::make();
    let (signer, zone) = (keys.signer(), keys.zone());
    for number in 0..LETTERS {
        let letter = letters::at_random(&mut Rng::with_seed(number));
        let signed = signed_by_us(&signer, &letter);
        let theirs = verified_by_them(&signed, &zone, opinion);
        let ours = results(&verified_by_us(&signed, &zone));
        if theirs != ["pass", "pass"] || ours != ["pass", "pass"] {
            let signed = String::from_utf8_lossy(&signed);
            return Err(format!(
                "letter {number}: dkimpy says {theirs:?}, we say {ours:?}\n{signed}"
            ));
        }
    }
    Ok(())
}

fn others_verified_by_us(opinion: &mut Opinion) -> Result<(), String> {
    let keys = Keys::make();
    let zone = keys.zone();
    let forms = [
        "relaxed/relaxed",
        "relaxed/simple",
        "simple/relaxed",
        "simple/simple",
    ];
    for number in 0..LETTERS {
        let mut rng = Rng::with_seed(number);
        let letter = letters::at_random(&mut rng);
        let key = if rng.bool() { &keys.rsa } else { &keys.ed25519 };
        let form = forms[rng.usize(..forms.len())];
        let signed = signed_by_them(key, form, false, &letter, opinion);
        let ours = results(&verified_by_us(&signed, &zone));
        if ours != ["pass"] {
            let signed = String::from_utf8_lossy(&signed);
            return Err(format!(
                "letter {number}, {form}: we say {ours:?}\n{signed}"
            ));
        }
    }
    Ok(())
}

fn changed(opinion: &mut Opinion) -> Result<(), String> {
    let keys = Keys::make();
    let (signer, zone) = (keys.signer(), keys.zone());
    for number in 0..LETTERS {
        let mut rng = Rng::with_seed(number);
        let mut signed = signed_by_us(&signer, &letters::at_random(&mut rng));
        // A letter or digit of the message becomes another one.
        let candidates: Vec<_> = (0..signed.len())
            .filter(|at| signed[*at].is_ascii_alphanumeric())
            .collect();
        let at = candidates[rng.usize(..candidates.len())];
        signed[at] = if signed[at] == b'a' { b'b' } else { b'a' };
        let passes = |results: &[String]| results.iter().filter(|it| *it == "pass").count();
        let theirs = verified_by_them(&signed, &zone, opinion);
        let ours = results(&verified_by_us(&signed, &zone));
        if passes(&theirs) != passes(&ours) {
            let signed = String::from_utf8_lossy(&signed);
            return Err(format!(
                "letter {number}, octet {at}: dkimpy says {theirs:?}, we say {ours:?}\n{signed}"
            ));
        }
    }
    Ok(())
}

fn partly_signed(opinion: &mut Opinion) -> Result<(), String> {
    let keys = Keys::make();
    let letter = b"From: jo@example.org\r\nSubject: x\r\n\r\nsigned\r\n";
    let mut signed = signed_by_them(&keys.rsa, "relaxed/simple", true, letter, opinion);
    signed.extend_from_slice(b"added\r\n");
    let theirs = verified_by_them(&signed, &keys.zone(), opinion);
    let ours = verified_by_us(&signed, &keys.zone());
    match (theirs.as_slice(), ours.as_slice()) {
        ([theirs], [ours]) if theirs == "pass" && ours.result != DkimResult::Pass => Ok(()),
        _ => Err(format!("dkimpy says {theirs:?}, we say {ours:?}")),
    }
}

fn signed_by_us(signer: &Signer, letter: &[u8]) -> Vec<u8> {
    let pieces = [letter.to_vec().into()];
    let fields = signer.sign_whole(&pieces, SystemTime::now()).unwrap();
    [&fields[..], letter].concat()
}

fn signed_by_them(
    key: &Key,
    canonicalization: &str,
    length: bool,
    letter: &[u8],
    opinion: &mut Opinion,
) -> Vec<u8> {
    let answer = opinion.ask(
        "sign-dkim",
        json!({
            "message": BASE64.encode(letter),
            "domain": "example.org",
            "selector": key.selector,
            "algorithm": key.algorithm,
            "key": key.for_dkimpy(),
            "canonicalization": canonicalization,
            "length": length,
        }),
    );
    let field = answer["field"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"));
    let field = BASE64.decode(field.as_bytes()).unwrap();
    [&field[..], letter].concat()
}

fn verified_by_them(message: &[u8], zone: &Zone, opinion: &mut Opinion) -> Vec<String> {
    let question = json!({"message": BASE64.encode(message), "zone": zone.json()});
    let answer = opinion.ask("verify-dkim", question);
    let results = answer["results"].as_array();
    let results = results.unwrap_or_else(|| panic!("{answer}")).iter();
    results.map(|it| it.as_str().unwrap().to_owned()).collect()
}

fn verified_by_us(message: &[u8], zone: &Zone) -> Vec<DkimOutcome> {
    verdict(message, zone).dkim
}

/// Everything that we find out about a message.
pub(crate) fn verdict(message: &[u8], zone: &Zone) -> postern_authentication::Verdict {
    let verifier = Verifier::new(zone.fixed(), VerifierSettings::default());
    let content = [message.to_vec().into()];
    let (path, _) = postern_mail::ReversePath::parse_prefix("<jo@example.org>").unwrap();
    let letter = Letter {
        client: "192.0.2.1".parse().unwrap(),
        helo: &"mail.example.org".parse().unwrap(),
        reverse_path: &path,
        hostname: &"mx.receiver.example".parse().unwrap(),
        content: &content,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(verifier.verify(&letter))
}

fn results(outcomes: &[DkimOutcome]) -> Vec<String> {
    outcomes.iter().map(|it| it.result.to_string()).collect()
}
