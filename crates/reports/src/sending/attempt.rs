//! One attempt to send one report to all who are to have it.

use std::time::SystemTime;

use postern_mail::{Foreign, Mailbox};

use super::{Due, Progress, ReportKey, ReportKind, outgoing::WantedBy, run::Inner};
use crate::{
    ReportMail, Reporter,
    destination::{Destinations, ReportTag, ReportUri, dmarc_destinations, tlsrpt_destinations},
    dmarc::{Account, AggregateReport, MOST_OCTETS},
    journal::day::whole_second,
    ledger::{Day, TlsReport},
    tlsrpt::{GZIP, TlsReportFile},
};

/// A part of a report on its way to one destination.
struct Item {
    /// What is noted of it.
    name: String,
    body: Body,
}

enum Body {
    Mail(ReportMail),
    Post(String, Vec<u8>),
}

/// What one attempt came to.
struct Tally {
    unclear: Option<String>,
    handed_over: usize,
    failed: Vec<String>,
}

impl Inner {
    /// Makes the report, sends it to those who do not have it, and notes how far it came. What
    /// somebody else has sent in the meantime is left alone.
    pub(super) async fn attempt(&self, due: &Due, now: SystemTime) -> Progress {
        let turn = self.outgoing.turn(&due.key);
        let _one_at_a_time = turn.lock().await;
        match due.wanted_by {
            WantedBy::Order => self.send_now(due, now).await,
            WantedBy::Schedule => {
                let hostname = &self.reporter.hostname;
                let still_due = self.outgoing.due(&due.key, hostname, now);
                match (still_due, self.outgoing.progress(&due.key)) {
                    (None, Some(progress)) => progress,
                    (None, None) => self.send_now(due, now).await,
                    (Some(due), _) => self.send_now(&due, now).await,
                }
            }
        }
    }

    async fn send_now(&self, due: &Due, now: SystemTime) -> Progress {
        let progress = match due.key.kind {
            ReportKind::Dmarc => self.dmarc(due, now).await,
            ReportKind::Tls => self.tls(due, now).await,
        };
        if let Err(error) = self.outgoing.mark(&due.key, progress.clone()).await {
            tracing::warn!(report = %due.key, %error, "what became of a report is not written");
        }
        match &progress {
            Progress::Sent { .. } => tracing::info!(report = %due.key, "a report was sent"),
            Progress::Unwanted { why } => {
                tracing::debug!(report = %due.key, why, "a report goes nowhere");
            }
            Progress::Waiting { why, .. } => {
                tracing::info!(report = %due.key, why, "a report is tried again later");
            }
            Progress::GivenUp { why } => {
                tracing::warn!(report = %due.key, why, "a report was given up");
            }
        }
        progress
    }

    async fn dmarc(&self, due: &Due, now: SystemTime) -> Progress {
        let key = &due.key;
        let Some(account) = self.book.account(key.day, &key.domain) else {
            return nothing_counted();
        };
        let found = dmarc_destinations(&*self.dns, &key.domain, &account.rua, ReportTag::Rua).await;
        for (address, why) in &found.refused {
            let address = Foreign::new(address);
            tracing::debug!(report = %key, %address, %why, "an address in a rua is not used");
        }
        let (reporter, day) = (self.reporter.clone(), key.day);
        let mailboxes = found.mailboxes.clone();
        let items = made(move || aggregate(&reporter, day, &account, &mailboxes, now)).await;
        let tally = self.hand_over(due, items, unclear(&found)).await;
        tally.into_progress(due, now)
    }

    async fn tls(&self, due: &Due, now: SystemTime) -> Progress {
        let key = &due.key;
        let Some(counted) = self.ledger.tls_report(key.day, &key.domain) else {
            return nothing_counted();
        };
        let (uris, unclear) = match tlsrpt_destinations(&*self.dns, &key.domain).await {
            Ok(uris) => (uris, None),
            Err(failure) => (Vec::new(), Some(failure.to_string())),
        };
        let reporter = self.reporter.clone();
        let items = made(move || of_tls(&reporter, &counted, uris, now)).await;
        let tally = self.hand_over(due, items, unclear).await;
        tally.into_progress(due, now)
    }

