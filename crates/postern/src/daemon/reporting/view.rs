//! Reports as the control interface is shown them.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
    time::{Duration, SystemTime},
};

use postern_admin::{
    Report, ReportFact, ReportFailure, ReportLine, ReportPage, ReportPolicy, ReportSource,
    ReportTrouble, ReportWay, ReportsStatus, Timestamp,
};
use postern_mail::Domain;
use postern_reports::{
    dmarc::{Account, AlignedResult, CountedRow},
    ledger::{CountedPolicy, Day, FailureDetail, PolicyTally},
    sending::{PATIENCE, Progress, ReportKey, ReportKind, Sending},
};

use super::{Reporting, order::kind, theirs::blocking};

/// The most reports in one answer, of some 300 octets each.
const PAGE: usize = 10_000;

/// The most rows of a report in one answer.
pub(super) const ROWS: usize = 1000;

impl Reporting {
    /// The reports from the place `from` on: ours, the newest day first, and then those of others.
    pub(in super::super) async fn page(
        self: &Arc<Self>,
        from: usize,
        now: SystemTime,
    ) -> Result<ReportPage, ReportTrouble> {
        let this = Arc::clone(self);
        blocking(move || this.page_blocking(from, now)).await
    }

    /// Of a line all that was counted has to be looked at, so it is made for those that are shown.
    fn page_blocking(&self, from: usize, now: SystemTime) -> Result<ReportPage, ReportTrouble> {
        let sending = self.now().sending.clone();
        let days = self.days().into_iter().rev();
        let ours: Vec<_> = days.flat_map(|day| sending.reports(day)).collect();
        let theirs = self.received()?;
        let all = ours.len().saturating_add(theirs.len());
        let theirs = theirs.into_iter().skip(from.saturating_sub(ours.len()));
        let ours = ours.iter().skip(from);
        let ours = ours.map(|(key, progress)| self.line_of(key, progress.as_ref(), now));
        let next = from.saturating_add(PAGE);
        Ok(ReportPage {
            reports: ours.chain(theirs).take(PAGE).collect(),
            next: (next < all).then_some(next),
        })
    }

    /// The report of this name.
    pub(in super::super) async fn one(
        &self,
        id: &str,
        now: SystemTime,
    ) -> Result<Report, ReportTrouble> {
        let ours = key(id).and_then(|key| self.ours(&key, now));
        let found = match ours {
            Some(report) => Some(report),
            None => self.received_one(id).await?,
        };
        found.ok_or_else(|| ReportTrouble::NoSuchReport(id.to_owned()))
    }

    fn ours(&self, key: &ReportKey, now: SystemTime) -> Option<Report> {
        let progress = self.outgoing.progress(key);
        let line = self.line_of(key, progress.as_ref(), now);
        match key.kind {
            ReportKind::Dmarc => {
                let account = self.book.account(key.day, &key.domain)?;
                Some(of_account(line, &account))
            }
            ReportKind::Tls => {
                let policies = self.ledger.tls_report(key.day, &key.domain)?.policies;
                Some(Report {
                    policies: policies.iter().map(policy).collect(),
                    ..bare(line)
                })
            }
        }
    }

    /// How reports fare.
    pub(in super::super) fn status(&self, now: SystemTime) -> ReportsStatus {
        let in_force = self.now();
        let kinds = [
            ("dmarc", in_force.wanted.dmarc),
            ("tls", in_force.wanted.tls),
            ("failure", in_force.failures.is_some()),
        ];
        let sends = kinds.into_iter().filter(|(_, is_sent)| *is_sent);
        let mut status = ReportsStatus {
            sends: sends.map(|(kind, _)| kind.to_owned()).collect(),
            received: self.received.reports.count(),
            unrecognised: self.received.strays.load(Ordering::Relaxed),
            ..ReportsStatus::default()
        };
        let days = self.days().into_iter().filter(|day| day.end() <= now);
        for (key, progress) in days.flat_map(|day| in_force.sending.reports(day)) {
            match progress {
                Some(Progress::Sent { .. }) => status.sent += 1,
                Some(Progress::GivenUp { why }) => {
                    status.given_up += 1;
                    status.trouble = Some(format!("the {key}: {why}"));
                }
                Some(Progress::Waiting { why, .. }) => {
                    status.due += 1;
                    status.trouble = Some(format!("the {key}: {why}"));
                }
                None if now < key.day.end() + PATIENCE => status.due += 1,
                None | Some(Progress::Unwanted { .. }) => {}
            }
        }
        status
    }

