//! Keys of signatures, as they are published (RFC 6376 §3.6.1, RFC 8463 §4).

use std::{collections::HashMap, sync::Arc};

use mail_auth::{
    Error, Txt,
    common::{parse::TxtRecordParser as _, verify::DomainKey},
};

use super::{DkimResult, signature::Flaw};
use crate::{
    answers::{
        self, Missing, Questions,
        library::{self, Known},
    },
    dkim::signature::decoded,
    tags::{Tags, items},
};

/// RSA keys that are accepted, in bits: RFC 8301 §3.2 refuses shorter ones, and longer ones cost
/// whoever checks them more than any signer needs.
const RSA: std::ops::RangeInclusive<usize> = 1024..=4096;

/// The octets of an Ed25519 key (RFC 8463 §4.2).
const ED25519: usize = 32;

/// A key that may check signatures.
#[derive(Clone)]
pub(crate) struct Key {
    key: Arc<DomainKey>,
    /// `t=y`: what it signs counts as if it were not signed (RFC 6376 §3.6.1).
    pub(crate) testing: bool,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

/// The keys that were got, by their names.
pub(crate) type Keys = HashMap<String, Result<Key, Flaw>>;

/// The keys as mail-auth gets them. Why one is missing goes through it, and comes back.
pub(crate) fn for_library(keys: &Keys) -> Known<Txt> {
    let mut known = Known::txt();
    for (name, key) in keys {
        let answer = match key {
            Ok(key) => Txt::DomainKey(Arc::clone(&key.key)),
            Err(flaw) if flaw.result == DkimResult::TempError => library::unknown(&flaw.reason),
            Err(flaw) => Txt::Error(Error::Io(flaw.reason.clone())),
        };
        known.learn(name, answer);
    }
    known
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyKind {
    Rsa,
    Ed25519,
}

/// Gets the key of this name.
pub(crate) async fn get(questions: &Questions, name: &str) -> Result<Key, Flaw> {
    let permanent = |reason: &str| Flaw::new(DkimResult::PermError, reason);
    let name = answers::name(name).map_err(|_| permanent("the name of its key is too long"))?;
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
        let mut flags = items(tags.get("t").unwrap_or_default());
        Ok(Self {
            key: Arc::new(key),
            testing: flags.any(|it| it.eq_ignore_ascii_case("y")),
        })
    }
}
