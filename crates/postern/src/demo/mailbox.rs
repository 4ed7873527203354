//! Where a neighbour keeps what it accepts.
//!
//! A neighbour receives with the code with which Postern receives, which hands what it accepts
//! to a [`Spool`]. A mailbox is one from which nothing is ever sent on: what arrives is looked
//! at and forgotten. Ids and room for content come from a real queue, which stays empty.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use bytes::Bytes;
use postern_mail::{Domain, Foreign, QueueId};
use postern_spool::{
    Claim, ContentWriter, DomainCensus, Figures, Filter, Health, Origin, Page, QueuedMessage,
    RecipientIndex, ReservedId, Settled, Settlement, Spool, SpoolError, Submission,
};
use tokio::sync::{mpsc, watch};

use super::neighbours::Who;

/// The most arrivals that a mailbox remembers: the demonstration stays up for as long as its
/// user likes.
const REMEMBERED: usize = 100;

/// The most octets of one message that are remembered.
const HEAD: usize = 16 * 1024;

/// A message that a neighbour has received.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    /// Whose mailbox it is in.
    pub(super) at: Who,
    pub(super) reverse_path: String,
    pub(super) forward_paths: Vec<String>,
    /// What the neighbour found the channel to be.
    pub(super) channel: String,
    pub(super) octets: u64,
    /// The content, or its first part.
    pub(super) head: Bytes,
}

/// For whoever watches.
impl fmt::Display for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = self.forward_paths.join(", ");
        let (from, to) = (Foreign::new(&self.reverse_path), Foreign::new(&to));
        writeln!(f, "mail from {from} to {to} has come to {}:", self.at)?;
        write!(
            f,
            "    {} octets; {}",
            self.octets,
            Foreign::new(&self.channel)
        )
    }
}

/// A mailbox; its clones are the same one.
#[derive(Debug, Clone)]
pub(super) struct Mailbox {
    of: Who,
    queue: Arc<dyn Spool>,
    arrivals: watch::Sender<Vec<Arrival>>,
    bell: mpsc::Sender<Arrival>,
}

impl Mailbox {
    /// An empty mailbox that rings the bell for whatever arrives.
    pub(super) fn new(of: Who, queue: Arc<dyn Spool>, bell: mpsc::Sender<Arrival>) -> Self {
        Self {
            of,
            queue,
            arrivals: watch::Sender::default(),
            bell,
        }
    }

    /// What has arrived so far that fits.
    pub(super) fn having(&self, fits: impl Fn(&Arrival) -> bool) -> Vec<Arrival> {
        let arrivals = self.arrivals.borrow();
        arrivals.iter().filter(|one| fits(one)).cloned().collect()
    }

    /// Waits until something arrives that fits; nothing if it takes longer than `limit`.
    pub(super) async fn await_one(
        &self,
        limit: Duration,
        fits: impl Fn(&Arrival) -> bool,
    ) -> Option<Arrival> {
        let mut changes = self.arrivals.subscribe();
        let has_come = changes.wait_for(|arrivals| arrivals.iter().any(&fits));
        let arrivals = tokio::time::timeout(limit, has_come).await.ok()?.ok()?;
        arrivals.iter().find(|one| fits(one)).cloned()
    }

    async fn arrival(&self, submission: Submission) -> Result<Arrival, SpoolError> {
        let Submission {
            envelope,
            origin,
            content,
            ..
        } = submission;
        let recipients = envelope.recipients.iter();
        Ok(Arrival {
            at: self.of,
            reverse_path: envelope.reverse_path.to_string(),
            forward_paths: recipients.map(|it| it.forward_path.to_string()).collect(),
            channel: match origin {
                Origin::Peer(peer) => peer.channel,
                Origin::Ourselves => "written here".to_owned(),
            },
            octets: content.octets(),
            head: content.head(HEAD).await?,
        })
    }
}

#[async_trait]
impl Spool for Mailbox {
    async fn accept_as(
        &self,
        id: ReservedId,
        submission: Submission,
    ) -> Result<QueueId, SpoolError> {
        let arrival = self.arrival(submission).await?;
        // When nobody listens to the bell any more, nobody misses it.
        let _ = self.bell.try_send(arrival.clone());
        self.arrivals.send_modify(|arrivals| {
            if arrivals.len() == REMEMBERED {
                arrivals.remove(0);
            }
            arrivals.push(arrival);
        });
        Ok(id.queue_id())
    }

    fn health(&self) -> Health {
        self.queue.health()
    }

    fn figures(&self) -> Figures {
        self.queue.figures()
    }

    fn admit(&self, octets: u64) -> Result<(), SpoolError> {
        self.queue.admit(octets)
    }

    fn content(&self) -> ContentWriter {
        self.queue.content()
    }

    fn reserve_id(&self) -> ReservedId {
        self.queue.reserve_id()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.queue.changes()
    }

    fn next_due(&self) -> Option<SystemTime> {
        self.queue.next_due()
    }

    async fn claim(&self, now: SystemTime, limit: usize) -> Result<Vec<Claim>, SpoolError> {
        self.queue.claim(now, limit).await
    }

    fn is_wanted(&self, claim: &Claim) -> bool {
        self.queue.is_wanted(claim)
    }

    async fn settle(&self, claim: &Claim, settlement: Settlement) -> Result<Settled, SpoolError> {
        self.queue.settle(claim, settlement).await
    }

    fn postpone(&self, claim: &Claim, recipients: &[RecipientIndex], until: SystemTime) {
        self.queue.postpone(claim, recipients, until);
    }

    fn hasten(&self, domain: &Domain) -> usize {
        self.queue.hasten(domain)
    }

    fn census(&self) -> Vec<DomainCensus> {
        self.queue.census()
    }

    async fn hold(&self, id: QueueId, reason: &str) -> Result<(), SpoolError> {
        self.queue.hold(id, reason).await
    }

    async fn release(&self, id: QueueId) -> Result<(), SpoolError> {
        self.queue.release(id).await
    }

    async fn retry(&self, id: QueueId) -> Result<(), SpoolError> {
        self.queue.retry(id).await
    }

    async fn remove(&self, id: QueueId) -> Result<(), SpoolError> {
        self.queue.remove(id).await
    }

    async fn get(&self, id: QueueId) -> Result<Option<QueuedMessage>, SpoolError> {
        self.queue.get(id).await
    }

    async fn list(
        &self,
        filter: &Filter,
        after: Option<QueueId>,
        limit: usize,
    ) -> Result<Page, SpoolError> {
        self.queue.list(filter, after, limit).await
    }
}
