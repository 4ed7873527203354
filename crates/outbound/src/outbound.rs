//! The delivering side as a whole: it claims what is due, and sees to it that all of it ends.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use postern_spool::Spool;
use tokio::sync::{Semaphore, watch};
use tracing::{error, info};

use crate::{engine::Engine, message, situation::Situation};

/// How long to wait before the queue is asked again when it could not answer.
const AFTER_TROUBLE: Duration = Duration::from_secs(5);

/// The longest wait for something to become due. The wall clock may be set forward while we
/// sleep; nothing is then late by more than this.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Delivers what the spool holds.
///
/// ```no_run
/// # use std::{sync::Arc, time::Duration};
/// # use postern_outbound::{Outbound, Situation};
/// # async fn run(spool: Arc<dyn postern_spool::Spool>, situation: Situation) {
/// let outbound = Outbound::new(spool, situation);
/// tokio::spawn(outbound.clone().run());
/// // ... and when the daemon stops:
/// outbound.stop(Duration::from_secs(30)).await;
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Outbound {
    engine: Arc<Engine>,
}

/// How a stop went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Everything under way came to its end.
    Drained,
    /// Some deliveries were cut off. Their messages are still in the queue.
    CutOff,
}

impl Outbound {
    /// Prepares to deliver what `spool` holds.
    pub fn new(spool: Arc<dyn Spool>, situation: Situation) -> Self {
        let engine = Engine::new(spool, situation);
        Self {
            engine: Arc::new(engine),
        }
    }

    /// Goes on under another configuration. Messages under way see it from their next attempt.
    pub fn reload(&self, situation: Situation) {
        self.engine.replace_situation(situation);
    }

    /// How many destinations are being served now.
    pub fn destinations(&self) -> usize {
        self.engine.destinations.len()
    }

    /// Claims what is due and has it delivered, until [`Outbound::stop`] is called.
    pub async fn run(self) {
        let mut changes = self.engine.spool.changes();
        let slots = Arc::new(Semaphore::new(self.engine.situation().settings.messages));
        while !self.engine.stopping.is_cancelled() {
            changes.mark_unchanged();
            let wait = self.deliver_due(&slots).await;
            self.rest(&mut changes, &slots, wait).await;
        }
    }

    /// Claims as much as there are free slots, and says how long there is nothing to do.
    async fn deliver_due(&self, slots: &Arc<Semaphore>) -> Duration {
        let free = slots.available_permits();
        if free == 0 {
            return LONGEST_SLEEP;
        }
        let claims = match self.engine.spool.claim(SystemTime::now(), free).await {
            Ok(claims) => claims,
            Err(cause) => {
                error!(%cause, "nothing can be claimed from the queue");
                return AFTER_TROUBLE;
            }
        };
        for claim in claims {
            let Ok(slot) = Arc::clone(slots).acquire_owned().await else {
                return LONGEST_SLEEP; // the semaphore is never closed
            };
            let engine = Arc::clone(&self.engine);
            self.engine.tasks.spawn(async move {
                message::deliver(engine, claim).await;
                drop(slot);
            });
        }
        self.until_due()
    }

    fn until_due(&self) -> Duration {
        let next = self.engine.spool.next_due();
        let wait = next.map_or(LONGEST_SLEEP, |due| {
            due.duration_since(SystemTime::now()).unwrap_or_default()
        });
        wait.min(LONGEST_SLEEP)
    }

    /// Waits until there may be something to do, and a slot to do it in.
    async fn rest(&self, changes: &mut watch::Receiver<u64>, slots: &Semaphore, wait: Duration) {
        let something = async {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = changes.changed() => {}
            }
            // A slot may be what is missing; nothing can be claimed without one.
            drop(slots.acquire().await);
        };
        tokio::select! {
            () = something => {}
            () = self.engine.stopping.cancelled() => {}
        }
    }

    /// Stops claiming, lets what is under way finish within `limit`, and cuts off the rest.
    pub async fn stop(&self, limit: Duration) -> Stopped {
        self.engine.stopping.cancel();
        self.engine.tasks.close();
        match tokio::time::timeout(limit, self.engine.tasks.wait()).await {
            Ok(()) => Stopped::Drained,
            Err(_elapsed) => {
                info!(
                    unfinished = self.engine.tasks.len(),
                    "deliveries are cut off"
                );
                Stopped::CutOff
            }
        }
    }
}
