//! TLS reports: what the [`ledger`](crate::ledger) counted of a domain on a day, told to the
//! domain (RFC 8460).
//!
//! | what | here | RFC |
//! |---|---|---|
//! | the report as JSON, and its words | [`TlsReportFile`] | 8460 §4.4 |
//! | the name of the file, packed | [`TlsReportFile::file_name`] | 8460 §5.1, §5.2 |
//! | the mail around it | [`TlsReportFile::mail`] | 8460 §5.3 |
//! | the body of a POST | [`TlsReportFile::to_gzip`], [`GZIP`] | 8460 §5.4 |
//! | whom to send it to | [`tlsrpt_destinations`](crate::destination::tlsrpt_destinations) | 8460 §3 |
//!
//! The mail asks for delivery whatever becomes of TLS (`TLS-Required: No`, RFC 8689 §4.1): it
//! tells of TLS that fails, and must not fail for the same reason (RFC 8460 §5.3). For our own
//! queue [`TlsWish::Waived`](postern_mail::TlsWish::Waived) says so.
//!
//! The DKIM key that signs the mail should be one whose record allows `s=tlsrpt`, if the record
//! restricts services at all (RFC 8460 §3). It is signed like all mail of the contact's domain.

mod file;
mod mail;

#[cfg(test)]
mod tests;

pub use file::{DateRange, FailureDetails, Policy, PolicyAndResults, SessionCounts, TlsReportFile};

/// The media type of a packed report (RFC 8460 §6.4).
pub const GZIP: &str = "application/tlsrpt+gzip";

pub(crate) use file::parse;
