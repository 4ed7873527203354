//! What is due when, and whose turn it is.
//!
//! Messages are filed by *lane*: a recipient domain, and whether its recipients were tried
//! before. A message is in one lane for each domain in which a recipient waits. What is due is
//! handed out lane by lane in turn, so that no domain takes all of a claim, however much waits
//! for it; and of five messages four have never been tried as long as there are such, so that
//! neither does new mail wait behind a million overdue retries nor these behind a stream of new
//! mail.

use std::collections::{BTreeSet, VecDeque};

use postern_mail::QueueId;

use super::domains::DomainNumber;
use crate::time::{Millis, NEVER};

/// When somebody is due who is in the hands of a claim: not before that ends.
pub(crate) const TAKEN: Millis = NEVER - 1;

/// Of this many messages handed out one is a retry, where both kinds are due.
const ROUND: u8 = 5;

/// Whether the recipients of a lane were tried before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Fresh,
    Tried,
}

/// The messages for one domain, tried before or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lane(u32);

impl Lane {
    pub(crate) fn new(domain: DomainNumber, class: Class) -> Self {
        Self(domain.0 << 1 | u32::from(class == Class::Tried))
    }

    pub(crate) fn domain(self) -> DomainNumber {
        DomainNumber(self.0 >> 1)
    }

    pub(crate) fn is_fresh(self) -> bool {
        self.class() == Class::Fresh
    }

    fn class(self) -> Class {
        match self.0 & 1 {
            0 => Class::Fresh,
            _ => Class::Tried,
        }
    }
}

/// The lanes of a domain.
pub(crate) fn lanes_of(domain: DomainNumber) -> [Lane; 2] {
    [Class::Fresh, Class::Tried].map(|class| Lane::new(domain, class))
}

/// A message's place in a lane. With the id as octets it takes 24 octets rather than 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Filed {
    lane: Lane,
    due: Millis,
    id: [u8; 10],
}

impl Filed {
    pub(crate) fn new(lane: Lane, due: Millis, id: QueueId) -> Self {
        Self {
            lane,
            due,
            id: id.to_octets(),
        }
    }

    fn first_possible(lane: Lane, due: Millis) -> Self {
        Self {
            lane,
            due,
            id: [0; 10],
        }
    }

    pub(crate) fn lane(&self) -> Lane {
        self.lane
    }

    pub(crate) fn due(&self) -> Millis {
        self.due
    }

