//! One attempt to send one report to all who are to have it.

use std::time::SystemTime;

use postern_mail::Foreign;

use super::{Due, Progress, ReportKey, ReportKind, run::Inner};
use crate::{
    ReportMail,
    destination::{Destinations, ReportTag, ReportUri, dmarc_destinations, tlsrpt_destinations},
    dmarc::{AggregateReport, MOST_OCTETS},
    journal::day::whole_second,
    ledger::Day,
    tlsrpt::{GZIP, TlsReportFile},
};

/// A part of a report on its way to one destination.
enum Item {
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
    /// Makes the report, sends it to those who do not have it, and notes how far it came.
    pub(super) async fn attempt(&self, due: &Due, now: SystemTime) -> Progress {
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
        let reports = AggregateReport::of_account(&self.reporter, key.day, &account);
        let small = reports
            .into_iter()
            .flat_map(|it| it.within(&self.reporter, MOST_OCTETS));
        let mut items = Vec::new();
        for report in small {
            for to in &found.mailboxes {
                let name = format!("{} mailto:{to}", report.metadata.report_id);
                let mail = report.mail(&self.reporter, std::slice::from_ref(to), now);
                items.push((name, Item::Mail(mail)));
            }
        }
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
        let report = TlsReportFile::of_counts(&self.reporter, &counted);
        let items = uris.into_iter().map(|uri| {
            let name = format!("{} {uri}", report.report_id);
            let item = match uri {
                ReportUri::Mail(mailbox) => {
                    let domain = key.domain.as_str();
                    Item::Mail(report.mail(&self.reporter, domain, &[mailbox], now))
                }
                ReportUri::Https(url) => Item::Post(url, report.to_gzip()),
            };
            (name, item)
        });
        let items: Vec<_> = items.collect();
        let tally = self.hand_over(due, items, unclear).await;
        tally.into_progress(due, now)
    }

    /// Hands over what has not been before.
    async fn hand_over(
        &self,
        due: &Due,
        items: Vec<(String, Item)>,
        unclear: Option<String>,
    ) -> Tally {
        let mut tally = Tally {
            unclear,
            handed_over: 0,
            failed: Vec::new(),
        };
        for (name, item) in items {
            if due.handed_over.contains(&name) {
                tally.handed_over += 1;
                continue;
            }
            let done = match item {
                Item::Mail(mail) => self.courier.submit(mail).await,
                Item::Post(url, body) => self.courier.post(&url, GZIP, body).await,
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
