//! The queue of one machine: an embedded store, an index in memory and one committer.
//!
//! A message's way through it:
//! 1. [`Shared::prepare`](shared::Shared::prepare) builds its records, and syncs its content
//!    where that is a file.
//! 2. The records wait in [`writes`] for the committer, which makes all that waits durable with
//!    one sync and only then adds the messages to the [`index`] and answers.
//! 3. A claim leases due recipients in the index. A fresh message is delivered from memory.
//! 4. What becomes of them changes the message in memory and the record on disk, in this order
//!    and under one lock, so that the changes of a message reach the disk in their order.
//!
//! At a crash, what the disk has is what callers were told, and perhaps a little more: a change
//! that was written and not yet answered. A content file without a record is swept by the next
//! [`LocalSpool::open`]. A delivery that a crash kept from being settled is repeated; that is
//! the duplicate that RFC 5321 §4.5.3.2.6 speaks of and nobody can avoid.

mod admin;
mod aside;
mod census;
mod claiming;
mod engine;
mod flow;
mod home;
mod ids;
mod index;
mod journal;
mod loading;
mod opening;
mod precheck;
mod prepare;
mod record;
mod rescue;
mod seed;
mod shared;
#[cfg(feature = "simulation")]
pub mod simulated;
mod space;
mod sweep;
mod writes;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::SystemTime,
};

use async_trait::async_trait;
use postern_mail::{Domain, Foreign, QueueId};
use tokio::sync::{oneshot, watch};

pub(crate) use self::index::Hastenings;
pub use self::opening::Opened;
use self::{
    loading::Loader,
    shared::Shared,
    writes::{Urgency, Write},
};
use crate::{
    Claim, ContentWriter, DomainCensus, Figures, Filter, Health, OpenError, Origin, Page,
    QueuedMessage, RecipientIndex, ReservedId, Settled, Settlement, Spool, SpoolError, Submission,
    message::Message, time,
};

/// The queue of one machine. Dropped, it writes what waits and closes its files.
pub struct LocalSpool {
    shared: Arc<Shared>,
    committer: Option<JoinHandle<()>>,
    loader: Option<Loading>,
}

/// The thread that reads a large queue.
struct Loading {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl LocalSpool {
    fn start(shared: Arc<Shared>, loader: Option<Loader>) -> Result<Self, OpenError> {
        let committing = Arc::clone(&shared);
        let mut spool = Self {
            committer: Some(thread("spool-committer", &shared, move || {
                committing.run_committer();
            })?),
            loader: None,
            shared,
        };
        spool.loader = loader
            .map(|loader| {
                let stop = Arc::clone(&loader.stop);
                let thread = thread("spool-loader", &spool.shared, move || loader.run())?;
                Ok(Loading { stop, thread })
            })
            .transpose()?;
        Ok(spool)
    }
}

fn thread(
    name: &str,
    shared: &Shared,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, OpenError> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(run).map_err(|source| OpenError::File {
        action: "start a thread for",
        path: shared.home.root().to_owned(),
        source,
    })
}

impl Drop for LocalSpool {
    fn drop(&mut self) {
        if let Some(Loading { stop, thread }) = self.loader.take() {
            stop.store(true, Ordering::Relaxed);
            // A panic of it has been reported by the runtime; there is nothing left to do.
            let _ = thread.join();
        }
        self.shared.writes.close();
        if let Some(committer) = self.committer.take() {
            // The thread catches panics and ends after one last batch.
            let _ = committer.join();
        }
    }
}

#[async_trait]
impl Spool for LocalSpool {
    fn health(&self) -> Health {
        self.shared.health()
    }

    fn figures(&self) -> Figures {
        self.shared.figures()
    }

    fn admit(&self, octets: u64) -> Result<(), SpoolError> {
        self.shared.usable()?;
        self.shared.space.admit(octets)
    }

    fn content(&self) -> ContentWriter {
        ContentWriter::new(self.shared.room.clone())
    }

    fn reserve_id(&self) -> ReservedId {
        ReservedId(self.shared.new_id())
    }

    async fn accept_as(
        &self,
        id: ReservedId,
        submission: Submission,
    ) -> Result<QueueId, SpoolError> {
        let shared = &self.shared;
        self.admit(submission.content.octets())?;
        let from_outside = matches!(submission.origin, Origin::Peer(_));
        let permit = shared.reserve_write(submission.content.octets()).await?;
        let (changes, arrival) = shared.prepare(id, submission).await?.begin();
        let id = arrival.id;
        let (done, wait) = oneshot::channel();
        let write = Write {
            changes,
            arrivals: vec![arrival],
            changed: None,
            unlink: None,
            urgency: Urgency::Now,
            done,
            permit: Some(permit),
        };
        shared.writes.push(write)?;
        shared.durable(wait).await?;
        if from_outside {
            let fresh = || shared.index().fresh_octets();
            shared.flow.pass(fresh).await;
        }
        Ok(id)
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    fn next_due(&self) -> Option<SystemTime> {
        self.shared.index().next_due().map(time::from_millis)
    }

    async fn claim(&self, now: SystemTime, limit: usize) -> Result<Vec<Claim>, SpoolError> {
        self.shared.claim(now, limit).await
    }

    fn is_wanted(&self, claim: &Claim) -> bool {
        self.shared.index().is_free(claim.id())
    }

    async fn settle(&self, claim: &Claim, settlement: Settlement) -> Result<Settled, SpoolError> {
        self.shared.settle(claim, settlement).await
    }

    fn postpone(&self, claim: &Claim, recipients: &[RecipientIndex], until: SystemTime) {
        let until = time::to_millis(until);
        let mut index = self.shared.index();
        index.postpone(claim.id(), recipients, until, claim.since);
    }

    fn hasten(&self, domain: &Domain) -> usize {
        self.shared.hasten(domain)
    }

    fn census(&self) -> Vec<DomainCensus> {
        self.shared.census()
    }

    async fn hold(&self, id: QueueId, reason: &str) -> Result<(), SpoolError> {
        let reason = Some(Foreign::new(reason).to_string());
        self.shared
            .change(id, |message| message.hold = reason)
            .await
    }

    async fn release(&self, id: QueueId) -> Result<(), SpoolError> {
        self.shared.change(id, Message::release).await
    }

    async fn retry(&self, id: QueueId) -> Result<(), SpoolError> {
        let now = self.shared.clock.now();
        self.shared.change(id, |message| message.retry(now)).await
    }

    async fn remove(&self, id: QueueId) -> Result<(), SpoolError> {
        self.shared.remove(id).await
    }

    async fn get(&self, id: QueueId) -> Result<Option<QueuedMessage>, SpoolError> {
        self.shared.get(id).await
    }

    async fn list(
        &self,
        filter: &Filter,
        after: Option<QueueId>,
        limit: usize,
    ) -> Result<Page, SpoolError> {
        self.shared.list(filter, after, limit).await
    }
}

impl fmt::Debug for LocalSpool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSpool")
            .field("path", &self.shared.home.root())
            .finish_non_exhaustive()
    }
}
