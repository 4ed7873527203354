//! A lease on the recipients of a message that are due.

use std::{
    fmt,
    sync::{Arc, Weak},
    time::SystemTime,
};

use postern_mail::{Envelope, QueueId, Recipient};

use crate::{
    BounceTo, Content, DelayNotice, Failure, Origin, RecipientIndex, local::Hastenings,
    message::Accepted,
};

/// The recipients of one message that were due, leased to the holder of this value.
///
/// Nobody else is given these recipients until the claim is dropped. What has become of them is
/// told with [`Spool::settle`](crate::Spool::settle), at once or bit by bit. A recipient without
/// an outcome is due again as soon as the claim is dropped. Leases are in memory alone: after a
/// restart everyone who waits can be claimed.
pub struct Claim {
    pub(crate) id: QueueId,
    pub(crate) accepted: Arc<Accepted>,
    pub(crate) recipients: Vec<ClaimedRecipient>,
    pub(crate) content: Content,
    /// When the lease began.
    pub(crate) since: Hastenings,
    pub(crate) _lease: Lease,
}

/// A recipient that is due.
#[derive(Debug, Clone)]
pub struct ClaimedRecipient {
    /// Its name in outcomes.
    pub index: RecipientIndex,
    /// Who it is.
    pub recipient: Recipient,
    /// How many attempts have failed before.
    pub attempts: u32,
    /// Why the last one did.
    pub last_failure: Option<Failure>,
    /// Whether the sender knows that it takes longer.
    pub delay_notice: DelayNotice,
}

impl Claim {
    /// The name of the message.
    pub fn id(&self) -> QueueId {
        self.id
    }

    /// The whole envelope, with the recipients that are not due as well.
    pub fn envelope(&self) -> &Envelope {
        &self.accepted.envelope
    }

    /// How the message came to us.
    pub fn origin(&self) -> &Origin {
        &self.accepted.origin
    }

    /// When the message came to us.
    pub fn received_at(&self) -> SystemTime {
        self.accepted.received_at
    }

    /// Who hears of it when it cannot be delivered.
    pub fn bounce_to(&self) -> &BounceTo {
        &self.accepted.bounce_to
    }

    /// Why the message is to go where suspicious mail goes, where it is.
    pub fn quarantined(&self) -> Option<&str> {
        self.accepted.quarantined.as_deref()
    }

    /// The recipients that are due; there is at least one.
    pub fn recipients(&self) -> &[ClaimedRecipient] {
        &self.recipients
    }

    /// What the message carries. Content that is not in memory is read only when asked for.
    pub fn content(&self) -> &Content {
        &self.content
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("id", &self.id)
            .field("recipients", &self.recipients.len())
            .finish_non_exhaustive()
    }
}

/// Where a lease came from and goes back to.
pub(crate) trait Lessor: Send + Sync {
    fn give_back(&self, id: QueueId, recipients: &[RecipientIndex]);
}

/// Gives the leased recipients back when it is dropped, however the claim ends.
pub(crate) struct Lease {
    pub(crate) lessor: Weak<dyn Lessor>,
    pub(crate) id: QueueId,
    /// In their order.
    pub(crate) recipients: Vec<RecipientIndex>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(lessor) = self.lessor.upgrade() {
            lessor.give_back(self.id, &self.recipients);
        }
    }
}
