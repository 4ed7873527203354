//! What the queue keeps in memory: for every message when it is due, and the whole message only
//! while it is fresh or in somebody's hands.
//!
//! A waiting message costs an entry here, a place in each of its lanes ([`schedule`]) and nothing
//! else, some 150 octets, so that a million of them fit into a small part of the memory; its
//! record is read from the store when it is due. Nothing here
//! performs IO or reads a clock. The caller holds one lock around it and never across an await.
//!
//! A *resident* is a message in memory. It is one for as long as
//! - somebody has a lease on one of its recipients, or
//! - a change of it is on the way to the disk (so that nobody reads the older one), or
//! - it is fresh: accepted and not yet claimed, and the memory for fresh messages suffices.
//!
//! As long as there is a resident it is the truth; the record on disk follows it.

mod domains;
mod entry;
mod loading;
mod schedule;

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use postern_mail::{Domain, QueueId};

use self::{
    domains::Domains,
    entry::{By, Entry, Lanes},
    loading::Unread,
    schedule::Schedule,
};
pub(crate) use self::{
    domains::{DomainNumber, Hastenings},
    schedule::{Filed, TAKEN},
};
use crate::{
    ClaimedRecipient, HoldState, RecipientIndex,
    list::Sieve,
    message::{Accepted, Message},
    time::Millis,
};

/// What a fresh message is taken to cost in memory besides its content.
const FRESH_OVERHEAD: u64 = 1024;

#[derive(Debug)]
pub(crate) struct Index {
    entries: BTreeMap<QueueId, Entry>,
    schedule: Schedule,
    domains: Domains,
    residents: HashMap<QueueId, Resident>,
    /// Residents that are there only because they are fresh, oldest first. Some may have been
    /// claimed or removed since.
    fresh: VecDeque<QueueId>,
    fresh_octets: u64,
    fresh_limit: u64,
    held: u64,
    claimed: u64,
    unread: Option<Unread>,
}

#[derive(Debug)]
struct Resident {
    message: Message,
    content: Option<Bytes>,
    /// In their order.
    leased: Vec<RecipientIndex>,
    /// Changes that are on the way to the disk.
    unwritten: u32,
    fresh: bool,
}

/// A message of which recipients have been leased.
#[derive(Debug)]
pub(crate) struct Leased {
    pub(crate) id: QueueId,
    pub(crate) accepted: Arc<Accepted>,
    /// In their order.
    pub(crate) recipients: Vec<ClaimedRecipient>,
    /// The content, where it is in memory.
    pub(crate) content: Option<Bytes>,
    /// When.
    pub(crate) since: Hastenings,
}

/// A message that has been taken because it is due.
#[derive(Debug)]
pub(crate) enum Taken {
    /// It was in memory.
    Leased(Leased),
    /// Its record has to be read; then [`Index::admit`] leases it, or [`Index::put_back`]
    /// makes it due again.
    Stored(QueueId),
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
            schedule: Schedule::default(),
            domains: Domains::new(),
            residents: HashMap::new(),
            fresh: VecDeque::new(),
            fresh_octets: 0,
            fresh_limit,
            held: 0,
            claimed: 0,
            unread: None,
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

