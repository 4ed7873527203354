//! What is remembered of destinations while nobody serves them: that they could not be reached,
//! and how fast they were given mail.
//!
//! # Down
//! A destination that could not be reached is *down*: mail for it is not tried message by message
//! (RFC 5321 §4.5.4.1 wants a list of hosts that could not be reached, rather than attempts for
//! each queued item). A single message looks whether it serves again, first after the first wait
//! of the schedule, then after twice as long, and so on. What becomes due in between waits in
//! memory: nobody is dialled, nothing is written, and it counts as no attempt. When a connection
//! stands again, everything for it is due at once.
//!
//! Only a failure that says nothing of the message makes a destination go down: a host that
//! cannot be connected to, ends the session before it begins, or does not prove what it must.
//! What it says of a message or a recipient is theirs alone.
//!
//! Few of the messages that wait come back for the next look, because one of them suffices; the
//! others come much later, unless it serves before.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, SystemTime},
};

use postern_mail::{Domain, Host};
use tokio::time::Instant;

use super::{Hops, Key, bucket::Bucket, state};
use crate::{
    attempt::{FailedAttempt, Weight},
    part::Part,
};

/// The most destinations that are remembered as down, and as limited in their rate. A record has
/// some hundred octets, and 2 KiB more where a host had much to say: 20 MiB at worst. What does
/// not fit is tried message by message.
const MOST: usize = 10_000;

/// The longest time between two looks at a destination that is down. Half the 30 minutes after
/// which RFC 5321 §4.5.4.1 wants a message retried: a look is cheap, and mail for all its domains
/// waits for it.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);

/// How many of the messages that wait come back for the next look. One is needed; an operator may
/// remove or hold some.
const CANDIDATES: usize = 3;

/// How many times longer the others wait than the time between two looks, at least: a million of
/// them must not be claimed every quarter of an hour to be told the same.
const OTHERS_WAIT: u32 = 3;

/// The most domains behind one next hop that are remembered, to be hastened when it serves again.
/// Mail for others waits until its time comes.
const MOST_DOMAINS: usize = 1000;

/// After this long without another look nothing is known of a destination any more.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60 * 60);

/// What is remembered of destinations.
#[derive(Debug, Default)]
pub(super) struct Memory {
    down: HashMap<Key, Down>,
    buckets: HashMap<Key, Bucket>,
}

/// A destination that could not be reached.
#[derive(Debug)]
struct Down {
    since: SystemTime,
    attempts: u32,
    /// The time from the last look to the next.
    wait: Duration,
    next_look: Instant,
    /// Whether somebody is looking now.
    looking: bool,
    failed: FailedAttempt,
    /// How many messages were told to come back for the next look.
    candidates: usize,
    /// Whose mail waits.
    domains: HashSet<Domain>,
}

/// Why a message is not tried.
#[derive(Debug)]
pub(crate) struct Told {
    /// When it may come again.
    pub(crate) after: Duration,
    /// Why the destination was not reached.
    pub(crate) failed: FailedAttempt,
}

impl Memory {
    /// What a message is told instead of being tried; nothing where it may be tried, be it for a
    /// look at a destination that is down.
    pub(super) fn advise(&mut self, key: &Key, part: &Part, now: Instant) -> Option<Told> {
        if self.down.is_empty() {
            return None;
        }
        let down = self.down.get_mut(key)?;
        if down.looking || now < down.next_look {
            return Some(down.tell(part, now));
        }
        if down.is_forgotten(now) {
            self.down.remove(key);
            return None;
        }
        down.looking = true;
        down.candidates = 0;
        down.note_domains(part);
        None
    }

    /// A destination was not reached, where the schedule waits so long after a first failure.
    pub(super) fn not_reached(
        &mut self,
        key: &Key,
        failed: &FailedAttempt,
        first_wait: Duration,
        now: Instant,
    ) -> bool {
        if !self.down.contains_key(key) && !self.has_room(now) {
            return false;
        }
        let down = self.down.entry(key.clone()).or_insert_with(|| Down {
            since: SystemTime::now(),
            attempts: 0,
            wait: first_wait / 2,
            next_look: now,
            looking: false,
            failed: failed.clone(),
            candidates: 0,
            domains: HashSet::new(),
        });
        down.attempts = down.attempts.saturating_add(1);
        down.wait = down.wait.saturating_mul(2).min(LONGEST_WAIT);
        down.next_look = now + down.wait;
        down.looking = false;
        down.failed = failed.clone();
        true
    }

