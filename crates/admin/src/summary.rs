//! How much waits for whom, in a table.

use std::{cmp::Reverse, time::SystemTime};

use postern_spool::{AGES, DomainCensus};
use serde::{Deserialize, Serialize};

use crate::Loading;

/// The most domains in a summary.
const DOMAINS: usize = 1000;

/// How much waits, by recipient domain and age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Summary {
    /// The ages that the columns of [`SummaryLine::by_age`] end at, in minutes; one more column is
    /// for what is older.
    pub age_minutes: Vec<u64>,
    /// All domains together. A message that waits for two of them counts for both.
    pub total: SummaryLine,
    /// The domains that most waits for, most first; a thousand at most.
    pub domains: Vec<SummaryLine>,
    /// How many more there are.
    pub left_out: usize,
    /// How far the queue has been read since the start, if not all of it has been: what has not is
    /// not counted.
    #[serde(default)]
    pub loading: Option<Loading>,
}

/// What waits for a domain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SummaryLine {
    /// The recipients' domain; nothing for recipients without one, and in the total.
    pub domain: Option<String>,
    /// Messages.
    pub waiting: u64,
    /// Of these, held.
    pub held: u64,
    /// Of these, being delivered.
    pub in_delivery: u64,
    /// Of these, never tried.
    pub fresh: u64,
    /// Of these, due by now.
    pub due: u64,
    /// Of these, due within an hour from now.
    pub within_an_hour: u64,
    /// Of these, due later.
    pub later: u64,
    /// How old the oldest is.
    pub oldest_seconds: u64,
    /// By their age.
    pub by_age: Vec<u64>,
}

impl Summary {
    pub(crate) fn of(mut census: Vec<DomainCensus>, now: SystemTime) -> Self {
        census.sort_by(|one, other| {
            let key = |it: &DomainCensus| Reverse(it.waiting);
            key(one)
                .cmp(&key(other))
                .then_with(|| one.domain.cmp(&other.domain))
        });
        let lines: Vec<_> = census.iter().map(|it| SummaryLine::of(it, now)).collect();
        let total = lines.iter().fold(SummaryLine::nothing(), SummaryLine::and);
        Self {
            age_minutes: AGES.iter().map(|age| age.as_secs() / 60).collect(),
            total,
            left_out: lines.len().saturating_sub(DOMAINS),
            domains: lines.into_iter().take(DOMAINS).collect(),
            loading: None,
        }
    }
}

impl SummaryLine {
    fn nothing() -> Self {
        Self {
            by_age: vec![0; AGES.len() + 1],
            ..Self::default()
        }
    }

    fn of(census: &DomainCensus, now: SystemTime) -> Self {
        let oldest = now.duration_since(census.oldest).unwrap_or_default();
        Self {
            domain: census.domain.as_ref().map(ToString::to_string),
            waiting: census.waiting,
            held: census.held,
            in_delivery: census.claimed,
            fresh: census.fresh,
            due: census.due,
            within_an_hour: census.soon + census.within_an_hour,
            later: census.later,
            oldest_seconds: oldest.as_secs(),
            by_age: census.by_age.to_vec(),
        }
    }

    fn and(self, other: &Self) -> Self {
        let ages = self.by_age.iter().zip(&other.by_age);
        Self {
            domain: None,
            waiting: self.waiting + other.waiting,
            held: self.held + other.held,
            in_delivery: self.in_delivery + other.in_delivery,
            fresh: self.fresh + other.fresh,
            due: self.due + other.due,
            within_an_hour: self.within_an_hour + other.within_an_hour,
            later: self.later + other.later,
            oldest_seconds: self.oldest_seconds.max(other.oldest_seconds),
            by_age: ages.map(|(one, other)| one + other).collect(),
        }
    }
}
