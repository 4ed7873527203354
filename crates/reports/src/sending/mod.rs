//! Sending: which reports about finished days are due, and that each is sent once.
//!
//! A day is over at midnight UTC. Its reports begin to go out then, each at a moment of its own
//! within [`SPREAD`], so that not all the world's reports arrive at once (RFC 8460 §4.1 asks for
//! it). What cannot be sent is tried again, less and less often, until [`PATIENCE`] after the
//! day's end (RFC 8460 §5.5), and then given up.
//!
//! What has been sent is on disk ([`Outgoing`]) before the next report is made, destination by
//! destination. A crash between the sending of a report and that may send it once more, under the
//! same name (RFC 9990 §3.5.2); nothing is sent a third time, and nothing is forgotten.
//!
//! How mail is queued and how a POST is made is the business of a [`Courier`], so nothing here
//! knows a queue or a socket. [`Sending::run`] is a task that somebody owns; it alone reads the
//! clock.
//!
//! Bounds: [`MOST_AT_ONCE`] reports are made and sent at a time, to at most
//! [`MOST_URIS`](crate::destination::MOST_URIS) destinations each.

mod attempt;
mod outgoing;
mod run;

#[cfg(test)]
mod tests;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use postern_mail::Domain;
use serde::{Deserialize, Serialize};

pub use outgoing::{Due, Outgoing, Progress};
pub use run::{Sending, Wanted};

use crate::{ReportMail, journal::word::words, ledger::Day};

/// The time after midnight over which reports are spread.
pub const SPREAD: Duration = Duration::from_secs(4 * 60 * 60);

/// How long after the end of its day a report is tried: a day from the latest first attempt.
pub const PATIENCE: Duration = Duration::from_secs(28 * 60 * 60);

/// How many reports are made and sent at a time, so that one slow destination does not hold up
/// all others.
pub const MOST_AT_ONCE: usize = 8;

words! {
    /// Which kind of report.
    ReportKind, not = "a kind of report" {
        /// DMARC aggregate reports (RFC 9990).
        Dmarc = "dmarc",
        /// TLS reports (RFC 8460).
        Tls = "tls",
    }
}

/// Which report.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReportKey {
    /// About which day.
    pub day: Day,
    /// Of which kind.
    pub kind: ReportKind,
    /// About which domain.
    pub domain: Domain,
}

impl fmt::Display for ReportKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} report about {} on {}",
            self.kind, self.domain, self.day
        )
    }
}

/// Whoever takes reports away.
#[async_trait]
pub trait Courier: fmt::Debug + Send + Sync {
    /// Signs a message and puts it into the queue. Once this is `Ok` it is durable there.
    async fn submit(&self, mail: ReportMail) -> Result<(), CourierError>;

    /// Sends a POST to an `https` address, and ends within a minute or two. Any answer but a
    /// success (200 to 299) is an error.
    async fn post(
        &self,
        url: &str,
        content_type: &'static str,
        body: Vec<u8>,
    ) -> Result<(), CourierError>;
}

/// Why a report was not taken. Fit to be shown: what others wrote is escaped and cut in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CourierError(pub String);
