//! What happens next: events in the order of simulated time, and those of one moment in an order
//! that the seed chooses.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, btree_map::BTreeMap},
};

use super::{link::Side, random::Random};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// A piece arrives at an end of a connection.
    Arrive(u32, Side),
    /// An end has waited until its deadline.
    Wake(u32, Side),
    /// A sender tries.
    Submit(usize),
    /// The machine of this number asks its queue for what is due.
    Claim(u32),
    /// The committer of the machine of this number takes its turn.
    Commit(u32),
    /// The machine of this number has planned a delivery.
    Planned(u32, u64),
    /// Another configuration comes into force.
    Reload,
    /// The destination of this number publishes something else about its TLS.
    Publish(usize),
    /// Somebody sets the clock, and it is set right again.
    SetClock,
    ClockSetRight,
    /// The machine of this number looks at its clocks.
    Look(u32),
    /// The destination of this number is frozen, or thaws.
    Freeze(usize),
    Thaw(usize),
    /// The operator does something.
    Operate,
    /// The operator ends all holds.
    Release,
    /// The machine stops, by a loss of power or by a kill.
    Crash {
        power: bool,
    },
    /// The machine starts.
    Boot,
    /// Nothing goes wrong from here on that has not gone wrong.
    Heal,
}

/// Time in milliseconds, a number by chance, and one that keeps entries apart.
type Moment = (u64, u64, u64);

#[derive(Debug, Default)]
pub(crate) struct Timeline {
    order: BinaryHeap<Reverse<Moment>>,
    events: BTreeMap<u64, Event>,
    next: u64,
}

impl Timeline {
    pub(crate) fn add(&mut self, at: u64, event: Event, random: &mut Random) {
        self.next += 1;
        self.order.push(Reverse((at, random.next(), self.next)));
        self.events.insert(self.next, event);
    }

    pub(crate) fn next(&mut self) -> Option<(u64, Event)> {
        let Reverse((at, _, number)) = self.order.pop()?;
        Some((at, self.events.remove(&number)?))
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }
}
