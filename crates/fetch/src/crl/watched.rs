//! One source under watch, and when to look again.

use std::{
    fs::Metadata,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use postern_tls::{CrlFacts, CrlSource};
use rustls_pki_types::UnixTime;
use tracing::{info, warn};
use xxhash_rust::xxh3::xxh3_128;

use super::{CrlPlace, CrlStatus, CrlSubscription};
use crate::{
    clock::after,
    disk::{read_bounded, write_whole},
};

/// How often a file is looked at.
pub(super) const POLL: Duration = Duration::from_secs(10);

/// How long a URL is left alone after a failure, doubled with each further one.
const RETRY: Duration = Duration::from_secs(60);

/// How long it is left alone at most after failures.
const LONGEST_RETRY: Duration = Duration::from_secs(60 * 60);

/// How long it is left alone at most after successes. Authorities publish out of turn when
/// something urgent is revoked.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest list, as the sources have it.
pub(super) const LONGEST: usize = 10 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Watched {
    pub(super) place: CrlPlace,
    source: Arc<CrlSource>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// What the file looked like when it was last read.
    seen: Option<(SystemTime, u64)>,
    updated: Option<UnixTime>,
    trouble: Option<(UnixTime, String)>,
    failures: u32,
    next: UnixTime,
}

impl Watched {
    pub(super) fn new(subscription: CrlSubscription, now: UnixTime) -> Self {
        Self {
            place: subscription.place,
            source: subscription.source,
            state: Mutex::new(State {
                seen: None,
                updated: None,
                trouble: None,
                failures: 0,
                next: now,
            }),
        }
    }

    pub(super) fn is_due(&self, now: UnixTime) -> bool {
        self.state().next <= now
    }

    /// Has it looked at in the next round, a file even if it looks the same.
    pub(super) fn make_due(&self, now: UnixTime) {
        let mut state = self.state();
        state.next = now;
        state.seen = None;
    }

    /// Reads the file of the source, if it is another one than before.
    pub(super) fn read_file(&self, path: &PathBuf, now: UnixTime) {
        let looks = match std::fs::metadata(path) {
            Ok(metadata) => Some(looks(&metadata)),
            // The attempt to read it says what is wrong.
            Err(_) => None,
        };
        {
            let mut state = self.state();
            state.next = after(now, POLL);
            if looks.is_some() && state.seen == looks {
                return;
            }
            state.seen = looks;
        }
        match read_bounded(path, LONGEST) {
            Ok(octets) => drop(self.take(&octets, now)),
            Err(error) => self.fail(error.to_string(), now),
        }
        self.state().next = after(now, POLL);
    }

    /// Takes the copy of what the URL gave last, so that there is something until it gives
    /// something again.
    pub(super) fn read_copy(&self, directory: &std::path::Path, url: &str, now: UnixTime) {
        let path = directory.join(copy_name(url));
        let octets = match read_bounded(&path, LONGEST) {
            Ok(octets) => octets,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => return self.fail(error.to_string(), now),
        };
        if let Err(cause) = self.source.replace(&octets, now) {
            warn!(label = self.source.label(), %cause, "a kept revocation list is dropped");
            let _gone_or_written_over_later = std::fs::remove_file(&path);
        }
    }

    /// Takes what was fetched, and keeps a copy.
    pub(super) fn take_fetched(
        &self,
        directory: &std::path::Path,
        url: &str,
        octets: &[u8],
        now: UnixTime,
    ) {
        if self.take(octets, now).is_none() {
            return;
        }
        if let Err(cause) = write_whole(directory, &copy_name(url), octets) {
            warn!(label = self.source.label(), %cause, "a revocation list cannot be kept on disk");
        }
    }

    fn take(&self, octets: &[u8], now: UnixTime) -> Option<CrlFacts> {
        match self.source.replace(octets, now) {
            Ok(facts) if facts.is_expired(now) => {
                self.fail(format!("it ran out on {}", facts.next_update), now);
                self.state().updated = Some(now);
                Some(facts)
            }
            Ok(facts) => {
                info!(label = self.source.label(), list = %facts, "a revocation list was read");
                let mut state = self.state();
                state.next = next_look(&facts, now);
                state.updated = Some(now);
                state.trouble = None;
                state.failures = 0;
                Some(facts)
            }
            Err(error) => {
                self.fail(error.to_string(), now);
                None
            }
        }
    }

    /// Notes what went wrong. It is logged when it is news.
    pub(super) fn fail(&self, text: String, now: UnixTime) {
        let mut state = self.state();
        let is_news = state.trouble.as_ref().is_none_or(|(_, old)| *old != text);
        if is_news {
            warn!(
                label = self.source.label(),
                cause = text,
                "a revocation list cannot be refreshed"
            );
        }
        let wait = RETRY * 2_u32.pow(state.failures.min(8));
        state.next = after(now, wait.min(LONGEST_RETRY));
        state.failures = state.failures.saturating_add(1);
        state.trouble = Some((now, text));
    }

    pub(super) fn status(&self) -> CrlStatus {
        let state = self.state();
        CrlStatus {
            label: self.source.label().to_owned(),
            facts: self.source.facts(),
            updated: state.updated,
            trouble: state.trouble.clone(),
            next: state.next,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Half-way to the list's end.
fn next_look(facts: &CrlFacts, now: UnixTime) -> UnixTime {
    let left = facts.next_update.0.as_secs();
    let left = Duration::from_secs(left.saturating_sub(now.as_secs()));
    after(now, (left / 2).clamp(RETRY, LONGEST_WAIT))
}

fn looks(metadata: &Metadata) -> (SystemTime, u64) {
    let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    (modified, metadata.len())
}

/// A file name for whatever a URL may hold.
pub(super) fn copy_name(url: &str) -> String {
    format!("{:032x}.crl", xxh3_128(url.as_bytes()))
}