    pub(crate) fn id(&self) -> QueueId {
        QueueId::from_octets(self.id)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Schedule {
    filed: BTreeSet<Filed>,
    /// By the number of the lane.
    states: Vec<LaneState>,
    /// When the first message of each lane is due, for lanes that await their time and for lanes
    /// that await their turn.
    asleep: BTreeSet<(Millis, Lane)>,
    awake: BTreeSet<(Millis, Lane)>,
    /// The lanes that are awake, each once, and some that have nothing due any more.
    fresh: VecDeque<Lane>,
    tried: VecDeque<Lane>,
    round: u8,
}

#[derive(Debug, Clone, Copy)]
struct LaneState {
    first: Millis,
    awake: bool,
}

impl LaneState {
    const EMPTY: Self = Self {
        first: NEVER,
        awake: false,
    };
}

impl Schedule {
    pub(crate) fn file(&mut self, filed: Filed) {
        self.filed.insert(filed);
        if filed.due < self.state(filed.lane).first {
            self.set_first(filed.lane, filed.due);
        }
    }

    pub(crate) fn unfile(&mut self, filed: Filed) {
        self.filed.remove(&filed);
        if filed.due == self.state(filed.lane).first {
            let first = self.first_of(filed.lane).map_or(NEVER, |first| first.due);
            self.set_first(filed.lane, first);
        }
    }

    /// When the first of all is due.
    pub(crate) fn next_due(&self) -> Option<Millis> {
        let firsts = [self.asleep.first(), self.awake.first()];
        firsts.into_iter().flatten().map(|(due, _)| *due).min()
    }

    /// The next message that is due at `now`, which the caller takes out of its lanes.
    pub(crate) fn next(&mut self, now: Millis) -> Option<QueueId> {
        self.wake(now);
        let classes = match self.round + 1 < ROUND {
            true => [Class::Fresh, Class::Tried],
            false => [Class::Tried, Class::Fresh],
        };
        for class in classes {
            if let Some(id) = self.next_of(class, now) {
                self.round = match class {
                    Class::Fresh => (self.round + 1).min(ROUND - 1),
                    Class::Tried => 0,
                };
                return Some(id);
            }
        }
        None
    }

    /// What is filed behind `after`, at most `count`.
    pub(crate) fn behind(&self, after: Option<Filed>, count: usize) -> Vec<Filed> {
        use std::ops::Bound::{Excluded, Unbounded};

        let start = after.map_or(Unbounded, Excluded);
        let filed = self.filed.range((start, Unbounded)).copied();
        filed.take(count).collect()
    }

    /// What of a lane is due after `now`, at most `count`.
    pub(crate) fn due_after(&self, lane: Lane, now: Millis, count: usize) -> Vec<Filed> {
        let from = Filed::first_possible(lane, now.saturating_add(1));
        let to = Filed::first_possible(lane, TAKEN);
        if from >= to {
            return Vec::new();
        }
        self.filed.range(from..to).copied().take(count).collect()
    }

    /// What of a lane somebody has taken.
    pub(crate) fn taken(&self, lane: Lane) -> Vec<Filed> {
        let from = Filed::first_possible(lane, TAKEN);
        let to = Filed::first_possible(lane, NEVER);
        self.filed.range(from..to).copied().collect()
    }

    fn next_of(&mut self, class: Class, now: Millis) -> Option<QueueId> {
        while let Some(lane) = self.turns(class).pop_front() {
            match self.first_of(lane) {
                Some(first) if first.due <= now => {
                    self.turns(class).push_back(lane);
                    return Some(first.id());
                }
                _ => self.set_awake(lane, false),
            }
        }
        None
    }

    /// Gives every lane a turn that has something due.
    fn wake(&mut self, now: Millis) {
        while let Some((due, lane)) = self.asleep.first().copied()
            && due <= now
        {
            self.set_awake(lane, true);
            self.turns(lane.class()).push_back(lane);
        }
    }

    fn turns(&mut self, class: Class) -> &mut VecDeque<Lane> {
        match class {
            Class::Fresh => &mut self.fresh,
            Class::Tried => &mut self.tried,
        }
    }

    fn first_of(&self, lane: Lane) -> Option<Filed> {
        let from = Filed::first_possible(lane, 0);
        let to = Filed::first_possible(lane, TAKEN);
        self.filed.range(from..to).next().copied()
    }

    fn state(&self, lane: Lane) -> LaneState {
        let state = self.states.get(lane.0 as usize).copied();
        state.unwrap_or(LaneState::EMPTY)
    }

    fn set_first(&mut self, lane: Lane, first: Millis) {
        // What is taken or held has no time.
        let first = if first < TAKEN { first } else { NEVER };
        let LaneState { awake, .. } = self.state(lane);
        self.set_state(lane, LaneState { first, awake });
    }

    fn set_awake(&mut self, lane: Lane, awake: bool) {
        let LaneState { first, .. } = self.state(lane);
        self.set_state(lane, LaneState { first, awake });
    }

    fn set_state(&mut self, lane: Lane, new: LaneState) {
        let at = lane.0 as usize;
        if self.states.len() <= at {
            self.states.resize(at + 1, LaneState::EMPTY);
        }
        let Some(state) = self.states.get_mut(at) else {
            return;
        };
        let old = std::mem::replace(state, new);
        if old.first != NEVER {
            self.firsts(old.awake).remove(&(old.first, lane));
        }
        if new.first != NEVER {
            self.firsts(new.awake).insert((new.first, lane));
        }
    }

    fn firsts(&mut self, awake: bool) -> &mut BTreeSet<(Millis, Lane)> {
        match awake {
            true => &mut self.awake,
            false => &mut self.asleep,
        }
    }
}

#[cfg(test)]
mod tests;
