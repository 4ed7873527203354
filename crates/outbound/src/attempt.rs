//! What an attempt to deliver comes to, for each recipient it was made for.

use std::{fmt, net::SocketAddr, time::SystemTime};

use postern_mail::{EnhancedStatusCode, Reply, ReplyCode, Severity};
use postern_policy::{Basis, PartnerName, Refusal, Shadow};
use postern_smtp::client::{self, SessionFault, Speaker};
use postern_spool::Failure;

use crate::{Frozen, host::Unreachable};

/// What an attempt came to for one recipient.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    /// The next hop has taken responsibility.
    Delivered(Handover),
    /// The recipient is an address of this mail system itself, which has taken the message in.
    TakenIn,
    /// It has not.
    Failed(FailedAttempt),
}

impl Outcome {
    /// To whom the message was handed over, if it was.
    pub(crate) fn handover(&self) -> Option<&Handover> {
        match self {
            Self::Delivered(handover) => Some(handover),
            Self::TakenIn | Self::Failed(_) => None,
        }
    }
}

/// To whom a message was handed over, and over what.
#[derive(Debug, Clone)]
pub(crate) struct Handover {
    /// The host that took it.
    pub(crate) peer: Peer,
    /// What it said to the end of content.
    pub(crate) reply: Reply,
    /// The most that was proven of the channel.
    pub(crate) basis: Basis,
    /// The partner that the destination belongs to.
    pub(crate) partner: Option<PartnerName>,
    /// Who reports success, if the sender wants to hear of it.
    pub(crate) reporter: Reporter,
    /// What the partner's rule would have said, where it is not enforced yet.
    pub(crate) shadow: Option<Shadow>,
}

/// Who reports success to a sender who asked for it (RFC 3461 §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reporter {
    /// The next hop: it offers DSN and was given the parameters.
    NextHop,
    /// We: it does not offer DSN, and will never say more.
    Postern,
}

/// A host at one of its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peer {
    /// Its name, or its address as a literal.
    pub(crate) host: String,
    /// Where it was reached.
    pub(crate) address: SocketAddr,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.host, self.address)
    }
}

/// Why a recipient was not reached.
#[derive(Debug, Clone)]
pub(crate) struct FailedAttempt {
    /// Whether trying again may help.
    pub(crate) permanence: Permanence,
    /// What the queue remembers of it.
    pub(crate) failure: Failure,
    /// How good a reason it is to be told, where several next hops failed.
    pub(crate) weight: Weight,
    /// When it was found out: before it was tried, where DNS was only remembered to say so.
    pub(crate) found_out: SystemTime,
}

/// Whether trying again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permanence {
    /// It may.
    Transient,
    /// It will not.
    Permanent,
}

/// Which of several failures is told: the one that says most about what is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// A host could not be reached.
    NotReached,
    /// A host was reached, and the session failed.
    Session,
    /// A host was reached, and did not prove what it had to.
    Policy,
}

/// What DNS may say of a domain and not mean for long, as subject and detail of a status: that
/// it does not exist (RFC 3463 §3.2: bad destination system address), or that its hosts have no
/// address to go to (RFC 3463 §3.5: unable to route).
const DENIED_BY_DNS: [(u16, u16); 2] = [(1, 2), (4, 4)];

impl FailedAttempt {
    /// There was no host, or no address, to go to.
    pub(crate) fn unreachable(unreachable: &Unreachable, now: SystemTime) -> Self {
        let (status, text) = (unreachable.status, &unreachable.text);
        Self {
            found_out: unreachable.found_out(now),
            ..Self::here(status, text, Weight::NotReached, now)
        }
    }

    /// A connection could not be made.
    pub(crate) fn not_connected(text: &str, now: SystemTime) -> Self {
        // X.4.1: no answer from host (RFC 3463 §3.5).
        Self::here(
            EnhancedStatusCode::transient(4, 1),
            text,
            Weight::NotReached,
            now,
        )
    }

    /// The policy refuses the channel. The message waits: whoever is to fix it may do so within
    /// the queue lifetime, and until then nothing travels. What the sender alone demands is not
    /// waited for (RFC 8689 §4.2.1).
    pub(crate) fn refused(peer: &impl fmt::Display, refusal: &Refusal, now: SystemTime) -> Self {
        let text = format!("{peer} may not be given this message: {refusal}");
        Self::here(status_of_refused(refusal), &text, Weight::Policy, now)
    }

