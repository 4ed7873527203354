//! What a notice is made from.

use std::time::SystemTime;

use postern_mail::{
    Domain, EnhancedStatusCode, Envelope, NotifyEvent, QueueId, Recipient, Reply, StatusClass,
};

/// The message that a notice is about, and who writes the notice.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What this host is called.
    pub reporter: &'a Domain,
    /// The message's name in our queue, by which a postmaster finds it in the log.
    pub id: QueueId,
    /// The envelope with which the message was accepted.
    pub envelope: &'a Envelope,
    /// When the message came.
    pub arrived: SystemTime,
    /// The time of the notice.
    pub now: SystemTime,
    /// The content of the message, or its start.
    pub content: Content<'a>,
}

/// As much of the content as the caller has at hand: [`MOST_RETURNED`](crate::MOST_RETURNED)
/// octets from its start are enough.
#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// Its start; there is more.
    Start(&'a [u8]),
}

/// What became of one recipient.
#[derive(Debug, Clone, Copy)]
pub struct RecipientFact<'a> {
    /// The recipient, out of the envelope.
    pub recipient: &'a Recipient,
    /// What became of it.
    pub action: Action,
    /// The status of the last attempt. The class that the notice shows follows the action where
    /// the two do not fit together (RFC 3464 §2.3.4).
    pub status: EnhancedStatusCode,
    /// Why, and who says so.
    pub cause: Cause<'a>,
    /// When it was last tried.
    pub last_attempt: Option<SystemTime>,
}

/// What became of a recipient (RFC 3464 §2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Given up.
    Failed,
    /// Not delivered yet.
    Delayed {
        /// Until when it is tried.
        until: SystemTime,
    },
    /// Handed to a host that will not report success itself (RFC 3461 §5.2.2).
    Relayed,
    /// Taken in by this host itself (RFC 3461 §5.2.3).
    Delivered,
}

/// Why something became of a recipient, and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause<'a> {
    /// A host answered.
    Reply {
        /// The host, as a domain or address literal.
        host: &'a str,
        /// What it answered.
        reply: &'a Reply,
    },
    /// It came to no answer: no host was found or reached, or none met the requirement. The text
    /// is ours, and names the exact mismatch where the security of the channel was at fault.
    Here(&'a str),
}

impl RecipientFact<'_> {
    /// Whether the sender is to hear of this (RFC 3461 §4.1).
    pub(crate) fn is_asked_for(&self) -> bool {
        let event = match self.action {
            Action::Failed => NotifyEvent::Failure,
            Action::Delayed { .. } => NotifyEvent::Delay,
            Action::Relayed | Action::Delivered => NotifyEvent::Success,
        };
        postern_mail::Notify::or_default(self.recipient.notify).asks_for(event)
    }

    /// The status as the notice shows it. A failure may be persistent transient, when the time
    /// for trying ran out; a delay may not be permanent, nor a success anything else.
    pub(crate) fn shown_status(&self) -> EnhancedStatusCode {
        let (subject, detail) = (self.status.subject(), self.status.detail());
        match (self.action, self.status.class()) {
            (Action::Failed, StatusClass::Permanent | StatusClass::Transient) => self.status,
            (Action::Failed, StatusClass::Success) => EnhancedStatusCode::permanent(0, 0),
            (Action::Delayed { .. }, _) => EnhancedStatusCode::transient(subject, detail),
            (Action::Relayed | Action::Delivered, _) => {
                EnhancedStatusCode::success(subject, detail)
            }
        }
    }

    /// Whether what went wrong is the security of the channel, by our own judgement (subject 7,
    /// RFC 3463 §3.8).
    pub(crate) fn is_refused_channel(&self) -> bool {
        matches!(self.cause, Cause::Here(_)) && self.status.subject() == 7
    }
}
