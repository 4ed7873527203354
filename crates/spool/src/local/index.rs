//! What the queue keeps in memory: for every message when it is due, and the whole message only
//! while it is fresh or in somebody's hands.
//!
//! A waiting message costs an entry here and nothing else, so that a million of them fit into
//! a small part of the memory; its record is read from the store when it is due. Nothing here
//! performs IO or reads a clock. The caller holds one lock around it and never across an await.
//!
//! A *resident* is a message in memory. It is one for as long as
//! - somebody has a lease on one of its recipients, or
//! - a change of it is on the way to the disk (so that nobody reads the older one), or
//! - it is fresh: accepted and not yet claimed, and the memory for fresh messages suffices.
//!
//! As long as there is a resident it is the truth; the record on disk follows it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use bytes::Bytes;
use postern_mail::QueueId;

use super::record::Summary;
use crate::{
    RecipientIndex,
    message::Message,
    time::{Millis, NEVER},
};

/// What a fresh message is taken to cost in memory besides its content.
const FRESH_OVERHEAD: u64 = 1024;

#[derive(Debug)]
pub(crate) struct Index {
    entries: BTreeMap<QueueId, Entry>,
    /// The entries that are due at some time, earliest first.
    due: BTreeSet<(Millis, QueueId)>,
    residents: HashMap<QueueId, Resident>,
    /// Residents that are there only because they are fresh, oldest first. Some may have been
    /// claimed or removed since.
    fresh: VecDeque<QueueId>,
    fresh_octets: u64,
    fresh_limit: u64,
    held: u64,
}

#[derive(Debug)]
struct Entry {
    due: Millis,
    /// Of the last change, whether it is on disk yet or not.
    revision: u32,
    held: bool,
}

#[derive(Debug)]
struct Resident {
    message: Message,
    content: Option<Bytes>,
    leased: BTreeSet<RecipientIndex>,
    /// Changes that are on the way to the disk.
    unwritten: u32,
    fresh: bool,
}

/// A message of which recipients have been leased.
#[derive(Debug)]
pub(crate) struct Leased {
    pub(crate) id: QueueId,
    pub(crate) message: Message,
    pub(crate) recipients: BTreeSet<RecipientIndex>,
    /// The content, where it is in memory.
    pub(crate) content: Option<Bytes>,
}

/// A message that has been taken because it is due.
#[derive(Debug)]
pub(crate) enum Taken {
    /// It was in memory.
    Leased(Leased),
    /// Its record has to be read; then [`Index::admit`] leases it, or [`Index::put_back`]
    /// makes it due again.
    Stored(QueueId, Millis),
}

/// Where a message stands before it can be changed.
#[derive(Debug)]
pub(crate) enum Standing<T> {
    /// It was in memory and this came of it.
    Resident(T),
    /// Its record has to be read first and given to [`Index::admit`].
    Stored,
    /// There is no such message.
    Unknown,
}

impl Index {
    pub(crate) fn new(fresh_limit: u64) -> Self {
        Self {
            entries: BTreeMap::new(),
            due: BTreeSet::new(),
            residents: HashMap::new(),
            fresh: VecDeque::new(),
            fresh_octets: 0,
            fresh_limit,
            held: 0,
        }
    }

    pub(crate) fn contains(&self, id: QueueId) -> bool {
        self.entries.contains_key(&id)
    }

