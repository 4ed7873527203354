//! How long a session waits for its peer (RFC 5321 §4.5.3.2.7, and totals against trickling).

use std::time::{Duration, Instant};

use super::Limits;

/// Adds up the time that the peer let us wait. Our own time, for a policy decision or a slow
/// disk, is not held against it.
#[derive(Debug, Default)]
pub(super) struct Patience {
    waiting_since: Option<Instant>,
    /// Waited since a command or a piece of content came in whole. Octets of an unfinished
    /// command do not count as progress.
    since_progress: Duration,
    content: Option<Content>,
}

/// What one message cost so far.
#[derive(Debug, Default)]
struct Content {
    waited: Duration,
    octets: u64,
}

impl Patience {
    /// Ends the wait that began with [`Patience::wait`], if there was one.
    pub(super) fn resume(&mut self, now: Instant) {
        if let Some(since) = self.waiting_since.take() {
            let waited = now.saturating_duration_since(since);
            self.since_progress += waited;
            if let Some(content) = &mut self.content {
                content.waited += waited;
            }
        }
    }

    /// A command came in whole.
    pub(super) fn progress(&mut self) {
        self.since_progress = Duration::ZERO;
    }

    /// Content begins, or goes on with a further chunk.
    pub(super) fn content_begins(&mut self) {
        self.content.get_or_insert_default();
    }

    /// Octets of content came in, wanted or not. Returns how many it is now.
    pub(super) fn content_octets(&mut self, octets: usize) -> u64 {
        self.progress();
        let content = self.content.get_or_insert_default();
        content.octets = content.octets.saturating_add(octets as u64);
        content.octets
    }

    /// The message, or what became of it, is over. Returns how many octets it was.
    pub(super) fn content_ends(&mut self) -> u64 {
        self.content.take().map_or(0, |content| content.octets)
    }

    /// Begins a wait and says when it must end, or that there is no patience left.
    pub(super) fn wait(&mut self, now: Instant, limits: &Limits) -> Option<Instant> {
        let mut left = limits.wait.saturating_sub(self.since_progress);
        if let Some(content) = &self.content
            && let Some(seconds) = content.octets.checked_div(limits.content_rate)
        {
            let earned = limits.wait.saturating_add(Duration::from_secs(seconds));
            left = left.min(earned.saturating_sub(content.waited));
        }
        if left.is_zero() {
            return None;
        }
        self.waiting_since = Some(now);
        Some(now + left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            wait: Duration::from_secs(300),
            content_rate: 10,
            ..Limits::default()
        }
    }

    /// Waits in steps of `step` seconds until patience is at its end, and says how long it was.
    fn endure(patience: &mut Patience, step: u64, mut each: impl FnMut(&mut Patience)) -> u64 {
        let begin = Instant::now();
        let mut now = begin;
        while let Some(deadline) = patience.wait(now, &limits()) {
            now = deadline.min(now + Duration::from_secs(step));
            patience.resume(now);
            each(patience);
        }
        now.duration_since(begin).as_secs()
    }

    #[test]
    fn a_command_gets_five_minutes_however_it_trickles() {
        assert_eq!(endure(&mut Patience::default(), 7, |_| {}), 300);
        let mut patience = Patience::default();
        assert_eq!(endure(&mut patience, 100, |_| {}), 300);
        patience.progress();
        assert_eq!(endure(&mut patience, 1000, |_| {}), 300);
    }

    #[test]
    fn content_must_come_at_the_rate_once_five_minutes_have_passed() {
        let octets_at_a_time = |n: usize| {
            let mut patience = Patience::default();
            patience.content_begins();
            let mut pieces = 0;
            endure(&mut patience, 1, |patience| {
                pieces += 1;
                if pieces < 2000 {
                    patience.content_octets(n);
                }
            })
        };
        assert_eq!(octets_at_a_time(0), 300);
        // Half the rate: 300 s of credit and half a second for each that passes, in whole seconds.
        assert_eq!(octets_at_a_time(5), 599);
        // At the rate it is cut only 300 s after the last octet.
        assert_eq!(octets_at_a_time(10), 2299);
    }

    #[test]
    fn our_own_time_does_not_count() {
        let mut patience = Patience::default();
        let begin = Instant::now();
        assert!(patience.wait(begin, &limits()).is_some());
        patience.resume(begin + Duration::from_secs(10));
        let later = begin + Duration::from_secs(10_000);
        assert_eq!(
            patience.wait(later, &limits()),
            Some(later + Duration::from_secs(290))
        );
    }
}
