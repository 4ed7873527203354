//! What an operator is shown of a destination.

use std::time::SystemTime;

use postern_spool::Failure;

use super::Hops;
use crate::pace::Pace;

/// A destination as it is now.
#[derive(Debug, Clone)]
pub struct DestinationState {
    /// Where connections go, for people: next hops, or whose MX records name them.
    pub hops: String,
    /// How many connections stand.
    pub connections: usize,
    /// How many connections it may have now: it begins with few, grows with success, and backs
    /// off where the destination refuses.
    pub allowed: usize,
    /// How many messages are in line for it. Those that are being handed over are not.
    pub in_line: usize,
    /// The limits it has by the configuration; nothing where there is no line for it now.
    pub pace: Option<Pace>,
    /// Why nothing goes there, where it cannot be reached.
    pub down: Option<Down>,
}

/// A destination that could not be reached.
#[derive(Debug, Clone)]
pub struct Down {
    /// Since when.
    pub since: SystemTime,
    /// When it is looked at again, by the next message that is due after this.
    pub next_probe: SystemTime,
    /// How many attempts to reach it have failed in a row.
    pub attempts: u32,
    /// Why the last one did.
    pub failure: Failure,
}

impl DestinationState {
    /// A destination without workers.
    pub(super) fn unserved(hops: &Hops) -> Self {
        Self {
            hops: hops.to_string(),
            connections: 0,
            allowed: 0,
            in_line: 0,
            pace: None,
            down: None,
        }
    }
}
