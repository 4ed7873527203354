//! Reports about authentication and TLS, as people and programs see them: ours, which are due or
//! were sent, and those that others sent to us.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A part of the reports, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReportPage {
    /// The reports.
    pub reports: Vec<ReportLine>,
    /// Where the next part begins, if there is one.
    pub next: Option<usize>,
}

/// A report in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReportLine {
    /// Its name here.
    pub id: String,
    /// What it is about.
    pub kind: ReportKind,
    /// Who wrote it.
    pub way: ReportWay,
    /// The domain that it is about.
    pub domain: String,
    /// Whom it goes to where it is ours, or else who wrote it.
    pub other: String,
    /// The first moment that it covers.
    pub begin: Timestamp,
    /// The last one.
    pub end: Timestamp,
    /// How far it has come, in words.
    pub state: String,
    /// How many messages or sessions passed.
    pub passed: u64,
    /// How many did not.
    pub failed: u64,
}

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportKind {
    /// Who sent mail in the name of a domain (RFC 9990).
    Dmarc,
    /// Sessions under TLS (RFC 8460).
    Tls,
    /// A message that failed (RFC 9991).
    Failure,
    /// Nobody could tell.
    Unrecognised,
}

/// Who wrote a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportWay {
    /// We did.
    Ours,
    /// Somebody else did.
    Received,
}

/// All about one report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// What a list says of it.
    #[serde(flatten)]
    pub line: ReportLine,
    /// What else is known, each thing with its name.
    pub facts: Vec<ReportFact>,
    /// Who sent mail, in a report on that.
    pub sources: Vec<ReportSource>,
    /// Which policies applied, in a report on sessions.
    pub policies: Vec<ReportPolicy>,
    /// How many rows more there are than an answer has room for.
    pub left_out: u64,
}

/// Something that is known of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReportFact {
    /// What.
    pub name: String,
    /// And what it is.
    pub value: String,
}

/// Messages from one place that fared alike (RFC 9990 §3.1.1.8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReportSource {
    /// Where they came from.
    pub address: String,
    /// How many.
    pub messages: u64,
    /// The domain of their authors.
    pub author: String,
    /// What became of them.
    pub disposition: String,
    /// Whether DKIM passed for that domain.
    pub dkim: String,
    /// Whether SPF passed for that domain.
    pub spf: String,
}

/// Sessions under one policy (RFC 8460 §4.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReportPolicy {
    /// The kind of policy: `tlsa`, `sts` or `no-policy-found`.
    pub policy_type: String,
    /// Whose it is.
    pub domain: String,
    /// How many sessions met it.
    pub successful: u64,
    /// How many did not.
    pub failed: u64,
    /// Why they did not.
    pub failures: Vec<ReportFailure>,
}

/// Sessions that failed alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReportFailure {
    /// How, in the words of RFC 8460 §4.3.
    pub result_type: String,
    /// How many.
    pub sessions: u64,
    /// With which host.
    pub host: String,
    /// What else was said.
    pub reason: String,
}

/// Which reports are to be sent now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ReportOrder {
    /// Those of this day in UTC, `2026-11-22`; without it, all that are due.
    #[serde(default)]
    pub day: Option<String>,
    /// Those about this domain; without it, about all.
    #[serde(default)]
    pub domain: Option<String>,
    /// Whether it is only to be told what would be sent.
    #[serde(default)]
    pub dry_run: bool,
}

/// What came of an order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReportsSent {
    /// What became of each report.
    pub reports: Vec<ReportSent>,
    /// Why there are none, or no more.
    pub notes: Vec<String>,
}

/// What became of a report that was to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReportSent {
    /// What it is about.
    pub kind: ReportKind,
    /// The domain that it is about.
    pub domain: String,
    /// The day.
    pub day: String,
    /// Where it goes.
    pub to: String,
    /// What became of it, in words.
    pub outcome: String,
    /// Whether that is as it should be.
    pub good: bool,
}

/// Reports cannot be looked at, or not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportTrouble {
    /// There is none of this name.
    #[error("there is no report {0:?}")]
    NoSuchReport(String),
    /// The order makes no sense.
    #[error("{0}")]
    BadOrder(String),
    /// It could not be done; the text says why.
    #[error("{0}")]
    Failed(String),
}
