//! How fast a line moves.

use std::time::Duration;

use tokio::time::Instant;

/// Jobs are counted by the second.
const WINDOW: Duration = Duration::from_secs(1);

/// How many jobs of a line are finished in a second.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When the second began in which jobs are counted.
    began: Option<Instant>,
    current: usize,
    previous: usize,
}

impl Pace {
    /// Counts a job.
    pub(super) fn count(&mut self, now: Instant) {
        self.roll(now);
        self.current += 1;
    }

    /// The jobs of this second or the one before, whichever are more.
    pub(super) fn per_second(&mut self, now: Instant) -> usize {
        self.roll(now);
        self.current.max(self.previous)
    }

    fn roll(&mut self, now: Instant) {
        let age = self.began.map(|began| now.duration_since(began));
        match age {
            Some(age) if age < WINDOW => return,
            Some(age) if age < 2 * WINDOW => self.previous = self.current,
            Some(_) | None => self.previous = 0,
        }
        self.current = 0;
        self.began = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_as_fast_as_it_was_a_moment_ago() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut pace = Pace::default();
        assert_eq!(pace.per_second(at(0)), 0);
        for _ in 0..7 {
            pace.count(at(900));
        }
        assert_eq!(pace.per_second(at(999)), 7);
        pace.count(at(1100));
        assert_eq!(pace.per_second(at(1100)), 7);
        assert_eq!(pace.per_second(at(2200)), 1);
        assert_eq!(pace.per_second(at(9000)), 0);
    }
}
