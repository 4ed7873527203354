//! The task that sends.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, SystemTime},
};

use postern_dns::Dns;
use postern_mail::Domain;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Courier, Due, MOST_AT_ONCE, Outgoing, PATIENCE, Progress, ReportKey};
use crate::{
    Reporter,
    dmarc::AggregateBook,
    ledger::{Day, Ledger},
};

/// How often the task looks for what is due.
const LOOK_EVERY: Duration = Duration::from_secs(5 * 60);

/// Which reports are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// DMARC aggregate reports.
    pub dmarc: bool,
    /// TLS reports.
    pub tls: bool,
}

/// Everything that sending needs. Cloning gives another handle.
#[derive(Debug, Clone)]
pub struct Sending(Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) reporter: Reporter,
    pub(super) wanted: Wanted,
    pub(super) book: AggregateBook,
    pub(super) ledger: Ledger,
    pub(super) outgoing: Outgoing,
    pub(super) dns: Arc<dyn Dns>,
    pub(super) courier: Arc<dyn Courier>,
}

impl Sending {
    /// Puts it together.
    pub fn new(
        reporter: Reporter,
        wanted: Wanted,
        book: AggregateBook,
        ledger: Ledger,
        outgoing: Outgoing,
        dns: Arc<dyn Dns>,
        courier: Arc<dyn Courier>,
    ) -> Self {
        Self(Arc::new(Inner {
            reporter,
            wanted,
            book,
            ledger,
            outgoing,
            dns,
            courier,
        }))
    }

    /// The reports about a day, and how far each has come.
    pub fn reports(&self, day: Day) -> Vec<(ReportKey, Option<Progress>)> {
        let keys = self.0.reports(day).into_iter();
        keys.map(|key| {
            let progress = self.0.outgoing.progress(&key);
            (key, progress)
        })
        .collect()
    }

    /// What is to be sent at this time.
    pub fn due(&self, now: SystemTime) -> Vec<Due> {
        let mut days = BTreeSet::from_iter(self.0.book.days());
        days.extend(self.0.ledger.days());
        let is_tried = |day: &Day| day.end() <= now && now < day.end() + PATIENCE;
        let days = days.into_iter().filter(is_tried);
        let keys = days.flat_map(|day| self.0.reports(day));
        let hostname = &self.0.reporter.hostname;
        keys.filter_map(|key| self.0.outgoing.due(&key, hostname, now))
            .collect()
    }

    /// Sends what is due.
    pub async fn send_due(&self, now: SystemTime) -> Vec<(ReportKey, Progress)> {
        self.send(self.due(now), now).await
    }

    /// Sends the reports about a day, or about one domain on that day, whether they were sent
    /// before or not.
    pub async fn send_again(
        &self,
        day: Day,
        domain: Option<&Domain>,
        now: SystemTime,
    ) -> Vec<(ReportKey, Progress)> {
        let keys = self.0.reports(day).into_iter();
        let keys = keys.filter(|key| domain.is_none_or(|wanted| key.domain == *wanted));
        let all = keys.map(|key| self.0.outgoing.again(&key)).collect();
        self.send(all, now).await
    }

    async fn send(&self, due: Vec<Due>, now: SystemTime) -> Vec<(ReportKey, Progress)> {
        let mut sent = Vec::with_capacity(due.len());
        // Those that are dropped with this future are tried again: nothing of them is noted.
        let mut tasks = JoinSet::new();
        for due in due {
            if tasks.len() >= MOST_AT_ONCE {
                sent.extend(tasks.join_next().await.and_then(Result::ok));
            }
            let inner = Arc::clone(&self.0);
            tasks.spawn(async move {
                let progress = inner.attempt(&due, now).await;
                (due.key, progress)
            });
        }
        while let Some(done) = tasks.join_next().await {
            sent.extend(done);
        }
        sent
    }

    /// Sends what is due every few minutes, until `cancellation` comes.
    pub async fn run(self, cancellation: CancellationToken) {
        loop {
            tokio::select! {
                () = cancellation.cancelled() => return,
                _sent = self.send_due(SystemTime::now()) => {}
            }
            let pause = tokio::time::timeout(LOOK_EVERY, cancellation.cancelled());
            if pause.await.is_ok() {
                return;
            }
        }
    }
}
