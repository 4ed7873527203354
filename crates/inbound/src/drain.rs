//! The end of reception, in two steps.
//!
//! First it **stops**: nobody is accepted any more, and whoever is between two commands is told
//! 421. Content that is on its way may still come in and is answered. What is not done after
//! [`Limits::drain`](crate::Limits::drain) is **cut**: its connection is closed, and nothing of
//! it was promised.

use tokio_util::sync::{CancellationToken, DropGuard};

/// How far the end has come.
#[derive(Debug, Default)]
pub(crate) struct Drain {
    stop: CancellationToken,
    cut: CancellationToken,
}

impl Drain {
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    pub(crate) fn cut(&self) {
        self.cut.cancel();
    }

    /// Cuts everything when it is dropped, so that no session outlives the one who serves it.
    pub(crate) fn guard(&self) -> [DropGuard; 2] {
        [&self.stop, &self.cut].map(|token| token.clone().drop_guard())
    }

    /// Waits until nobody is accepted any more.
    pub(crate) async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Waits until time is up for everybody.
    pub(crate) async fn time_is_up(&self) {
        self.cut.cancelled().await;
    }
}
