//! The end of a wait, set as seldom as possible.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
};

use tokio::time::{Instant, Sleep, sleep_until};

/// A timer for one wait after the other.
///
/// Hardly a wait comes to its end by time, and each ends a little later than the one before. So
/// the timer stays set for an earlier one, and is set anew when it goes off too early: the
/// runtime's lock for timers is taken once in minutes rather than at every read.
#[derive(Debug, Default)]
pub(super) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Does the work, at most until `deadline`; nothing where that was not enough.
    pub(super) async fn until<T>(
        &mut self,
        deadline: Instant,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut work = pin!(work);
        poll_fn(|context| {
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(Some(done));
            }
            let sleep = self
                .0
                .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            if deadline < sleep.deadline() {
                sleep.as_mut().reset(deadline);
            }
            while sleep.as_mut().poll(context).is_ready() {
                if deadline <= Instant::now() {
                    return Poll::Ready(None);
                }
                sleep.as_mut().reset(deadline);
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, time::Duration};

    use super::*;

    /// How long a wait of so many seconds took, with the timer as the waits before left it.
    async fn wait(timer: &mut Timer, seconds: u64) -> Duration {
        let began = Instant::now();
        let deadline = began + Duration::from_secs(seconds);
        assert_eq!(timer.until(deadline, pending::<()>()).await, None);
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn waits_end_in_time_whatever_was_waited_for_before() {
        let mut timer = Timer::default();
        for seconds in [300, 1, 60, 60, 2, 300] {
            let deadline = Instant::now() + Duration::from_secs(seconds);
            assert_eq!(timer.until(deadline, async { 7 }).await, Some(7));
            assert_eq!(wait(&mut timer, seconds).await.as_secs(), seconds);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_is_done_in_time_is_not_cut() {
        let mut timer = Timer::default();
        wait(&mut timer, 1).await;
        let deadline = Instant::now() + Duration::from_secs(10);
        let work = tokio::time::sleep(Duration::from_secs(9));
        assert_eq!(timer.until(deadline, work).await, Some(()));
    }
}
