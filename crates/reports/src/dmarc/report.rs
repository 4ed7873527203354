//! The report of a day to one domain.

use std::{
    io::Write,
    time::{Duration, SystemTime},
};

use flate2::{Compression, write::GzEncoder};
use postern_mail::Mailbox;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::{
    day::{Account, CountedRow, PolicyAccount},
    facts::PublishedPolicy,
    mail, xml,
};
use crate::{ReportMail, Reporter, ledger::Day};

/// The most rows of one report; there are more reports where there are more rows.
pub const MOST_ROWS: usize = 10_000;

/// The most octets of a packed report. A receiver that takes 10 MB, which is usual, takes it with
/// the third that base64 adds. The limits that addresses in a `rua` could once state (`!10m`) are
/// no more (RFC 9989).
pub const MOST_OCTETS: usize = 5 << 20;

/// A report (RFC 9990 §3.1): one that we send, or one that somebody sent us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AggregateReport {
    /// Who reports, about when.
    pub metadata: ReportMetadata,
    /// Where the record was found.
    pub policy_domain: String,
    /// What the record asks for.
    pub policy: PublishedPolicy,
    /// What came.
    pub rows: Vec<CountedRow>,
}

/// Who reports, about when (RFC 9990 §3.1.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportMetadata {
    /// What the organisation is called.
    pub org_name: String,
    /// Who answers for the report.
    pub email: String,
    /// How else to reach somebody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_contact_info: Option<String>,
    /// No other report to the domain has it.
    pub report_id: String,
    /// The first second, counted from 1970.
    pub begin: u64,
    /// The last second.
    pub end: u64,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The program that wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator: Option<String>,
}

impl AggregateReport {
    /// The reports about a day: one for each policy that was published, and more where there are
    /// more rows than [`MOST_ROWS`]. The same account gives the same reports with the same names,
    /// so that one which is sent twice is known as such (RFC 9990 §3.5).
    pub fn of_account(reporter: &Reporter, day: Day, account: &Account) -> Vec<Self> {
        let mut reports = Vec::new();
        for of_policy in &account.policies {
            for rows in of_policy.rows.chunks(MOST_ROWS) {
                reports.push(Self::of_rows(reporter, day, account, of_policy, rows));
            }
        }
        reports
    }

    fn of_rows(
        reporter: &Reporter,
        day: Day,
        account: &Account,
        of_policy: &PolicyAccount,
        rows: &[CountedRow],
    ) -> Self {
        let seconds = |moment: SystemTime| {
            let since = moment.duration_since(SystemTime::UNIX_EPOCH);
            since.as_ref().map_or(0, Duration::as_secs)
        };
        let error = (account.left_out > 0).then(|| {
            let messages = account.left_out;
            format!("{messages} messages of this day could not be counted in rows, of which there were too many")
        });
        let mut report = Self {
            metadata: ReportMetadata {
                org_name: reporter.organisation.clone(),
                email: reporter.contact.to_string(),
                extra_contact_info: None,
                report_id: String::new(),
                begin: seconds(day.start()),
                end: seconds(day.end()).saturating_sub(1),
                error,
                generator: Some(concat!("Postern ", env!("CARGO_PKG_VERSION")).to_owned()),
            },
            policy_domain: account.domain.to_string(),
            policy: of_policy.policy.clone(),
            rows: rows.to_vec(),
        };
        report.name(reporter);
        report
    }

    /// Gives the report its identifier, made of what it says. It is letters and digits, because
    /// the same one stands in the name of the file (RFC 9990 §3.5.2).
    fn name(&mut self, reporter: &Reporter) {
        self.metadata.report_id.clear();
        let mut octets = self.to_xml().into_bytes();
        octets.extend_from_slice(reporter.hostname.as_str().as_bytes());
        self.metadata.report_id = format!("{:032x}", xxh3_128(&octets));
    }

    /// The XML.
    pub fn to_xml(&self) -> String {
        xml::xml(self)
    }

    /// The XML, packed by gzip.
    pub fn to_gzip(&self) -> Vec<u8> {
        gzip(self.to_xml().as_bytes())
    }

    /// The name of the packed file (RFC 9990 §3.5.2).
    ///
    /// ```text
    /// filename = receiver "!" policy-domain "!" begin-timestamp "!" end-timestamp
    ///            [ "!" unique-id ] "." extension
    /// ```
    pub fn file_name(&self, reporter: &Reporter) -> String {
        format!(
            "{}!{}!{}!{}!{}.xml.gz",
            reporter.hostname,
            self.policy_domain,
            self.metadata.begin,
            self.metadata.end,
            self.metadata.report_id
        )
    }

    /// The reports, cut in two as often as it takes for each to have at most `most` octets when
    /// packed. One row is never cut.
    pub fn within(self, reporter: &Reporter, most: usize) -> Vec<Self> {
        let mut small = Vec::new();
        let mut large = vec![self];
        while let Some(mut report) = large.pop() {
            if report.rows.len() < 2 || report.to_gzip().len() <= most {
                small.push(report);
                continue;
            }
            let rest = report.rows.split_off(report.rows.len() / 2);
            let mut rest = Self {
                rows: rest,
                ..report.clone()
            };
            report.name(reporter);
            rest.name(reporter);
            large.extend([rest, report]);
        }
        small
    }

    /// The mail with the report in it (RFC 9990 §3.5.2). Nothing is sent in SMTPUTF8, so
    /// addresses that need it are to be left out before.
    pub fn mail(&self, reporter: &Reporter, to: &[Mailbox], now: SystemTime) -> ReportMail {
        mail::mail(self, reporter, to, now)
    }
}

/// Packs, the same octets into the same octets.
pub(crate) fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    // A vector takes everything.
    let _ = packed.write_all(octets);
    packed.finish().unwrap_or_default()
}
