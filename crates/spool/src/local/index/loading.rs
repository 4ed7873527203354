//! What of the store is not in the index yet.

use std::collections::HashSet;

use postern_mail::QueueId;

use super::{
    Index,
    entry::{Entry, Lanes},
};
use crate::{Loading, message::Message, time::Millis};

/// The part of the store that the reader has not come to.
#[derive(Debug)]
pub(super) struct Unread {
    /// The reader has seen all up to here.
    up_to: QueueId,
    /// The last message that was in the store before the queue opened: all behind it are new.
    last: QueueId,
    /// Messages that have left the queue though the reader has yet to come to them.
    gone: HashSet<QueueId>,
    read: u64,
    total: u64,
}

impl Unread {
    fn is_to_come(&self, id: QueueId) -> bool {
        self.up_to < id && id <= self.last
    }
}

impl Index {
    /// The store is to be read on behind `up_to` while the index is in use.
    pub(crate) fn begin_loading(&mut self, up_to: QueueId, last: QueueId, total: u64) {
        self.unread = Some(Unread {
            up_to,
            last,
            gone: HashSet::new(),
            read: self.len() as u64,
            total,
        });
    }

    pub(crate) fn loading(&self) -> Option<Loading> {
        self.unread.as_ref().map(|unread| Loading {
            read: unread.read,
            total: unread.total.max(unread.read),
        })
    }

    /// Whether only the store can tell if there is such a message.
    pub(crate) fn is_unread(&self, id: QueueId) -> bool {
        let unread = self.unread.as_ref();
        unread.is_some_and(|unread| unread.is_to_come(id) && !unread.gone.contains(&id))
            && !self.contains(id)
    }

    /// What the reader has found, up to `up_to`. Says whether something is due earlier now.
    pub(crate) fn load(
        &mut self,
        messages: &[(QueueId, Message)],
        up_to: Option<QueueId>,
        now: Millis,
    ) -> bool {
        let before = self.next_due();
        for (id, message) in messages {
            if self.is_unread(*id) {
                self.insert_stored(*id, message, now);
            }
        }
        if let (Some(unread), Some(up_to)) = (&mut self.unread, up_to) {
            unread.up_to = unread.up_to.max(up_to);
            unread.read += messages.len() as u64;
            unread.gone.retain(|id| *id > up_to);
        }
        self.next_due() != before
    }

    /// A message that somebody asked for before the reader came to it; one without a message is
    /// there and cannot be read.
    pub(crate) fn insert_ahead(&mut self, id: QueueId, message: Option<&Message>, now: Millis) {
        if !self.is_unread(id) {
            return;
        }
        match message {
            Some(message) => self.insert_stored(id, message, now),
            None => {
                let unreadable = Entry {
                    lanes: Lanes::Many(Box::default()),
                    revision: 0,
                    held: true,
                    taken: false,
                };
                self.insert_entry(id, unreadable);
            }
        }
    }

    /// All has been read.
    pub(crate) fn loaded(&mut self) {
        self.unread = None;
    }

    /// A message that leaves the queue must not come back with the reader.
    pub(super) fn note_departure(&mut self, id: QueueId) {
        if let Some(unread) = &mut self.unread
            && unread.is_to_come(id)
        {
            unread.gone.insert(id);
        }
    }
}
