//! What every queue engine can do.

use std::{fmt, time::SystemTime};

use async_trait::async_trait;
use postern_mail::{Domain, QueueId};
use tokio::sync::watch;

use crate::{
    Claim, ContentWriter, DomainCensus, Figures, Filter, Health, Page, QueuedMessage,
    RecipientIndex, ReservedId, Settled, Settlement, SpoolError, Submission,
};

/// The durable queue.
///
/// Every method that changes something returns once the change is on disk. Changes are not
/// undone by dropping the future that made them: a caller who gives up does not know whether it
/// happened.
#[async_trait]
pub trait Spool: Send + Sync + fmt::Debug {
    /// Whether the queue takes messages.
    fn health(&self) -> Health;

    /// Numbers for metrics.
    fn figures(&self) -> Figures;

    /// Whether a message of `octets` would be refused already: for the answer to `MAIL` with a
    /// `SIZE` (RFC 1870 §6.1), so that nobody sends content in vain.
    ///
    /// # Errors
    /// The disk is too full for it, or the queue is poisoned.
    fn admit(&self, octets: u64) -> Result<(), SpoolError>;

    /// Begins to receive content.
    fn content(&self) -> ContentWriter;

    /// Sets an id aside for a message that is on its way in, so that its `Received` field can
    /// name it.
    fn reserve_id(&self) -> ReservedId;

    /// Takes responsibility for a message under the id that was set aside for it. When this
    /// returns that id, the message is on disk and `250` may be said.
    ///
    /// # Errors
    /// The message is not ours; it may yet be delivered if a failed sync did reach the disk.
    async fn accept_as(
        &self,
        id: ReservedId,
        submission: Submission,
    ) -> Result<QueueId, SpoolError>;

    /// Takes responsibility for a message under a new id.
    ///
    /// # Errors
    /// As for [`Spool::accept_as`].
    async fn accept(&self, submission: Submission) -> Result<QueueId, SpoolError> {
        self.accept_as(self.reserve_id(), submission).await
    }

    /// Changes whenever a message may have become due earlier than [`Spool::next_due`] last
    /// said: on arrival, on release, when a claim ends with somebody still to be delivered to.
    fn changes(&self) -> watch::Receiver<u64>;

    /// When the next recipient that nobody has claimed is due; perhaps in the past.
    fn next_due(&self) -> Option<SystemTime>;

    /// Leases messages that are due at `now`, at most `limit`.
    ///
    /// The recipient domains take turns, so that none takes all of a claim, and of each domain
    /// those come first that are due longest. Messages that were never tried go before the
    /// others, but never all of them.
    ///
    /// # Errors
    /// The queue is poisoned.
    async fn claim(&self, now: SystemTime, limit: usize) -> Result<Vec<Claim>, SpoolError>;

    /// Whether a claimed message is still to be delivered: it has been neither removed nor put on
    /// hold since. It asks memory alone, so it may be asked before every attempt.
    fn is_wanted(&self, claim: &Claim) -> bool;

    /// Records what an attempt has come to, notifications included, in one commit. It may be
    /// called several times for one claim. When no recipient waits any more the message leaves
    /// the queue; if it has been removed meanwhile, nothing is recorded or submitted.
    ///
    /// # Errors
    /// It is unknown whether the outcomes are on disk: at worst a delivery is repeated.
    async fn settle(&self, claim: &Claim, settlement: Settlement) -> Result<Settled, SpoolError>;

    /// Lets recipients of a claim wait until `until` once the claim ends, in memory alone: it is
    /// no attempt and nothing is written. For what cannot be tried now through no fault of its
    /// own, be it a million messages for a host that is down. After a restart they are due when
    /// their records say. Who was hastened since the claim began is due at once all the same.
    fn postpone(&self, claim: &Claim, recipients: &[RecipientIndex], until: SystemTime);

    /// Makes all that waits for `domain`, postponed or deferred, due at once, in memory alone,
    /// and what is claimed as soon as somebody lets it wait.
    /// Returns how many messages were due later. It takes some microseconds for each.
    fn hasten(&self, domain: &Domain) -> usize;

    /// How much waits for which recipient domain, in no order. It reads no disk and takes some
    /// tenths of a second for a million messages, during which the queue goes on.
    fn census(&self) -> Vec<DomainCensus>;

    /// Keeps a message from being claimed until it is released.
    ///
    /// # Errors
    /// There is no such message, or the change could not be written.
    async fn hold(&self, id: QueueId, reason: &str) -> Result<(), SpoolError>;

    /// Ends a hold.
    ///
    /// # Errors
    /// There is no such message, or the change could not be written.
    async fn release(&self, id: QueueId) -> Result<(), SpoolError>;

    /// Makes every recipient that waits due at once.
    ///
    /// # Errors
    /// There is no such message, or the change could not be written.
    async fn retry(&self, id: QueueId) -> Result<(), SpoolError>;

    /// Forgets a message, without a notification to anybody.
    ///
    /// # Errors
    /// There is no such message, or the change could not be written.
    async fn remove(&self, id: QueueId) -> Result<(), SpoolError>;

    /// Looks at one message.
    ///
    /// # Errors
    /// It is there and cannot be read.
    async fn get(&self, id: QueueId) -> Result<Option<QueuedMessage>, SpoolError>;

    /// Looks at the messages after `after` that pass `filter`, at most `limit` of them.
    ///
    /// # Errors
    /// The store cannot be read.
    async fn list(
        &self,
        filter: &Filter,
        after: Option<QueueId>,
        limit: usize,
    ) -> Result<Page, SpoolError>;
}
