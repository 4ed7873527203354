//! `[authentication.arc]`: what we seal.

use std::path::PathBuf;

use postern_mail::Domain;

use crate::{
    file::Secrecy,
    schema::{Key, Located, Notes, Occurs, Reported, Section, Table},
    section::{dkim::SELECTORS, named_file},
    value::{DOMAIN, FILE},
};

/// How mail of strangers that is sent on is sealed (RFC 8617).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArcSealing {
    /// In whose name.
    pub domain: Domain,
    /// Below which name the public key is published: `SELECTOR._domainkey.DOMAIN`.
    pub selector: String,
    /// The file with the private key, which was there and protected when the configuration was
    /// read.
    pub key: PathBuf,
}

/// What was written; whatever is not right was told and is absent.
pub(super) struct Written {
    pub(super) domain: Result<Located<Domain>, Reported>,
    pub(super) selector: Result<Located<String>, Reported>,
    pub(super) key: Result<Located<PathBuf>, Reported>,
}

static ARC_DOMAIN: Key<Domain> = Key::required(
    "domain",
    &DOMAIN,
    r#""example.org""#,
    "In whose name: a `[[domain]]` that is given by name.",
);

static SELECTOR: Key<String> = Key::required(
    "selector",
    &SELECTORS,
    r#""arc2026""#,
    "The name of the key. Its public part is published at `SELECTOR._domainkey.DOMAIN`; \
     `postern dns records` prints it. It may be a key of `[[domain.dkim]]`.",
);

static KEY: Key<PathBuf> = Key::required(
    "key",
    &FILE,
    r#""arc.key""#,
    "The private key in PEM, as `postern key dkim` makes one. Best an RSA one: few \
     verifiers of ARC know others. The file must not be readable for everyone on the host.",
);

pub(super) static ARC: Section = Section {
    name: "arc",
    occurs: Occurs::Once,
    doc: "Seals mail of strangers before it is sent on (RFC 8617), so that who trusts us learns \
          what we found when it came in, even if it is changed on its way. Without this table \
          nothing is sealed.",
    keys: &[&ARC_DOMAIN.entry, &SELECTOR.entry, &KEY.entry],
    sections: &[],
    not_yet: &[],
    commented: true,
    example: None,
};

/// What was written, if anything was.
pub(super) fn read(authentication: &Table<'_>) -> Result<Option<Written>, Reported> {
    let table = authentication.section(&ARC)?;
    if !table.is_written() {
        return Ok(None);
    }
    Ok(Some(Written {
        domain: table.one(&ARC_DOMAIN),
        selector: table.one(&SELECTOR),
        key: table.one(&KEY),
    }))
}

/// The path of the key, if it is protected.
pub(super) fn key(notes: &Notes<'_>, written: &Located<PathBuf>) -> Result<PathBuf, Reported> {
    named_file::protected(notes, written, Secrecy::Secret)
}
