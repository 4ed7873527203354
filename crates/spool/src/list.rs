//! Looking into the queue, a page at a time.

use postern_mail::{Domain, QueueId};

use crate::QueuedMessage;

/// Which messages to list. Empty, it takes every message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those that are held, or only those that are not.
    pub hold: Option<HoldState>,
    /// Only those with a recipient in this very domain that still waits.
    pub recipient_domain: Option<Domain>,
    /// Only those whose reverse-path is in this very domain.
    pub sender_domain: Option<Domain>,
}

/// Whether a message is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldState {
    /// It is held.
    Held,
    /// It is delivered when it is due.
    Free,
}

/// A part of a listing, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The messages found.
    pub messages: Vec<QueuedMessage>,
    /// Where the next page begins: what to give as `after`. `None` once all has been seen. A
    /// page may be short, even empty, and not be the last: one call looks at a bounded number
    /// of messages.
    pub next: Option<QueueId>,
}

impl Filter {
    pub(crate) fn matches(&self, message: &QueuedMessage) -> bool {
        let hold = match message.hold {
            Some(_) => HoldState::Held,
            None => HoldState::Free,
        };
        self.hold.is_none_or(|wanted| wanted == hold)
            && self
                .recipient_domain
                .as_ref()
                .is_none_or(|domain| message.waits_for(domain))
            && self
                .sender_domain
                .as_ref()
                .is_none_or(|domain| message.envelope.reverse_path.domain() == Some(domain))
    }
}
