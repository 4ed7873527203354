//! How fast the workers of a line are.

use std::time::Duration;

use tokio::time::Instant;

/// How much work a line may hold, in time. A worker must not run out of jobs while the queue is
/// asked for more.
pub(super) const WORK_IN_LINE: Duration = Duration::from_secs(2);

/// How long a job takes.
#[derive(Debug, Default)]
pub(super) struct Speed {
    /// What jobs took on the average, the later ones above all; nothing before the first.
    took: Option<Duration>,
    /// When a job was last begun or finished.
    stirred: Option<Instant>,
}

impl Speed {
    /// A job was begun.
    pub(super) fn begin(&mut self, now: Instant) {
        self.stirred = Some(now);
    }

    /// A job that was begun then is finished.
    pub(super) fn finish(&mut self, began: Instant, now: Instant) {
        let took = now.duration_since(began);
        self.took = Some(self.took.map_or(took, |before| (before * 3 + took) / 4));
        self.stirred = Some(now);
    }

    /// How many jobs so many connections are likely to get done in the time for which a line may
    /// hold work. Of a line of which nothing is known, or in which nothing has stirred for long,
    /// nothing is expected.
    pub(super) fn prospect(&self, connections: usize, now: Instant) -> usize {
        let Some(takes) = self.takes(now) else {
            return 0;
        };
        let millis = takes.as_millis().max(1);
        let each = usize::try_from(WORK_IN_LINE.as_millis() / millis).unwrap_or(usize::MAX);
        each.saturating_mul(connections)
    }

    /// The time from one job to the next with so many connections, where it is known.
    pub(super) fn interval(&self, connections: usize, now: Instant) -> Option<Duration> {
        let connections = u32::try_from(connections).unwrap_or(u32::MAX);
        Some(self.takes(now)? / connections.max(1))
    }

    fn takes(&self, now: Instant) -> Option<Duration> {
        let (took, stirred) = (self.took?, self.stirred?);
        Some(took.max(now.duration_since(stirred)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_as_fast_as_it_was_a_moment_ago() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut speed = Speed::default();
        speed.begin(at(0));
        assert_eq!(speed.prospect(10, at(1)), 0, "nothing is known");
        speed.finish(at(0), at(20));
        assert_eq!(speed.prospect(10, at(20)), 1000);
        assert_eq!(speed.prospect(10, at(120)), 200, "nothing stirs");
        speed.begin(at(120));
        assert_eq!(speed.prospect(10, at(120)), 1000);
        assert_eq!(speed.prospect(10, at(3000)), 0, "it hangs");
        speed.finish(at(120), at(4120));
        assert_eq!(speed.prospect(10, at(4120)), 10, "it has become slow");
    }
}
