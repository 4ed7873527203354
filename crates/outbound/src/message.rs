//! One message on its way: split by destination, put together again when the outcomes are in.

use std::{sync::Arc, time::SystemTime};

use postern_spool::{Claim, ClaimedRecipient, SpoolError};
use tokio::sync::mpsc;
use tracing::error;

use crate::{
    attempt::{FailedAttempt, Outcome},
    destination::Enqueued,
    engine::{AFTER_TROUBLE, Engine},
    job::{CameTo, Job, Report},
    local,
    part::Part,
    settlement::{self, Tally},
    sorting::{self, Sorted},
    worker,
};

/// Delivers what is due of a message, and settles it with the queue.
///
/// Should that panic, the message must not be claimed again at once: it may have been delivered
/// before, and would be again and again.
pub(crate) async fn deliver(engine: Arc<Engine>, claim: Claim) {
    let claim = Arc::new(claim);
    let delivery = Delivery::new(Arc::clone(&engine), Arc::clone(&claim));
    if engine.tasks.spawn(delivery.run()).await.is_err() {
        let settled = settlement::after_panic(&engine, &claim).await;
        report(&engine, &claim, settled).await;
    }
}

/// A message on its way.
struct Delivery {
    engine: Arc<Engine>,
    claim: Arc<Claim>,
    tally: Tally,
    reports: mpsc::Sender<Report>,
    reported: mpsc::Receiver<Report>,
    /// How many parts are on their way.
    open: usize,
}

impl Delivery {
    fn new(engine: Arc<Engine>, claim: Arc<Claim>) -> Self {
        // However the recipients are split, there are no more parts than recipients.
        let (reports, reported) = mpsc::channel(claim.recipients().len().max(1));
        Self {
            tally: Tally::new(Arc::clone(&claim)),
            engine,
            claim,
            reports,
            reported,
            open: 0,
        }
    }

    /// What was delivered is settled as soon as its part is over, so that a crash repeats as
    /// little as possible. What failed waits for the last part, so that the sender gets one
    /// notice.
    async fn run(mut self) {
        let claim = Arc::clone(&self.claim);
        self.hand_out(claim.recipients());
        while self.open > 0
            && let Some(Report { part, came_to }) = self.reported.recv().await
        {
            self.open -= 1;
            self.take(&part, came_to);
            if self.open > 0 {
                let settled = self.tally.settle_delivered(&self.engine).await;
                report(&self.engine, &claim, settled).await;
            }
        }
        let settled = self.tally.settle(&self.engine).await;
        report(&self.engine, &claim, settled).await;
    }

    fn take(&mut self, part: &Part, came_to: CameTo) {
        match came_to {
            CameTo::Tried(outcomes) => self.tally.record(part, outcomes),
            CameTo::Outdated => self.hand_out(&part.recipients),
            CameTo::Crowded => self.tally.crowded_out(part),
            CameTo::Withdrawn => {}
            CameTo::Lost => {
                let failed = FailedAttempt::ours(SystemTime::now());
                self.tally.record(part, part.all(&Outcome::Failed(failed)));
            }
        }
    }

    /// Plans the way of these recipients under the situation that counts now, and puts them in
    /// line.
    fn hand_out(&mut self, recipients: &[ClaimedRecipient]) {
        let situation = self.engine.situation();
        let Sorted { parts, here, stuck } = sorting::sort(&self.claim, recipients, &situation);
        for (claimed, failed) in stuck {
            self.tally
                .record_one(&claimed, Outcome::Failed(failed), None);
        }
        if let (Some(part), Some(local)) = (here, &situation.settings.local) {
            let job = self.job(part);
            let taking = local::take_in(Arc::clone(local), Arc::clone(&self.engine), job);
            self.engine.tasks.spawn(taking);
        }
        for (key, part) in parts {
            let job = self.job(part);
            let connections = job.part().pace.connections;
            match self.engine.destinations.enqueue(key, job, connections) {
                Enqueued::InLine => {}
                Enqueued::WorkerDue(post) => worker::start(&self.engine, post),
                Enqueued::Full(job) => job.finish(CameTo::Crowded),
            }
        }
    }

    /// A part on its way, of which a report will come.
    fn job(&mut self, part: Part) -> Job {
        self.open += 1;
        Job::new(part, self.reports.clone())
    }
}

/// Tells of an outcome that could not be recorded. As the claim is dropped the message is due
/// again, so it is not dropped at once.
async fn report(engine: &Engine, claim: &Claim, settled: Result<(), SpoolError>) {
    if let Err(cause) = settled {
        error!(
            queue_id = %claim.id(),
            %cause,
            "what became of this message could not be recorded; it may be delivered again"
        );
        engine.pause(AFTER_TROUBLE).await;
    }
}
