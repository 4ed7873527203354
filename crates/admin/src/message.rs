//! Messages of the queue, as people and programs see them.

use std::ops::Range;

use postern_mail::{Domain, ForwardPath, QueueId};
use postern_spool::{self as spool, BounceTo, Cause, DelayNotice, Progress, QueuedMessage};
use serde::{Deserialize, Serialize};

use crate::{Delay, Timestamp};

/// A message in the queue, with a part of its recipients: a transaction may have a hundred
/// thousand of them, and an answer is bounded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Message {
    /// Its name.
    pub id: QueueId,
    /// When responsibility for it became ours.
    pub received_at: Timestamp,
    /// How it came.
    pub origin: Origin,
    /// The reverse-path in angle brackets; `<>` for a notification.
    pub reverse_path: String,
    /// Octets of content.
    pub octets: u64,
    /// The body type: `7BIT`, `8BITMIME` or `BINARYMIME`.
    pub body: String,
    /// Whether the next hop must support SMTPUTF8.
    pub smtputf8: bool,
    /// The sender's own name for it, `ENVID` of RFC 3461 §4.4.
    pub envelope_id: Option<String>,
    /// Why it is held, if it is.
    pub hold: Option<String>,
    /// Why it goes where suspicious mail goes, if it does.
    pub quarantined: Option<String>,
    /// Why nobody hears of it when it cannot be delivered; nothing where the sender does.
    pub not_bounced: Option<String>,
    /// The earliest next attempt for a recipient that waits.
    pub next_attempt: Option<Timestamp>,
    /// How many recipients wait.
    pub waiting: usize,
    /// How many recipients there are, those that are done with included.
    pub recipients_total: usize,
    /// The recipients of this answer. In a list these are the first that wait.
    pub recipients: Vec<Recipient>,
    /// Where the next part of the recipients begins, if there is one.
    pub next_recipient: Option<usize>,
    /// What keeps mail for these recipients from going: destinations that are frozen or cannot be
    /// reached. A running daemon alone knows, and tells it of one message rather than of many.
    #[serde(default)]
    pub delays: Vec<Delay>,
}

/// How a message came into the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Origin {
    /// A peer gave it to us.
    Peer {
        /// The peer's address and port.
        address: String,
        /// What it called itself.
        helo: String,
        /// What its channel proved.
        channel: String,
        /// The partner as whom it was recognised.
        partner: Option<String>,
    },
    /// Postern wrote it: a notification.
    Postern,
}

/// How far a message has come with one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Recipient {
    /// The forward-path in angle brackets.
    pub forward_path: String,
    /// Whether it still waits.
    pub state: RecipientState,
    /// When it is tried again, if it waits.
    pub next_attempt: Option<Timestamp>,
    /// How many attempts have had an outcome.
    pub attempts: u32,
    /// Why the last attempt that failed did.
    pub last_failure: Option<Failure>,
    /// Whether the sender has been told of the delay.
    pub sender_told_of_delay: bool,
}

/// Whether a recipient still waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecipientState {
    /// It waits.
    Waiting,
    /// The next hop has taken responsibility.
    Delivered,
    /// It was given up.
    Bounced,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Failure {
    /// When.
    pub at: Timestamp,
    /// The enhanced status code (RFC 3463).
    pub status: String,
    /// The host that answered, where it came to that.
    pub host: Option<String>,
    /// What the host answered, or what went wrong here.
    pub text: String,
}

/// A part of the queue, oldest message first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Page {
    /// The messages.
    pub messages: Vec<Message>,
    /// What to ask for after, to see the next part; absent once all has been seen. A part may be
    /// empty and not be the last.
    pub next: Option<QueueId>,
}

