//! What the daemon says of itself, and whom it has asked to reload.

use std::{
    net::SocketAddr,
    process,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Instant, SystemTime},
};

use async_trait::async_trait;
use postern_admin::{
    ConfigurationStatus, Daemon, ListenerStatus, NoSuchPartner, Partner, PartnerPage, QueueStatus,
    Reloaded, Status, Timestamp,
};
use tokio::sync::{mpsc, oneshot};

use super::{
    dns_test::Finding,
    panics,
    parts::Core,
    reload::{Reloader, Request},
    view::View,
    website,
};
use crate::{
    certificates,
    wiring::{self, Wiring},
};

/// The daemon as the control interface sees it.
#[derive(Debug)]
pub(super) struct Face {
    config: String,
    started_at: SystemTime,
    started: Instant,
    requests: mpsc::Sender<Request>,
    core: Core,
    dns: Finding,
    current: Mutex<Current>,
}

/// What a reload changes.
#[derive(Debug)]
struct Current {
    listeners: Vec<ListenerStatus>,
    wiring: Arc<Wiring>,
    loaded_at: Timestamp,
    last_reload: Option<Reloaded>,
}

impl Face {
    pub(super) fn new(
        wiring: &Arc<Wiring>,
        reloader: &Reloader,
        core: Core,
        requests: mpsc::Sender<Request>,
    ) -> Arc<Self> {
        let now = SystemTime::now();
        Arc::new(Self {
            config: reloader.config().display().to_string(),
            started_at: now,
            started: Instant::now(),
            requests,
            core,
            dns: reloader.dns_finding(),
            current: Mutex::new(Current {
                listeners: listeners(wiring, reloader.addresses()),
                wiring: Arc::clone(wiring),
                loaded_at: now.into(),
                last_reload: None,
            }),
        })
    }

    pub(super) fn listeners(&self) -> Vec<ListenerStatus> {
        self.current().listeners.clone()
    }

    /// New settings are in force.
    pub(super) fn applied(&self, wiring: &Arc<Wiring>) {
        let mut current = self.current();
        current.wiring = Arc::clone(wiring);
        current.loaded_at = SystemTime::now().into();
    }

    pub(super) fn reloaded(&self, reloaded: Reloaded) {
        self.current().last_reload = Some(reloaded);
    }

    /// What the control interface is shown, read off what is in force now.
    fn see<T>(&self, look: impl FnOnce(&View<'_>) -> T) -> T {
        let wiring = Arc::clone(&self.current().wiring);
        look(&View {
            policy: &wiring.policy,
            holdings: &self.core.holdings,
            now: SystemTime::now(),
        })
    }

    /// A panic in between leaves nothing half changed.
    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn listeners(wiring: &Wiring, addresses: &[SocketAddr]) -> Vec<ListenerStatus> {
    let configured = wiring.reception.listeners.iter().zip(addresses);
    configured
        .map(|(listener, address)| ListenerStatus {
            address: address.to_string(),
            role: wiring::role_word(&listener.role).to_owned(),
            tls: wiring::tls_word(listener.tls).to_owned(),
        })
        .collect()
}

#[async_trait]
impl Daemon for Face {
    fn status(&self) -> Status {
        let own_policy = website::described(self.current().wiring.serving.as_ref());
        let protection = self.see(|view| view.protection(self.dns.status(), own_policy));
        let current = self.current();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: process::id(),
            started_at: self.started_at.into(),
            uptime_seconds: self.started.elapsed().as_secs(),
            listeners: current.listeners.clone(),
            queue: QueueStatus::of(&*self.core.queue),
            destinations: self.core.outbound.destinations(),
            certificates: certificates::describe(&current.wiring.certificates),
            protection,
            panics: panics::total(),
            configuration: ConfigurationStatus {
                file: self.config.clone(),
                loaded_at: current.loaded_at,
                last_reload: current.last_reload.clone(),
            },
        }
    }

    fn partners(&self, from: usize) -> PartnerPage {
        self.see(|view| view.partners(from))
    }

    fn partner(&self, name: &str) -> Result<Partner, NoSuchPartner> {
        self.see(|view| view.partner(name))
    }

    async fn reload(&self) -> Reloaded {
        let (answer, answered) = oneshot::channel();
        let reloaded = match self.requests.send(answer).await {
            Ok(()) => answered.await.ok(),
            Err(_) => None,
        };
        reloaded.unwrap_or_else(|| Reloaded::Refused {
            errors: vec!["postern is stopping".to_owned()],
        })
    }
}