    /// The next hop does not offer REQUIRETLS, with which the message came. Other hosts may, and
    /// if none does the message goes back (RFC 8689 §4.2.1).
    pub(crate) fn no_requiretls(peer: &Peer, now: SystemTime) -> Self {
        // X.7.30: REQUIRETLS support required (RFC 8689 §8).
        let status = EnhancedStatusCode::permanent(7, 30);
        let text = format!("{peer} may not be given this message: it does not offer REQUIRETLS");
        Self::here(status, &text, Weight::Policy, now)
    }

    /// The session ended before anything could be handed over. Whatever the peer says to the
    /// session as a whole, even 5yz, counts for now only: it speaks of no recipient, and another
    /// host or a later day may say otherwise.
    pub(crate) fn session(peer: &Peer, fault: &SessionFault, now: SystemTime) -> Self {
        let failure = match fault {
            SessionFault::Refused { reply, .. } | SessionFault::ShutDown { reply, .. } => {
                let status = EnhancedStatusCode::transient(3, 2);
                let status = reply.status().map_or(status, as_transient);
                Failure::reply(now, status, &peer.host, reply)
            }
            SessionFault::IllFormedReply { .. }
            | SessionFault::UnexpectedReply { .. }
            | SessionFault::AnswerBeforeQuestion { .. }
            | SessionFault::OctetsBehindStartTls
            | SessionFault::StartTlsNotOffered
            | SessionFault::TimedOut { .. }
            | SessionFault::ConnectionLost { .. }
            | SessionFault::Content(_) => {
                let status = EnhancedStatusCode::transient(4, 2);
                Failure::here(now, status, &format!("{peer}: {}", chain(fault)))
            }
        };
        Self {
            permanence: Permanence::Transient,
            failure,
            weight: Weight::Session,
            found_out: now,
        }
    }

    /// The peer, or our side of the session, refused a recipient.
    pub(crate) fn recipient(
        peer: &Peer,
        refusal: &client::Failure,
        permanence: Permanence,
        now: SystemTime,
    ) -> Self {
        let reply = &refusal.reply;
        let status = reply.status().unwrap_or_else(|| status_of(reply));
        // 552 to RCPT may come with a 5.5.3 and yet count for now (RFC 5321 §4.5.3.1.10).
        let status = match permanence {
            Permanence::Transient => as_transient(status),
            Permanence::Permanent => status,
        };
        let failure = match refusal.said_by {
            Speaker::Peer => Failure::reply(now, status, &peer.host, reply),
            Speaker::Postern => {
                Failure::here(now, status, &format!("{peer}: {}", reply.lines().join(" ")))
            }
        };
        Self {
            permanence,
            failure,
            weight: Weight::Session,
            found_out: now,
        }
    }

    /// A mistake of our own, of which the log tells more.
    pub(crate) fn ours(now: SystemTime) -> Self {
        // X.3.0: other or undefined mail system status (RFC 3463 §3.4).
        let status = EnhancedStatusCode::transient(3, 0);
        let text = "delivery broke off by a mistake in this mail system";
        Self::here(status, text, Weight::Session, now)
    }

    /// Too much waits for the destination to come to this message.
    pub(crate) fn crowded_out(now: SystemTime) -> Self {
        // X.4.5: mail system congestion (RFC 3463 §3.5).
        let status = EnhancedStatusCode::transient(4, 5);
        let text = "more messages wait for this destination than it takes";
        Self::here(status, text, Weight::NotReached, now)
    }

    /// An operator lets mail for the domain wait.
    pub(crate) fn frozen(frozen: &Frozen, now: SystemTime) -> Self {
        // X.3.2: system not accepting network messages (RFC 3463 §3.4), for what is kept from it.
        let status = EnhancedStatusCode::transient(3, 2);
        let text = format!(
            "mail for {} is held back by the administrator of this mail system: {}",
            frozen.domain, frozen.reason
        );
        Self::here(status, &text, Weight::NotReached, now)
    }

