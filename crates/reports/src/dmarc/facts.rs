//! The words of an aggregate report, and a judged message in them.

use std::{net::IpAddr, time::SystemTime};

use postern_mail::Domain;
use serde::{Deserialize, Serialize};

use crate::journal::{text::shown, word::words};

words! {
    /// What a domain asks for (`p`, `sp`, `np` in RFC 9990 §3.1.1.5).
    RequestedPolicy, not = "a policy that a domain can ask for" {
        /// Nothing.
        None = "none",
        /// Suspicion.
        Quarantine = "quarantine",
        /// Refusal.
        Reject = "reject",
    }
}

words! {
    /// How alike two domains must be.
    Alignment, not = "a mode of alignment" {
        /// Of one organization.
        Relaxed = "r",
        /// The same.
        Strict = "s",
    }
}

words! {
    /// How the record was found (RFC 9990 §3.1.1.5).
    Discovery, not = "a discovery method" {
        /// By a list of public suffixes (RFC 7489).
        Psl = "psl",
        /// By walking the tree (RFC 9989 §4.10), which is what Postern does.
        TreeWalk = "treewalk",
    }
}

words! {
    /// What became of the message (RFC 9990 §3.1.1.9).
    AppliedDisposition, not = "a disposition" {
        /// It failed, or nothing was asked for, and nothing was done.
        None = "none",
        /// It passed under a policy that asks for something.
        Pass = "pass",
        /// It was treated as suspicious.
        Quarantine = "quarantine",
        /// It was refused.
        Reject = "reject",
    }
}

words! {
    /// Whether a mechanism yielded an aligned identifier.
    AlignedResult, not = "a result of DMARC" {
        /// It did.
        Pass = "pass",
        /// It did not.
        Fail = "fail",
    }
}

words! {
    /// Why something else was done than what was asked for (RFC 9990 §3.1.1.9).
    OverrideKind, not = "a reason to override a policy" {
        /// Our own rules.
        LocalPolicy = "local_policy",
        /// It came by a mailing list.
        MailingList = "mailing_list",
        /// The record says that it is a test (`t=y`).
        PolicyTestMode = "policy_test_mode",
        /// It came from a forwarder that we trust.
        TrustedForwarder = "trusted_forwarder",
        /// Something else.
        Other = "other",
    }
}

words! {
    /// Results of DKIM (RFC 8601 §2.7.1).
    DkimResult, not = "a result of DKIM" {
        /// There was no signature.
        None = "none",
        /// It is good.
        Pass = "pass",
        /// It is not.
        Fail = "fail",
        /// It is good, and not acceptable to us.
        Policy = "policy",
        /// It could not be processed.
        Neutral = "neutral",
        /// It may be verified later.
        TempError = "temperror",
        /// It can never be verified.
        PermError = "permerror",
    }
}

words! {
    /// Results of SPF (RFC 8601 §2.7.2).
    SpfResult, not = "a result of SPF" {
        /// There is no record.
        None = "none",
        /// The record does not say.
        Neutral = "neutral",
        /// The client may use the domain.
        Pass = "pass",
        /// It may not.
        Fail = "fail",
        /// It probably may not.
        SoftFail = "softfail",
        /// It may be found out later.
        TempError = "temperror",
        /// The record is broken.
        PermError = "permerror",
    }
}

words! {
    /// What SPF was asked about.
    SpfScope, not = "a scope of SPF" {
        /// The domain of HELO, in reports after RFC 7489.
        Helo = "helo",
        /// The domain of MAIL FROM, which is that of HELO where the reverse-path is null
        /// (RFC 7208 §2.4).
        MailFrom = "mfrom",
    }
}

/// A message that was judged under the policy of a domain that wants reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgedMail {
    /// When it was judged. Its day in UTC is the day it counts for.
    pub at: SystemTime,
    /// Where the record was found. It is not always the Author Domain.
    pub policy_domain: Domain,
    /// What the record asks for.
    pub policy: PublishedPolicy,
    /// Where its `rua` wants reports to go, as it is written there. Messages under a policy that
    /// wants none are not counted.
    pub rua: Vec<String>,
    /// All else.
    pub row: Row,
}

/// What a DMARC record asks for (`policy_published`, RFC 9990 §3.1.1.5).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PublishedPolicy {
    /// Of mail from the domain.
    pub p: RequestedPolicy,
    /// Of mail from domains below it; without, the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sp: Option<RequestedPolicy>,
    /// Of mail from domains below it that do not exist; without, what is asked of those that do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub np: Option<RequestedPolicy>,
    /// Of DKIM; relaxed where nothing is said.
    pub adkim: Alignment,
    /// Of SPF; relaxed where nothing is said.
    pub aspf: Alignment,
    /// Whether it is a test (`t=y`).
    #[serde(default)]
    pub testing: bool,
    /// How the record was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discovery_method: Option<Discovery>,
    /// On which failures the domain wants reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fo: Option<String>,
}

