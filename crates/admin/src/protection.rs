//! What protects mail, and what does not at present: the part of the status that is about
//! channels.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What protects mail, and what does not at present.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ProtectionStatus {
    /// What the name servers are good for.
    pub dns: DnsStatus,
    /// The MTA-STS policies of others; nothing where they are not honoured.
    pub mta_sts: Option<MtaStsStatus>,
    /// Where our own MTA-STS policy is served.
    pub own_policy: Vec<String>,
    /// The revocation lists that partners' certificates are held against.
    pub revocation: Vec<RevocationListStatus>,
    /// The exceptions to partners' rules that are made at present, and those that have ended and
    /// are still in the configuration.
    pub break_glass: Vec<BreakGlassStatus>,
    /// How many keys and certificates are refused by the configuration.
    pub denied: usize,
    /// The messages that went in clear today.
    pub plaintext: PlaintextStatus,
    /// Today's sessions under TLS, as reports count them (RFC 8460 §4.4).
    pub tls_sessions: TlsSessionsStatus,
}

/// What the name servers are good for, as a test has shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "verdict",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case"
)]
pub enum DnsStatus {
    /// The test has not come to its end yet.
    #[default]
    NotTested,
    /// Answers can be validated, or validation is switched off.
    Good {
        /// What was found.
        text: String,
        /// When.
        tested: Timestamp,
    },
    /// They cannot, at least not those of every server.
    Trouble {
        /// What was found, and what to do.
        text: String,
        /// When.
        tested: Timestamp,
    },
}

/// The MTA-STS policies of others (RFC 8461).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct MtaStsStatus {
    /// How many are known.
    pub known: u64,
    /// Of these, how many are to be enforced.
    pub enforced: u64,
    /// Of how many domains something went wrong last.
    pub in_trouble: u64,
    /// The latest of these.
    pub troubles: Vec<StsTroubleStatus>,
}

/// Why the policy of a domain is not known, or not as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StsTroubleStatus {
    /// The domain.
    pub domain: String,
    /// When.
    pub at: Timestamp,
    /// What it was.
    pub text: String,
    /// Whether an older policy counts meanwhile.
    pub has_policy: bool,
}

/// A source of revocation lists (RFC 5280 §5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RevocationListStatus {
    /// The file or the URL.
    pub label: String,
    /// Whose list it is; none where there is no list yet.
    pub issuer: Option<String>,
    /// How many certificates it lists.
    pub entries: Option<u64>,
    /// When the next one is due.
    pub next_update: Option<String>,
    /// Whether there is a list and it still shows what is good.
    pub in_date: bool,
    /// What went wrong last, unless it went well since.
    pub trouble: Option<String>,
}

/// An exception to a partner's rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BreakGlassStatus {
    /// Whose rule.
    pub partner: String,
    /// Which way mail goes; none for both.
    pub direction: Option<String>,
    /// What is still demanded: `any` for nothing, or `encrypted`.
    pub allow: String,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub approved_by: String,
    /// Until when.
    pub until: String,
    /// Whether it is in force.
    pub active: bool,
}

/// The messages that went in clear on a day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlaintextStatus {
    /// The day, in UTC.
    pub day: String,
    /// How many.
    pub messages: u64,
    /// To how many destinations.
    pub destinations: u64,
    /// Those that got most, and why.
    pub most: Vec<PlaintextCause>,
}

/// Messages to one destination that went in clear for one cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlaintextCause {
    /// Where they went.
    pub destination: String,
    /// How many.
    pub messages: u64,
    /// Why not under TLS.
    pub cause: String,
}

/// The sessions of a day, as reports count them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TlsSessionsStatus {
    /// The day, in UTC.
    pub day: String,
    /// For each kind of policy.
    pub policies: Vec<SessionCount>,
    /// For each kind of failure.
    pub failures: Vec<FailureCount>,
}

/// The sessions to which policies of one kind applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SessionCount {
    /// The kind, in the words of RFC 8460 §4.4.
    pub policy_type: String,
    /// How many met it.
    pub successful: u64,
    /// How many did not.
    pub failed: u64,
}

/// Sessions that failed in one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FailureCount {
    /// The way, in the words of RFC 8460 §4.3.
    pub result_type: String,
    /// How many.
    pub sessions: u64,
}
