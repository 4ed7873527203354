//! The queue as an operator works with it, daemon or not.

use std::{collections::BTreeSet, sync::Arc, time::SystemTime};

use postern_mail::{Domain, QueueId};
use postern_spool::{QueuedMessage, Spool, SpoolError};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    Listing, Message, Page, PartnerDomains,
    bulk::{Change, ChangeOrder, Changed},
    listing::Sieve,
    summary::Summary,
};

/// The most messages on a page.
pub(crate) const PAGE: usize = 100;

/// The most recipients of a message in a list. A page then has 100 × 20 recipients at most, of
/// some 2.5 KiB each where every host was talkative: 5 MiB.
const RECIPIENTS_LISTED: usize = 20;

/// The most recipients of a message in one answer about it.
const RECIPIENTS_SHOWN: usize = 1000;

/// How many messages are changed at a time. What is written at a time shares its syncs, so this
/// is what makes a million changes take minutes; and it bounds what they take of memory.
const TOGETHER: usize = 256;

/// A spool in this process, seen as an operator sees it.
#[derive(Debug, Clone)]
pub struct Queue {
    spool: Arc<dyn Spool>,
}

impl Queue {
    /// The queue in `spool`.
    pub fn new(spool: Arc<dyn Spool>) -> Self {
        Self { spool }
    }

    /// The messages that `listing` asks for. `partner` are the domains of the partner that it
    /// names, if it names one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn list(
        &self,
        listing: &Listing,
        partner: Option<PartnerDomains>,
    ) -> Result<Page, SpoolError> {
        let limit = listing.limit.unwrap_or(PAGE).clamp(1, PAGE);
        let sieve = Sieve::new(listing, partner);
        let page = self.spool.list(&sieve.filter, listing.after, limit).await?;
        let messages = page.messages.iter();
        Ok(Page {
            messages: messages
                .filter(|queued| sieve.passes(queued))
                .map(|queued| Message::with_waiting(queued, RECIPIENTS_LISTED))
                .collect(),
            next: page.next,
        })
    }

    /// One message, with its recipients from the place `from` on, at most a thousand.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    pub async fn show(&self, id: QueueId, from: usize) -> Result<Message, SpoolError> {
        let queued = self.spool.get(id).await?.ok_or(SpoolError::Unknown(id))?;
        let places = from..from.saturating_add(RECIPIENTS_SHOWN);
        Ok(Message::with_recipients(&queued, places))
    }

    /// Does something to a message. It is on disk when this returns.
    ///
    /// # Errors
    /// It is not there, or the change could not be written.
    pub async fn change(&self, id: QueueId, change: &Change) -> Result<(), SpoolError> {
        change_one(&*self.spool, id, change).await
    }

    /// Does the same to all that an order means, as far as that is done by `until`; the answer
    /// says from where to go on. What it counts as changed is on disk.
    ///
    /// # Errors
    /// The store cannot be read, or a change could not be written. Some of the messages may have
    /// been changed.
    pub async fn change_all(
        &self,
        order: &ChangeOrder,
        partner: Option<PartnerDomains>,
        until: Instant,
    ) -> Result<Changed, SpoolError> {
        let sieve = Sieve::new(&order.which, partner);
        let mut room = order.which.limit.unwrap_or(usize::MAX);
        let mut done = Changed {
            next: order.which.after,
            ..Changed::default()
        };
        loop {
            let limit = TOGETHER.min(room);
            let page = self.spool.list(&sieve.filter, done.next, limit).await?;
            let meant = page.messages.iter().filter(|queued| sieve.passes(queued));
            let ids: Vec<_> = meant.map(|queued| queued.id).collect();
            room = room.saturating_sub(ids.len());
            done.matched += ids.len();
            if !order.dry_run && order.change == Change::Retry {
                let meant = page.messages.iter().filter(|queued| sieve.passes(queued));
                done.wanted.extend(meant.flat_map(domains_of));
            }
            if !order.dry_run {
                done.changed += self.change_together(ids, &order.change).await?;
            }
            done.next = page.next.filter(|_| room > 0);
            if done.next.is_none() || Instant::now() >= until {
                return Ok(done);
            }
        }
    }

    /// The domains that a message is for.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn domains(&self, id: QueueId) -> Result<BTreeSet<Domain>, SpoolError> {
        let queued = self.spool.get(id).await?;
        Ok(queued.iter().flat_map(domains_of).collect())
    }

    /// Changes messages side by side, and says how many were still there.
    async fn change_together(
        &self,
        ids: Vec<QueueId>,
        change: &Change,
    ) -> Result<usize, SpoolError> {
        let mut under_way = JoinSet::new();
        for id in ids {
            let (spool, change) = (Arc::clone(&self.spool), change.clone());
            under_way.spawn(async move { change_one(&*spool, id, &change).await });
        }
        let mut changed = 0;
        while let Some(ended) = under_way.join_next().await {
            match ended {
                Ok(Ok(())) => changed += 1,
                // Delivered or removed since it was found.
                Ok(Err(SpoolError::Unknown(_))) => {}
                Ok(Err(error)) => return Err(error),
                // A panic, which was logged; that message is not counted.
                Err(_) => {}
            }
        }
        Ok(changed)
    }

    /// How much waits for whom.
    pub fn summary(&self) -> Summary {
        Summary {
            loading: self.spool.figures().loading.map(Into::into),
            ..Summary::of(self.spool.census(), SystemTime::now())
        }
    }
}

fn domains_of(queued: &QueuedMessage) -> impl Iterator<Item = Domain> {
    let recipients = queued.envelope.recipients.iter();
    recipients.filter_map(|recipient| recipient.domain().cloned())
}

async fn change_one(spool: &dyn Spool, id: QueueId, change: &Change) -> Result<(), SpoolError> {
    match change {
        Change::Retry => spool.retry(id).await,
        Change::Hold { reason } => spool.hold(id, reason).await,
        Change::Release => spool.release(id).await,
        Change::Remove => spool.remove(id).await,
    }
}
