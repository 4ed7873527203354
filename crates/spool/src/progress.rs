//! How far a message has come with each of its recipients.

use std::time::SystemTime;

use postern_mail::{EnhancedStatusCode, Foreign, Reply};
use serde::{Deserialize, Serialize};

use crate::{Submission, time};

/// The place of a recipient in its message's envelope. It never changes, so it names the
/// recipient in outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecipientIndex(pub(crate) usize);

impl RecipientIndex {
    /// The place in `envelope.recipients`.
    pub fn as_usize(self) -> usize {
        self.0
    }
}

/// How far a message has come with one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Whether it still waits, and if not, what became of it.
    pub state: RecipientState,
    /// How many attempts have had an outcome.
    pub attempts: u32,
    /// Why the last attempt that failed did.
    pub last_failure: Option<Failure>,
    /// Whether the sender has been told that it takes longer.
    pub delay_notice: DelayNotice,
}

/// Whether a recipient still waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecipientState {
    /// Not yet settled.
    Waiting {
        /// When to try again.
        #[serde(with = "time")]
        next_attempt: SystemTime,
    },
    /// The next hop has taken responsibility.
    Delivered,
    /// Given up; the sender has been told where one is to be told.
    Bounced,
}

/// Whether a delay notice (RFC 3461 §4.1, `NOTIFY=DELAY`) has gone out for a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DelayNotice {
    /// None yet.
    NotSent,
    /// One is in the queue or was.
    Sent,
}

/// Why an attempt failed.
///
/// Made by [`Failure::reply`] and [`Failure::here`], which cut what a peer said: a thousand
/// recipients may each keep one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    #[serde(with = "time")]
    at: SystemTime,
    status: EnhancedStatusCode,
    cause: Cause,
}

/// Who says that an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// A host answered with a reply.
    Reply {
        /// The host that answered, as it is to be called in a notification.
        host: String,
        /// What it answered.
        reply: Reply,
    },
    /// It came to no reply: no route, no connection, a requirement that was not met.
    Here(String),
}

impl Failure {
    /// The most lines of a reply that are kept; each line has 512 characters at most.
    const LINES: usize = 4;

    /// A host answered with `reply`.
    pub fn reply(at: SystemTime, status: EnhancedStatusCode, host: &str, reply: &Reply) -> Self {
        Self::new(
            at,
            status,
            Cause::Reply {
                host: Foreign::new(host).to_string(),
                reply: cut(reply),
            },
        )
    }

    /// It came to no reply; `text` says why, for people.
    pub fn here(at: SystemTime, status: EnhancedStatusCode, text: &str) -> Self {
        Self::new(at, status, Cause::Here(Foreign::new(text).to_string()))
    }

    fn new(at: SystemTime, status: EnhancedStatusCode, cause: Cause) -> Self {
        Self {
            at: time::whole_millis(at),
            status,
            cause,
        }
    }

    /// The same, noted at another time: that at which the next attempt is settled upon, so that the
    /// distance between the two is the wait though the clock was set during the attempt.
    #[must_use]
    pub fn noted_at(self, at: SystemTime) -> Self {
        Self {
            at: time::whole_millis(at),
            ..self
        }
    }

    /// When the attempt failed.
    pub fn at(&self) -> SystemTime {
        self.at
    }

    /// The status for people and notifications (RFC 3463).
    pub fn status(&self) -> EnhancedStatusCode {
        self.status
    }

    /// Who says so, and in which words.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }
}

fn cut(reply: &Reply) -> Reply {
    let mut lines = reply.lines().iter().take(Failure::LINES);
    let first = lines.next().map_or("", String::as_str);
    let mut kept = Reply::new(reply.code(), first);
    if let Some(status) = reply.status() {
        kept = kept.with_status(status);
    }
    lines.fold(kept, Reply::with_line)
}

/// What became of one recipient in one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The next hop took responsibility.
    Delivered,
    /// Not now.
    Deferred {
        /// When to try again.
        until: SystemTime,
        /// Why it failed.
        failure: Failure,
    },
    /// Nothing: there was no attempt after all. It does not count as one.
    Postponed {
        /// When to try.
        until: SystemTime,
    },
    /// Not at all. The notification, where one is due, belongs into the same [`Settlement`].
    Bounced {
        /// Why it failed.
        failure: Failure,
    },
}

/// What an attempt has come to. All of it is on disk at once or not at all.
#[derive(Debug, Default)]
pub struct Settlement {
    /// What became of which recipient. Recipients that are not named stay as they are.
    pub outcomes: Vec<(RecipientIndex, Outcome)>,
    /// For whom a delay notice goes out now.
    pub delay_notices: Vec<RecipientIndex>,
    /// The notifications that this settlement causes. They are accepted in the same commit, so
    /// that a crash neither loses nor doubles one.
    pub submissions: Vec<Submission>,
}

/// What a settlement has left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The ids of the submissions, in their order.
    pub submitted: Vec<postern_mail::QueueId>,
    /// How many recipients of the message still wait. At 0 the message has left the queue.
    pub waiting: usize,
}

#[cfg(test)]
mod tests {
    use postern_mail::ReplyCode;

    use super::*;

    #[test]
    fn what_a_peer_said_is_cut() {
        let endless = (0..5000).fold(
            Reply::new(ReplyCode::FAILED, "no").with_status(EnhancedStatusCode::permanent(7, 1)),
            |reply, _| reply.with_line("x".repeat(9000)),
        );
        let status = EnhancedStatusCode::permanent(7, 1);
        let failure = Failure::reply(SystemTime::now(), status, &"h".repeat(9000), &endless);
        let Cause::Reply { host, reply } = failure.cause() else {
            panic!("a reply was given");
        };
        assert_eq!(host.chars().count(), 513);
        assert_eq!(reply.lines().len(), Failure::LINES);
        assert_eq!(reply.status(), Some(status));
    }
}
