//! One source under watch, and when to look again.

use std::{
    fs::{self, Metadata},
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use postern_tls::{CrlError, CrlFacts, CrlSource, CrlStanding};
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

    /// Whether it is time to look. A list that turned out to be forged claims what it likes about
    /// its end, so another one is looked for earlier.
    pub(super) fn is_due(&self, now: UnixTime) -> bool {
        let state = self.state();
        let waited = |since: UnixTime| after(since, LONGEST_RETRY) <= now;
        let is_forged = state.failures == 0 && self.source.is_doubted();
        state.next <= now || is_forged && state.updated.is_some_and(waited)
    }

    /// Has it looked at in the next round, a file even if it looks the same.
    pub(super) fn make_due(&self, now: UnixTime) {
        let mut state = self.state();
        state.next = now;
        state.seen = None;
    }

    /// Reads the file of the source, if it is another one than before.
    pub(super) fn read_file(&self, path: &Path, now: UnixTime) {
        let looks = match fs::metadata(path) {
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
        let outcome = match read_bounded(path, LONGEST) {
            Ok(octets) => self.take(&octets, now),
            Err(error) => {
                self.fail(error.to_string(), now);
                Err(Later::Other)
            }
        };
        let mut state = self.state();
        state.next = after(now, POLL);
        if outcome == Err(Later::Other) {
            // What failed for another reason than what is in it may go well with the same file.
            state.seen = None;
        }
    }

    /// Takes the copies of what the URL gave, so that there is something until it gives something
    /// again. A source that was watched before knows more than they do.
    pub(super) fn read_copies(&self, directory: &Path, url: &str, now: UnixTime) {
        if self.source.facts().is_some() {
            return;
        }
        for name in copy_names(url) {
            let path = directory.join(name);
            let octets = match read_bounded(&path, LONGEST) {
                Ok(octets) => octets,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    self.fail(error.to_string(), now);
                    continue;
                }
            };
            if let Err(cause) = self.source.replace(&octets, now) {
                warn!(label = self.source.label(), %cause, "a kept revocation list is not used");
                if is_in_the_octets(&cause) {
                    let _gone_or_written_over_later = fs::remove_file(&path);
                }
            }
        }
    }

    /// Takes what was fetched, and keeps a copy.
    pub(super) fn take_fetched(&self, directory: &Path, url: &str, octets: &[u8], now: UnixTime) {
        let names = copy_names(url);
        // Asked before the lists are replaced: what is doubted is forgotten with that.
        let standings = names.each_ref().map(|name| {
            let copy = read_bounded(&directory.join(name), LONGEST).ok()?;
            Some(self.source.standing_of(&copy))
        });
        if self.take(octets, now).is_err() {
            return;
        }
        if let Err(cause) = keep(directory, &names, standings, octets) {
            warn!(label = self.source.label(), %cause, "a revocation list cannot be kept on disk");
        }
    }

    fn take(&self, octets: &[u8], now: UnixTime) -> Result<(), Later> {
        match self.source.replace(octets, now) {
            Ok(facts) if facts.is_expired(now) => {
                self.fail(format!("it ran out on {}", facts.next_update), now);
                self.state().updated = Some(now);
                Ok(())
            }
            Ok(facts) => {
                info!(label = self.source.label(), list = %facts, "a revocation list was read");
                let mut state = self.state();
                state.next = next_look(&facts, now);
                state.updated = Some(now);
                state.trouble = None;
                state.failures = 0;
                Ok(())
            }
            Err(error) => {
                self.fail(error.to_string(), now);
                Err(match is_in_the_octets(&error) {
                    true => Later::TheSame,
                    false => Later::Other,
                })
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
        let forged = || {
            let text = "the last list did not verify as one of its issuer".to_owned();
            let forged = self.source.is_doubted();
            state.updated.filter(|_| forged).map(|since| (since, text))
        };
        CrlStatus {
            label: self.source.label().to_owned(),
            facts: self.source.facts(),
            updated: state.updated,
            trouble: state.trouble.clone().or_else(forged),
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

/// What the same octets would come to later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Later {
    TheSame,
    Other,
}

/// Whether the octets alone are to blame, rather than the time or what else is held.
fn is_in_the_octets(error: &CrlError) -> bool {
    match error {
        CrlError::TooLarge { .. }
        | CrlError::TooMany
        | CrlError::NoList
        | CrlError::Malformed { .. } => true,
        CrlError::NotYet { .. } | CrlError::Older { .. } => false,
    }
}

/// Keeps a copy of what was fetched beside the first one, which stays until another one is proven:
/// what came over plain HTTP may be anybody's, and a restart must not begin with that alone.
fn keep(
    directory: &Path,
    [first, last]: &[String; 2],
    standings: [Option<CrlStanding>; 2],
    octets: &[u8],
) -> io::Result<()> {
    use CrlStanding::{Doubted, Proven, Untried};
    match standings {
        [_, Some(Proven)] => {
            fs::rename(directory.join(last), directory.join(first))?;
            write_whole(directory, last, octets)
        }
        [None | Some(Doubted), _] => {
            write_whole(directory, first, octets)?;
            // It was beside one that counts for nothing, and is older than this one.
            let _may_not_be_there = fs::remove_file(directory.join(last));
            Ok(())
        }
        [Some(Untried | Proven), _] => write_whole(directory, last, octets),
    }
}

/// File names for whatever a URL may hold: of the first copy, and of the last.
pub(super) fn copy_names(url: &str) -> [String; 2] {
    let name = format!("{:032x}", xxh3_128(url.as_bytes()));
    [format!("{name}.crl"), format!("{name}.last.crl")]
}
