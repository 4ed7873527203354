//! One message on its way: split by destination, put together again when the outcomes are in.

use std::{collections::HashMap, sync::Arc, time::SystemTime};

use postern_mail::{EnhancedStatusCode, Envelope};
use postern_spool::{Claim, ClaimedRecipient, SpoolError};
use tokio::sync::mpsc;
use tracing::error;

use crate::{
    attempt::{FailedAttempt, Outcome, Weight},
    destination::{Enqueued, Hops, Key},
    engine::{AFTER_TROUBLE, Engine},
    job::{CameTo, Job, Report},
    part::{Part, needs_requiretls},
    route::Way,
    settlement::{self, Tally},
    situation::Situation,
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
        for (key, part) in self.split(recipients, &situation) {
            self.open += 1;
            let job = Job::new(part, self.reports.clone());
            let connections = situation.settings.connections;
            match self.engine.destinations.enqueue(key, job, connections) {
                Enqueued::InLine => {}
                Enqueued::WorkerDue(post) => worker::start(&self.engine, post),
                Enqueued::Full(job) => job.finish(CameTo::Crowded),
            }
        }
    }

    /// Groups recipients that one connection can serve.
    fn split(
        &mut self,
        recipients: &[ClaimedRecipient],
        situation: &Arc<Situation>,
    ) -> HashMap<Key, Part> {
        let mut parts: HashMap<Key, Part> = HashMap::new();
        for claimed in recipients {
            let routes = &situation.settings.routes;
            let way = match routes.way(&claimed.recipient.forward_path) {
                Ok(way) => way,
                Err(no_way) => {
                    // X.3.5: system incorrectly configured (RFC 3463 §3.4).
                    let status = EnhancedStatusCode::transient(3, 5);
                    let (text, now) = (no_way.to_string(), SystemTime::now());
                    let failed = FailedAttempt::here(status, &text, Weight::NotReached, now);
                    self.tally.record_one(claimed, Outcome::Failed(failed));
                    continue;
                }
            };
            let part = parts
                .entry(key_of(&way, self.claim.envelope(), situation))
                .or_insert_with(|| Part {
                    claim: Arc::clone(&self.claim),
                    recipients: Vec::new(),
                    way,
                    situation: Arc::clone(situation),
                });
            part.recipients.push(claimed.clone());
        }
        parts
    }
}

fn key_of(way: &Way, envelope: &Envelope, situation: &Situation) -> Key {
    let plan = situation.plan_locally(way, envelope.tls_wish);
    let fixed = way.fixed_hops(&plan);
    let hops = if fixed.is_empty() {
        Hops::Found(way.destination.clone())
    } else {
        Hops::Fixed(fixed.to_vec())
    };
    Key {
        hops,
        pool: plan.pool_key(),
        needs_requiretls: needs_requiretls(envelope),
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
