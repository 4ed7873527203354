//! The work that every subject is given: W1 to W6.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The name of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum WorkloadName {
    /// Bulk: few connections, many messages on each, TLS in and out.
    W1,
    /// Churn: one message a connection, a full handshake each.
    W2,
    /// Bulk without TLS.
    W3,
    /// Large messages.
    W4,
    /// TLS connections on which nothing happens.
    W5,
    /// One connection, one message after the other.
    W6,
}

impl WorkloadName {
    /// All of them, in order.
    pub const ALL: [Self; 6] = [Self::W1, Self::W2, Self::W3, Self::W4, Self::W5, Self::W6];
}

impl fmt::Display for WorkloadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl FromStr for WorkloadName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = |it: &Self| it.to_string().eq_ignore_ascii_case(text);
        let found = Self::ALL.into_iter().find(named);
        found.ok_or_else(|| format!("no workload {text:?}: there are W1 to W6"))
    }
}

/// Whether octets are encrypted, on the way to the subject and on the way from it alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// STARTTLS both ways, with certificates of ECDSA P-256 and without resumption; the sink takes
    /// no mail in clear.
    Tls,
    /// No TLS is offered or asked for.
    Plain,
}

/// What is done over the connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Every connection carries one message after the other until all are sent.
    Many,
    /// Every message has a connection of its own; as many at the same time as there are
    /// connections.
    One,
    /// Connections are opened, one EHLO is said on each behind the handshake, and nothing follows.
    Idle,
}

/// What a subject is given to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Which it is.
    pub name: WorkloadName,
    /// Connections at the same time.
    pub connections: usize,
    /// Messages in all.
    pub messages: usize,
    /// Octets of each message, header and line ends included.
    pub octets: usize,
    /// Whether there is TLS.
    pub channel: Channel,
    /// What happens on the connections.
    pub activity: Activity,
}

impl Workload {
    /// The workload of this name. The numbers of messages are such that a run takes Postfix some ten
    /// seconds on two cores.
    pub fn named(name: WorkloadName) -> Self {
        let bulk = Self {
            name,
            connections: 40,
            messages: 12_000,
            octets: 10 * 1024,
            channel: Channel::Tls,
            activity: Activity::Many,
        };
        match name {
            WorkloadName::W1 => bulk,
            WorkloadName::W2 => Self {
                messages: 4_000,
                octets: 4 * 1024,
                activity: Activity::One,
                ..bulk
            },
            WorkloadName::W3 => Self {
                channel: Channel::Plain,
                ..bulk
            },
            WorkloadName::W4 => Self {
                connections: 8,
                messages: 240,
                octets: 5 * 1024 * 1024,
                ..bulk
            },
            WorkloadName::W5 => Self {
                connections: 500,
                messages: 0,
                activity: Activity::Idle,
                ..bulk
            },
            WorkloadName::W6 => Self {
                connections: 1,
                messages: 1_000,
                ..bulk
            },
        }
    }

    /// The same with `share` of its messages or idle connections, at least one for each connection.
    #[must_use]
    pub fn scaled(self, share: f64) -> Self {
        let part = |count: usize| (count as f64 * share).ceil() as usize;
        match self.activity {
            Activity::Idle => Self {
                connections: part(self.connections).max(1),
                ..self
            },
            Activity::Many | Activity::One => Self {
                messages: part(self.messages).max(self.connections),
                ..self
            },
        }
    }
}
