//! A part of a message on its way to a worker, and what is reported of it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use crate::{attempt::Outcome, destination::Told, part::Part};

/// A part of a message that wants to be delivered.
///
/// It is reported on exactly once, whatever becomes of it: when it is dropped without a word,
/// because the worker that had it panicked, the report says that it was lost.
#[derive(Debug)]
pub(crate) struct Job {
    part: Arc<Part>,
    reports: Option<Arc<Reports>>,
}

/// Where the reports on the parts of a message come in. A channel would do the same; it takes
/// four KiB for a message, and most have one part.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    came: Mutex<VecDeque<Report>>,
    one_came: Notify,
}

impl Reports {
    /// The next report, in the order in which they came.
    pub(crate) async fn next(&self) -> Report {
        loop {
            match self.first() {
                Some(report) => return report,
                // One that comes between the look and the wait is not missed: it leaves a permit.
                None => self.one_came.notified().await,
            }
        }
    }

    /// The first report, if one is there.
    pub(crate) fn first(&self) -> Option<Report> {
        self.lock().pop_front()
    }

    fn put(&self, report: Report) {
        self.lock().push_back(report);
        self.one_came.notify_one();
    }

    /// Nothing is done under the lock that could panic half way.
    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Report>> {
        self.came.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of a part.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) part: Arc<Part>,
    pub(crate) came_to: CameTo,
}

/// What became of a part.
#[derive(Debug)]
pub(crate) enum CameTo {
    /// It was tried, with these outcomes in the order of its recipients.
    Tried(Vec<Outcome>),
    /// It was not tried: the configuration has changed since it was planned.
    Outdated,
    /// It was not tried: too much waits for this destination already.
    Crowded {
        /// After how long there is likely to be room, where that is known.
        after: Option<Duration>,
    },
    /// It was not tried: the destination could not be reached before.
    Down(Told),
    /// It was not tried, and is not to be now: the daemon stops, the queue has failed, or an
    /// operator has taken the message back.
    Withdrawn,
    /// Nobody knows.
    Lost,
}

impl Job {
    /// A job for `part`, of which `reports` will hear.
    pub(crate) fn new(part: Part, reports: Arc<Reports>) -> Self {
        Self {
            part: Arc::new(part),
            reports: Some(reports),
        }
    }

    /// What is to be delivered to whom.
    pub(crate) fn part(&self) -> &Part {
        &self.part
    }

    /// Reports what it came to.
    pub(crate) fn finish(mut self, came_to: CameTo) {
        self.report(came_to);
    }

    fn report(&mut self, came_to: CameTo) {
        let Some(reports) = self.reports.take() else {
            return;
        };
        let part = Arc::clone(&self.part);
        // Whoever waited may be gone when the runtime shuts down; the queue then knows of no
        // outcome, and the recipients are tried again.
        reports.put(Report { part, came_to });
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.report(CameTo::Lost);
    }
}
