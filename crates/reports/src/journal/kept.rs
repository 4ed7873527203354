//! Counts in memory, their files, and the task that writes.

use std::{
    error::Error,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{
    day::Day,
    error::LedgerError,
    files::{Files, Name},
};

/// How often what has changed is written, and so the counts that a crash costs.
pub(crate) const FLUSH_EVERY: Duration = Duration::from_secs(5);

/// The lines that a file is to get.
pub(crate) type Lines = (Name, io::Result<Vec<u8>>);

/// What is counted, in memory.
pub(crate) trait Counts: Send + 'static {
    /// The days whose files are kept.
    fn days(&self) -> Vec<Day>;

    /// What has to be written: of the files that `must` be, and those with changes; `whole` or as
    /// far as it has changed.
    fn take_lines(
        &mut self,
        must: &dyn Fn(Name) -> bool,
        whole: &dyn Fn(Name) -> bool,
    ) -> Vec<Lines>;
}

/// Counts and their files.
#[derive(Debug)]
pub(crate) struct Kept<C> {
    /// What is kept, for the log.
    what: &'static str,
    counts: Mutex<C>,
    /// Taken before `counts` where both are, and alone while the disk works.
    files: Mutex<Files>,
}

impl<C: Counts> Kept<C> {
    pub(crate) fn new(what: &'static str, counts: C, files: Files) -> Self {
        Self {
            what,
            counts: Mutex::new(counts),
            files: Mutex::new(files),
        }
    }

    pub(crate) fn counts(&self) -> MutexGuard<'_, C> {
        lock(&self.counts)
    }

    /// Writes what has changed, and waits for the disk.
    pub(crate) fn flush_blocking(&self) -> Result<(), LedgerError> {
        let mut files = lock(&self.files);
        let (lines, days) = {
            let mut counts = self.counts();
            let must = |name| files.is_stale(name);
            let whole = |name| files.wants_whole(name);
            (counts.take_lines(&must, &whole), counts.days())
        };
        let mut outcome = files.retain_days(&days);
        for (name, lines) in lines {
            // One file that cannot be written keeps no other from being written.
            outcome = outcome.and(files.write(name, lines));
        }
        outcome
    }

    /// Writes what has changed, on a thread that may wait.
    pub(crate) async fn flush(self: Arc<Self>) -> Result<(), LedgerError> {
        tokio::task::spawn_blocking(move || self.flush_blocking())
            .await
            .unwrap_or(Err(LedgerError::Stopped))
    }

    /// Writes what has changed every few seconds ([`FLUSH_EVERY`]), and a last time once
    /// `cancellation` comes.
    pub(crate) async fn run(self: Arc<Self>, cancellation: CancellationToken) {
        let what = self.what;
        let mut failing = false;
        loop {
            let pause = tokio::time::timeout(FLUSH_EVERY, cancellation.cancelled());
            let last = pause.await.is_ok();
            match Arc::clone(&self).flush().await {
                Ok(()) if failing => {
                    failing = false;
                    tracing::info!("the {what} is written again");
                }
                Err(error) if !failing => {
                    failing = true;
                    let cause = error.source().map(ToString::to_string).unwrap_or_default();
                    tracing::warn!(%error, cause, "the {what} is not written; its counts are kept in memory");
                }
                Ok(()) | Err(_) => {}
            }
            if last {
                return;
            }
        }
    }
}

/// A panic while the lock was held leaves counts that are whole: each is one addition.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
