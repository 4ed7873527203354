//! Changes to messages, one or a million.

use std::collections::BTreeSet;

use postern_mail::{Domain, QueueId};
use serde::{Deserialize, Serialize};

use crate::Listing;

/// What an operator can do to a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Change {
    /// Make every recipient that waits due at once.
    Retry,
    /// Keep it from being delivered.
    Hold {
        /// Why, for whoever looks next.
        reason: String,
    },
    /// End a hold.
    Release,
    /// Forget it, without a notification to anybody.
    Remove,
}

impl Change {
    /// The last part of the path that asks for it.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Hold { .. } => "hold",
            Self::Release => "release",
            Self::Remove => "remove",
        }
    }
}

/// An order to change all messages of a kind.
///
/// One request does as much as a second allows, and its answer says where the next one goes on:
/// so whoever ordered a million changes sees how far they are, and can stop between two requests
/// knowing what was done. Messages that come meanwhile are meant too, unless
/// [`Listing::received_before`] leaves them out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ChangeOrder {
    /// What to do.
    pub change: Change,
    /// To which messages; at most [`Listing::limit`] of them in this request.
    pub which: Listing,
    /// Only count them.
    #[serde(default)]
    pub dry_run: bool,
}

/// How far an order was carried out in one request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Changed {
    /// Messages that were meant.
    pub matched: usize,
    /// Of these, changed; the others left the queue meanwhile, or were only to be counted.
    pub changed: usize,
    /// Whose mail an operator wants tried now, where that was the order.
    #[serde(skip)]
    pub wanted: BTreeSet<Domain>,
    /// Behind which message the next request goes on; nothing when all is done.
    pub next: Option<QueueId>,
}
