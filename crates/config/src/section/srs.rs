//! `[srs]`: in whose name mail is sent on that others have sent.

use std::{fmt, path::PathBuf};

use postern_mail::Domain;

use super::domain::OwnDomains;
use crate::{
    file::{self, Secrecy},
    schema::{Key, Located, Notes, Occurs, Reported, Section, Table, all},
    value::{DOMAIN, FILE},
};

/// A secret shorter than the tag's own strength could be guessed sooner than the tag.
const LEAST_SECRET: usize = 16;

/// In whose name mail is sent on that others have sent (the Sender Rewriting Scheme).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srs {
    /// The domain of the reverse-paths that are made.
    pub domain: Domain,
    /// What they are proven with: the first makes them, all of them are recognised. There is at
    /// least one.
    pub secrets: Vec<Secret>,
}

/// A secret; it does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// What it consists of.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What was written; whatever is not right was told and is absent.
pub(crate) struct Written {
    domain: Result<Located<Domain>, Reported>,
    secret: Result<Vec<Located<PathBuf>>, Reported>,
}

static SRS_DOMAIN: Key<Domain> = Key::required(
    "domain",
    &DOMAIN,
    r#""example.org""#,
    "The domain of the reverse-paths that are made, a `[[domain]]` that is given by name: bounces \
     to them come back to this host. Its SPF record must allow this host.",
);

static SECRET: Key<PathBuf> = Key::required(
    "secret",
    &FILE,
    r#"["srs.secret"]"#,
    "Files of a secret each, at least 16 octets, such as `head -c 32 /dev/urandom | base64` \
     makes: the first proves the reverse-paths that are made now, all are recognised in what \
     comes back. To exchange one, put the new file first, and remove the old after three weeks. \
     They must not be readable for everyone on the host.",
)
.list();

pub(crate) static SRS: Section = Section {
    name: "srs",
    occurs: Occurs::Once,
    doc: "The Sender Rewriting Scheme: mail of others that leaves for a domain that is not ours, \
          because of an alias for instance, takes a reverse-path of ours, since the sender's SPF \
          record does not allow this host. Bounces to it are turned back into the sender's \
          address. Without this section mail keeps its reverse-path.",
    keys: &[&SRS_DOMAIN.entry, &SECRET.entry],
    sections: &[],
    not_yet: &[],
    commented: true,
    example: None,
};

/// What was written, if anything was.
pub(crate) fn read(table: &Table<'_>) -> Option<Written> {
    table.is_written().then(|| Written {
        domain: table.one(&SRS_DOMAIN),
        secret: table.many(&SECRET),
    })
}

impl Written {
    /// What this means.
    pub(crate) fn check(
        self,
        notes: &Notes<'_>,
        own: Result<&OwnDomains, Reported>,
    ) -> Result<Srs, Reported> {
        let domain = self.domain.and_then(|domain| {
            own.map_or(Ok(()), |own| own.demand(notes, &domain))?;
            Ok(domain.value)
        });
        let secrets = self
            .secret
            .and_then(|files| all(files.iter().map(|file| secret(notes, file))));
        Ok(Srs {
            domain: domain?,
            secrets: secrets?,
        })
    }
}

/// What a file holds, without the line end that editors put behind it.
fn secret(notes: &Notes<'_>, written: &Located<PathBuf>) -> Result<Secret, Reported> {
    let path = notes.resolve(&written.value);
    let octets = file::octets(&path, Secrecy::Secret).map_err(|fault| {
        let wrong = format!("{} {fault}", path.display());
        notes.error(&written.spot, wrong, fault.right())
    })?;
    let octets = octets.trim_ascii_end();
    if octets.len() < LEAST_SECRET {
        return Err(notes.error(
            &written.spot,
            format_args!("{} holds {} octets", path.display(), octets.len()),
            format_args!("put a secret of at least {LEAST_SECRET} octets there"),
        ));
    }
    Ok(Secret(octets.to_vec()))
}
