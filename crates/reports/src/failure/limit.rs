//! How many failure reports are sent.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use postern_mail::{Domain, Mailbox};

use super::report::{self, FailedMail};
use crate::{ReportMail, Reporter};

/// The most domains that are told of failures in one hour.
pub const MOST_DOMAINS: usize = 1_000;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Whoever writes failure reports.
#[derive(Debug)]
pub struct FailureReports {
    reporter: Reporter,
    per_hour: u32,
    hour: Mutex<Hour>,
}

/// What was sent in the hour that began with the first report.
#[derive(Debug, Default)]
struct Hour {
    began: Option<SystemTime>,
    sent: BTreeMap<Domain, u32>,
}

impl FailureReports {
    /// At most `per_hour` reports about each domain in an hour.
    pub fn new(reporter: Reporter, per_hour: u32) -> Self {
        Self {
            reporter,
            per_hour,
            hour: Mutex::default(),
        }
    }

    /// Whether a message is to be reported: the domain asks for it, and has not had too many. To
    /// be asked before destinations are looked up, and once for each message, since a yes counts.
    pub fn admits(&self, mail: &FailedMail<'_>) -> bool {
        mail.is_asked_for() && self.count(mail.policy_domain, mail.at)
    }

    fn count(&self, domain: &Domain, now: SystemTime) -> bool {
        let mut hour = self.hour.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back begins a new hour as well.
        let age = hour.began.map(|began| now.duration_since(began));
        if !matches!(age, Some(Ok(age)) if age < HOUR) {
            *hour = Hour {
                began: Some(now),
                sent: BTreeMap::new(),
            };
        }
        if !hour.sent.contains_key(domain) && hour.sent.len() >= MOST_DOMAINS {
            return false;
        }
        let sent = hour.sent.entry(domain.clone()).or_default();
        let fits = *sent < self.per_hour;
        *sent += u32::from(fits);
        fits
    }

    /// The report to the mailboxes that
    /// [`dmarc_destinations`](crate::destination::dmarc_destinations) found.
    pub fn mail(&self, mail: &FailedMail<'_>, to: &[Mailbox]) -> ReportMail {
        report::mail(&self.reporter, mail, to)
    }
}
