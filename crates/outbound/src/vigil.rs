//! A watch over the wall clock.
//!
//! How long a message has waited is the time from its reception to now by the wall clock, which
//! somebody may set: by a year, for the length of a typing error, or for the seconds between the
//! start of a machine whose clock has no battery and its first answer from a time server. All
//! that waits would then be returned, and no later correction brings it back.
//!
//! Therefore the age of a message counts for notices only where it is *sure*. The wall clock is
//! held against the monotonic one. Where they go apart, and at the start, where there is nothing
//! to hold it against, the ages of messages that came before are in doubt for some minutes.
//! Meanwhile such messages are tried, and neither returned for their age nor reported as late;
//! what they are afterwards, they are by a clock that has shown it twice.
//!
//! Retries are timed by the wall clock as well, because they outlive the machine. Where it was
//! set back, what was to be retried within minutes would wait for a year, so everything that
//! waits is made due ([`Step::Back`]).

use std::time::{Duration, Instant, SystemTime};

/// By how much the clocks must go apart for one of them to have been set. Slewing is felt by
/// both alike (`adjtime`), and a leap second is one second; what is smaller than this makes
/// nothing late or early that anybody would notice.
const SET: Duration = Duration::from_secs(5 * 60);

/// How long ages are in doubt: time servers are asked every 1 to 17 minutes and several times in
/// the first minutes (RFC 5905 §7.3), and a delay notice that is late by this much is no harm.
const DOUBT: Duration = Duration::from_secs(5 * 60);

/// A watch over the wall clock: delivery has one, and so has a simulation of it.
#[derive(Debug)]
pub struct Vigil {
    /// What both clocks showed when the wall clock was set, or at the start.
    anchor: (SystemTime, Instant),
}

/// How the wall clock was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Forward by so much; or the machine was asleep.
    Forward(Duration),
    /// Back by so much.
    Back(Duration),
}

impl Vigil {
    /// A watch that begins when the clocks show this.
    pub fn new(wall: SystemTime, monotonic: Instant) -> Self {
        Self {
            anchor: (wall, monotonic),
        }
    }

    /// Looks at both clocks, and says whether the one on the wall was set since the last look.
    pub fn look(&mut self, wall: SystemTime, monotonic: Instant) -> Option<Step> {
        let (was, then) = self.anchor;
        let expected = was.checked_add(monotonic.saturating_duration_since(then))?;
        let step = match wall.duration_since(expected) {
            Ok(ahead) if ahead > SET => Step::Forward(ahead),
            Err(behind) if behind.duration() > SET => Step::Back(behind.duration()),
            Ok(_) | Err(_) => return None,
        };
        self.anchor = (wall, monotonic);
        Some(step)
    }

    /// How long the age of a message is in doubt that came then; nothing where it is sure.
    ///
    /// Where messages live for less than an hour a tenth of that is doubt enough.
    pub fn doubts(
        &self,
        received: SystemTime,
        lifetime: Duration,
        monotonic: Instant,
    ) -> Option<Duration> {
        let (was, then) = self.anchor;
        // The queue remembers whole milliseconds, so what came just afterwards may seem to have
        // come before.
        if received + Duration::from_millis(1) > was {
            return None;
        }
        let sure_after = DOUBT.min(lifetime / 10);
        let left = sure_after.saturating_sub(monotonic.saturating_duration_since(then));
        (!left.is_zero()).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const DAY: Duration = Duration::from_secs(24 * 3600);
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

    /// Both clocks, so long after the start.
    fn clocks() -> (SystemTime, Instant) {
        (SystemTime::UNIX_EPOCH + 50 * YEAR, Instant::now())
    }

    #[test]
    fn a_clock_that_goes_as_it_should_was_not_set() {
        let (wall, monotonic) = clocks();
        let mut vigil = Vigil::new(wall, monotonic);
        for minutes in 0..600 {
            let passed = minutes * MINUTE;
            assert_eq!(vigil.look(wall + passed, monotonic + passed), None);
        }
        // A leap second, a slow look, a correction by minutes.
        let hours = 11 * 60 * MINUTE;
        for off in [MINUTE / 60, MINUTE, 4 * MINUTE] {
            assert_eq!(vigil.look(wall + hours + off, monotonic + hours), None);
            assert_eq!(vigil.look(wall + hours - off, monotonic + hours), None);
        }
    }

    #[test]
    fn a_clock_that_was_set_is_believed_when_it_has_shown_it_for_minutes() {
        let (wall, monotonic) = clocks();
        let mut vigil = Vigil::new(wall, monotonic);
        let (later, set) = (monotonic + 60 * MINUTE, wall + YEAR);
        assert_eq!(
            vigil.look(set, later),
            Some(Step::Forward(YEAR - 60 * MINUTE))
        );
        assert_eq!(
            vigil.look(set + MINUTE, later + MINUTE),
            None,
            "it is told once"
        );
        let doubts = |received, passed| vigil.doubts(received, 5 * DAY, later + passed);
        assert_eq!(doubts(wall, Duration::ZERO), Some(5 * MINUTE));
        assert_eq!(doubts(wall, 4 * MINUTE), Some(MINUTE));
        assert_eq!(doubts(wall, 5 * MINUTE), None);
        assert_eq!(doubts(set, Duration::ZERO), None, "it came after that");
    }

    #[test]
    fn a_clock_that_is_set_right_again_was_never_believed() {
        let (wall, monotonic) = clocks();
        let mut vigil = Vigil::new(wall, monotonic);
        vigil.look(wall + YEAR, monotonic + MINUTE);
        let right = 3 * MINUTE;
        let back = vigil.look(wall + right, monotonic + right);
        assert_eq!(back, Some(Step::Back(YEAR - MINUTE)));
        // What came a minute ago is doubted for a while, which is no harm.
        let came = wall + 2 * MINUTE;
        assert_eq!(vigil.doubts(came, 5 * DAY, monotonic + 9 * MINUTE), None);
    }

    #[test]
    fn nothing_is_sure_at_the_start_but_what_came_since() {
        let (wall, monotonic) = clocks();
        let vigil = Vigil::new(wall, monotonic);
        let old = wall - 6 * DAY;
        let doubts = |lifetime| vigil.doubts(old, lifetime, monotonic + MINUTE);
        assert_eq!(doubts(5 * DAY), Some(4 * MINUTE));
        assert_eq!(doubts(20 * MINUTE), Some(MINUTE));
        assert_eq!(doubts(Duration::ZERO), None);
        assert_eq!(vigil.doubts(wall + MINUTE, 5 * DAY, monotonic), None);
    }
}