    pub(crate) fn claimed(&self) -> u64 {
        self.claimed
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

    /// Whether a message may pass, for all that is known of it here.
    pub(crate) fn may_pass(&self, id: QueueId, sieve: &Sieve) -> bool {
        self.entries.get(&id).is_some_and(|entry| {
            let hold = match entry.held {
                true => HoldState::Held,
                false => HoldState::Free,
            };
            sieve.may_pass(hold)
                && entry.lanes.as_slice().iter().any(|place| {
                    let domain = self.domains.domain(place.lane.domain());
                    sieve.may_want(domain)
                })
        })
    }

    /// What is filed behind `after`, lane by lane, each in the order of its times.
    pub(crate) fn filed_behind(&self, after: Option<Filed>, count: usize) -> Vec<Filed> {
        self.schedule.behind(after, count)
    }

    pub(crate) fn domain(&self, number: DomainNumber) -> Option<&Domain> {
        self.domains.domain(number)
    }

    pub(crate) fn resident(&self, id: QueueId) -> Standing<&Message> {
        match self.residents.get(&id) {
            Some(resident) => Standing::Resident(&resident.message),
            None if self.entries.contains_key(&id) => Standing::Stored,
            None => Standing::Unknown,
        }
    }

    /// A message found on disk at the start.
    pub(crate) fn insert_stored(&mut self, id: QueueId, message: &Message, now: Millis) {
        let mut message = Cow::Borrowed(message);
        if message.is_from_ahead(now) {
            message.to_mut().recount(now);
        }
        let lanes = Lanes::of(&message, &[], &mut self.domains);
        let entry = Entry {
            lanes,
            revision: message.revision,
            held: message.hold.is_some(),
            taken: false,
        };
        self.insert_entry(id, entry);
    }

    /// A message that has just become durable.
    pub(crate) fn insert_fresh(
        &mut self,
        id: QueueId,
        mut message: Message,
        content: Option<Bytes>,
        now: Millis,
    ) {
        message.recount(now);
        self.insert_stored(id, &message, now);
        if message.hold.is_some() {
            // Nobody will claim it soon, so its memory is better given to others.
            return;
        }
        let resident = Resident {
            message,
            content,
            leased: Vec::new(),
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
        self.schedule.next_due()
    }

    /// Takes up to `limit` messages that are due at `now`, in turn ([`schedule`]).
    pub(crate) fn take_due(&mut self, now: Millis, limit: usize) -> Vec<Taken> {
        let mut taken = Vec::new();
        while taken.len() < limit
            && let Some(id) = self.schedule.next(now)
        {
            match self.lease(id, now) {
                Some(leased) => taken.push(Taken::Leased(leased)),
                None => {
                    self.refile(id, |entry| entry.taken = true);
                    taken.push(Taken::Stored(id));
                }
            }
        }
        taken
    }

    /// Leases who is due of a resident.
    fn lease(&mut self, id: QueueId, now: Millis) -> Option<Leased> {
        self.end_freshness(id);
        let resident = self.residents.get_mut(&id)?;
        let due = resident.message.due(now, &resident.leased);
        self.claimed += u64::from(resident.leased.is_empty() && !due.is_empty());
        resident.leased.extend(&due);
        resident.leased.sort_unstable();
        let leased = Leased {
            id,
            accepted: Arc::clone(&resident.message.accepted),
            recipients: resident.message.claimed(&due),
            content: resident.content.clone(),
            since: self.domains.hastenings(),
        };
        self.refresh(id);
        Some(leased)
    }

    /// Makes a message that was taken due again: its record was not read after all.
    pub(crate) fn put_back(&mut self, id: QueueId) {
        self.refile(id, |entry| entry.taken = false);
        self.refresh(id);
    }

    /// Makes a message that was read from disk a resident. `false` means that it has changed
    /// since and has to be read again.
    pub(crate) fn admit(&mut self, id: QueueId, message: &Message) -> bool {
        if self.residents.contains_key(&id) {
            return true;
        }
        match self.entries.get(&id) {
            Some(entry) if entry.revision == message.revision => {
                let mut message = message.clone();
                for place in entry.lanes.as_slice() {
                    if place.by == By::Memory {
                        let domain = self.domains.domain(place.lane.domain());
                        message.put_off(domain, place.due);
                    }
                }
                let resident = Resident {
                    message,
                    content: None,
                    leased: Vec::new(),
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
        self.refile(id, |entry| entry.taken = false);
        let held = self.entries.get(&id).is_none_or(|entry| entry.held);
        let leased = match held {
            true => None,
            false => self.lease(id, now),
        };
        self.drop_resident_if_idle(id);
        leased.filter(|leased| !leased.recipients.is_empty())
    }

    /// Changes a resident. The change counts as unwritten until [`Index::written`].
    pub(crate) fn change<T>(
        &mut self,
        id: QueueId,
        now: Millis,
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
        resident.message.recount(now);
        resident.unwritten += 1;
        self.refresh(id);
        Standing::Resident(result)
    }

    /// Lets recipients that were leased at `since` wait until a time that no record knows of.
    /// But whoever was hastened meanwhile waits no longer.
    pub(crate) fn postpone(
        &mut self,
        id: QueueId,
        recipients: &[RecipientIndex],
        until: Millis,
        since: Hastenings,
    ) {
        if let Some(resident) = self.residents.get_mut(&id) {
            for at in recipients {
                let domain = resident.message.domain_of(*at);
                let hastened = self.domains.hastened_since(domain, since);
                let until = hastened.map_or(until, |at| at.min(until));
                resident.message.postpone(*at, until);
            }
            self.refresh(id);
        }
    }

    /// Makes what somebody has taken due at `now` as well, once it is put back: what waits for
    /// `domain` of messages that are being read, and what is leased, should it be postponed.
    pub(crate) fn hasten_taken(&mut self, domain: &Domain, now: Millis) {
        let Some(number) = self.domains.find(domain) else {
            return;
        };
        self.domains.note_hastening(number, now);
        for lane in schedule::lanes_of(number) {
            for filed in self.schedule.taken(lane) {
                self.hasten_one(filed.id(), (domain, number), now);
            }
        }
    }

    /// Makes messages for `domain` due at `now` that were due later, at most `count`.
    pub(crate) fn hasten(&mut self, domain: &Domain, now: Millis, count: usize) -> usize {
        let Some(number) = self.domains.find(domain) else {
            return 0;
        };
        let mut later = Vec::new();
        for lane in schedule::lanes_of(number) {
            later.extend(self.schedule.due_after(lane, now, count - later.len()));
        }
        for filed in &later {
            self.hasten_one(filed.id(), (domain, number), now);
        }
        later.len()
    }

    fn hasten_one(&mut self, id: QueueId, domain: (&Domain, DomainNumber), now: Millis) {
        let (domain, number) = domain;
        if let Some(resident) = self.residents.get_mut(&id) {
            resident.message.put_off(Some(domain), now);
            self.refresh(id);
        } else {
            self.refile(id, |entry| entry.lanes.hasten(number, now));
        }
    }

    /// A change has come to the disk.
    pub(crate) fn written(&mut self, id: QueueId) {
        if let Some(resident) = self.residents.get_mut(&id) {
            resident.unwritten = resident.unwritten.saturating_sub(1);
            self.drop_resident_if_idle(id);
        }
    }

    /// A claim has ended.
    pub(crate) fn give_back(&mut self, id: QueueId, recipients: &[RecipientIndex]) {
        if let Some(resident) = self.residents.get_mut(&id) {
            let claimed = !resident.leased.is_empty();
            let kept = |at: &RecipientIndex| recipients.binary_search(at).is_err();
            resident.leased.retain(kept);
            self.claimed -= u64::from(claimed && resident.leased.is_empty());
            self.refresh(id);
            self.drop_resident_if_idle(id);
        }
    }

    /// Takes a message out. `false` means that there is none.
    pub(crate) fn remove(&mut self, id: QueueId) -> bool {
        self.end_freshness(id);
        if let Some(resident) = self.residents.remove(&id) {
            self.claimed -= u64::from(!resident.leased.is_empty());
        }
        let Some(entry) = self.entries.remove(&id) else {
            return false;
        };
        self.note_departure(id);
        entry.unfile(&mut self.schedule, id);
        entry.lanes.release(&mut self.domains);
        self.held -= u64::from(entry.held);
        true
    }

    /// Keeps a message from being claimed though its record cannot say so: it is unreadable.
    pub(crate) fn set_aside(&mut self, id: QueueId) {
        self.refile(id, |entry| {
            entry.held = true;
            entry.taken = false;
        });
    }

    /// Brings the entry in line with the resident.
    fn refresh(&mut self, id: QueueId) {
        let Some(resident) = self.residents.get(&id) else {
            return;
        };
        let lanes = Lanes::of(&resident.message, &resident.leased, &mut self.domains);
        let held = resident.message.hold.is_some();
        let revision = resident.message.revision;
        let mut lanes = Some(lanes);
        let known = self.refile(id, |entry| {
            if let Some(lanes) = &mut lanes {
                std::mem::swap(&mut entry.lanes, lanes);
            }
            entry.held = held;
            entry.revision = revision;
        });
        debug_assert!(known, "a resident has an entry");
        // Those of before, since they changed places.
        if let Some(lanes) = lanes {
            lanes.release(&mut self.domains);
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

    fn insert_entry(&mut self, id: QueueId, entry: Entry) {
        entry.file(&mut self.schedule, id);
        self.held += u64::from(entry.held);
        if let Some(before) = self.entries.insert(id, entry) {
            before.unfile(&mut self.schedule, id);
            before.lanes.release(&mut self.domains);
            self.held -= u64::from(before.held);
        }
    }

    /// Changes an entry and its places in the schedule with it. `false` means that there is none.
    fn refile(&mut self, id: QueueId, change: impl FnOnce(&mut Entry)) -> bool {
        let Some(entry) = self.entries.get_mut(&id) else {
            return false;
        };
        entry.unfile(&mut self.schedule, id);
        self.held -= u64::from(entry.held);
        change(entry);
        self.held += u64::from(entry.held);
        entry.file(&mut self.schedule, id);
        true
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