    /// How many are not sent yet and are not given up.
    pub(super) fn waiting(&self, sending: &Sending, now: SystemTime) -> usize {
        let is_tried = |day: &Day| day.end() <= now && now < day.end() + PATIENCE;
        let days = self.days().into_iter().filter(is_tried);
        let reports = days.flat_map(|day| sending.reports(day));
        reports
            .filter(|(_, progress)| matches!(progress, None | Some(Progress::Waiting { .. })))
            .count()
    }

    /// Where a report goes, as far as it is known without asking.
    pub(super) fn wanted_by(&self, key: &ReportKey) -> String {
        match key.kind {
            ReportKind::Dmarc => {
                let account = self.book.account(key.day, &key.domain);
                account.map_or_else(String::new, |it| it.rua.join(", "))
            }
            ReportKind::Tls => format!("as _smtp._tls.{} says", key.domain),
        }
    }

    fn days(&self) -> BTreeSet<Day> {
        let days = self.book.days().into_iter();
        days.chain(self.ledger.days()).collect()
    }

    fn line_of(&self, key: &ReportKey, progress: Option<&Progress>, now: SystemTime) -> ReportLine {
        let (passed, failed) = self.counts(key);
        let state = match progress {
            Some(progress) => state(progress),
            None if now < key.day.end() => "being counted".to_owned(),
            None if now < key.day.end() + PATIENCE => "due".to_owned(),
            None => "not sent".to_owned(),
        };
        ReportLine {
            id: id(key),
            kind: kind(key.kind),
            way: ReportWay::Ours,
            domain: key.domain.to_string(),
            other: self.wanted_by(key),
            begin: key.day.start().into(),
            end: (key.day.end() - Duration::from_secs(1)).into(),
            state,
            passed,
            failed,
        }
    }

    fn counts(&self, key: &ReportKey) -> (u64, u64) {
        match key.kind {
            ReportKind::Dmarc => self
                .book
                .account(key.day, &key.domain)
                .map_or((0, 0), |account| passed(&account)),
            ReportKind::Tls => {
                let counted = self.ledger.tls_report(key.day, &key.domain);
                let policies = counted.map(|it| it.policies).unwrap_or_default();
                let sum = |of: fn(&PolicyTally) -> u64| policies.iter().map(of).sum();
                (
                    sum(|it| it.summary.total_successful_session_count),
                    sum(|it| it.summary.total_failure_session_count),
                )
            }
        }
    }
}

/// `dmarc-2026-11-22-example.org`
fn id(key: &ReportKey) -> String {
    format!("{}-{}-{}", key.kind, key.day, key.domain)
}

/// A day has ten characters.
fn key(id: &str) -> Option<ReportKey> {
    let (kind, rest) = id.split_once('-')?;
    let (day, domain) = rest.split_at_checked(10)?;
    let domain: Domain = domain.strip_prefix('-')?.parse().ok()?;
    Some(ReportKey {
        day: day.parse().ok()?,
        kind: kind.parse().ok()?,
        domain,
    })
}

/// The last day that is over.
pub(super) fn yesterday(now: SystemTime) -> Option<Day> {
    let today = Day::of(now).start();
    today.checked_sub(Duration::from_secs(1)).map(Day::of)
}

