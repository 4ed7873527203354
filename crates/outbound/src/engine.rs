//! What all deliveries share.

use std::{
    collections::{BTreeSet, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use arc_swap::ArcSwap;
use postern_mail::Domain;
use postern_spool::Spool;
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

use crate::{
    clock::WallClock,
    destination::{Destinations, Hops},
    freezer::Freezer,
    local,
    notice_cap::NoticeCap,
    reroute,
    situation::Situation,
    slots::Slots,
    vigil::{Step, Vigil},
};

/// How long to wait before the queue is asked for anything again when it could not do it.
pub(crate) const AFTER_TROUBLE: Duration = Duration::from_secs(5);

/// What all deliveries share.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) spool: Arc<dyn Spool>,
    pub(crate) destinations: Destinations,
    pub(crate) tasks: TaskTracker,
    pub(crate) stopping: CancellationToken,
    /// Room for messages under way.
    pub(crate) messages: Slots,
    /// Room for connections, to all destinations together: a message for a thousand domains must
    /// not take every descriptor there is.
    pub(crate) connections: Slots,
    /// Room for messages that are taken in here.
    pub(crate) local: Semaphore,
    /// How many notices were sent to whom.
    pub(crate) notices: NoticeCap,
    /// Whose mail waits because an operator says so.
    pub(crate) freezer: Freezer,
    clock: Arc<dyn WallClock>,
    vigil: Mutex<Vigil>,
    situation: ArcSwap<Situation>,
}

impl Engine {
    /// Prepares to deliver what `spool` holds.
    pub(crate) fn new(
        spool: Arc<dyn Spool>,
        situation: Situation,
        clock: Arc<dyn WallClock>,
    ) -> Self {
        Self {
            vigil: Mutex::new(Vigil::new(clock.now(), Instant::now())),
            clock,
            spool,
            destinations: Destinations::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            messages: Slots::default(),
            connections: Slots::default(),
            local: Semaphore::new(local::AT_ONCE),
            notices: NoticeCap::default(),
            freezer: Freezer::default(),
            situation: ArcSwap::from_pointee(situation),
        }
    }

    /// Goes on under another configuration, which what waits may follow at once.
    pub(crate) fn replace_situation(&self, situation: Situation) {
        let situation = Arc::new(situation);
        let before = self.situation.swap(Arc::clone(&situation));
        reroute::follow(self, &before, &situation);
    }

    /// What counts now.
    pub(crate) fn situation(&self) -> Arc<Situation> {
        self.situation.load_full()
    }

    /// Whether this is what counts now.
    pub(crate) fn is_current(&self, situation: &Arc<Situation>) -> bool {
        Arc::ptr_eq(situation, &self.situation.load())
    }

    /// Makes as much room as the configuration gives. It may have changed, and what is to shrink
    /// shrinks bit by bit.
    pub(crate) fn make_room(&self) {
        let most = self.situation().settings.messages;
        self.messages.fit(most);
        self.connections.fit(most);
    }

    /// What time it is for messages and retries.
    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// How long the age of a message is in doubt that came then; nothing where it is sure.
    pub(crate) fn doubts(&self, received: SystemTime) -> Option<Duration> {
        self.watch_clock();
        let lifetime = self.situation.load().settings.schedule.lifetime;
        self.vigil().doubts(received, lifetime, Instant::now())
    }

    /// Looks whether the wall clock was set. Back, and what was to be tried again by the old
    /// time is tried now.
    pub(crate) fn watch_clock(&self) {
        let step = self.vigil().look(self.now(), Instant::now());
        match step {
            None => {}
            Some(Step::Forward(by)) => warn!(
                seconds = by.as_secs(),
                "the clock was set forward; no message is returned for its age for a while"
            ),
            Some(Step::Back(by)) => {
                warn!(
                    seconds = by.as_secs(),
                    "the clock was set back; what waits is tried now"
                );
                self.hasten_where(|_| true);
            }
        }
    }

    fn vigil(&self) -> MutexGuard<'_, Vigil> {
        // It is changed as a whole.
        self.vigil.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes what waits for these domains due at once.
    pub(crate) fn hasten(&self, domains: Vec<Domain>) {
        for domain in domains {
            let messages = self.spool.hasten(&domain);
            debug!(%domain, messages, "what waits is due at once");
        }
    }

    /// Makes what waits due at once, for the domains that `which` is true for.
    pub(crate) fn hasten_where(&self, which: impl Fn(&Domain) -> bool) {
        let domains = self.spool.census().into_iter();
        let domains = domains.filter_map(|census| census.domain);
        self.hasten(domains.filter(|domain| which(domain)).collect());
    }

    /// Forgets that the destination of a domain could not be reached, or any, and makes what
    /// waits for it due at once.
    pub(crate) fn flush(&self, domain: Option<&Domain>) {
        let Some(domain) = domain else {
            self.destinations.forget(|_, _| true);
            return self.hasten_where(|_| true);
        };
        let hops = self.situation().hops_to(domain);
        let mut domains = self.destinations.forget(|other, _| *other == hops);
        domains.retain(|other| other != domain);
        domains.push(domain.clone());
        self.hasten(domains);
    }

    /// Forgets that the destinations of these domains could not be reached.
    pub(crate) fn look_again(&self, domains: &BTreeSet<Domain>) {
        let situation = self.situation();
        let hops: HashSet<Hops> = (domains.iter())
            .map(|domain| situation.hops_to(domain))
            .collect();
        let awaited_by = self.destinations.forget(|other, _| hops.contains(other));
        self.hasten(awaited_by);
    }

    /// Waits for a while, unless the daemon stops.
    pub(crate) async fn pause(&self, wait: Duration) {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.stopping.cancelled() => {}
        }
    }
}
