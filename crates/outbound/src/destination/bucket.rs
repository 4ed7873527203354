//! When the next message may be begun, where there is a limit to how many are within a time.

use std::time::Duration;

use tokio::time::Instant;

use crate::pace::Rate;

/// When the next message would be begun if all were evenly spread.
///
/// It is the cell rate algorithm of ATM, which says the same as a bucket of tokens and needs no
/// more than one time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket(Instant);

impl Bucket {
    /// A bucket of a destination that was given nothing for a long time.
    pub(super) fn full(now: Instant) -> Self {
        Self(now)
    }

    /// Whether it has nothing to say any more.
    pub(super) fn is_full(self, now: Instant) -> bool {
        self.0 <= now
    }

    /// When the next message may be begun.
    pub(super) fn next(self, rate: Rate, now: Instant) -> Instant {
        let next = self.0.checked_sub(rate.tolerance());
        next.unwrap_or(now).max(now)
    }

    /// Counts a message, and says when it may be begun.
    pub(super) fn take(&mut self, rate: Rate, now: Instant) -> Instant {
        let next = self.next(rate, now);
        self.0 = self.0.max(now) + rate.interval();
        next
    }

    /// How many messages may be begun within `span`.
    pub(super) fn within(self, span: Duration, rate: Rate, now: Instant) -> usize {
        let last = now + span + rate.tolerance();
        let Some(left) = last.checked_duration_since(self.0.max(now)) else {
            return 0;
        };
        let each = rate.interval().as_nanos().max(1);
        let further = usize::try_from(left.as_nanos() / each).unwrap_or(usize::MAX);
        further.saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn messages_are_spread_but_for_a_tenth_of_them() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let rate = Rate {
            messages: NonZeroU32::new(20).unwrap(),
            per: Duration::from_secs(2),
        };
        let mut bucket = Bucket::full(start);
        assert_eq!(bucket.within(Duration::ZERO, rate, start), 2);
        assert_eq!(bucket.within(Duration::from_millis(100), rate, start), 3);
        let times: Vec<_> = (0..4).map(|_| bucket.take(rate, start)).collect();
        assert_eq!(times, [at(0), at(0), at(100), at(200)]);
        assert_eq!(bucket.within(Duration::from_millis(250), rate, start), 0);
        assert_eq!(bucket.within(Duration::from_millis(300), rate, start), 1);
        assert!(!bucket.is_full(at(399)));
        assert!(bucket.is_full(at(400)));
        assert_eq!(bucket.take(rate, at(9000)), at(9000));
        assert_eq!(bucket.take(rate, at(9000)), at(9000));
        assert_eq!(bucket.take(rate, at(9000)), at(9100));
    }
}
