//! Partners, as people and programs see them: what their rules demand, how these fared, and what
//! stands in the way of enforcing them.

use serde::{Deserialize, Serialize};

use crate::{BreakGlassStatus, RevocationListStatus, Timestamp};

/// A partner with both directions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Partner {
    /// What the configuration calls it.
    pub name: String,
    /// How far its rules have been put in force: `observe`, `warn` or `enforce`.
    pub stage: String,
    /// The patterns of its domains.
    pub domains: Vec<String>,
    /// The domains that these match and that are not the partner's.
    pub except: Vec<String>,
    /// Whom to call.
    pub contact: Option<String>,
    /// Mail that we deliver to it.
    pub outbound: PartnerDirection,
    /// Mail that it delivers to us.
    pub inbound: PartnerDirection,
}

/// One direction of a partner's mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PartnerDirection {
    /// What a channel must be: `any`, `encrypted` or `authenticated`.
    pub require: String,
    /// What is demanded beyond that, in words: names, pins, hosts, DANE.
    pub terms: Vec<String>,
    /// The exceptions to the rule that are made at present, and those that have ended and are
    /// still in the configuration.
    pub break_glass: Vec<BreakGlassStatus>,
    /// The revocation lists that certificates are held against.
    pub revocation: Vec<RevocationListStatus>,
    /// How the rule fared; nothing if it was never held against a channel.
    pub measured: Option<Measured>,
    /// Whether the rule can be enforced.
    pub readiness: Readiness,
}

/// How a rule fared, whatever its stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Measured {
    /// What the rule demanded that was measured; nothing where an earlier version did not say.
    #[serde(default)]
    pub rule: Option<String>,
    /// Whether that is what the rule demands at present. Where it is not, all of this says
    /// nothing about the rule, and ends with the first attempt under it.
    #[serde(default)]
    pub present: bool,
    /// The first attempt.
    pub since: Timestamp,
    /// The last attempt.
    pub last_attempt: Timestamp,
    /// How often the rule was held against a channel.
    pub attempts: u64,
    /// How often it was met.
    pub met: u64,
    /// How often it was not, and mail passed because it was not in force.
    pub would_have_failed: u64,
    /// How often it was not, and mail did not pass.
    pub failed: u64,
    /// How many attempts took place while an exception had the rule out of force.
    pub under_break_glass: u64,
    /// The last time that the rule was not met.
    pub last_failure: Option<Timestamp>,
    /// Why it was not met, the most frequent reason first.
    pub reasons: Vec<FailureReason>,
    /// How often it was not met for reasons that are no longer named.
    pub other_reasons: u64,
    /// The host at the other end of the last attempt.
    pub last_peer: String,
    /// On what the last judgement stood.
    pub last_basis: String,
    /// Whom the peer was last shown to be.
    pub last_identity: Option<String>,
    /// Which of the certificates that were seen ends first.
    pub certificate_expiry: Option<CertificateExpiry>,
}

/// Why a rule was not met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FailureReason {
    /// In the words of the log.
    pub reason: String,
    /// How often.
    pub count: u64,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
    /// The host at the other end of the last attempt that failed so. Of mail that comes in, it
    /// may be anybody who uses the partner's name.
    #[serde(default)]
    pub last_peer: Option<String>,
}

/// When the first of a partner's certificates ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CertificateExpiry {
    /// The host that shows it.
    pub peer: String,
    /// When it ends.
    pub not_after: Timestamp,
    /// How many whole days that is away; negative once it has ended.
    pub days_left: i64,
}

/// Whether a rule can be enforced without mail being lost to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Readiness {
    /// The verdict.
    pub verdict: ReadinessVerdict,
    /// The verdict and why, in a sentence.
    pub text: String,
}

/// Whether a rule can be enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadinessVerdict {
    /// There is nothing to go by.
    NotMeasured,
    /// It is not met.
    Failing,
    /// It is met, and too little was seen.
    TooFew,
    /// It would have lost nothing.
    Safe,
}

/// A part of the partners, in the order of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PartnerPage {
    /// The partners.
    pub partners: Vec<PartnerLine>,
    /// Where the next part begins, if there is one.
    pub next: Option<usize>,
}

/// A partner in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PartnerLine {
    /// What the configuration calls it.
    pub name: String,
    /// How far its rules have been put in force.
    pub stage: String,
    /// Mail that we deliver to it.
    pub outbound: DirectionLine,
    /// Mail that it delivers to us.
    pub inbound: DirectionLine,
}

/// One direction of a partner in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DirectionLine {
    /// What a channel must be.
    pub require: String,
    /// How often the rule was held against a channel.
    pub attempts: u64,
    /// How often it was met.
    pub met: u64,
    /// How often it was not, whether it was in force or not.
    pub not_met: u64,
    /// Whether an exception has it out of force at present.
    pub break_glass: bool,
    /// Whether the rule can be enforced.
    pub readiness: Readiness,
}

/// There is no partner of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no partner {name:?}{}", or_rather(.nearest))]
pub struct NoSuchPartner {
    /// What was asked for.
    pub name: String,
    /// The names that are most like it.
    pub nearest: Vec<String>,
}

fn or_rather(names: &[String]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let names: Vec<_> = names.iter().map(|name| format!("{name:?}")).collect();
    format!("; did you mean {}?", names.join(" or "))
}

/// A name as a part of a query: everything but letters and digits is escaped (RFC 3986 §2.1).
pub(crate) fn escaped(name: &str) -> String {
    name.bytes().fold(String::new(), |mut text, octet| {
        if octet.is_ascii_alphanumeric() {
            text.push(char::from(octet));
        } else {
            text.push_str(&format!("%{octet:02X}"));
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped() {
        assert_eq!(escaped("Bank2"), "Bank2");
        assert_eq!(escaped("A&B/ü ?"), "A%26B%2F%C3%BC%20%3F");
    }

    #[test]
    fn who_is_not_there_is_told_with_who_may_be_meant() {
        let nobody = |nearest: &[&str]| NoSuchPartner {
            name: "Bnak".to_owned(),
            nearest: nearest.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(nobody(&[]).to_string(), "there is no partner \"Bnak\"");
        assert_eq!(
            nobody(&["Bank", "Bahn"]).to_string(),
            "there is no partner \"Bnak\"; did you mean \"Bank\" or \"Bahn\"?"
        );
    }
}
