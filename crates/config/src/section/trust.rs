//! `trust`: who may vouch for names.

use std::{cell::RefCell, collections::HashMap, path::PathBuf};

use postern_tls::{TrustAnchors, TrustError};

use crate::{
    file::{self, Secrecy},
    schema::{Kind, Located, Notes, Reported, Scalar, all},
    value,
};

/// A set of certification authorities, as the configuration names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum TrustSource {
    /// Those that the operating system trusts.
    System,
    /// The public roots that come with the software.
    Public,
    /// Those in this file.
    File(PathBuf),
}

pub(crate) static TRUST_SOURCES: Kind<TrustSource> = Kind {
    name: "trust source",
    right: "\"system\", \"public\", or the path of a file of certificates in PEM",
    scalar: Scalar::Text(|text| match text {
        "system" => Ok(TrustSource::System),
        "public" => Ok(TrustSource::Public),
        path => value::path(path).map(TrustSource::File),
    }),
};

/// Loads trust anchors; what many partners name is read once.
#[derive(Debug)]
pub(crate) struct TrustLoader<'n> {
    notes: &'n Notes<'n>,
    loaded: RefCell<HashMap<TrustSource, Result<TrustAnchors, Fault>>>,
}

#[derive(Debug, Clone)]
struct Fault {
    wrong: String,
    right: &'static str,
}

impl<'n> TrustLoader<'n> {
    pub(crate) fn new(notes: &'n Notes<'n>) -> Self {
        Self {
            notes,
            loaded: RefCell::default(),
        }
    }

    /// The union of the sources.
    pub(crate) fn load(&self, sources: &[Located<TrustSource>]) -> Result<TrustAnchors, Reported> {
        let sets = all(sources.iter().map(|source| {
            self.one(&source.value)
                .map_err(|fault| self.notes.error(&source.spot, fault.wrong, fault.right))
        }))?;
        match sets.as_slice() {
            [single] => Ok(single.clone()),
            several => Ok(TrustAnchors::union(several)),
        }
    }

    fn one(&self, source: &TrustSource) -> Result<TrustAnchors, Fault> {
        let mut loaded = self.loaded.borrow_mut();
        let set = loaded
            .entry(source.clone())
            .or_insert_with(|| load(self.notes, source));
        set.clone()
    }
}

fn load(notes: &Notes<'_>, source: &TrustSource) -> Result<TrustAnchors, Fault> {
    let path = match source {
        TrustSource::System => return TrustAnchors::system().map_err(|error| fault(&error)),
        TrustSource::Public => return Ok(TrustAnchors::public()),
        TrustSource::File(path) => notes.resolve(path),
    };
    file::check(&path, Secrecy::Public).map_err(|fault| Fault {
        wrong: format!("{} {fault}", path.display()),
        right: fault.right(),
    })?;
    TrustAnchors::from_file(&path).map_err(|error| fault(&error))
}

fn fault(error: &TrustError) -> Fault {
    let right = match error {
        TrustError::System(_) => "install the system's certificates, or write \"public\"",
        TrustError::Unreadable { .. } => "let the user that runs Postern read it",
        TrustError::Empty { .. } | TrustError::Malformed { .. } => {
            "give a file of certificates in PEM"
        }
    };
    Fault {
        wrong: error.to_string(),
        right,
    }
}
