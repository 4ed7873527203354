//! Keys of signatures, as they are published (RFC 6376 §3.6.1, RFC 8463 §4).

use mail_auth::common::{crypto::Algorithm, parse::TxtRecordParser as _, verify::DomainKey};
use postern_mail::Domain;

use super::{
    DkimAlgorithm, DkimResult,
    signature::{Flaw, Signature},
};
use crate::{
    answers::{self, Missing, Questions},
    dkim::signature::decoded,
    tags::{Tags, items},
};

/// RSA keys that are accepted, in bits: RFC 8301 §3.2 refuses shorter ones, and longer ones cost
/// whoever checks them more than any signer needs.
const RSA: std::ops::RangeInclusive<usize> = 1024..=4096;

/// The octets of an Ed25519 key (RFC 8463 §4.2).
const ED25519: usize = 32;

/// A key that may check signatures.
pub(crate) struct Key {
    key: DomainKey,
    kind: KeyKind,
    /// `t=y`: what it signs counts as if it were not signed (RFC 6376 §3.6.1).
    pub(crate) testing: bool,
    /// `t=s`: the identity must be at the domain itself.
    pub(crate) strict: bool,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:?})", self.kind)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyKind {
    Rsa,
    Ed25519,
}

/// Gets the key of a domain and a selector.
pub(crate) async fn get(
    questions: &Questions,
    selector: &Domain,
    domain: &Domain,
) -> Result<Key, Flaw> {
    let permanent = |reason: &str| Flaw::new(DkimResult::PermError, reason);
    let name = answers::name(&format!("{selector}._domainkey.{domain}"))
        .map_err(|_| permanent("the name of its key is too long"))?;
    let records = match questions.txt(&name).await {
        Ok(records) => records,
        Err(Missing::NoSuchName | Missing::NoData) => {
            return Err(permanent("there is no such key"));
        }
        Err(Missing::Unknown(why)) => {
            let reason = format!("its key could not be got: {why}");
            return Err(Flaw::new(DkimResult::TempError, reason));
        }
    };
    let mut keys = records.iter().filter(|record| is_key(record));
    match (keys.next(), keys.next()) {
        (Some(record), None) => Key::parse(record).map_err(permanent),
        (None, _) => Err(permanent("there is no such key")),
        // Which one counts is undefined (RFC 6376 §3.6.2.2).
        (Some(_), Some(_)) => Err(permanent("there are several keys of that name")),
    }
}

/// Other records come along at names made by a wildcard.
fn is_key(record: &[u8]) -> bool {
    Tags::parse(record).map_or(true, |tags| tags.get("p").is_some())
}

impl Key {
    /// Reads a record.
    fn parse(record: &[u8]) -> Result<Self, &'static str> {
        let tags = Tags::parse(record).map_err(|_| "the record of its key cannot be read")?;
        if tags.get("v").is_some() && tags.first() != Some(("v", "DKIM1")) {
            return Err("the record of its key is of another version");
        }
        let lists = |tag: &str, wanted: &[&str]| {
            tags.get(tag).is_none_or(|list| {
                items(list).any(|it| wanted.iter().any(|one| it.eq_ignore_ascii_case(one)))
            })
        };
        if !lists("h", &["sha256"]) {
            return Err("its key is not for SHA-256");
        }
        if !lists("s", &["*", "email"]) {
            return Err("its key is not for mail");
        }
        let octets = decoded(tags.get("p").unwrap_or_default());
        let octets = octets.ok_or("its key is not Base64")?;
        if octets.is_empty() {
            return Err("its key has been revoked");
        }
        let kind = match tags.get("k").unwrap_or("rsa") {
            it if it.eq_ignore_ascii_case("rsa") => KeyKind::Rsa,
            it if it.eq_ignore_ascii_case("ed25519") => KeyKind::Ed25519,
            _ => return Err("its key is of a kind that is not known"),
        };
        let key = DomainKey::parse(record).map_err(|_| "its key cannot be read")?;
        match kind {
            KeyKind::Rsa if !RSA.contains(&key.p.public_key_bits()) => {
                return Err("its RSA key has less than 1024 or more than 4096 bit");
            }
            KeyKind::Ed25519 if octets.len() != ED25519 => {
                return Err("its Ed25519 key does not have 32 octets");
            }
            KeyKind::Rsa | KeyKind::Ed25519 => {}
        }
        let flag = |wanted: &str| {
            items(tags.get("t").unwrap_or_default()).any(|it| it.eq_ignore_ascii_case(wanted))
        };
        Ok(Self {
            key,
            kind,
            testing: flag("y"),
            strict: flag("s"),
        })
    }

    /// Whether it made this signature over these octets.
    pub(crate) fn check(
        &self,
        algorithm: DkimAlgorithm,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<(), Flaw> {
        let algorithm = match (algorithm, self.kind) {
            (DkimAlgorithm::RsaSha256, KeyKind::Rsa) => Algorithm::RsaSha256,
            (DkimAlgorithm::Ed25519Sha256, KeyKind::Ed25519) => Algorithm::Ed25519Sha256,
            (DkimAlgorithm::RsaSha1, _) => {
                return Err(Flaw::new(DkimResult::PermError, "rsa-sha1 is not accepted"));
            }
            (DkimAlgorithm::RsaSha256 | DkimAlgorithm::Ed25519Sha256, _) => {
                return Err(Flaw::new(
                    DkimResult::PermError,
                    "its key is for another algorithm",
                ));
            }
        };
        self.key
            .p
            .verify_bytes(signed, signature, algorithm)
            .map_err(|_| Flaw::new(DkimResult::Fail, "it is not of these fields or this key"))
    }

    /// What the flags of the key say about a signature that holds.
    pub(crate) fn check_flags(&self, signature: &Signature) -> Result<(), Flaw> {
        if self.strict && signature.identity != signature.domain {
            return Err(Flaw::new(
                DkimResult::PermError,
                "its key is for the domain itself (t=s), and its identity below it",
            ));
        }
        if self.testing {
            return Err(Flaw::new(DkimResult::Neutral, "its key is for tests (t=y)"));
        }
        Ok(())
    }
}