    /// Whether a message is there and not held.
    pub(crate) fn is_free(&self, id: QueueId) -> bool {
        self.entries.get(&id).is_some_and(|entry| !entry.held)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn held(&self) -> u64 {
        self.held
    }

    pub(crate) fn claimed(&self) -> usize {
        let leased = |resident: &&Resident| !resident.leased.is_empty();
        self.residents.values().filter(leased).count()
    }

    pub(crate) fn fresh_octets(&self) -> u64 {
        self.fresh_octets
    }

    /// The ids after `after`, oldest first.
    pub(crate) fn ids_after(&self, after: Option<QueueId>, count: usize) -> Vec<QueueId> {
        use std::ops::Bound::{Excluded, Unbounded};

        let start = after.map_or(Unbounded, Excluded);
        let ids = self.entries.range((start, Unbounded)).map(|(id, _)| *id);
        ids.take(count).collect()
    }

    pub(crate) fn resident(&self, id: QueueId) -> Standing<&Message> {
        match self.residents.get(&id) {
            Some(resident) => Standing::Resident(&resident.message),
            None if self.entries.contains_key(&id) => Standing::Stored,
            None => Standing::Unknown,
        }
    }

    /// A message found on disk at the start.
    pub(crate) fn insert_stored(&mut self, id: QueueId, revision: u32, summary: Summary) {
        self.insert_entry(id, revision, summary);
    }

    /// A message that has just become durable.
    pub(crate) fn insert_fresh(&mut self, id: QueueId, message: Message, content: Option<Bytes>) {
        let summary = Summary {
            due: message.next_due(&BTreeSet::new()),
            held: message.hold.is_some(),
        };
        self.insert_entry(id, message.revision, summary);
        if summary.held {
            // Nobody will claim it soon, so its memory is better given to others.
            return;
        }
        let resident = Resident {
            message,
            content,
            leased: BTreeSet::new(),
            unwritten: 0,
            fresh: true,
        };
        self.fresh_octets += resident.fresh_cost();
        self.residents.insert(id, resident);
        self.fresh.push_back(id);
        self.evict();
    }

    /// Lets the oldest fresh messages go until the rest fits.
    fn evict(&mut self) {
        while self.fresh_octets > self.fresh_limit {
            let Some(id) = self.fresh.pop_front() else {
                return;
            };
            self.end_freshness(id);
            self.drop_resident_if_idle(id);
        }
    }

    fn end_freshness(&mut self, id: QueueId) {
        if let Some(resident) = self.residents.get_mut(&id)
            && resident.fresh
        {
            resident.fresh = false;
            self.fresh_octets -= resident.fresh_cost();
        }
    }

    pub(crate) fn next_due(&self) -> Option<Millis> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Takes up to `limit` messages that are due at `now`, longest first.
    pub(crate) fn take_due(&mut self, now: Millis, limit: usize) -> Vec<Taken> {
        let mut taken = Vec::new();
        while taken.len() < limit
            && let Some(&(due, id)) = self.due.first()
            && due <= now
        {
            self.set_due(id, NEVER);
            match self.lease(id, now) {
                Some(leased) => taken.push(Taken::Leased(leased)),
                None => taken.push(Taken::Stored(id, due)),
            }
        }
        taken
    }

    /// Leases who is due of a resident.
    fn lease(&mut self, id: QueueId, now: Millis) -> Option<Leased> {
        self.end_freshness(id);
        let resident = self.residents.get_mut(&id)?;
        let recipients = resident.message.due(now, &resident.leased);
        resident.leased.extend(&recipients);
        let leased = Leased {
            id,
            message: resident.message.clone(),
            recipients: recipients.into_iter().collect(),
            content: resident.content.clone(),
        };
        self.refresh(id);
        Some(leased)
    }

    /// Makes a message that was taken due again: its record was not read after all.
    pub(crate) fn put_back(&mut self, id: QueueId, due: Millis) {
        if self.residents.contains_key(&id) {
            self.refresh(id);
        } else {
            self.set_due(id, due);
        }
    }

    /// Makes a message that was read from disk a resident. `false` means that it has changed
    /// since and has to be read again.
    pub(crate) fn admit(&mut self, id: QueueId, message: &Message) -> bool {
        if self.residents.contains_key(&id) {
            return true;
        }
        match self.entries.get(&id) {
            Some(entry) if entry.revision == message.revision => {
                let resident = Resident {
                    message: message.clone(),
                    content: None,
                    leased: BTreeSet::new(),
                    unwritten: 0,
                    fresh: false,
                };
                self.residents.insert(id, resident);
                true
            }
            Some(_) => false,
            // It has been removed; whoever looks for it now is told so.
            None => true,
        }
    }

    /// Leases who is due of a message that [`Index::admit`] has let in.
    pub(crate) fn lease_admitted(&mut self, id: QueueId, now: Millis) -> Option<Leased> {
        let leased = self.lease(id, now);
        self.drop_resident_if_idle(id);
        leased.filter(|leased| !leased.recipients.is_empty())
    }

    /// Changes a resident. The change counts as unwritten until [`Index::written`].
    pub(crate) fn change<T>(
        &mut self,
        id: QueueId,
        change: impl FnOnce(&mut Message) -> T,
    ) -> Standing<T> {
        let Some(resident) = self.residents.get_mut(&id) else {
            return match self.contains(id) {
                true => Standing::Stored,
                false => Standing::Unknown,
            };
        };
        resident.message.revision = resident.message.revision.saturating_add(1);
        let result = change(&mut resident.message);
        resident.unwritten += 1;
        self.refresh(id);
        Standing::Resident(result)
    }

    /// A change has come to the disk.
    pub(crate) fn written(&mut self, id: QueueId) {
        if let Some(resident) = self.residents.get_mut(&id) {
            resident.unwritten = resident.unwritten.saturating_sub(1);
            self.drop_resident_if_idle(id);
        }
    }

    /// A claim has ended.
    pub(crate) fn give_back(&mut self, id: QueueId, recipients: &BTreeSet<RecipientIndex>) {
        if let Some(resident) = self.residents.get_mut(&id) {
            resident.leased.retain(|at| !recipients.contains(at));
            self.refresh(id);
            self.drop_resident_if_idle(id);
        }
    }

    /// Takes a message out. `false` means that there is none.
    pub(crate) fn remove(&mut self, id: QueueId) -> bool {
        self.end_freshness(id);
        self.residents.remove(&id);
        self.set_due(id, NEVER);
        match self.entries.remove(&id) {
            Some(entry) => {
                self.held -= u64::from(entry.held);
                true
            }
            None => false,
        }
    }

    /// Keeps a message from being claimed though its record cannot say so: it is unreadable.
    pub(crate) fn set_aside(&mut self, id: QueueId) {
        self.set_due(id, NEVER);
        self.set_held(id, true);
    }

    /// Brings the entry in line with the resident.
    fn refresh(&mut self, id: QueueId) {
        let Some(resident) = self.residents.get(&id) else {
            return;
        };
        let due = resident.message.next_due(&resident.leased);
        let held = resident.message.hold.is_some();
        let revision = resident.message.revision;
        self.set_due(id, due);
        self.set_held(id, held);
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.revision = revision;
        }
    }

