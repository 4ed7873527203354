//! `[[domain.dkim]]`: the keys that sign a domain's mail.

mod term;

use std::{
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use postern_mail::{Domain, DomainPattern};
use rustls_pki_types::UnixTime;

use super::named_file;
use crate::{
    file::Secrecy,
    schema::{Key, Kind, Located, Notes, Occurs, Reported, Scalar, Section, Spot, Table, all},
    value::{FILE, MOMENT},
};
use term::Term;

/// A key that signs a domain's mail (RFC 6376).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DkimKey {
    /// Below which name the public key is published: `SELECTOR._domainkey.DOMAIN`.
    pub selector: String,
    /// The file with the private key, which was there and protected when the configuration was
    /// read.
    pub key: PathBuf,
    /// When it begins to sign, unless it always did.
    pub from: Option<SystemTime>,
    /// When it signs no more.
    pub until: Option<SystemTime>,
}

/// What was written for a key; whatever is not right was told and is absent.
pub(super) struct Written<'a> {
    table: Table<'a>,
    selector: Result<Located<String>, Reported>,
    key: Result<Located<PathBuf>, Reported>,
    from: Result<Option<Located<UnixTime>>, Reported>,
    until: Result<Option<Located<UnixTime>>, Reported>,
}

pub(super) static SELECTORS: Kind<String> = Kind {
    name: "selector",
    right: "labels of a domain name, such as \"2026a\" or \"mx1.2026a\"",
    scalar: Scalar::Text(selector),
};

static SELECTOR: Key<String> = Key::required(
    "selector",
    &SELECTORS,
    r#""2026a""#,
    "The name of the key (RFC 6376 §3.1). Its public part is published at \
     `SELECTOR._domainkey.DOMAIN`; `postern dns records` prints it. A new key gets a new name.",
);

static KEY: Key<PathBuf> = Key::required(
    "key",
    &FILE,
    r#""dkim-2026a.key""#,
    "The private key in PEM, RSA or Ed25519, as `postern key dkim` makes one. The file must not \
     be readable for everyone on the host.",
);

static FROM: Key<UnixTime> = Key::optional(
    "from",
    &MOMENT,
    "at once",
    r#""2026-11-01T00:00:00Z""#,
    "When the key begins to sign, with the offset from UTC. Leave time for its record to be seen \
     everywhere.",
);

static UNTIL: Key<UnixTime> = Key::optional(
    "until",
    &MOMENT,
    "without an end",
    r#""2027-03-01T00:00:00Z""#,
    "When the key signs no more. Keep its record published for some weeks after that: mail that \
     it has signed is still on its way, or verified again by those who read it.",
);

pub(super) static DKIM: Section = Section {
    name: "dkim",
    occurs: Occurs::Often,
    doc: "A key that signs mail whose author is in the domain, or in one below it that has no \
          keys of its own. All keys whose time it is sign side by side: one RSA and one Ed25519 \
          key (RFC 8463) reach old and new verifiers, and keys whose times overlap are how one \
          is exchanged for the next. Signed are mail of our own hosts and the reports of this \
          one.",
    keys: &[&SELECTOR.entry, &KEY.entry, &FROM.entry, &UNTIL.entry],
    sections: &[],
    not_yet: &[],
    commented: true,
    example: None,
};

pub(super) fn read<'a>(domain: &Table<'a>) -> Vec<Written<'a>> {
    let tables = domain.sections(&DKIM).into_iter();
    tables.map(one).collect()
}

fn one(table: Table<'_>) -> Written<'_> {
    Written {
        selector: table.one(&SELECTOR),
        key: table.one(&KEY),
        from: table.maybe(&FROM),
        until: table.maybe(&UNTIL),
        table,
    }
}

/// A key that is right by itself, and where it stands.
struct Checked {
    spot: Spot,
    term: Term,
    key: DkimKey,
}

/// The keys of a domain.
pub(super) fn check(
    notes: &Notes<'_>,
    domain: &DomainPattern,
    written: Vec<Written<'_>>,
) -> Result<Vec<DkimKey>, Reported> {
    let selectors = written.iter().flat_map(|key| &key.selector);
    notes.refuse_repetition(selectors, "give each key of a domain a name of its own");
    let keys = all(written.into_iter().map(|key| key.check(notes)))?;
    if let (DomainPattern::Below(parent), Some(first)) = (domain, keys.first()) {
        return Err(notes.error(
            &first.spot,
            format_args!("{domain} is many domains, and a key is published for one"),
            format_args!(
                "write it below the [[domain]] {parent}: it signs for the domains below that one \
                 as well"
            ),
        ));
    }
    check_lengths(notes, domain, &keys)?;
    term::warn_of_silence(notes, domain, &keys);
    Ok(keys.into_iter().map(|checked| checked.key).collect())
}

impl Written<'_> {
    /// The file, if this is the key's selector, and the line of that.
    pub(super) fn file_of(&self, selector: &str) -> Option<(PathBuf, usize)> {
        let notes = self.table.notes();
        let (name, key) = (self.selector.as_ref().ok()?, self.key.as_ref().ok()?);
        let line = notes.position(name.spot.offset).line;
        (name.value == selector).then(|| (notes.resolve(&key.value), line))
    }

    fn check(self, notes: &Notes<'_>) -> Result<Checked, Reported> {
        let key = self
            .key
            .and_then(|key| named_file::protected(notes, &key, Secrecy::Secret));
        let term = self
            .from
            .and_then(|from| term::check(notes, from, self.until?));
        let (selector, term) = (self.selector?, term?);
        let key = DkimKey {
            selector: selector.value,
            key: key?,
            from: term.from.map(system_time),
            until: term.until.map(system_time),
        };
        let spot = self.table.spot().clone();
        Ok(Checked { spot, term, key })
    }
}

/// Each key is looked up under a name that has to be one.
fn check_lengths(
    notes: &Notes<'_>,
    domain: &DomainPattern,
    keys: &[Checked],
) -> Result<(), Reported> {
    let mut verdict = Ok(());
    for key in keys {
        let name = format!("{}._domainkey.{domain}", key.key.selector);
        if let Err(error) = name.parse::<Domain>() {
            let wrong = format_args!("{name} cannot be looked up: {error}");
            verdict = Err(notes.error(&key.spot, wrong, "give a shorter selector"));
        }
    }
    verdict
}

/// A selector is a domain name's labels (RFC 6376 §3.1), compared without regard to case.
fn selector(text: &str) -> Result<String, String> {
    let labels: Domain = text
        .parse()
        .map_err(|error| format!("{text:?} is refused: {error}"))?;
    Ok(labels.as_str().to_owned())
}

fn system_time(moment: UnixTime) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(moment.as_secs())
}
