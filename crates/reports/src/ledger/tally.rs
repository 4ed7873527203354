//! What is counted of one destination on one day, within bounds.
//!
//! Each thing that is counted apart takes room, of the destination and of the day. Where there
//! is no room left it is counted together with its like: failures by their result type alone,
//! policies by their type alone, handshakes without their reason, and destinations as one that
//! is called `(other)`. Sums are therefore always right, and details are what gets lost.

use std::{fmt, net::IpAddr};

use postern_mail::{Domain, Host, HostError};
use serde::{Deserialize, Serialize};

use super::{
    day::Day,
    session::{AppliedPolicy, PlaintextCause, PolicyType, ResultType, SessionFailure, TlsSession},
    text::{OTHER, shown},
};

/// The room of one destination on one day. An ordinary one takes some hundred octets; this one
/// has several hosts with TLSA records of their own and many failures. It takes 64 destinations
/// that invent policies and failures to use up a day.
const DESTINATION_OCTETS: usize = 32 << 10;

/// The most octets of a policy that are kept, of its lines and of its patterns each.
const POLICY_OCTETS: usize = 4 << 10;

/// What one entry takes beside its texts, in memory, roughly.
const OVERHEAD: usize = 160;

/// Where messages or sessions went.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Destination {
    /// One destination.
    Host(Host),
    /// All destinations for which the day had no room; written `(other)`.
    Other,
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => host.fmt(f),
            Self::Other => f.write_str(OTHER),
        }
    }
}

impl TryFrom<String> for Destination {
    type Error = HostError;

    fn try_from(text: String) -> Result<Self, HostError> {
        if text == OTHER {
            return Ok(Self::Other);
        }
        text.parse().map(Self::Host)
    }
}

impl From<Destination> for String {
    fn from(destination: Destination) -> Self {
        destination.to_string()
    }
}

/// What was counted of one destination on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DestinationTally {
    /// The destination.
    pub destination: Destination,
    /// Sessions per policy.
    pub policies: Vec<PolicyTally>,
    /// Messages that went in clear, per cause.
    pub plaintext: Vec<PlaintextTally>,
}

/// The sessions to which one policy applied (an element of `policies` in RFC 8460 §4.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PolicyTally {
    /// The policy.
    pub policy: CountedPolicy,
    /// How many met it and how many did not.
    pub summary: Summary,
    /// Why they did not.
    pub failure_details: Vec<FailureDetail>,
}

/// A policy, or all for which there was no room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CountedPolicy {
    /// One policy.
    Applied(AppliedPolicy),
    /// All policies of a type that are not counted apart.
    Other(PolicyType),
}

/// How many sessions met a policy (`summary` in RFC 8460 §4.4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Summary {
    /// Those that did.
    pub total_successful_session_count: u64,
    /// Those that did not.
    pub total_failure_session_count: u64,
}

/// Failures that are alike (an element of `failure-details` in RFC 8460 §4.4).
///
/// Those for which there was no room have the reason `(other)` and nothing else but their type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FailureDetail {
    /// Their kind.
    pub result_type: ResultType,
    /// Our address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sending_mta_ip: Option<IpAddr>,
    /// What the host is called where we found it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receiving_mx_hostname: Option<String>,
    /// What the host calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receiving_mx_helo: Option<String>,
    /// The host's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receiving_ip: Option<IpAddr>,
    /// How many sessions failed like this.
    pub failed_session_count: u64,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_reason_code: Option<String>,
}

/// Messages that went in clear for one cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaintextTally {
    /// The cause; handshakes whose reason had no room have the reason `(other)`.
    #[serde(flatten)]
    pub cause: PlaintextCause,
    /// How many messages.
    pub messages: u64,
}

/// All that a report to a domain tells about a day (RFC 8460 §4.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TlsReport {
    /// The day.
    pub day: Day,
    /// The domain.
    pub domain: Domain,
    /// Sessions per policy.
    pub policies: Vec<PolicyTally>,
}

