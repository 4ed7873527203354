//! When a message is tried again (RFC 5321 §4.5.4.1).
//!
//! The schedule is a list of waits: the first follows the first failed attempt, and the last one
//! repeats until the queue lifetime ends. Each wait varies by up to a tenth either way, so that
//! what failed together does not come back together.
//!
//! An attempt is also made when the delay notice falls due, so that the notice tells what is
//! true at that moment and comes after the minutes it promises, not at the next step of the
//! schedule.

use std::time::{Duration, SystemTime};

use postern_spool::DelayNotice;

/// The waits between attempts, how long a message may wait in all, and when its sender is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The waits after the first, second, … failed attempt; the last one repeats.
    pub retry: Vec<Duration>,
    /// After this long in the queue a message is returned to its sender.
    pub lifetime: Duration,
    /// After this long in the queue the sender is told that the message is delayed.
    pub delay_notice: Duration,
}

impl Default for Schedule {
    /// One, five and fifteen minutes, an hour, then every four hours for five days, which RFC
    /// 5321 §4.5.4.1 calls the usual time to give up; the sender hears after a quarter of an hour.
    fn default() -> Self {
        const MINUTE: u64 = 60;
        Self {
            retry: [1, 5, 15, 60, 240]
                .map(|minutes| Duration::from_secs(minutes * MINUTE))
                .to_vec(),
            lifetime: Duration::from_secs(5 * 24 * 60 * MINUTE),
            delay_notice: Duration::from_secs(15 * MINUTE),
        }
    }
}

/// What the schedule says of a recipient whose attempt has just failed for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextAttempt {
    /// When to try again; nothing when the lifetime is over.
    pub at: Option<SystemTime>,
    /// Whether the sender is due to be told of the delay.
    pub delay_notice_due: bool,
}

impl Schedule {
    /// Decides on a message that came at `received` and failed for the `failures`th time, the
    /// one just made included. `spread` in 0..=1 chooses where in its tenth a wait ends.
    pub fn after_failure(
        &self,
        received: SystemTime,
        failures: u32,
        now: SystemTime,
        spread: f64,
    ) -> NextAttempt {
        // A clock that was set back must not make a message immortal, nor one set forward kill
        // it: an age that cannot be computed counts as none.
        let age = now.duration_since(received).unwrap_or_default();
        let delay_notice_due = age >= self.delay_notice;
        if age >= self.lifetime {
            return NextAttempt {
                at: None,
                delay_notice_due,
            };
        }
        let mut wait = self
            .wait_after(failures)
            .mul_f64(0.9 + 0.2 * spread.clamp(0.0, 1.0));
        if !delay_notice_due {
            wait = wait.min(self.delay_notice.saturating_sub(age));
        }
        wait = wait.min(self.lifetime.saturating_sub(age));
        NextAttempt {
            at: now.checked_add(wait),
            delay_notice_due,
        }
    }

    /// Whether the sender of a message of this age is to hear of it: that it is returned, or that
    /// it is late, which is told once.
    pub(crate) fn has_news(&self, age: Duration, delay_notice: DelayNotice) -> bool {
        let late = age >= self.delay_notice && delay_notice == DelayNotice::NotSent;
        late || age >= self.lifetime
    }

    /// How long until the sender of a message of this age is to hear of it.
    pub(crate) fn until_news(&self, age: Duration, delay_notice: DelayNotice) -> Duration {
        let end = self.lifetime.saturating_sub(age);
        match delay_notice {
            DelayNotice::NotSent => end.min(self.delay_notice.saturating_sub(age)),
            DelayNotice::Sent => end,
        }
    }

    /// The wait after so many failed attempts, the first of which is 1.
    pub(crate) fn wait_after(&self, failures: u32) -> Duration {
        /// RFC 5321 §4.5.4.1 asks for at least this between attempts; it stands in where the
        /// schedule is empty.
        const FALLBACK: Duration = Duration::from_secs(30 * 60);
        let step = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX);
        self.retry
            .get(step)
            .or(self.retry.last())
            .copied()
            .unwrap_or(FALLBACK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60;
    const DAY: u64 = 24 * 60 * MINUTE;

    fn schedule() -> Schedule {
        Schedule {
            retry: [1, 5, 15, 60]
                .map(|minutes| Duration::from_secs(minutes * MINUTE))
                .to_vec(),
            lifetime: Duration::from_secs(5 * DAY),
            delay_notice: Duration::from_secs(15 * MINUTE),
        }
    }

    #[track_caller]
    fn check(age: u64, failures: u32, next: Option<u64>, delay_notice_due: bool) {
        let received = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let now = received + Duration::from_secs(age);
        let verdict = schedule().after_failure(received, failures, now, 0.5);
        let next_attempt = next.map(|seconds| now + Duration::from_secs(seconds));
        assert_eq!(
            verdict,
            NextAttempt {
                at: next_attempt,
                delay_notice_due
            }
        );
    }

    #[test]
    fn waits_follow_the_list_and_the_last_repeats() {
        check(0, 1, Some(MINUTE), false);
        check(MINUTE, 2, Some(5 * MINUTE), false);
        check(21 * MINUTE, 4, Some(60 * MINUTE), true);
        check(DAY, 30, Some(60 * MINUTE), true);
    }

    #[test]
    fn an_attempt_is_made_when_the_delay_notice_falls_due() {
        check(6 * MINUTE, 3, Some(9 * MINUTE), false);
        check(15 * MINUTE, 4, Some(60 * MINUTE), true);
    }

    #[test]
    fn the_last_attempt_is_at_the_end_of_the_lifetime() {
        check(5 * DAY - MINUTE, 90, Some(MINUTE), true);
        check(5 * DAY, 91, None, true);
    }

    #[test]
    fn waits_vary_by_a_tenth() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let wait = |spread| {
            let verdict = schedule().after_failure(now, 1, now, spread);
            verdict
                .at
                .unwrap()
                .duration_since(now)
                .unwrap()
                .as_secs_f64()
                .round()
        };
        assert_eq!((wait(0.0), wait(1.0)), (54.0, 66.0));
    }

    #[test]
    fn a_clock_that_was_set_back_neither_bounces_nor_notifies() {
        let received = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000);
        let now = received - Duration::from_secs(400 * DAY);
        let verdict = schedule().after_failure(received, 1, now, 0.5);
        assert_eq!(verdict.at, Some(now + Duration::from_secs(MINUTE)));
        assert!(!verdict.delay_notice_due);
    }
}
