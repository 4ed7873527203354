//! What stays in memory of a message that waits.

use postern_mail::QueueId;

use super::{
    domains::{DomainNumber, Domains},
    schedule::{Class, Filed, Lane, Schedule, TAKEN},
};
use crate::{
    RecipientIndex,
    message::{Message, WaitingRecipient},
    time::{Millis, NEVER},
};

/// A message that waits.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) lanes: Lanes,
    /// Of the last change, whether it is on disk yet or not.
    pub(crate) revision: u32,
    pub(crate) held: bool,
    /// Somebody reads its record to lease it.
    pub(crate) taken: bool,
}

/// The lanes that a message is in. Most messages are in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lanes {
    One(Place),
    Many(Box<[Place]>),
}

/// A message's place in one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) lane: Lane,
    /// When the first recipient in this domain is due who is not leased.
    pub(crate) due: Millis,
    pub(crate) by: By,
}

/// Who says when a recipient is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// The record.
    Record,
    /// Somebody who postponed or hastened it since, in memory alone.
    Memory,
}

impl Entry {
    /// When the message comes up in a lane.
    fn comes_up(&self, place: &Place) -> Millis {
        if self.held {
            NEVER
        } else if self.taken {
            TAKEN
        } else {
            place.due
        }
    }

    pub(crate) fn file(&self, schedule: &mut Schedule, id: QueueId) {
        for place in self.lanes.as_slice() {
            schedule.file(Filed::new(place.lane, self.comes_up(place), id));
        }
    }

    pub(crate) fn unfile(&self, schedule: &mut Schedule, id: QueueId) {
        for place in self.lanes.as_slice() {
            schedule.unfile(Filed::new(place.lane, self.comes_up(place), id));
        }
    }
}

impl Lanes {
    pub(crate) fn as_slice(&self) -> &[Place] {
        match self {
            Self::One(place) => std::slice::from_ref(place),
            Self::Many(places) => places,
        }
    }

    /// The lanes in which recipients of a message wait. Each counts as a use of its domain.
    pub(crate) fn of(message: &Message, leased: &[RecipientIndex], domains: &mut Domains) -> Self {
        let mut all = message
            .waiting_recipients()
            .map(|waiting| Place::of(&waiting, leased, domains));
        let (first, second) = (all.next(), all.next());
        let (Some(first), Some(second)) = (first, second) else {
            return first.map_or_else(|| Self::Many(Box::default()), Self::One);
        };
        let mut places: Vec<_> = [first, second].into_iter().chain(all).collect();
        places.sort_by_key(|place| place.lane);
        places.dedup_by(|next, first| {
            let same = next.lane.domain() == first.lane.domain();
            if same {
                domains.release(next.lane.domain());
                *first = first.and(*next);
            }
            same
        });
        match places.as_slice() {
            [place] => Self::One(*place),
            _ => Self::Many(places.into()),
        }
    }

    pub(crate) fn release(&self, domains: &mut Domains) {
        for place in self.as_slice() {
            domains.release(place.lane.domain());
        }
    }

    /// Makes whoever waits in `domain` due at `due`.
    pub(crate) fn hasten(&mut self, domain: DomainNumber, due: Millis) {
        let places = match self {
            Self::One(place) => std::slice::from_mut(place),
            Self::Many(places) => places,
        };
        for place in places {
            if place.lane.domain() == domain {
                *place = Place {
                    lane: Lane::new(domain, Class::Tried),
                    due,
                    by: By::Memory,
                };
            }
        }
    }
}

impl Place {
    /// Where a recipient waits. It counts as a use of its domain.
    fn of(
        waiting: &WaitingRecipient<'_>,
        leased: &[RecipientIndex],
        domains: &mut Domains,
    ) -> Self {
        let due = match leased.binary_search(&waiting.index) {
            Ok(_) => TAKEN,
            Err(_) => waiting.until.min(TAKEN - 1),
        };
        let (class, by) = match (waiting.postponed, waiting.attempts) {
            (true, _) => (Class::Tried, By::Memory),
            (false, 0) => (Class::Fresh, By::Record),
            (false, _) => (Class::Tried, By::Record),
        };
        let lane = Lane::new(domains.acquire(waiting.domain), class);
        Self { lane, due, by }
    }

    /// One place for both: the earlier counts, and one that was tried. `other` is the greater.
    fn and(self, other: Self) -> Self {
        let by = match (self.by, other.by) {
            (By::Record, By::Record) => By::Record,
            (By::Memory, _) | (_, By::Memory) => By::Memory,
        };
        Self {
            lane: other.lane,
            due: self.due.min(other.due),
            by,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A million messages wait in some 150 MB as long as an entry with its key and its one place
    /// have these sizes: trees are filled by half at worst.
    #[test]
    fn what_waits_is_small() {
        assert!(size_of::<QueueId>() + size_of::<Entry>() <= 56);
        assert!(size_of::<Filed>() <= 24);
    }
}
