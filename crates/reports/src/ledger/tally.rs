//! What is counted of one destination on one day, in the words of RFC 8460 §4.4.

use std::{fmt, net::IpAddr};

use postern_mail::{Domain, Host, HostError};
use serde::{Deserialize, Serialize};

use super::{
    day::Day,
    session::{AppliedPolicy, PlaintextCause, PolicyType, ResultType},
    text::OTHER,
};

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
