//! Reports that others send us: found in mail, read within bounds, kept as files.
//!
//! | kind | where it stands in the mail | RFC |
//! |---|---|---|
//! | DMARC aggregate | XML, as it is or in gzip or zip | 9990 §3.5.2, 7489 |
//! | TLS | JSON, as it is or in gzip or zip | 8460 §5 |
//! | failure | `message/feedback-report` | 9991, 5965, 6591 |
//!
//! Anybody can send mail to the address that a domain names for reports, and what it says cannot
//! be checked. So nothing follows from a report but that it can be looked at, and with each is
//! kept whether its mail passed DMARC ([`SenderProof`]), which alone ties it to somebody.
//!
//! # Bounds
//! What comes packed may be a trap, and so may what comes in layers.
//!
//! - A mail of at most [`MOST_MAIL`] octets in at most [`MOST_LINES`] lines, since each line may
//!   be a header field or a part.
//! - Unpacked at most [`MOST_UNPACKED`] octets, and at most [`MOST_RATIO`] times what was packed;
//!   one layer of packing; archives with at most [`MOST_FILES`] files.
//! - XML without document types, and so without entities of its own, nested at most
//!   [`MOST_DEPTH`] deep, with at most [`MOST_RECORDS`] records. Known entities are put in,
//!   others are not, and nothing is fetched.
//! - JSON with at most [`MOST_RECORDS`] objects and lists, and ten times as many values.
//! - Texts are escaped and cut like all that others write.
//! - Files: [`MOST_REPORTS`] reports and [`MOST_STORED`] octets; the oldest go first.
//!
//! Known limit of the library that reads XML: white space next to an entity is lost.
//!
//! Reading takes time of the processor, at worst some hundred milliseconds, so it belongs on a
//! thread that may block.
//!
//! ```
//! use postern_reports::received::{Kept, ReceivedMail, ReceivedReports, SenderProof, read};
//!
//! # let directory = tempfile::tempdir()?;
//! let reports = ReceivedReports::open(directory.path())?;
//! let mail = ReceivedMail {
//!     content: b"Content-Type: application/json\r\n\r\n\
//!         {\"organization-name\": \"Example\", \"report-id\": \"1\", \"policies\": [],\
//!          \"date-range\": {\"start-datetime\": \"2026-11-22T00:00:00Z\",\
//!                           \"end-datetime\": \"2026-11-22T23:59:59Z\"}}",
//!     received_at: std::time::SystemTime::now(),
//!     author: Some("example.net".parse()?),
//!     proof: SenderProof::PassedDmarc,
//! };
//! let report = read(&mail)?;
//! assert!(matches!(reports.keep(&report)?, Kept::New));
//! assert!(matches!(reports.keep(&report)?, Kept::Duplicate));
//! assert_eq!(reports.list()?[0].reporter, "Example");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod aggregate;
mod bounds;
mod failure;
mod read;
mod store;
mod unpack;

#[cfg(test)]
mod tests;

use std::time::SystemTime;

use postern_mail::Domain;
use serde::{Deserialize, Serialize};

pub use bounds::{
    MOST_DEPTH, MOST_FILES, MOST_LINES, MOST_MAIL, MOST_RATIO, MOST_RECORDS, MOST_UNPACKED,
};
pub use failure::FailureFacts;
pub use read::{NotAReport, read};
pub use store::{Kept, MOST_REPORTS, MOST_STORED, ReceivedReports, StoreError, Summary};

use crate::{
    dmarc::AggregateReport,
    journal::{day::moment, word::words},
    tlsrpt::TlsReportFile,
};

words! {
    /// Whether a report is from where it says.
    SenderProof, not = "a proof of the sender" {
        /// Its mail passed DMARC: it is from the domain that its author is at, whatever
        /// organisation it names.
        PassedDmarc = "passed-dmarc",
        /// Anybody may have written it.
        None = "none",
    }
}

/// A mail to an address of ours for reports.
#[derive(Debug, Clone)]
pub struct ReceivedMail<'a> {
    /// Header and body.
    pub content: &'a [u8],
    /// When it came.
    pub received_at: SystemTime,
    /// The Author Domain, where there is one.
    pub author: Option<Domain>,
    /// What the domain is worth.
    pub proof: SenderProof,
}

/// A report of somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceivedReport {
    /// What we call it.
    pub id: String,
    /// When it came.
    #[serde(with = "moment")]
    pub received_at: SystemTime,
    /// The Author Domain of its mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Domain>,
    /// What the domain is worth.
    pub proof: SenderProof,
    /// Rows that had no address in them, and are left out.
    #[serde(default)]
    pub rows_left_out: usize,
    /// What it says.
    #[serde(flatten)]
    pub report: Report,
}

/// What a report says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind", content = "report")]
pub enum Report {
    /// About mail in a domain's name.
    Dmarc(AggregateReport),
    /// About TLS with a domain's hosts.
    Tls(TlsReportFile),
    /// About one message.
    Failure(FailureFacts),
}
