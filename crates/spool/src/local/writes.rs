//! The queue in front of the disk: what waits for the next commit.
//!
//! There is one committer. While it syncs, others add to this queue, and all that has gathered
//! goes into the next batch: with many producers one sync serves many messages, with one
//! producer nobody waits for company.
//!
//! A settlement can wait a little for an acceptance to ride with, since nobody's `250` hangs on
//! it. It waits [`LINGER`] at most and then is written on its own. Whoever settles waits for
//! the disk all the same: when `settle` has returned, no crash brings the message back.

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use postern_mail::QueueId;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::engine::{Change, EngineError};
use crate::{SpoolError, message::Message};

/// How long a settlement waits for company. On a quiet machine it adds this much to the time
/// that a message is in the queue, and saves a sync for each message when mail comes in one
/// after the other; a drain without new mail is grouped by it.
const LINGER: Duration = Duration::from_millis(4);

/// A batch ends when it has this many octets, so that one sync does not keep all others
/// waiting for a very long one.
const BATCH: usize = 8 * 1024 * 1024;

/// Changes that become durable together, and what follows when they have.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) changes: Vec<Change>,
    /// Messages that are in the queue once this is durable.
    pub(crate) arrivals: Vec<Arrival>,
    /// The message that was changed.
    pub(crate) changed: Option<QueueId>,
    /// Files that nothing refers to once this is durable.
    pub(crate) unlink: Option<PathBuf>,
    pub(crate) urgency: Urgency,
    pub(crate) done: oneshot::Sender<Result<(), EngineError>>,
    /// Its share of the memory for writes, where it has one.
    #[expect(dead_code, reason = "held until the write is done, never looked at")]
    pub(crate) permit: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) id: QueueId,
    pub(crate) message: Message,
    pub(crate) content: Option<Bytes>,
}

/// Whether a write can wait for company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    Now,
    Soon,
}

#[derive(Debug, Default)]
pub(crate) struct Writes {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<(Instant, Write)>,
    urgent: usize,
    asleep: Sleep,
    closing: bool,
}

/// What the committer waits for: it is woken for nothing less.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Sleep {
    #[default]
    Awake,
    ForAny,
    ForUrgent,
}

impl Writes {
    /// Adds a write, unless the committer takes no more.
    pub(crate) fn push(&self, write: Write) -> Result<(), SpoolError> {
        let mut state = self.state();
        if state.closing {
            return Err(SpoolError::Closed);
        }
        let urgent = write.urgency == Urgency::Now;
        state.urgent += usize::from(urgent);
        state.waiting.push_back((Instant::now(), write));
        let wake = match state.asleep {
            Sleep::Awake => false,
            Sleep::ForAny => true,
            Sleep::ForUrgent => urgent,
        };
        if wake {
            state.asleep = Sleep::Awake;
            drop(state);
            self.wake.notify_one();
        }
        Ok(())
    }

    /// What waits already is still written; nothing more is taken.
    pub(crate) fn close(&self) {
        self.state().closing = true;
        self.wake.notify_one();
    }

    /// Waits for the next batch. `None` once the queue is closed and empty. Blocks.
    pub(crate) fn next_batch(&self) -> Option<Vec<Write>> {
        let mut state = self.state();
        loop {
            let Some((since, _)) = state.waiting.front() else {
                if state.closing {
                    return None;
                }
                state.asleep = Sleep::ForAny;
                state = self
                    .wake
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = LINGER.saturating_sub(since.elapsed());
            if state.urgent > 0 || state.closing || left.is_zero() {
                return Some(state.take_batch());
            }
            state.asleep = Sleep::ForUrgent;
            let woken = self.wake.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What waits, whether it is time or not.
    #[cfg(feature = "simulation")]
    pub(crate) fn take_now(&self) -> Vec<Write> {
        self.state().take_batch()
    }

    #[cfg(feature = "simulation")]
    pub(crate) fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    /// The lock guards plain values that are whole after every statement, so a panic elsewhere
    /// leaves nothing half done.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take_batch(&mut self) -> Vec<Write> {
        self.asleep = Sleep::Awake;
        let mut batch = Vec::new();
        let mut octets = 0;
        while octets < BATCH
            && let Some((_, write)) = self.waiting.pop_front()
        {
            octets += write.changes.iter().map(Change::octets).sum::<usize>();
            self.urgent -= usize::from(write.urgency == Urgency::Now);
            batch.push(write);
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(urgency: Urgency) -> Write {
        Write {
            changes: Vec::new(),
            arrivals: Vec::new(),
            changed: None,
            unlink: None,
            urgency,
            done: oneshot::channel().0,
            permit: None,
        }
    }

    #[test]
    fn a_settlement_rides_with_an_acceptance() {
        let writes = Writes::default();
        writes.push(write(Urgency::Soon)).unwrap();
        writes.push(write(Urgency::Now)).unwrap();
        let before = Instant::now();
        assert_eq!(writes.next_batch().map(|batch| batch.len()), Some(2));
        assert!(before.elapsed() < LINGER);
    }

    #[test]
    fn a_settlement_alone_waits_no_longer_than_the_linger() {
        let writes = Writes::default();
        let before = Instant::now();
        writes.push(write(Urgency::Soon)).unwrap();
        assert_eq!(writes.next_batch().map(|batch| batch.len()), Some(1));
        assert!(before.elapsed() >= LINGER);
    }

    #[test]
    fn what_waits_at_the_close_is_written_and_no_more_is_taken() {
        let writes = Writes::default();
        writes.push(write(Urgency::Soon)).unwrap();
        writes.close();
        assert!(writes.push(write(Urgency::Now)).is_err());
        assert_eq!(writes.next_batch().map(|batch| batch.len()), Some(1));
        assert!(writes.next_batch().is_none());
    }
}