/// All messages to a destination that went in clear on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlaintextReport {
    /// The destination.
    pub destination: Destination,
    /// Messages per cause.
    pub plaintext: Vec<PlaintextTally>,
}

impl DestinationTally {
    pub(super) fn new(destination: Destination) -> Self {
        Self {
            destination,
            policies: Vec::new(),
            plaintext: Vec::new(),
        }
    }

    /// Roughly what it takes in memory.
    pub(super) fn octets(&self) -> usize {
        let policies = self.policies.iter().map(PolicyTally::octets).sum::<usize>();
        let plaintext = self.plaintext.iter().map(PlaintextTally::octets);
        OVERHEAD + self.destination.to_string().len() + policies + plaintext.sum::<usize>()
    }

    /// Counts a session, and returns how much of the day's room it took.
    pub(super) fn count_session(&mut self, session: &TlsSession, room: usize) -> usize {
        let mut room = Room::new(self, room);
        for outcome in &session.policies {
            let policy = self.policy(&outcome.policy, &mut room);
            match &outcome.failure {
                None => policy.summary.total_successful_session_count += 1,
                Some(failure) => {
                    policy.summary.total_failure_session_count += 1;
                    policy
                        .detail(session, failure, &mut room)
                        .failed_session_count += 1;
                }
            }
        }
        room.taken
    }

    /// Counts a message in clear, and returns how much of the day's room it took.
    pub(super) fn count_plaintext(&mut self, cause: &PlaintextCause, room: usize) -> usize {
        let mut room = Room::new(self, room);
        let new = PlaintextTally::new(match cause {
            PlaintextCause::NotOffered => PlaintextCause::NotOffered,
            PlaintextCause::HandshakeFailed { reason } => PlaintextCause::HandshakeFailed {
                reason: shown(reason),
            },
        });
        let other = PlaintextTally::new(match cause {
            PlaintextCause::NotOffered => PlaintextCause::NotOffered,
            PlaintextCause::HandshakeFailed { .. } => PlaintextCause::HandshakeFailed {
                reason: OTHER.to_owned(),
            },
        });
        entry(&mut self.plaintext, new, other, &mut room).messages += 1;
        room.taken
    }

    fn policy(&mut self, applied: &AppliedPolicy, room: &mut Room) -> &mut PolicyTally {
        // As a rule the policy is known and need not be copied.
        let known =
            |it: &PolicyTally| matches!(&it.policy, CountedPolicy::Applied(it) if it == applied);
        if let Some(at) = self.policies.iter().position(known) {
            return at_position(&mut self.policies, at);
        }
        let new = PolicyTally::new(CountedPolicy::Applied(cut(applied)));
        let other = PolicyTally::new(CountedPolicy::Other(applied.policy_type));
        entry(&mut self.policies, new, other, room)
    }
}

impl PolicyTally {
    fn new(policy: CountedPolicy) -> Self {
        Self {
            policy,
            summary: Summary::default(),
            failure_details: Vec::new(),
        }
    }

    fn detail(
        &mut self,
        session: &TlsSession,
        failure: &SessionFailure,
        room: &mut Room,
    ) -> &mut FailureDetail {
        let new = FailureDetail {
            result_type: failure.result_type,
            sending_mta_ip: session.sending_mta_ip,
            receiving_mx_hostname: session.receiving_mx_hostname.as_ref().map(Host::to_string),
            receiving_mx_helo: session.receiving_mx_helo.as_deref().map(shown),
            receiving_ip: session.receiving_ip,
            failed_session_count: 0,
            failure_reason_code: failure.reason.as_deref().map(shown),
        };
        let other = FailureDetail {
            result_type: failure.result_type,
            sending_mta_ip: None,
            receiving_mx_hostname: None,
            receiving_mx_helo: None,
            receiving_ip: None,
            failed_session_count: 0,
            failure_reason_code: Some(OTHER.to_owned()),
        };
        entry(&mut self.failure_details, new, other, room)
    }
}

