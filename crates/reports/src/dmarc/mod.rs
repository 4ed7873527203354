//! DMARC aggregate reports: judged mail counted per day and Policy Domain, and told to those who
//! ask for it (RFC 9990).
//!
//! | what | here | RFC |
//! |---|---|---|
//! | a message that was judged | [`JudgedMail`] | 9990 §3.1.1 |
//! | counts per day, kept from one start to the next | [`AggregateBook`] | ours |
//! | the report of a day: XML, file name, mail | [`AggregateReport`] | 9990 §3, §3.5 |
//!
//! ```
//! use postern_reports::dmarc::*;
//! use postern_reports::{Reporter, ledger::Day};
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path();
//! # let now = std::time::SystemTime::now();
//!
//! let (book, _problems) = AggregateBook::open(path)?;
//! book.record(&JudgedMail {
//!     at: now,
//!     policy_domain: "example.org".parse()?,
//!     policy: PublishedPolicy::of(RequestedPolicy::Reject),
//!     rua: vec!["mailto:dmarc@example.org".to_owned()],
//!     row: Row {
//!         source_ip: "192.0.2.1".parse()?,
//!         evaluated: Evaluated {
//!             disposition: AppliedDisposition::Pass,
//!             dkim: AlignedResult::Pass,
//!             spf: AlignedResult::Fail,
//!             reasons: Vec::new(),
//!         },
//!         identifiers: Identifiers {
//!             header_from: "example.org".to_owned(),
//!             envelope_from: Some("bounces.example.net".to_owned()),
//!             envelope_to: None,
//!         },
//!         auth_results: AuthResults::default(),
//!     },
//! });
//!
//! let account = book.account(Day::of(now), &"example.org".parse()?).expect("a message was counted");
//! let reporter = Reporter {
//!     hostname: "mx.example.net".parse()?,
//!     organisation: "Example Net".to_owned(),
//!     contact: "postmaster@example.net".parse()?,
//! };
//! let reports = AggregateReport::of_account(&reporter, Day::of(now), &account);
//! assert!(reports[0].to_xml().contains("<disposition>pass</disposition>"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What holds of the book
//! What holds of the [ledger](crate::ledger): recording never waits for the disk, what was counted
//! [`FLUSH_EVERY`](crate::ledger::FLUSH_EVERY) ago is on disk, damage costs what was damaged, and
//! there is no clock. Memory and disk are bounded, whatever strangers send: [`DAY_OCTETS`] for
//! each of [`KEPT_DAYS`] days, and [`DOMAIN_OCTETS`] for each domain of a day. Messages that find
//! no room are counted as left out, which the report says.
//!
//! Left out: `envelope_to` need not be given, since it tells a domain where mail in its name
//! goes; the short report that says that there was a report (RFC 9990 §3.5); extensions.

mod book;
mod day;
mod facts;
mod mail;
mod report;
mod xml;

#[cfg(test)]
mod tests;

pub use book::AggregateBook;
pub use day::{Account, CountedRow, DAY_OCTETS, DOMAIN_OCTETS, KEPT_DAYS, PolicyAccount};
pub(crate) use facts::MOST_RESULTS;
pub use facts::{
    AlignedResult, Alignment, AppliedDisposition, AuthResults, Discovery, DkimAuthResult,
    DkimResult, Evaluated, Identifiers, JudgedMail, OverrideKind, OverrideReason, PublishedPolicy,
    RequestedPolicy, Row, SpfAuthResult, SpfResult, SpfScope,
};
pub(crate) use report::gzip;
pub use report::{AggregateReport, MOST_OCTETS, MOST_ROWS, ReportMetadata};