    /// Notes whose mail waits for a destination that is down.
    pub(super) fn note_domains(&mut self, key: &Key, part: &Part) {
        if let Some(down) = self.down.get_mut(key) {
            down.note_domains(part);
        }
    }

    /// Whoever looked has come to no result.
    pub(super) fn look_ended(&mut self, key: &Key) {
        if let Some(down) = self.down.get_mut(key) {
            down.looking = false;
        }
    }

    /// A destination serves; returns whose mail has waited for that.
    pub(super) fn reached(&mut self, key: &Key) -> Vec<Domain> {
        let down = self.down.remove(key);
        down.map_or_else(Vec::new, |down| down.whose(key))
    }

    /// Forgets which destinations are down, of those that `which` is true for, and returns whose
    /// mail waits for them.
    pub(super) fn forget(&mut self, which: impl Fn(&Hops, Weight) -> bool) -> Vec<Domain> {
        let forgotten = self
            .down
            .extract_if(|key, down| which(&key.hops, down.failed.weight));
        forgotten.flat_map(|(key, down)| down.whose(&key)).collect()
    }

    /// The destinations that are down.
    pub(super) fn down(&mut self, now: Instant) -> impl Iterator<Item = (&Key, state::Down)> {
        self.down.retain(|_, down| !down.is_forgotten(now));
        self.down
            .iter()
            .map(move |(key, down)| (key, down.shown(now)))
    }

    /// How fast a destination was given mail.
    pub(super) fn bucket(&mut self, key: &Key, now: Instant) -> Bucket {
        let known = match self.buckets.is_empty() {
            true => None,
            false => self.buckets.remove(key),
        };
        known.unwrap_or_else(|| Bucket::full(now))
    }

    /// Remembers how fast a destination was given mail that nobody serves now.
    pub(super) fn keep_bucket(&mut self, key: &Key, bucket: Bucket, now: Instant) {
        if bucket.is_full(now) {
            return;
        }
        if self.buckets.len() >= MOST {
            self.buckets.retain(|_, bucket| !bucket.is_full(now));
        }
        if self.buckets.len() < MOST {
            self.buckets.insert(key.clone(), bucket);
        }
    }

    fn has_room(&mut self, now: Instant) -> bool {
        if self.down.len() >= MOST {
            self.down.retain(|_, down| !down.is_forgotten(now));
        }
        self.down.len() < MOST
    }
}

impl Down {
    fn tell(&mut self, part: &Part, now: Instant) -> Told {
        self.note_domains(part);
        let next = match self.looking {
            true => self.wait,
            false => self.next_look.saturating_duration_since(now),
        };
        self.candidates = self.candidates.saturating_add(1);
        // Mail for an address literal cannot be hastened: it has no domain.
        let hastened = part.way.destination.domain().is_some();
        let further = match self.candidates > CANDIDATES && hastened {
            true => (self.wait * OTHERS_WAIT).mul_f64(1.0 + fastrand::f64()),
            false => Duration::ZERO,
        };
        Told {
            after: next + further,
            failed: self.failed.clone(),
        }
    }

    fn note_domains(&mut self, part: &Part) {
        for claimed in &part.recipients {
            if self.domains.len() >= MOST_DOMAINS {
                return;
            }
            let domain = claimed.recipient.domain();
            if let Some(domain) = domain.filter(|domain| !self.domains.contains(*domain)) {
                self.domains.insert(domain.clone());
            }
        }
    }

    fn whose(mut self, key: &Key) -> Vec<Domain> {
        if let Hops::Found(Host::Domain(domain)) = &key.hops {
            self.domains.insert(domain.clone());
        }
        self.domains.into_iter().collect()
    }

    fn is_forgotten(&self, now: Instant) -> bool {
        !self.looking && now.saturating_duration_since(self.next_look) > FORGOTTEN_AFTER
    }

    fn shown(&self, now: Instant) -> state::Down {
        let next = self.next_look.saturating_duration_since(now);
        state::Down {
            since: self.since,
            next_probe: SystemTime::now() + next,
            attempts: self.attempts,
            failure: self.failed.failure.clone(),
        }
    }
}
