//! The report as JSON (RFC 8460 §4.4): as we write it, and as others do.

use std::time::{Duration, SystemTime};

use postern_mail::Mailbox;
use serde::{Deserialize, Deserializer, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::mail;
use crate::{
    ReportMail, Reporter,
    dmarc::gzip,
    journal::day::moment,
    ledger::{CountedPolicy, FailureDetail, PolicyTally, TlsReport},
};

/// A report: one that we send, or one that somebody sent us. Its words are those of RFC 8460
/// where we wrote it; others write what they like, so they are texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TlsReportFile {
    /// What the organisation is called.
    #[serde(default)]
    pub organization_name: String,
    /// The day.
    pub date_range: DateRange,
    /// Who answers for the report.
    #[serde(default)]
    pub contact_info: String,
    /// No other report has it.
    #[serde(default)]
    pub report_id: String,
    /// What was counted, by policy.
    #[serde(default)]
    pub policies: Vec<PolicyAndResults>,
}

/// From the first second to the last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DateRange {
    /// The first.
    #[serde(with = "moment")]
    pub start_datetime: SystemTime,
    /// The last.
    #[serde(with = "moment")]
    pub end_datetime: SystemTime,
}

/// What was counted under one policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PolicyAndResults {
    /// The policy.
    pub policy: Policy,
    /// How many sessions met it.
    pub summary: SessionCounts,
    /// How others failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failure_details: Vec<FailureDetails>,
}

/// A policy of the domain, as it was applied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Policy {
    /// Its kind.
    #[serde(default)]
    pub policy_type: String,
    /// Its lines or records.
    #[serde(default, deserialize_with = "one_or_more")]
    pub policy_string: Vec<String>,
    /// For which domain it is published.
    #[serde(default)]
    pub policy_domain: String,
    /// The patterns of hosts that it allows.
    #[serde(
        default,
        deserialize_with = "one_or_more",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub mx_host: Vec<String>,
}

/// How many sessions did what was demanded, and how many did not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SessionCounts {
    /// Those that did.
    #[serde(default)]
    pub total_successful_session_count: u64,
    /// Those that did not.
    #[serde(default)]
    pub total_failure_session_count: u64,
}

/// Failures that are alike.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct FailureDetails {
    /// Their kind.
    pub result_type: String,
    /// The sender's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sending_mta_ip: Option<String>,
    /// What the host is called where it was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receiving_mx_hostname: Option<String>,
    /// What the host calls itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receiving_mx_helo: Option<String>,
    /// The host's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receiving_ip: Option<String>,
    /// How many sessions failed like this.
    pub failed_session_count: u64,
    /// Where to read more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_information: Option<String>,
    /// Why, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason_code: Option<String>,
}

/// Some reporters write a list of one as the text alone.
fn one_or_more<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Texts {
        One(String),
        More(Vec<String>),
        None(()),
    }
    Ok(match Texts::deserialize(from)? {
        Texts::One(text) => vec![text],
        Texts::More(texts) => texts,
        Texts::None(()) => Vec::new(),
    })
}

impl TlsReportFile {
    /// The report of a day. The same counts give the same report with the same names, so that one
    /// which is sent twice is known as such.
    pub fn of_counts(reporter: &Reporter, counted: &TlsReport) -> Self {
        let domain = counted.domain.as_str();
        let policies = counted.policies.iter().map(|it| of_tally(domain, it));
        let mut report = Self {
            organization_name: reporter.organisation.clone(),
            date_range: DateRange {
                start_datetime: counted.day.start(),
                end_datetime: counted.day.end() - Duration::from_secs(1),
            },
            contact_info: reporter.contact.to_string(),
            report_id: String::new(),
            policies: policies.collect(),
        };
        let names = [domain, reporter.hostname.as_str(), &report.to_json()].join(" ");
        report.report_id = format!("{:032x}", xxh3_128(names.as_bytes()));
        report
    }

    /// The JSON.
    pub fn to_json(&self) -> String {
        // There are no maps with keys that are not texts, so this cannot fail.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// The JSON, packed (RFC 8460 §5.2).
    pub fn to_gzip(&self) -> Vec<u8> {
        gzip(self.to_json().as_bytes())
    }

    /// The name of the packed file (RFC 8460 §5.1).
    ///
    /// ```text
    /// filename = sender "!" policy-domain "!" begin-timestamp "!" end-timestamp
    ///            [ "!" unique-id ] "." extension
    /// ```
    pub fn file_name(&self, reporter: &Reporter, domain: &str) -> String {
        let seconds = |moment: SystemTime| {
            let since = moment.duration_since(SystemTime::UNIX_EPOCH);
            since.as_ref().map_or(0, Duration::as_secs)
        };
        format!(
            "{}!{domain}!{}!{}!{}.json.gz",
            reporter.hostname,
            seconds(self.date_range.start_datetime),
            seconds(self.date_range.end_datetime),
            self.report_id
        )
    }

    /// The mail with the report about `domain` in it (RFC 8460 §5.3).
    pub fn mail(
        &self,
        reporter: &Reporter,
        domain: &str,
        to: &[Mailbox],
        now: SystemTime,
    ) -> ReportMail {
        mail::mail(self, reporter, domain, to, now)
    }
}

fn of_tally(domain: &str, tally: &PolicyTally) -> PolicyAndResults {
    let policy = match &tally.policy {
        CountedPolicy::Applied(it) => Policy {
            policy_type: it.policy_type.to_string(),
            policy_string: it.policy_string.clone(),
            policy_domain: it.policy_domain.to_string(),
            mx_host: it.mx_host.clone(),
        },
        CountedPolicy::Other(kind) => Policy {
            policy_type: kind.to_string(),
            policy_domain: domain.to_owned(),
            ..Policy::default()
        },
    };
    PolicyAndResults {
        policy,
        summary: SessionCounts {
            total_successful_session_count: tally.summary.total_successful_session_count,
            total_failure_session_count: tally.summary.total_failure_session_count,
        },
        failure_details: tally.failure_details.iter().map(of_failure).collect(),
    }
}

fn of_failure(detail: &FailureDetail) -> FailureDetails {
    FailureDetails {
        result_type: detail.result_type.to_string(),
        sending_mta_ip: detail.sending_mta_ip.map(|it| it.to_string()),
        receiving_mx_hostname: detail.receiving_mx_hostname.clone(),
        receiving_mx_helo: detail.receiving_mx_helo.clone(),
        receiving_ip: detail.receiving_ip.map(|it| it.to_string()),
        failed_session_count: detail.failed_session_count,
        additional_information: None,
        failure_reason_code: detail.failure_reason_code.clone(),
    }
}

/// Reads the report of somebody. Whoever calls has bounded it.
pub(crate) fn parse(json: &[u8]) -> Result<TlsReportFile, serde_json::Error> {
    serde_json::from_slice(json)
}
