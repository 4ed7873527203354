//! The revocation lists that the partners' rules name, each once.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use postern_tls::CrlSource;

/// Where a revocation list comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CrlPlace {
    /// A file. It was read when the configuration was, and is to be read again when it changes.
    File(PathBuf),
    /// A web server, as a URL that begins with `http://` or `https://`. Nothing was fetched yet.
    Url(String),
}

/// The revocation lists that a configuration names. Rules that name the same list share one
/// source, so that whoever refreshes it does so for all of them at once.
///
/// A source remembers which of its lists have verified, and refuses older ones. For that memory
/// to survive a reload, hand the registry of the configuration in force to [`crate::reload`].
#[derive(Debug, Clone, Default)]
pub struct CrlRegistry(BTreeMap<CrlPlace, Arc<CrlSource>>);

impl CrlRegistry {
    /// The places with their sources.
    pub fn iter(&self) -> impl Iterator<Item = (&CrlPlace, &Arc<CrlSource>)> {
        self.0.iter()
    }

    /// The source of a place.
    pub fn find(&self, place: &CrlPlace) -> Option<&Arc<CrlSource>> {
        self.0.get(place)
    }

    /// How many lists there are to keep fresh.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no rule names a list.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(CrlPlace, Arc<CrlSource>)> for CrlRegistry {
    fn from_iter<I: IntoIterator<Item = (CrlPlace, Arc<CrlSource>)>>(sources: I) -> Self {
        Self(sources.into_iter().collect())
    }
}