    /// Hands over what has not been before.
    async fn hand_over(
        &self,
        due: &Due,
        items: Option<Vec<Item>>,
        unclear: Option<String>,
    ) -> Tally {
        let mut tally = Tally {
            unclear,
            handed_over: 0,
            failed: Vec::new(),
        };
        let Some(items) = items else {
            tally.failed.push("the report could not be made".to_owned());
            return tally;
        };
        for Item { name, body } in items {
            if due.handed_over.contains(&name) {
                tally.handed_over += 1;
                continue;
            }
            let done = match body {
                Body::Mail(mail) => self.courier.submit(mail).await,
                Body::Post(url, body) => self.courier.post(&url, GZIP, body).await,
            };
            match done {
                Ok(()) => tally.handed_over += 1,
                Err(error) => {
                    tally.failed.push(format!("{name}: {error}"));
                    continue;
                }
            }
            if let Err(error) = self.outgoing.mark_handed_over(&due.key, name).await {
                tracing::warn!(report = %due.key, %error, "that a report was sent is not written");
            }
        }
        tally
    }
}

/// Makes a report on a thread that may be busy: one of many rows takes a while to pack. Nothing
/// where that panicked.
async fn made(make: impl FnOnce() -> Vec<Item> + Send + 'static) -> Option<Vec<Item>> {
    tokio::task::spawn_blocking(make).await.ok()
}

fn aggregate(
    reporter: &Reporter,
    day: Day,
    account: &Account,
    mailboxes: &[Mailbox],
    now: SystemTime,
) -> Vec<Item> {
    let reports = AggregateReport::of_account(reporter, day, account);
    let small = reports
        .into_iter()
        .flat_map(|it| it.within(reporter, MOST_OCTETS));
    let mut items = Vec::new();
    for report in small {
        items.extend(mailboxes.iter().map(|to| Item {
            name: format!("{} mailto:{to}", report.metadata.report_id),
            body: Body::Mail(report.mail(reporter, std::slice::from_ref(to), now)),
        }));
    }
    items
}

fn of_tls(
    reporter: &Reporter,
    counted: &TlsReport,
    uris: Vec<ReportUri>,
    now: SystemTime,
) -> Vec<Item> {
    let report = TlsReportFile::of_counts(reporter, counted);
    let items = uris.into_iter().map(|uri| Item {
        name: format!("{} {uri}", report.report_id),
        body: match uri {
            ReportUri::Mail(mailbox) => {
                let domain = counted.domain.as_str();
                Body::Mail(report.mail(reporter, domain, &[mailbox], now))
            }
            ReportUri::Https(url) => Body::Post(url, report.to_gzip()),
        },
    });
    items.collect()
}

impl Tally {
    fn into_progress(self, due: &Due, now: SystemTime) -> Progress {
        match (self.failed.first(), self.unclear) {
            (Some(why), _) => due.failed(why.clone(), now),
            (None, Some(why)) => due.failed(why, now),
            (None, None) if self.handed_over == 0 => Progress::Unwanted {
                why: "no destination wants it, or may have it".to_owned(),
            },
            (None, None) => Progress::Sent {
                at: whole_second(now),
            },
        }
    }
}

fn nothing_counted() -> Progress {
    Progress::Unwanted {
        why: "nothing was counted".to_owned(),
    }
}

fn unclear(found: &Destinations) -> Option<String> {
    let (_, why) = found.refused.iter().find(|(_, why)| why.is_unclear())?;
    Some(why.to_string())
}

/// The reports that a day gives reason for.
impl Inner {
    pub(super) fn reports(&self, day: Day) -> Vec<ReportKey> {
        let of = |kind| move |domain| ReportKey { day, kind, domain };
        let mut keys = Vec::new();
        if self.wanted.dmarc {
            keys.extend(
                self.book
                    .domains(day)
                    .into_iter()
                    .map(of(ReportKind::Dmarc)),
            );
        }
        if self.wanted.tls {
            keys.extend(
                self.ledger
                    .domains(day)
                    .into_iter()
                    .map(of(ReportKind::Tls)),
            );
        }
        keys
    }
}