impl PlaintextTally {
    fn new(cause: PlaintextCause) -> Self {
        Self { cause, messages: 0 }
    }
}

/// The policy as it is kept.
fn cut(policy: &AppliedPolicy) -> AppliedPolicy {
    let cut = |lines: &[String]| {
        let mut left = POLICY_OCTETS;
        let fits = |line: &String| {
            left = left.saturating_sub(line.len() + 1);
            left > 0
        };
        lines.iter().map(|it| shown(it)).take_while(fits).collect()
    };
    AppliedPolicy {
        policy_type: policy.policy_type,
        policy_domain: policy.policy_domain.clone(),
        policy_string: cut(&policy.policy_string),
        mx_host: cut(&policy.mx_host),
    }
}

/// The room that is left for a destination.
#[derive(Debug)]
struct Room {
    left: usize,
    taken: usize,
}

impl Room {
    fn new(tally: &DestinationTally, of_day: usize) -> Self {
        let own = match tally.destination {
            Destination::Host(_) => DESTINATION_OCTETS.saturating_sub(tally.octets()),
            Destination::Other => 0,
        };
        Self {
            left: own.min(of_day),
            taken: 0,
        }
    }

    fn take(&mut self, octets: usize) -> bool {
        let fits = octets <= self.left;
        if fits {
            self.left -= octets;
            self.taken += octets;
        }
        fits
    }
}

/// Something that is counted apart.
trait Entry {
    fn is_same(&self, other: &Self) -> bool;
    fn octets(&self) -> usize;
}

impl Entry for PolicyTally {
    fn is_same(&self, other: &Self) -> bool {
        self.policy == other.policy
    }

    fn octets(&self) -> usize {
        let texts = match &self.policy {
            CountedPolicy::Applied(it) => {
                let lines = it.policy_string.iter().chain(&it.mx_host);
                it.policy_domain.as_str().len() + lines.map(|it| it.len() + 32).sum::<usize>()
            }
            CountedPolicy::Other(_) => 0,
        };
        let details = self.failure_details.iter().map(Entry::octets);
        OVERHEAD + texts + details.sum::<usize>()
    }
}

impl Entry for FailureDetail {
    fn is_same(&self, other: &Self) -> bool {
        self.result_type == other.result_type
            && self.sending_mta_ip == other.sending_mta_ip
            && self.receiving_ip == other.receiving_ip
            && self.receiving_mx_hostname == other.receiving_mx_hostname
            && self.receiving_mx_helo == other.receiving_mx_helo
            && self.failure_reason_code == other.failure_reason_code
    }

    fn octets(&self) -> usize {
        let texts = [
            &self.receiving_mx_hostname,
            &self.receiving_mx_helo,
            &self.failure_reason_code,
        ];
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        OVERHEAD + texts.into_iter().map(length).sum::<usize>()
    }
}

impl Entry for PlaintextTally {
    fn is_same(&self, other: &Self) -> bool {
        self.cause == other.cause
    }

    fn octets(&self) -> usize {
        match &self.cause {
            PlaintextCause::NotOffered => OVERHEAD,
            PlaintextCause::HandshakeFailed { reason } => OVERHEAD + reason.len(),
        }
    }
}

/// The entry that is the same as `new`: the one there is, a new one where there is room, and
/// else `other`, which takes no room because its kinds are few.
fn entry<'a, T: Entry>(items: &'a mut Vec<T>, new: T, other: T, room: &mut Room) -> &'a mut T {
    if let Some(at) = items.iter().position(|it| it.is_same(&new)) {
        return at_position(items, at);
    }
    let entry = if room.take(new.octets()) { new } else { other };
    let at = items.iter().position(|it| it.is_same(&entry));
    let at = at.unwrap_or_else(|| {
        items.push(entry);
        items.len() - 1
    });
    at_position(items, at)
}

#[expect(
    clippy::indexing_slicing,
    reason = "callers have just found or made the item at this position"
)]
fn at_position<T>(items: &mut [T], at: usize) -> &mut T {
    &mut items[at]
}