impl PublishedPolicy {
    /// A record found by walking the tree that says `p` and nothing else.
    pub fn of(p: RequestedPolicy) -> Self {
        Self {
            p,
            sp: None,
            np: None,
            adkim: Alignment::Relaxed,
            aspf: Alignment::Relaxed,
            testing: false,
            discovery_method: Some(Discovery::TreeWalk),
            fo: None,
        }
    }
}

/// What messages have in common that are counted together (`record`, RFC 9990 §3.1.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Row {
    /// Who sent it.
    pub source_ip: IpAddr,
    /// What was found and done.
    pub evaluated: Evaluated,
    /// Whose name it bears.
    pub identifiers: Identifiers,
    /// What SPF and DKIM say, aligned or not.
    pub auth_results: AuthResults,
}

/// What was found and done (`policy_evaluated`, RFC 9990 §3.1.1.9).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Evaluated {
    /// What became of the message.
    pub disposition: AppliedDisposition,
    /// Whether there was an aligned identifier of DKIM.
    pub dkim: AlignedResult,
    /// Whether there was an aligned identifier of SPF.
    pub spf: AlignedResult,
    /// Why something else was done than what was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<OverrideReason>,
}

/// Why something else was done than what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OverrideReason {
    /// The kind.
    #[serde(rename = "type")]
    pub kind: OverrideKind,
    /// In words, without what differs with every message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// Whose name a message bears. These are domains, never mailboxes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identifiers {
    /// The Author Domain.
    pub header_from: String,
    /// The domain of the reverse-path; none where it is null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envelope_from: Option<String>,
    /// The domain of the recipients, if that is to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envelope_to: Option<String>,
}

/// What SPF and DKIM say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AuthResults {
    /// Of each signature that was looked at, those that are good and aligned first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dkim: Vec<DkimAuthResult>,
    /// Of MAIL FROM: one in reports of ours (RFC 9990 §3.1.1.11), more in older ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spf: Vec<SpfAuthResult>,
}

/// What became of a signature (RFC 9990 §3.1.1.12).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DkimAuthResult {
    /// Its `d=`.
    pub domain: String,
    /// Its `s=`.
    pub selector: String,
    /// The result.
    pub result: DkimResult,
    /// In words, without what differs with every message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub human_result: Option<String>,
}

/// What SPF says.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SpfAuthResult {
    /// Of which domain.
    pub domain: String,
    /// Where the domain stood, if that is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<SpfScope>,
    /// The result.
    pub result: SpfResult,
    /// In words, without what differs with every message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub human_result: Option<String>,
}

impl Evaluated {
    /// Whether the message passed DMARC: one aligned identifier is enough.
    pub fn passes(&self) -> bool {
        self.dkim == AlignedResult::Pass || self.spf == AlignedResult::Pass
    }
}

/// The most signatures of a message, reasons and results of SPF that are kept.
pub(crate) const MOST_RESULTS: usize = 10;

impl Row {
    /// The row as it is kept: lists and texts cut, and texts of others escaped.
    pub(crate) fn bounded(mut self) -> Self {
        let cut = |text: &mut String| *text = shown(text);
        self.evaluated.reasons.truncate(MOST_RESULTS);
        self.auth_results.dkim.truncate(MOST_RESULTS);
        self.auth_results.spf.truncate(MOST_RESULTS);
        for reason in &mut self.evaluated.reasons {
            reason.comment.iter_mut().for_each(cut);
        }
        cut(&mut self.identifiers.header_from);
        self.identifiers.envelope_from.iter_mut().for_each(cut);
        self.identifiers.envelope_to.iter_mut().for_each(cut);
        for dkim in &mut self.auth_results.dkim {
            cut(&mut dkim.domain);
            cut(&mut dkim.selector);
            dkim.human_result.iter_mut().for_each(cut);
        }
        for spf in &mut self.auth_results.spf {
            cut(&mut spf.domain);
            spf.human_result.iter_mut().for_each(cut);
        }
        self
    }

    /// What it takes in memory, roughly.
    pub(crate) fn octets(&self) -> usize {
        /// What an entry of a list takes beside its texts.
        const ENTRY: usize = 80;
        let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let reasons = self.evaluated.reasons.iter();
        let dkim = self.auth_results.dkim.iter();
        let spf = self.auth_results.spf.iter();
        self.identifiers.header_from.len()
            + optional(&self.identifiers.envelope_from)
            + optional(&self.identifiers.envelope_to)
            + reasons
                .map(|it| ENTRY + optional(&it.comment))
                .sum::<usize>()
            + dkim
                .map(|it| ENTRY + it.domain.len() + it.selector.len() + optional(&it.human_result))
                .sum::<usize>()
            + spf
                .map(|it| ENTRY + it.domain.len() + optional(&it.human_result))
                .sum::<usize>()
    }
}
