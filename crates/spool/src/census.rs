//! How much waits for whom.

use std::time::{Duration, SystemTime};

use postern_mail::Domain;

/// The ages by which a census counts: each column is for what is younger than this and not
/// younger than the one before, and one more is for what is older than all. They double, so that
/// a table of them shows at a glance whether a domain has trouble now or has had it for days.
pub const AGES: [Duration; 10] = [
    minutes(5),
    minutes(10),
    minutes(20),
    minutes(40),
    minutes(80),
    minutes(160),
    minutes(320),
    minutes(640),
    minutes(1280),
    minutes(2560),
];

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

/// What waits for one recipient domain. A message that waits for two counts for both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainCensus {
    /// The domain; none for recipients that have none, such as those at an address literal.
    pub domain: Option<Domain>,
    /// Messages that wait for it in all.
    pub waiting: u64,
    /// Of these, held.
    pub held: u64,
    /// Of these, in the hands of a claim.
    pub claimed: u64,
    /// Of these, never tried.
    pub fresh: u64,
    /// Of these, due by now.
    pub due: u64,
    /// Of these, due within five minutes from now.
    pub soon: u64,
    /// Of these, due within an hour, and later than that.
    pub within_an_hour: u64,
    /// Of these, due in an hour or later.
    pub later: u64,
    /// When the oldest came.
    pub oldest: SystemTime,
    /// By their age: [`AGES`], and what is older.
    pub by_age: [u64; AGES.len() + 1],
}

impl DomainCensus {
    pub(crate) fn of(domain: Option<Domain>) -> Self {
        Self {
            domain,
            waiting: 0,
            held: 0,
            claimed: 0,
            fresh: 0,
            due: 0,
            soon: 0,
            within_an_hour: 0,
            later: 0,
            oldest: SystemTime::UNIX_EPOCH,
            by_age: [0; AGES.len() + 1],
        }
    }

    pub(crate) fn count_age(&mut self, received: SystemTime, now: SystemTime) {
        let age = now.duration_since(received).unwrap_or_default();
        let column = AGES.iter().take_while(|limit| age >= **limit).count();
        if let Some(count) = self.by_age.get_mut(column) {
            *count += 1;
        }
        if self.waiting == 0 || received < self.oldest {
            self.oldest = received;
        }
        self.waiting += 1;
    }
}
