//! The room that counts may take.
//!
//! Each thing that is counted apart takes room, of its destination and of the day. Where there is
//! no room left it is counted together with its like: failures by their result type alone,
//! policies by their type alone, handshakes without their reason, and destinations as one that
//! is called `(other)`. Sums are therefore always right, and details are what gets lost.

use super::{
    session::PlaintextCause,
    tally::{
        CountedPolicy, Destination, DestinationTally, FailureDetail, PlaintextTally, PolicyTally,
    },
};

/// The room of one destination on one day. An ordinary one takes some hundred octets; this one
/// has several hosts with TLSA records of their own and many failures. It takes 128 destinations
/// that invent policies and failures to use up a day.
const DESTINATION_OCTETS: usize = 32 << 10;

/// What one entry takes beside its texts, in memory, roughly.
pub(super) const OVERHEAD: usize = 160;

/// The room that is left for a destination.
#[derive(Debug)]
pub(super) struct Room {
    left: usize,
    pub(super) taken: usize,
}

impl Room {
    pub(super) fn new(tally: &DestinationTally, of_day: usize) -> Self {
        let own = match tally.destination {
            Destination::Host(_) => DESTINATION_OCTETS.saturating_sub(tally.octets()),
            Destination::Other => 0,
        };
        Self {
            left: own.min(of_day),
            taken: 0,
        }
    }

    fn take(&mut self, octets: usize) -> bool {
        let fits = octets <= self.left;
        if fits {
            self.left -= octets;
            self.taken += octets;
        }
        fits
    }
}

/// Something that is counted apart.
pub(super) trait Entry {
    fn is_same(&self, other: &Self) -> bool;
    fn octets(&self) -> usize;
}

impl Entry for PolicyTally {
    fn is_same(&self, other: &Self) -> bool {
        self.policy == other.policy
    }

    fn octets(&self) -> usize {
        let texts = match &self.policy {
            CountedPolicy::Applied(it) => {
                let lines = it.policy_string.iter().chain(&it.mx_host);
                it.policy_domain.as_str().len() + lines.map(|it| it.len() + 32).sum::<usize>()
            }
            CountedPolicy::Other(_) => 0,
        };
        let details = self.failure_details.iter().map(Entry::octets);
        OVERHEAD + texts + details.sum::<usize>()
    }
}

impl Entry for FailureDetail {
    fn is_same(&self, other: &Self) -> bool {
        self.result_type == other.result_type
            && self.sending_mta_ip == other.sending_mta_ip
            && self.receiving_ip == other.receiving_ip
            && self.receiving_mx_hostname == other.receiving_mx_hostname
            && self.receiving_mx_helo == other.receiving_mx_helo
            && self.failure_reason_code == other.failure_reason_code
    }

    fn octets(&self) -> usize {
        let texts = [
            &self.receiving_mx_hostname,
            &self.receiving_mx_helo,
            &self.failure_reason_code,
        ];
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        OVERHEAD + texts.into_iter().map(length).sum::<usize>()
    }
}

impl Entry for PlaintextTally {
    fn is_same(&self, other: &Self) -> bool {
        self.cause == other.cause
    }

    fn octets(&self) -> usize {
        match &self.cause {
            PlaintextCause::NotOffered => OVERHEAD,
            PlaintextCause::HandshakeFailed { reason } => OVERHEAD + reason.len(),
        }
    }
}

/// The entry that is the same as `new`: the one there is, a new one where there is room, and
/// else `other`, which takes no room because its kinds are few.
pub(super) fn entry<'a, T: Entry>(
    items: &'a mut Vec<T>,
    new: T,
    other: T,
    room: &mut Room,
) -> &'a mut T {
    if let Some(at) = items.iter().position(|it| it.is_same(&new)) {
        return at_position(items, at);
    }
    let entry = if room.take(new.octets()) { new } else { other };
    let at = items.iter().position(|it| it.is_same(&entry));
    let at = at.unwrap_or_else(|| {
        items.push(entry);
        items.len() - 1
    });
    at_position(items, at)
}

#[expect(
    clippy::indexing_slicing,
    reason = "callers have just found or made the item at this position"
)]
pub(super) fn at_position<T>(items: &mut [T], at: usize) -> &mut T {
    &mut items[at]
}
