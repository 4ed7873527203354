//! What an operator does to messages: look, hold, release, retry, remove.

use postern_mail::QueueId;
use tokio::sync::oneshot;

use super::{
    engine::{Change, EngineError, Table},
    index::{Index, Standing},
    shared::Shared,
    writes::{Urgency, Write},
};
use crate::{Filter, Page, QueuedMessage, SpoolError, list::Sieve, message::Message};

/// The most messages on a page, whatever was asked for.
const PAGE: usize = 1000;

/// The most messages that one call of `list` looks at.
const LOOKED_AT: usize = 2000;

/// How many messages are looked at between two visits to the index.
const STEP: usize = 100;

impl Shared {
    /// Changes a message, wherever it is, and waits until the change is durable.
    pub(crate) async fn change(
        &self,
        id: QueueId,
        change: impl FnOnce(&mut Message) + Send,
    ) -> Result<(), SpoolError> {
        self.usable()?;
        self.bring_in(id).await?;
        let now = self.clock.now();
        let mut read: Option<Message> = None;
        let wait = loop {
            {
                let mut index = self.index();
                let at_hand = match index.resident(id) {
                    Standing::Resident(_) => true,
                    Standing::Stored => {
                        read.take().is_some_and(|message| index.admit(id, &message))
                    }
                    Standing::Unknown => return Err(SpoolError::Unknown(id)),
                };
                if at_hand {
                    let changed = index.change(id, now, |message| {
                        change(message);
                        self.changes_for(id, message).0
                    });
                    let Standing::Resident(changes) = changed else {
                        return Err(SpoolError::Unknown(id));
                    };
                    break self.push_change(id, changes)?;
                }
            }
            let loaded = self.blocking(move |shared| shared.load(id)).await??;
            read = Some(loaded.ok_or(SpoolError::Unknown(id))?);
        };
        self.notify();
        self.durable(wait).await
    }

    fn push_change(
        &self,
        id: QueueId,
        changes: Vec<Change>,
    ) -> Result<oneshot::Receiver<Result<(), EngineError>>, SpoolError> {
        let (done, wait) = oneshot::channel();
        let write = Write {
            changes,
            arrivals: Vec::new(),
            changed: Some(id),
            unlink: None,
            urgency: Urgency::Now,
            done,
            permit: None,
        };
        self.writes.push(write)?;
        Ok(wait)
    }

    /// Holds a message without waiting for the disk. The caller has the index.
    pub(crate) fn hold_damaged(&self, index: &mut Index, id: QueueId) {
        let held = index.change(id, self.clock.now(), |message| {
            message.hold = Some("its content is damaged on disk".to_owned());
            self.changes_for(id, message).0
        });
        match held {
            Standing::Resident(changes) => {
                if self.push_change(id, changes).is_err() {
                    index.written(id);
                }
            }
            Standing::Stored | Standing::Unknown => index.set_aside(id),
        }
    }

    /// Takes a message out of the queue whatever state its record is in.
    pub(crate) async fn remove(&self, id: QueueId) -> Result<(), SpoolError> {
        self.usable()?;
        self.bring_in(id).await?;
        let (done, wait) = oneshot::channel();
        {
            let mut index = self.index();
            if !index.remove(id) {
                return Err(SpoolError::Unknown(id));
            }
            let write = Write {
                changes: vec![
                    Change::Remove(Table::Messages, id),
                    Change::Remove(Table::Contents, id),
                ],
                arrivals: Vec::new(),
                changed: None,
                unlink: Some(self.home.content_of(id)),
                urgency: Urgency::Now,
                done,
                permit: None,
            };
            self.writes.push(write)?;
        }
        self.durable(wait).await
    }

    pub(crate) async fn get(&self, id: QueueId) -> Result<Option<QueuedMessage>, SpoolError> {
        self.bring_in(id).await?;
        match self.index().resident(id) {
            Standing::Resident(message) => return Ok(Some(message.view(id))),
            Standing::Unknown => return Ok(None),
            Standing::Stored => {}
        }
        let loaded = self.blocking(move |shared| shared.load(id)).await??;
        Ok(loaded.map(|message| message.view(id)))
    }

    pub(crate) async fn list(
        &self,
        filter: &Filter,
        after: Option<QueueId>,
        limit: usize,
    ) -> Result<Page, SpoolError> {
        let (sieve, limit) = (Sieve::new(filter), limit.clamp(1, PAGE));
        self.blocking(move |shared| shared.page(&sieve, after, limit))
            .await
    }

    /// Looks through the queue until there is a page, or enough has been looked at. Blocks.
    fn page(&self, sieve: &Sieve, after: Option<QueueId>, limit: usize) -> Page {
        let mut messages = Vec::new();
        let mut next = after;
        for _ in 0..LOOKED_AT / STEP {
            let ids = self.ids_after(next);
            let end = ids.len() < STEP;
            for id in ids {
                next = Some(id);
                messages.extend(self.look_at(id, sieve));
                if messages.len() == limit {
                    return Page { messages, next };
                }
            }
            if end {
                return Page {
                    messages,
                    next: None,
                };
            }
        }
        Page { messages, next }
    }

    /// The next ids; while the queue is loaded, from the store, which knows them all.
    fn ids_after(&self, after: Option<QueueId>) -> Vec<QueueId> {
        if self.index().loading().is_some() {
            match self.engine.ids_after(after, STEP) {
                Ok(ids) => return ids,
                Err(error) => tracing::error!(%error, "the queue cannot be listed in full"),
            }
        }
        self.index().ids_after(after, STEP)
    }

    /// A message that passes. One that is unreadable or gone is not listed; the former has been
    /// logged.
    fn look_at(&self, id: QueueId, sieve: &Sieve) -> Option<QueuedMessage> {
        let message = {
            let index = self.index();
            match index.resident(id) {
                Standing::Resident(message) => Some(message.view(id)),
                Standing::Stored if index.may_pass(id, sieve) => None,
                Standing::Unknown if index.is_unread(id) => None,
                Standing::Stored | Standing::Unknown => return None,
            }
        };
        let message = match message {
            Some(message) => message,
            None => self.load(id).ok()??.view(id),
        };
        sieve.passes(&message).then_some(message)
    }
}