    /// Something on our side.
    pub(crate) fn here(
        status: EnhancedStatusCode,
        text: &str,
        weight: Weight,
        now: SystemTime,
    ) -> Self {
        let permanence = match status.class() {
            postern_mail::StatusClass::Permanent => Permanence::Permanent,
            postern_mail::StatusClass::Success | postern_mail::StatusClass::Transient => {
                Permanence::Transient
            }
        };
        Self {
            permanence,
            failure: Failure::here(now, status, text),
            weight,
            found_out: now,
        }
    }

    /// What the failures of two hosts come to. Trying again may help as soon as it may help with
    /// one of them. The weightier is told; of two that weigh the same the one that gives hope,
    /// and then the later.
    pub(crate) fn or_weightier(self, later: Self) -> Self {
        let hope = |failed: &Self| failed.permanence == Permanence::Transient;
        let hopeful = hope(&self) || hope(&later);
        let weighs = |failed: &Self| (failed.weight, hope(failed));
        let told = if weighs(&later) >= weighs(&self) {
            later
        } else {
            self
        };
        if hopeful && !hope(&told) {
            told.for_now()
        } else {
            told
        }
    }

    /// Whether the status says that DNS denies the destination.
    pub(crate) fn is_denied_by_dns(&self) -> bool {
        let by_peer = matches!(self.failure.cause(), postern_spool::Cause::Reply { .. });
        let status = self.failure.status();
        !by_peer && DENIED_BY_DNS.contains(&(status.subject(), status.detail()))
    }

    /// Whether what stood against a connection stands against every message for the destination,
    /// so that trying the next one is in vain. Where DNS denies the destination each message has
    /// to find that out for itself, or none would ever be returned.
    pub(crate) fn is_of_the_destination(&self) -> bool {
        self.permanence == Permanence::Transient && !self.is_denied_by_dns()
    }

    /// Whether the session broke off, or the peer said that it will (RFC 5321 §3.8): with less
    /// to do it might not have.
    pub(crate) fn broke_off(&self) -> bool {
        let shut_down = match self.failure.cause() {
            postern_spool::Cause::Reply { reply, .. } => reply.code() == ReplyCode::NOT_AVAILABLE,
            // X.4.2: bad connection (RFC 3463 §3.5).
            postern_spool::Cause::Here(_) => {
                self.failure.status() == EnhancedStatusCode::transient(4, 2)
            }
        };
        shut_down && self.weight == Weight::Session
    }

    /// Whether mail would come back to us.
    pub(crate) fn is_loop(&self) -> bool {
        as_transient(self.failure.status()) == as_transient(Unreachable::LOOP)
    }

    /// The same failure as one that trying again may mend.
    pub(crate) fn for_now(&self) -> Self {
        let (status, text) = (as_transient(self.failure.status()), text_of(&self.failure));
        Self {
            found_out: self.found_out,
            ..Self::here(status, &text, self.weight, self.failure.at())
        }
    }
}

/// The status of a message that the policy refuses to hand over: it waits, or goes back.
pub(crate) fn status_of_refused(refusal: &Refusal) -> EnhancedStatusCode {
    if refusal.may_pass_later() {
        refusal.status()
    } else {
        refusal.final_status()
    }
}

/// A status for a reply that brought none: `X.0.0` (RFC 3463 §3.1).
fn status_of(reply: &Reply) -> EnhancedStatusCode {
    match reply.severity() {
        Severity::PermanentNegative => EnhancedStatusCode::permanent(0, 0),
        Severity::PositiveCompletion
        | Severity::PositiveIntermediate
        | Severity::TransientNegative => EnhancedStatusCode::transient(0, 0),
    }
}

fn as_transient(status: EnhancedStatusCode) -> EnhancedStatusCode {
    EnhancedStatusCode::transient(status.subject(), status.detail())
}

/// What a failure says, for people: the peer's words with its name, or ours.
pub(crate) fn text_of(failure: &Failure) -> String {
    match failure.cause() {
        postern_spool::Cause::Reply { host, reply } => format!("{host} said: {reply}"),
        postern_spool::Cause::Here(text) => text.clone(),
    }
}

/// An error with its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
