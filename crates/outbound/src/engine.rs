//! The delivering side as a whole: it claims what is due, and sees to it that all of it ends.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use postern_dns::Dns;
use postern_policy::Policy;
use postern_spool::Spool;
use postern_tls::{CertificateStore, Contradiction, CryptoBounds, TlsClient};
use tokio::sync::{Semaphore, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, info};

use crate::{destination::Destinations, host::Surroundings, message, settings::Settings};

/// How long to wait before the queue is asked again when it could not answer.
const AFTER_TROUBLE: Duration = Duration::from_secs(5);

/// The longest wait for something to become due. The wall clock may be set forward while we
/// sleep; nothing is then late by more than this.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// What delivery is done under: exchanged as a whole when the configuration is loaded anew, so
/// that no message sees half of an old one and half of a new one.
#[derive(Debug)]
pub struct Situation {
    /// What the operator decides about delivery.
    pub settings: Settings,
    /// What channels must prove.
    pub policy: Arc<Policy>,
    /// Who answers questions about names.
    pub dns: Arc<dyn Dns>,
    /// Our own certificates, for partners who want to see one.
    pub certificates: Arc<CertificateStore>,
    /// TLS clients by the bounds they keep within.
    pub tls_clients: TlsClients,
}

/// TLS clients that were made already. There are as many as there are different combinations of
/// crypto profiles in the policy, so a list serves.
#[derive(Debug, Default)]
pub struct TlsClients(Mutex<Vec<(CryptoBounds, TlsClient)>>);

impl Situation {
    /// The TLS client that keeps within `bounds`.
    pub(crate) fn tls_client(&self, bounds: &CryptoBounds) -> Result<TlsClient, Contradiction> {
        let mut made = self
            .tls_clients
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = made.iter().find(|(kept, _)| kept == bounds) {
            return Ok(client.clone());
        }
        let client = TlsClient::new(bounds)?;
        made.push((bounds.clone(), client.clone()));
        Ok(client)
    }

    /// What the search for hosts needs to know.
    pub(crate) fn surroundings(&self) -> Surroundings<'_> {
        Surroundings {
            dns: &*self.dns,
            hostname: &self.settings.hostname,
            own_addresses: &self.settings.own_addresses,
            families: self.settings.families,
            private_targets: self.settings.private_targets,
        }
    }
}

/// The delivering side.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) spool: Arc<dyn Spool>,
    pub(crate) destinations: Destinations,
    pub(crate) tasks: TaskTracker,
    pub(crate) stopping: CancellationToken,
    situation: ArcSwap<Situation>,
}

impl Engine {
    /// What counts now.
    pub(crate) fn situation(&self) -> Arc<Situation> {
        self.situation.load_full()
    }
}

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
        let engine = Engine {
            spool,
            destinations: Destinations::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            situation: ArcSwap::from_pointee(situation),
        };
        Self {
            engine: Arc::new(engine),
        }
    }

    /// Goes on under another configuration. Messages under way see it from their next attempt.
    pub fn reload(&self, situation: Situation) {
        self.engine.situation.store(Arc::new(situation));
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
