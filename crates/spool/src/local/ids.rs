//! New queue ids.

use std::hash::{BuildHasher, Hasher, RandomState};

use postern_mail::QueueId;

use crate::time::Millis;

/// Makes ids that differ from each other whatever the clock does: the second half of an id
/// counts through all its 2³² values before it repeats, from a start that no other process is
/// likely to have. The first half never goes back, so that ids sort by age.
#[derive(Debug)]
pub(crate) struct Ids {
    latest: Millis,
    next: u32,
}

impl Ids {
    pub(crate) fn new() -> Self {
        Self {
            latest: 0,
            next: random() as u32,
        }
    }

    /// Ids that are the same each time.
    #[cfg(feature = "simulation")]
    pub(crate) fn counted_from(next: u32) -> Self {
        Self { latest: 0, next }
    }

    pub(crate) fn next(&mut self, now: Millis) -> QueueId {
        self.latest = self.latest.max(now);
        self.next = self.next.wrapping_add(1);
        QueueId::new(self.latest, self.next)
    }
}

/// A number that is hard to guess, from the randomness that the standard library keeps for its
/// hash tables.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_differ_and_sort_though_the_clock_steps_back() {
        let mut ids = Ids::new();
        let clock = [1_000, 1_000, 1_001, 5, 5, 999, 2_000, 0];
        let made: Vec<_> = clock.iter().map(|now| ids.next(*now)).collect();
        assert_eq!(made.iter().collect::<HashSet<_>>().len(), clock.len());
        let times: Vec<_> = made.iter().map(|id| id.milliseconds()).collect();
        assert!(times.is_sorted(), "{times:?}");
    }

    #[test]
    fn two_processes_start_apart() {
        assert_ne!(Ids::new().next, Ids::new().next);
    }
}
