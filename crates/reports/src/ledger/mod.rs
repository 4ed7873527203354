//! The ledger: what is measured about TLS, kept from one start to the next.
//!
//! | what | for whom | RFC |
//! |---|---|---|
//! | sessions and failures per day, domain and policy: [`TlsSession`] | the domain, in a report | 8460 §4.2 to §4.4 |
//! | messages in clear per day and destination, and why: [`PlaintextMessage`] | the operator | ours |
//! | how each partner's rule fares, in force or not: [`PartnerAttempt`] | the operator, before enforcing it | ours |
//!
//! [`Readiness`] says when a partner's rule can be put in force, and why not before.
//!
//! ```
//! use std::time::SystemTime;
//! use postern_reports::ledger::{AppliedPolicy, Day, Ledger, PolicyOutcome, TlsSession};
//!
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path();
//! # let now = SystemTime::now();
//! let (ledger, problems) = Ledger::open(path, now)?;
//! assert!(problems.is_empty(), "nothing on the disk is damaged");
//!
//! let domain: postern_mail::Domain = "example.org".parse()?;
//! ledger.record_session(&TlsSession {
//!     domain: domain.clone(),
//!     at: now,
//!     sending_mta_ip: None,
//!     receiving_mx_hostname: Some("mx.example.org".parse()?),
//!     receiving_mx_helo: None,
//!     receiving_ip: Some("192.0.2.1".parse()?),
//!     policies: vec![PolicyOutcome { policy: AppliedPolicy::none(domain.clone()), failure: None }],
//! });
//! ledger.flush_blocking()?;
//!
//! let report = ledger.tls_report(Day::of(now), &domain).expect("a session was counted");
//! assert_eq!(report.policies[0].summary.total_successful_session_count, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What holds
//! - **Recording costs a microsecond or two.** It counts in memory, never waits for the disk
//!   and never fails.
//! - **What was counted [`FLUSH_EVERY`] ago is on disk**, save where the disk refuses; then it
//!   is tried again as often, and counts stay in memory. A stop in good order loses nothing.
//! - **Damage is contained.** A damaged entry costs its own counts; its file is kept for whoever
//!   wants to look, and reported ([`Problem`]). Nothing on disk keeps the ledger from opening
//!   but a directory that cannot be made, read or locked.
//! - **What was measured under one rule is not told of another.** With the first attempt under
//!   other terms a partner's record begins anew.
//! - **Memory and disk are bounded**, whatever peers do: [`DAY_OCTETS`] of memory for each of
//!   [`KEPT_DAYS`] days, at most five times that on disk; at most some 25 KiB for each partner
//!   and direction, and the configuration says how many there are. What finds no room is
//!   counted as `(other)`, so sums stay right.
//! - **No clock.** What is recorded brings its time along.
//!
//! # What does not
//! - Reports are not written or sent (RFC 8460 §3, §5): [`tlsrpt`](crate::tlsrpt) does that.
//! - Whose mail it is that comes in under a partner's name is not known where the rule is not
//!   met: a stranger's attempt counts as a failure ([`FailureReason::last_peer`] shows it).
//! - A partner's rule is told from another by its own words ([`PartnerAttempt::rule`]). What it
//!   takes from elsewhere, the general trust and profile, may change beneath it.
//! - A clock that is wrong by days puts counts on wrong days.

mod counting;
mod keeping;
mod partner;
mod readiness;
mod room;
mod session;
mod state;
mod tally;

#[cfg(test)]
mod tests;

use crate::journal::{book, day, error, files, text, word};

pub use crate::journal::day::{Day, DayError};
pub use crate::journal::error::{Fault, LedgerError, Problem};
pub use crate::journal::word::UnknownWord;
pub use keeping::{FLUSH_EVERY, Ledger};
pub use partner::{
    AttemptOutcome, Direction, FailureReason, PartnerAttempt, PartnerRecord, SeenCertificate, Stage,
};
pub use readiness::{
    CertificateExpiry, ENOUGH_ATTEMPTS, LONG_ENOUGH, MEASUREMENT_AGES, PartnerStanding, Readiness,
};
pub use session::{
    AppliedPolicy, PlaintextCause, PlaintextMessage, PolicyOutcome, PolicyType, ResultType,
    SessionFailure, TlsSession,
};
pub use state::{DAY_OCTETS, KEPT_DAYS};
pub use tally::{
    CountedPolicy, Destination, DestinationTally, FailureDetail, PlaintextReport, PlaintextTally,
    PolicyTally, Summary, TlsReport,
};
