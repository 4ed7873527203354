//! What was sent and what has come: lost, twice, damaged, in clear.

use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::corpus::Corpus;

/// The account of a run, kept by both ends. Everything is counted without a lock: the ends shall
/// cost little.
#[derive(Debug)]
pub struct Ledger {
    corpus: Corpus,
    begun: Instant,
    messages: Vec<Entry>,
    arrived: AtomicUsize,
    last_arrival: AtomicU64,
    octets: AtomicU64,
    damaged: AtomicUsize,
    foreign: AtomicUsize,
    in_clear: AtomicUsize,
    connections: AtomicUsize,
}

#[derive(Debug, Default)]
struct Entry {
    accepted: AtomicU8,
    arrivals: AtomicU8,
}

/// How a run's messages fared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Messages that the subject answered with 250.
    pub accepted: usize,
    /// Messages that came to the sink whole, each counted once.
    pub delivered: usize,
    /// Accepted and never delivered.
    pub lost: usize,
    /// Arrivals of what had been delivered already.
    pub duplicated: usize,
    /// Arrivals with another body than was sent.
    pub damaged: usize,
    /// Arrivals of what was never sent, such as reports.
    pub foreign: usize,
    /// Attempts to hand over mail in clear to a sink that takes none.
    pub in_clear: usize,
    /// Connections that the sink was given.
    pub connections: usize,
    /// Octets of content that came, fields of the subject included.
    pub octets: u64,
}

impl Tally {
    /// Whether every message went through exactly once, whole, and as it should.
    pub fn is_clean(&self) -> bool {
        let Self {
            accepted,
            delivered,
            lost,
            duplicated,
            damaged,
            foreign,
            in_clear,
            connections: _,
            octets: _,
        } = *self;
        accepted == delivered && [lost, duplicated, damaged, foreign, in_clear] == [0; 5]
    }
}

impl Ledger {
    /// An empty account of `messages` messages of `corpus`.
    pub fn new(corpus: Corpus, messages: usize) -> Self {
        Self {
            corpus,
            begun: Instant::now(),
            messages: (0..messages).map(|_| Entry::default()).collect(),
            arrived: AtomicUsize::new(0),
            last_arrival: AtomicU64::new(0),
            octets: AtomicU64::new(0),
            damaged: AtomicUsize::new(0),
            foreign: AtomicUsize::new(0),
            in_clear: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
        }
    }

    /// The messages.
    pub fn corpus(&self) -> &Corpus {
        &self.corpus
    }

    /// Message `number` was answered with 250.
    pub(crate) fn accept(&self, number: usize) {
        if let Some(entry) = self.messages.get(number) {
            entry.accepted.store(1, Ordering::Relaxed);
        }
    }

    /// The sink took content with this header and a body of this hash.
    pub(crate) fn arrive(&self, header: &[u8], hash: u64, octets: u64) {
        self.octets.fetch_add(octets, Ordering::Relaxed);
        let number = self.corpus.number_in(header);
        let Some((number, entry)) = number.and_then(|it| Some((it, self.messages.get(it)?))) else {
            self.foreign.fetch_add(1, Ordering::Relaxed);
            return;
        };
        if !self.corpus.is_body_of(number, hash) {
            self.damaged.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if entry.arrivals.fetch_add(1, Ordering::Relaxed) == 0 {
            let passed = u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.last_arrival.fetch_max(passed, Ordering::Relaxed);
            // Whoever waits for the count reads what was written before it.
            self.arrived.fetch_add(1, Ordering::Release);
        }
    }

    /// The sink was offered mail in clear and refused it.
    pub(crate) fn refuse_clear(&self) {
        self.in_clear.fetch_add(1, Ordering::Relaxed);
    }

    /// The sink was given a connection.
    pub(crate) fn connect(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// How many messages have come, each counted once.
    pub fn arrived(&self) -> usize {
        self.arrived.load(Ordering::Acquire)
    }

    /// When the last new message came.
    pub fn last_arrival(&self) -> Instant {
        self.begun + Duration::from_nanos(self.last_arrival.load(Ordering::Relaxed))
    }

    /// The sums.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally {
            damaged: self.damaged.load(Ordering::Relaxed),
            foreign: self.foreign.load(Ordering::Relaxed),
            in_clear: self.in_clear.load(Ordering::Relaxed),
            connections: self.connections.load(Ordering::Relaxed),
            octets: self.octets.load(Ordering::Relaxed),
            ..Tally::default()
        };
        for entry in &self.messages {
            let accepted = entry.accepted.load(Ordering::Relaxed) > 0;
            let arrivals = usize::from(entry.arrivals.load(Ordering::Relaxed));
            tally.accepted += usize::from(accepted);
            tally.delivered += usize::from(arrivals > 0);
            tally.lost += usize::from(accepted && arrivals == 0);
            tally.duplicated += arrivals.saturating_sub(1);
        }
        tally
    }
}
