//! What became of each recipient.

use postern_mail::{EnhancedStatusCode, Reply, ReplyCode, Severity};

use super::SessionFault;

/// What a transaction came to for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecipientOutcome {
    /// The peer has taken responsibility, in the reply to the end of content
    /// (RFC 5321 §6.1).
    Delivered(Reply),
    /// Not now. After a session that broke off behind the end of content the peer may have the
    /// message nevertheless: a duplicate is allowed, a loss is not (RFC 5321 §6.1, RFC 1047).
    Transient(Failure),
    /// Not at all, to this peer.
    Permanent(Failure),
}

/// A refusal and who spoke it: a notification quotes them differently (RFC 3464 §2.3.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What was said, or what we say instead.
    pub reply: Reply,
    /// Who said it.
    pub said_by: Speaker,
}

/// Who spoke a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Speaker {
    /// The peer, over the connection.
    Peer,
    /// We, about something the peer did or cannot do.
    Postern,
}

impl RecipientOutcome {
    /// The outcome of a refusal by the peer. What is not 5yz may be tried again.
    pub(super) fn refused_by_peer(reply: Reply) -> Self {
        Self::failed(reply, Speaker::Peer)
    }

    /// The outcome of a refused RCPT. 552 once meant "too many recipients" and is taken as
    /// transient (RFC 5321 §4.5.3.1.10), unless it says that it means the size (RFC 1870 §6.1).
    pub(super) fn of_refused_rcpt(reply: Reply) -> Self {
        let about_size = [
            EnhancedStatusCode::permanent(2, 3),
            EnhancedStatusCode::permanent(3, 4),
        ];
        let speaks_of_size = reply
            .status()
            .is_some_and(|status| about_size.contains(&status));
        if reply.code() == ReplyCode::TOO_LARGE && !speaks_of_size {
            let said_by = Speaker::Peer;
            Self::Transient(Failure { reply, said_by })
        } else {
            Self::refused_by_peer(reply)
        }
    }

    /// The outcome of a refusal that we put into words.
    pub(super) fn refused_by_us(reply: Reply) -> Self {
        Self::failed(reply, Speaker::Postern)
    }

    /// The outcome of a session's end for a recipient who has none yet. A peer that says 421
    /// means everything pending.
    pub(super) fn of_fault(fault: &SessionFault) -> Self {
        match fault {
            SessionFault::ShutDown { reply, .. } => Self::refused_by_peer(reply.clone()),
            SessionFault::Refused { .. }
            | SessionFault::IllFormedReply { .. }
            | SessionFault::UnexpectedReply { .. }
            | SessionFault::AnswerBeforeQuestion { .. }
            | SessionFault::OctetsBehindStartTls
            | SessionFault::StartTlsNotOffered
            | SessionFault::TimedOut { .. }
            | SessionFault::ConnectionLost { .. }
            | SessionFault::Content(_) => Self::refused_by_us(fault.in_our_words()),
        }
    }

    fn failed(reply: Reply, said_by: Speaker) -> Self {
        match reply.severity() {
            Severity::PermanentNegative => Self::Permanent(Failure { reply, said_by }),
            Severity::TransientNegative
            | Severity::PositiveIntermediate
            | Severity::PositiveCompletion => Self::Transient(Failure { reply, said_by }),
        }
    }
}
