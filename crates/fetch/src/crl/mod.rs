//! Keeps revocation lists fresh (RFC 5280 §5, §6.3).
//!
//! A list from a file is read when the file is another one than before, which is looked for every
//! few seconds: whoever writes the file wants it to act, and has no other way to say so than the
//! one below. A list from a URL is fetched at the start, and then half-way to its end, so that
//! half a life is left to whatever keeps us from fetching; after a failure sooner, and then more
//! and more rarely. What was fetched is kept on disk, so that a restart without a network begins
//! with it: the last, and beside it one that was proven, or else the first.
//! [`CrlRefresher::refresh_now`] does all of this at once.
//!
//! Lists are signed, so plain HTTP is how they are usually published (RFC 5280 §8, §4.2.1.13),
//! and the administrator wrote the URL down, so it may lead into his own network.
//!
//! What is not a list, or is older than the one that is held, changes nothing: the source says so
//! ([`CrlSource::replace`]), and it is told to operators ([`CrlRefresher::list`]).

mod refresher;
#[cfg(test)]
mod tests;
mod watched;

use std::{path::PathBuf, sync::Arc};

use postern_tls::{CrlFacts, CrlSource};
use rustls_pki_types::UnixTime;

use crate::http::WebUrl;

pub use refresher::CrlRefresher;

/// Where the list of a source comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CrlPlace {
    /// A file.
    File(PathBuf),
    /// A web server.
    Url(WebUrl),
}

/// A source, and where its list comes from.
#[derive(Debug, Clone)]
pub struct CrlSubscription {
    /// Where the list comes from.
    pub place: CrlPlace,
    /// Where it goes.
    pub source: Arc<CrlSource>,
}

/// What an operator may want to know about one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrlStatus {
    /// What the source is called.
    pub label: String,
    /// The list that runs out first: its issuer, its date, and when the next one is due.
    pub facts: Option<CrlFacts>,
    /// When a list was last read or fetched.
    pub updated: Option<UnixTime>,
    /// What went wrong last, unless it went well since.
    pub trouble: Option<(UnixTime, String)>,
    /// When it is looked for the next list at the latest.
    pub next: UnixTime,
}
