//! One message on its way: split by destination, put together again when the outcomes are in.

use std::{
    borrow::Cow,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::{Duration, SystemTime},
};

use postern_spool::{Claim, ClaimedRecipient, SpoolError};
use tracing::error;

use crate::{
    attempt::{FailedAttempt, Outcome},
    destination::{Enqueued, Told},
    engine::{AFTER_TROUBLE, Engine},
    job::{CameTo, Job, Report, Reports},
    local,
    part::Part,
    settlement::{self, Tally},
    sorting::{self, Sorted},
    worker,
};

/// How long what is frozen waits before it is looked at again. What thaws is made due at once,
/// so this costs no time; it bounds what a million frozen messages cost meanwhile.
const FROZEN_FOR: Duration = Duration::from_secs(4 * 60 * 60);

/// Delivers what is due of a message, and settles it with the queue.
///
/// Should that panic, the message must not be claimed again at once: it may have been delivered
/// before, and would be again and again.
pub(crate) async fn deliver(engine: Arc<Engine>, claim: Claim) {
    let claim = Arc::new(claim);
    let delivery = Delivery::new(Arc::clone(&engine), Arc::clone(&claim));
    if or_panicked(delivery.run()).await.is_err() {
        let settled = settlement::after_panic(&engine, &claim).await;
        report(&engine, &claim, settled).await;
    }
}

/// The work came to no end of its own.
struct Panicked;

/// Does the work in this very task, and survives its panic. What the work held is gone then, and
/// it is never asked to go on: nobody sees what it left half done.
async fn or_panicked<T>(work: impl Future<Output = T>) -> Result<T, Panicked> {
    let mut work = pin!(work);
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(_told_by_the_hook) => Poll::Ready(Err(Panicked)),
        }
    })
    .await
}

/// A message on its way.
struct Delivery {
    engine: Arc<Engine>,
    claim: Arc<Claim>,
    tally: Tally,
    reports: Arc<Reports>,
    /// How many parts are on their way.
    open: usize,
}

impl Delivery {
    fn new(engine: Arc<Engine>, claim: Arc<Claim>) -> Self {
        Self {
            tally: Tally::new(Arc::clone(&claim)),
            engine,
            claim,
            reports: Arc::default(),
            open: 0,
        }
    }

    /// What was delivered is settled as soon as its part is over, so that a crash repeats as
    /// little as possible. What failed waits for the last part, so that the sender gets one
    /// notice.
    async fn run(mut self) {
        let claim = Arc::clone(&self.claim);
        self.hand_out(claim.recipients());
        while self.open > 0 {
            let Report { part, came_to } = self.reports.next().await;
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
            CameTo::Crowded { after } => self.tally.crowded_out(&self.engine, part, after),
            CameTo::Down(Told { after, failed }) => {
                let failed = |_| failed.clone();
                (self.tally).put_off(&self.engine, &part.recipients, after, failed);
            }
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
        let thawed = self.put_off_frozen(recipients);
        let Sorted { parts, here, stuck } = sorting::sort(&self.claim, &thawed, &situation);
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
            match self.engine.destinations.enqueue(&key, job) {
                Enqueued::InLine => {}
                Enqueued::WorkerDue(post) => worker::start(&self.engine, post),
                Enqueued::Full(job, after) => job.finish(CameTo::Crowded { after }),
                Enqueued::Down(job, told) => job.finish(CameTo::Down(told)),
            }
        }
    }

    /// Puts off the recipients that are frozen, and returns the others.
    fn put_off_frozen<'a>(
        &mut self,
        recipients: &'a [ClaimedRecipient],
    ) -> Cow<'a, [ClaimedRecipient]> {
        let engine = Arc::clone(&self.engine);
        if !engine.freezer.holds_any(recipients) {
            return Cow::Borrowed(recipients);
        }
        let mut thawed = Vec::new();
        for claimed in recipients {
            let domain = claimed.recipient.domain();
            match domain.and_then(|domain| engine.freezer.find(domain)) {
                None => thawed.push(claimed.clone()),
                Some(frozen) => {
                    let failed = |now| FailedAttempt::frozen(&frozen, now);
                    let only = std::slice::from_ref(claimed);
                    self.tally.put_off(&engine, only, FROZEN_FOR, failed);
                }
            }
        }
        Cow::Owned(thawed)
    }

    /// A part on its way, of which a report will come.
    fn job(&mut self, part: Part) -> Job {
        self.open += 1;
        Job::new(part, Arc::clone(&self.reports))
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
