//! What the spool is given to keep.

use std::{net::SocketAddr, time::SystemTime};

use postern_mail::{Envelope, QueueId};
use serde::{Deserialize, Serialize};

use crate::Content;

/// A message for which responsibility is about to be ours (RFC 5321 §6.1).
#[derive(Debug)]
pub struct Submission {
    /// From whom to whom.
    pub envelope: Envelope,
    /// How it came to us.
    pub origin: Origin,
    /// When it came, by the wall clock. The spool keeps whole milliseconds.
    pub received_at: SystemTime,
    /// What it carries.
    pub content: Content,
    /// Who hears of it when it cannot be delivered.
    pub bounce_to: BounceTo,
    /// Why it is to go where suspicious mail goes, where it is.
    pub quarantined: Option<String>,
    /// Why it is held from the start, where it is: it is ours and durable, and waits for an
    /// operator.
    pub hold: Option<String>,
}

/// Who hears of a message that cannot be delivered.
///
/// A reverse-path is what a stranger says of itself. Where it is known to be a lie, a
/// notification would go to somebody who has nothing to do with the message (RFC 5321 §6.2 calls
/// it backscatter), so none is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BounceTo {
    /// Whoever the reverse-path names.
    Sender,
    /// Nobody, for this reason.
    Nobody(String),
}

/// An id that was set aside for one message. It can be used once.
#[derive(Debug, PartialEq, Eq)]
pub struct ReservedId(pub(crate) QueueId);

impl ReservedId {
    /// The id that the message will have.
    pub fn queue_id(&self) -> QueueId {
        self.0
    }
}

/// How a message came into the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// A peer gave it to us.
    Peer(PeerOrigin),
    /// We wrote it ourselves: a notification.
    Ourselves,
}

/// Which peer gave us a message, and over what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerOrigin {
    /// The peer's address.
    pub address: SocketAddr,
    /// What the peer called itself in EHLO or HELO.
    pub helo: String,
    /// The channel's verdict in words, for people.
    pub channel: String,
    /// The partner as whom the policy recognised the peer.
    pub partner: Option<String>,
}