    fn drop_resident_if_idle(&mut self, id: QueueId) {
        let idle = |resident: &Resident| {
            !resident.fresh && resident.leased.is_empty() && resident.unwritten == 0
        };
        if self.residents.get(&id).is_some_and(idle) {
            self.residents.remove(&id);
        }
    }

    fn insert_entry(&mut self, id: QueueId, revision: u32, summary: Summary) {
        let entry = Entry {
            due: NEVER,
            revision,
            held: false,
        };
        self.entries.insert(id, entry);
        self.set_due(id, summary.due);
        self.set_held(id, summary.held);
    }

    fn set_due(&mut self, id: QueueId, due: Millis) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        if entry.due != NEVER {
            self.due.remove(&(entry.due, id));
        }
        if due != NEVER {
            self.due.insert((due, id));
        }
        entry.due = due;
    }

    fn set_held(&mut self, id: QueueId, held: bool) {
        if let Some(entry) = self.entries.get_mut(&id) {
            self.held += u64::from(held);
            self.held -= u64::from(entry.held);
            entry.held = held;
        }
    }
}

impl Resident {
    fn fresh_cost(&self) -> u64 {
        FRESH_OVERHEAD
            + self
                .content
                .as_ref()
                .map_or(0, |content| content.len() as u64)
    }
}
