//! The wall clock, and waits with an end.

use std::{
    fmt,
    future::Future,
    io,
    time::{Instant, SystemTime},
};

use rustls_pki_types::UnixTime;

/// A clock on the wall: what messages and retries are timed by. It may be set.
pub trait WallClock: fmt::Debug + Send + Sync {
    /// What it shows.
    fn now(&self) -> SystemTime;
}

/// The clock of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl WallClock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// Now, in whole seconds since 1970.
pub(crate) fn unix_time() -> UnixTime {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    UnixTime::since_unix_epoch(since_epoch.unwrap_or_default())
}

/// Waits for `work`, at most until `deadline`.
pub(crate) async fn until<T>(
    deadline: Option<Instant>,
    work: impl Future<Output = T>,
) -> io::Result<T> {
    match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline.into(), work)
            .await
            .map_err(|_elapsed| io::ErrorKind::TimedOut.into()),
        None => Ok(work.await),
    }
}
