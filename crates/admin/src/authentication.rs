//! How mail was judged and signed, and the keys that this takes: the part of the status that is
//! about who wrote a message.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// How mail was judged and signed since the start of the daemon.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct AuthenticationStatus {
    /// How many messages of strangers were judged.
    pub judged: u64,
    /// Of these, how many ended how.
    pub dispositions: Vec<VerdictCount>,
    /// What SPF came to (RFC 7208 §2.6), each message once.
    pub spf: Vec<VerdictCount>,
    /// What DKIM came to (RFC 8601 §2.7.1): a message with a signature that passes is a pass.
    pub dkim: Vec<VerdictCount>,
    /// What DMARC came to (RFC 9989).
    pub dmarc: Vec<VerdictCount>,
    /// What the chains of those who passed messages on came to (RFC 8617).
    pub arc: Vec<VerdictCount>,
    /// The keys that sign, in the order of the configuration.
    pub keys: Vec<SigningKeyStatus>,
    /// How reports fare.
    pub reports: ReportsStatus,
}

/// How often a verdict was reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct VerdictCount {
    /// The verdict, in the words of its RFC.
    pub verdict: String,
    /// How often.
    pub messages: u64,
}

/// A key that signs (RFC 6376 §3.6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SigningKeyStatus {
    /// Whose mail it signs.
    pub domain: String,
    /// Below which name its record is.
    pub selector: String,
    /// Its kind.
    pub algorithm: String,
    /// What it signs: `mail`, or `arc` for chains.
    pub signs: String,
    /// From when on, where that is limited.
    pub from: Option<Timestamp>,
    /// Until when, where that is limited.
    pub until: Option<Timestamp>,
    /// Whether it signs now.
    pub state: KeyState,
}

/// Whether a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyState {
    /// It does.
    Signing,
    /// It does not yet.
    Coming,
    /// It does, and ends soon with no other one of its domain that goes on.
    Ending,
    /// It does not any more.
    Over,
}

/// How reports fare, ours and those of others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct ReportsStatus {
    /// Which kinds we send.
    pub sends: Vec<String>,
    /// How many of ours are due and not sent yet.
    pub due: u64,
    /// How many were handed over, of the days that are kept.
    pub sent: u64,
    /// How many were given up, of the days that are kept.
    pub given_up: u64,
    /// What is wrong with the newest of those that are not sent or are given up.
    pub trouble: Option<String>,
    /// How many that others sent are kept.
    pub received: u64,
    /// How many messages to the addresses for reports were none, since the start of the daemon.
    pub unrecognised: u64,
}