impl Message {
    /// The recipients at these places of the envelope.
    pub(crate) fn with_recipients(queued: &QueuedMessage, places: Range<usize>) -> Self {
        let mut message = Self::without_recipients(queued);
        let pairs = queued.envelope.recipients.iter().zip(&queued.progress);
        let part = pairs.skip(places.start).take(places.len());
        message.recipients = part.map(|(who, how)| Recipient::of(who, how)).collect();
        message.next_recipient = (places.end < message.recipients_total).then_some(places.end);
        message
    }

    /// The first recipients that wait, at most `most`.
    pub(crate) fn with_waiting(queued: &QueuedMessage, most: usize) -> Self {
        let mut message = Self::without_recipients(queued);
        let pairs = queued.envelope.recipients.iter().zip(&queued.progress);
        let waiting = pairs.filter(|(_, how)| match how.state {
            spool::RecipientState::Waiting { .. } => true,
            spool::RecipientState::Delivered | spool::RecipientState::Bounced => false,
        });
        let first = waiting.take(most);
        message.recipients = first.map(|(who, how)| Recipient::of(who, how)).collect();
        message
    }

    fn without_recipients(queued: &QueuedMessage) -> Self {
        let envelope = &queued.envelope;
        let envelope_id = envelope.envelope_id.as_ref();
        Self {
            id: queued.id,
            received_at: queued.received_at.into(),
            origin: Origin::of(&queued.origin),
            reverse_path: envelope.reverse_path.to_string(),
            octets: queued.octets,
            body: envelope.body.as_str().to_owned(),
            smtputf8: envelope.smtputf8,
            envelope_id: envelope_id.map(|id| id.as_str().to_owned()),
            hold: queued.hold.clone(),
            quarantined: queued.quarantined.clone(),
            not_bounced: match &queued.bounce_to {
                BounceTo::Sender => None,
                BounceTo::Nobody(why) => Some(why.clone()),
            },
            next_attempt: queued.next_attempt().map(Timestamp::from),
            waiting: queued.waiting(),
            recipients_total: envelope.recipients.len(),
            recipients: Vec::new(),
            next_recipient: None,
            delays: Vec::new(),
        }
    }
}

impl Origin {
    fn of(origin: &spool::Origin) -> Self {
        match origin {
            spool::Origin::Ourselves => Self::Postern,
            spool::Origin::Peer(peer) => Self::Peer {
                address: peer.address.to_string(),
                helo: peer.helo.clone(),
                channel: peer.channel.clone(),
                partner: peer.partner.clone(),
            },
        }
    }
}

impl Recipient {
    /// The domain that it is in, if it is in one.
    pub(crate) fn domain(&self) -> Option<Domain> {
        let (path, _) = ForwardPath::parse_prefix(&self.forward_path).ok()?;
        match path {
            ForwardPath::Mailbox(mailbox) => mailbox.host().domain().cloned(),
            ForwardPath::Postmaster => None,
        }
    }

    fn of(recipient: &postern_mail::Recipient, progress: &Progress) -> Self {
        let (state, next_attempt) = match progress.state {
            spool::RecipientState::Waiting { next_attempt } => {
                (RecipientState::Waiting, Some(next_attempt.into()))
            }
            spool::RecipientState::Delivered => (RecipientState::Delivered, None),
            spool::RecipientState::Bounced => (RecipientState::Bounced, None),
        };
        Self {
            forward_path: recipient.forward_path.to_string(),
            state,
            next_attempt,
            attempts: progress.attempts,
            last_failure: progress.last_failure.as_ref().map(Failure::from),
            sender_told_of_delay: match progress.delay_notice {
                DelayNotice::Sent => true,
                DelayNotice::NotSent => false,
            },
        }
    }
}

impl From<&spool::Failure> for Failure {
    fn from(failure: &spool::Failure) -> Self {
        let (host, text) = match failure.cause() {
            Cause::Reply { host, reply } => (Some(host.clone()), reply.to_string()),
            Cause::Here(text) => (None, text.clone()),
        };
        Self {
            at: failure.at().into(),
            status: failure.status().to_string(),
            host,
            text,
        }
    }
}