/// How far a report has come.
pub(super) fn state(progress: &Progress) -> String {
    match progress {
        Progress::Sent { at } => format!("sent at {}", Timestamp::from(*at)),
        Progress::Unwanted { why } => format!("not sent: {why}"),
        Progress::GivenUp { why } => format!("given up: {why}"),
        Progress::Waiting {
            until, attempts, ..
        } => {
            let until = Timestamp::from(*until);
            let attempts = crate::words::times(u64::from(*attempts));
            format!("tried {attempts}, next at {until}")
        }
    }
}

/// How many messages passed, and how many did not.
fn passed(account: &Account) -> (u64, u64) {
    let rows = account.policies.iter().flat_map(|it| &it.rows);
    rows.fold((0, 0), |(passed, failed), counted| {
        if is_pass(counted) {
            (passed + counted.count, failed)
        } else {
            (passed, failed + counted.count)
        }
    })
}

fn is_pass(counted: &CountedRow) -> bool {
    let evaluated = &counted.row.evaluated;
    evaluated.dkim == AlignedResult::Pass || evaluated.spf == AlignedResult::Pass
}

pub(super) fn bare(line: ReportLine) -> Report {
    Report {
        line,
        facts: Vec::new(),
        sources: Vec::new(),
        policies: Vec::new(),
        left_out: 0,
    }
}

fn of_account(line: ReportLine, account: &Account) -> Report {
    let asked = account.policies.iter().map(|it| it.policy.p.to_string());
    let asked: BTreeSet<_> = asked.collect();
    let asked: Vec<_> = asked.into_iter().collect();
    let rows = || account.policies.iter().flat_map(|it| &it.rows);
    let cut = rows().skip(ROWS).map(|it| it.count).sum::<u64>();
    Report {
        facts: vec![ReportFact {
            name: "policy".to_owned(),
            value: asked.join(", then "),
        }],
        sources: rows().take(ROWS).map(source).collect(),
        left_out: account.left_out + cut,
        ..bare(line)
    }
}

pub(super) fn source(counted: &CountedRow) -> ReportSource {
    let row = &counted.row;
    ReportSource {
        address: row.source_ip.to_string(),
        messages: counted.count,
        author: row.identifiers.header_from.clone(),
        disposition: row.evaluated.disposition.to_string(),
        dkim: row.evaluated.dkim.to_string(),
        spf: row.evaluated.spf.to_string(),
    }
}

fn policy(tally: &PolicyTally) -> ReportPolicy {
    let (policy_type, domain) = match &tally.policy {
        CountedPolicy::Applied(applied) => (applied.policy_type, applied.policy_domain.to_string()),
        CountedPolicy::Other(policy_type) => (*policy_type, "(other)".to_owned()),
    };
    ReportPolicy {
        policy_type: policy_type.to_string(),
        domain,
        successful: tally.summary.total_successful_session_count,
        failed: tally.summary.total_failure_session_count,
        failures: tally.failure_details.iter().map(failure).collect(),
    }
}

fn failure(detail: &FailureDetail) -> ReportFailure {
    let host = detail.receiving_mx_hostname.clone();
    let address = detail.receiving_ip.map(|address| address.to_string());
    ReportFailure {
        result_type: detail.result_type.to_string(),
        sessions: detail.failed_session_count,
        host: host.or(address).unwrap_or_default(),
        reason: detail.failure_reason_code.clone().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_s_name_leads_back_to_it() {
        let name = "dmarc-2026-11-22-xn--bcher-kva.example";
        let found = key(name).unwrap();
        assert_eq!(found.domain.as_str(), "xn--bcher-kva.example");
        assert_eq!(id(&found), name);
        for wrong in [
            "",
            "dmarc",
            "dmarc-2026-11-22",
            "dmarc-2026-11-22-",
            "dmarc-2026-13-22-example.org",
            "spam-2026-11-22-example.org",
            "dmarc-2026-11-2\u{e9}-example.org",
        ] {
            assert_eq!(key(wrong), None, "{wrong}");
        }
    }
}
