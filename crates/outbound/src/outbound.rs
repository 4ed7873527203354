//! The delivering side as a whole: it claims what is due, and sees to it that all of it ends.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use postern_mail::{Domain, DomainPattern};
use postern_spool::Spool;
use tokio::{sync::watch, time::timeout};
use tracing::{error, info};

use crate::{
    DestinationState, Down, Frozen,
    clock::{SystemClock, WallClock},
    engine::{AFTER_TROUBLE, Engine},
    job::CameTo,
    message,
    situation::Situation,
};

/// How long every message may be under way without one coming to its end, before those that
/// wait for destinations that hang are sent back.
const CROWDED: Duration = Duration::from_secs(2);

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
        Self::by_clock(spool, situation, Arc::new(SystemClock))
    }

    /// The same by another clock than that of this machine.
    pub fn by_clock(
        spool: Arc<dyn Spool>,
        situation: Situation,
        clock: Arc<dyn WallClock>,
    ) -> Self {
        let engine = Engine::new(spool, situation, clock);
        Self {
            engine: Arc::new(engine),
        }
    }

    /// Goes on under another configuration. What has not been sent by now is planned anew, and
    /// connections that are kept are judged anew. What waits for a domain whose way has changed is
    /// due at once.
    pub fn reload(&self, situation: Situation) {
        self.engine.replace_situation(situation);
    }

    /// Lets mail for some domains wait, whatever is due, until they thaw. Attempts that have
    /// begun end as they would. It is not remembered beyond this process.
    pub fn freeze(&self, frozen: Frozen) {
        self.engine.freezer.freeze(frozen);
    }

    /// Ends what froze this very pattern, and makes what waits for its domains due at once.
    /// `false` means that nothing was frozen by it.
    pub fn thaw(&self, domain: &DomainPattern) -> bool {
        let thawed = self.engine.freezer.thaw(domain);
        if thawed {
            self.engine.hasten_where(|waiting| domain.matches(waiting));
        }
        thawed
    }

    /// All that is frozen.
    pub fn frozen(&self) -> Vec<Frozen> {
        self.engine.freezer.all()
    }

    /// What freezes a domain, if anything does.
    pub fn frozen_for(&self, domain: &Domain) -> Option<Arc<Frozen>> {
        self.engine.freezer.find(domain)
    }

    /// Forgets that a destination could not be reached, and makes what waits for it due at once:
    /// the destination of this domain, or every one. What is frozen stays frozen.
    pub fn flush(&self, domain: Option<&Domain>) {
        self.engine.flush(domain);
    }

    /// Forgets that the destinations of these domains could not be reached, if they could not: what
    /// waited for them only because of that is due at once.
    pub fn look_again(&self, domains: &BTreeSet<Domain>) {
        self.engine.look_again(domains);
    }

    /// The destinations that are served or cannot be reached now, by their names.
    pub fn destinations_now(&self) -> Vec<DestinationState> {
        let states = self.engine.destinations.states().into_iter();
        let mut states: Vec<_> = states.map(|(_, state)| state).collect();
        states.sort_by(|one, other| one.hops.cmp(&other.hops));
        states
    }

    /// Why mail for a domain waits, where its destination could not be reached.
    pub fn down_for(&self, domain: &Domain) -> Option<Down> {
        let hops = self.engine.situation().hops_to(domain);
        let states = self.engine.destinations.states().into_iter();
        let mut states = states.filter(|(other, _)| *other == hops);
        states.find_map(|(_, state)| state.down)
    }

    /// How many destinations are being served now.
    pub fn destinations(&self) -> usize {
        self.engine.destinations.len()
    }

    /// Claims what is due and has it delivered, until [`Outbound::stop`] is called.
    pub async fn run(self) {
        let _stopping_waits_for_us = self.engine.tasks.token();
        let mut changes = self.engine.spool.changes();
        while !self.engine.stopping.is_cancelled() {
            self.engine.make_room();
            self.engine.watch_clock();
            changes.mark_unchanged();
            let wait = self.deliver_due().await;
            tokio::select! {
                () = self.rest(&mut changes, wait) => {}
                () = self.engine.stopping.cancelled() => {}
            }
        }
    }

    /// Claims as much as there are free slots, and says how long there is nothing to do.
    async fn deliver_due(&self) -> Duration {
        let free = self.engine.messages.free();
        let claims = match self.engine.spool.claim(self.engine.now(), free).await {
            Ok(claims) => claims,
            Err(cause) => {
                error!(%cause, "nothing can be claimed from the queue");
                return AFTER_TROUBLE;
            }
        };
        for claim in claims {
            let Some(slot) = self.engine.messages.try_take() else {
                break; // nobody else takes any, so there are as many as there were
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
            due.duration_since(self.engine.now()).unwrap_or_default()
        });
        wait.min(LONGEST_SLEEP)
    }

    /// Waits until there may be something to do, and a slot to do it in: nothing can be claimed
    /// without one.
    async fn rest(&self, changes: &mut watch::Receiver<u64>, wait: Duration) {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = changes.changed() => {}
        }
        while timeout(CROWDED, self.engine.messages.take()).await.is_err() {
            for job in self.engine.destinations.shed() {
                job.finish(CameTo::Crowded { after: None });
            }
        }
    }

    /// Stops claiming, and lets the attempts under way finish within `limit`. What has not begun
    /// stays in the queue, and so does what is not finished when the runtime ends.
    pub async fn stop(&self, limit: Duration) -> Stopped {
        self.engine.stopping.cancel();
        self.engine.tasks.close();
        match timeout(limit, self.engine.tasks.wait()).await {
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
