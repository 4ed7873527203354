//! `postern report send`: reports that an operator wants sent now.

use std::{sync::Arc, time::SystemTime};

use postern_admin::{ReportKind, ReportOrder, ReportSent, ReportTrouble, ReportsSent};
use postern_mail::Domain;
use postern_reports::{
    ledger::Day,
    sending::{self, Progress, ReportKey, Sending},
};

use super::{InForce, Reporting, view};

/// Which reports are meant.
struct Meant {
    /// None means those that are due.
    day: Option<Day>,
    domain: Option<Domain>,
}

impl Reporting {
    /// Sends the reports of an order, or tells which they are. What was begun goes on when nobody
    /// waits for it any more.
    pub(in super::super) async fn carry_out(
        &self,
        order: &ReportOrder,
        now: SystemTime,
    ) -> Result<ReportsSent, ReportTrouble> {
        let in_force = self.now();
        if !in_force.wanted.dmarc && !in_force.wanted.tls {
            let why = "the configuration sends no reports: see [reports]";
            return Err(ReportTrouble::Failed(why.to_owned()));
        }
        let meant = Meant::by(order, now)?;
        if order.dry_run {
            return Ok(self.would_send(&in_force.sending, &meant, now));
        }
        let sending = in_force.sending.clone();
        let work = self
            .orders
            .spawn(async move { send(&sending, &meant, now).await });
        let sent = work.await;
        let sent = sent.map_err(|_| ReportTrouble::Failed("sending failed: see the log".into()))?;
        Ok(self.told(&in_force, &sent, now))
    }

    fn would_send(&self, sending: &Sending, meant: &Meant, now: SystemTime) -> ReportsSent {
        let reports = match meant.day {
            Some(day) => named(sending, day, meant.domain.as_ref()),
            None => due(sending, now),
        };
        let would = reports.into_iter().map(|key| {
            let outcome = match self.outgoing.progress(&key) {
                None => "would be sent".to_owned(),
                Some(progress) => format!("would be sent; {}", view::state(&progress)),
            };
            self.line(&key, outcome, true)
        });
        let reports: Vec<_> = would.collect();
        let notes = notes(&reports);
        ReportsSent { reports, notes }
    }

    fn told(
        &self,
        in_force: &Arc<InForce>,
        sent: &[(ReportKey, Progress)],
        now: SystemTime,
    ) -> ReportsSent {
        let lines = sent.iter().map(|(key, progress)| {
            let good = matches!(progress, Progress::Sent { .. } | Progress::Unwanted { .. });
            self.line(key, view::state(progress), good)
        });
        let reports: Vec<_> = lines.collect();
        let mut notes = notes(&reports);
        let later = self.waiting(&in_force.sending, now);
        if later > 0 {
            notes.push(format!("{later} wait for their time"));
        }
        ReportsSent { reports, notes }
    }

    fn line(&self, key: &ReportKey, outcome: String, good: bool) -> ReportSent {
        ReportSent {
            kind: kind(key.kind),
            domain: key.domain.to_string(),
            day: key.day.to_string(),
            to: self.wanted_by(key),
            outcome,
            good,
        }
    }
}

impl Meant {
    /// A domain without a day is meant for the last day that is over.
    fn by(order: &ReportOrder, now: SystemTime) -> Result<Self, ReportTrouble> {
        let bad = |why: String| ReportTrouble::BadOrder(why);
        let domain = order.domain.as_ref().map(|text| text.parse());
        let domain: Option<Domain> = domain
            .transpose()
            .map_err(|error| bad(format!("the domain: {error}")))?;
        let day = order.day.as_ref().map(|text| text.parse::<Day>());
        let day = day
            .transpose()
            .map_err(|error| bad(format!("the day: {error}")))?;
        if day.is_some_and(|day| now < day.end()) {
            let why = "the day is not over in UTC: its reports would not be complete";
            return Err(bad(why.to_owned()));
        }
        let day = day.or_else(|| domain.as_ref().and_then(|_| view::yesterday(now)));
        Ok(Self { day, domain })
    }
}

async fn send(sending: &Sending, meant: &Meant, now: SystemTime) -> Vec<(ReportKey, Progress)> {
    match meant.day {
        Some(day) => sending.send_again(day, meant.domain.as_ref(), now).await,
        None => sending.send_due(now).await,
    }
}

fn named(sending: &Sending, day: Day, domain: Option<&Domain>) -> Vec<ReportKey> {
    let keys = sending.reports(day).into_iter().map(|(key, _)| key);
    keys.filter(|key| domain.is_none_or(|wanted| key.domain == *wanted))
        .collect()
}

fn due(sending: &Sending, now: SystemTime) -> Vec<ReportKey> {
    sending.due(now).into_iter().map(|due| due.key).collect()
}

fn notes(reports: &[ReportSent]) -> Vec<String> {
    let nothing = "nothing was counted for which a report is to be sent now";
    match reports {
        [] => vec![nothing.to_owned()],
        _ => Vec::new(),
    }
}

pub(super) fn kind(kind: sending::ReportKind) -> ReportKind {
    match kind {
        sending::ReportKind::Dmarc => ReportKind::Dmarc,
        sending::ReportKind::Tls => ReportKind::Tls,
    }
}
