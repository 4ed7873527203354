//! Reception that does not run away from delivery.
//!
//! A message that is delivered from memory soon after it was accepted costs little: its record never
//! becomes part of a table, and its content is not read back. When more comes in than goes out, memory
//! for fresh messages fills, and every message costs all that. So while that memory is more than half
//! full, who brings a message waits a moment for delivery to catch up. The message is durable before
//! the wait, which only spaces out what comes next.
//!
//! The wait is short, and where it does not help there is none: a destination that hangs slows nobody
//! who brings mail.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, sync::Notify, time::timeout};

/// The longest wait behind one message. It is well below what any client takes for an answer to
/// the end of content (RFC 5321 §4.5.3.2.6: ten minutes).
const LONGEST: Duration = Duration::from_millis(100);

/// How long nobody waits after a wait that did not help.
const IN_VAIN: Duration = Duration::from_secs(5);

/// Holds reception back while delivery is behind.
#[derive(Debug)]
pub(crate) struct Flow {
    /// So much is fresh when delivery counts as being behind.
    behind: u64,
    eased: Notify,
    /// Until when nobody waits.
    open_until: Mutex<Option<Instant>>,
}

impl Flow {
    /// A flow for a queue that keeps up to `fresh` octets of fresh messages in memory.
    pub(crate) fn new(fresh: u64) -> Self {
        Self {
            behind: fresh / 2,
            eased: Notify::new(),
            open_until: Mutex::new(None),
        }
    }

    /// Waits while more is fresh than should be, for a moment at most.
    pub(crate) async fn pass(&self, fresh_octets: impl Fn() -> u64) {
        if !self.is_behind(fresh_octets()) || self.is_open() {
            return;
        }
        // Who polls without a runtime has no timer either.
        if Handle::try_current().is_err() {
            return;
        }
        let caught_up = async {
            loop {
                let mut eased = std::pin::pin!(self.eased.notified());
                eased.as_mut().enable();
                if !self.is_behind(fresh_octets()) {
                    return;
                }
                eased.await;
            }
        };
        if timeout(LONGEST, caught_up).await.is_err() {
            *self.open_until() = Some(Instant::now() + IN_VAIN);
        }
    }

    /// Messages were claimed, after which so much is fresh.
    pub(crate) fn claimed(&self, fresh_octets: u64) {
        if !self.is_behind(fresh_octets) {
            self.eased.notify_waiters();
        }
    }

    fn is_behind(&self, fresh_octets: u64) -> bool {
        self.behind > 0 && fresh_octets > self.behind
    }

    fn is_open(&self) -> bool {
        self.open_until()
            .is_some_and(|until| Instant::now() < until)
    }

    /// The lock guards a plain value.
    fn open_until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.open_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    use super::*;

    #[tokio::test]
    async fn nobody_waits_while_delivery_keeps_up() {
        let flow = Flow::new(100);
        let begun = Instant::now();
        flow.pass(|| 50).await;
        assert!(begun.elapsed() < LONGEST);
    }

    #[tokio::test]
    async fn who_brings_more_goes_on_when_delivery_has_caught_up() {
        let flow = Arc::new(Flow::new(100));
        let fresh = Arc::new(AtomicU64::new(60));
        let waiting = tokio::spawn({
            let (flow, fresh) = (Arc::clone(&flow), Arc::clone(&fresh));
            async move { flow.pass(|| fresh.load(Ordering::Relaxed)).await }
        });
        tokio::task::yield_now().await;
        fresh.store(40, Ordering::Relaxed);
        flow.claimed(40);
        waiting.await.unwrap();
        assert!(!flow.is_open(), "the wait was not in vain");
    }

    #[tokio::test]
    async fn a_wait_that_does_not_help_is_the_last_for_a_while() {
        let flow = Flow::new(100);
        let begun = Instant::now();
        flow.pass(|| 60).await;
        let waited = begun.elapsed();
        assert!(waited >= LONGEST, "{waited:?}");
        let begun = Instant::now();
        for _ in 0..100 {
            flow.pass(|| 60).await;
        }
        assert!(begun.elapsed() < LONGEST, "nobody waits in vain twice");
    }
}
