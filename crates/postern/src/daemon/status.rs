//! What the daemon says of itself, and whom it has asked to reload.

use std::{
    net::SocketAddr,
    path::Path,
    process,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Instant, SystemTime},
};

use async_trait::async_trait;
use postern_admin::{
    ConfigurationStatus, Daemon, ListenerStatus, QueueStatus, Reloaded, Status, Timestamp,
};
use postern_outbound::Outbound;
use postern_spool::Spool;
use postern_tls::CertificateStore;
use tokio::sync::{mpsc, oneshot};

use super::{panics, reload::Request};
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
    queue: Arc<dyn Spool>,
    outbound: Outbound,
    current: Mutex<Current>,
}

/// What a reload changes.
#[derive(Debug)]
struct Current {
    listeners: Vec<ListenerStatus>,
    certificates: Arc<CertificateStore>,
    loaded_at: Timestamp,
    last_reload: Option<Reloaded>,
}

impl Face {
    pub(super) fn new(
        config: &Path,
        wiring: &Wiring,
        addresses: &[SocketAddr],
        outbound: Outbound,
        queue: Arc<dyn Spool>,
        requests: mpsc::Sender<Request>,
    ) -> Arc<Self> {
        let now = SystemTime::now();
        Arc::new(Self {
            config: config.display().to_string(),
            started_at: now,
            started: Instant::now(),
            requests,
            queue,
            outbound,
            current: Mutex::new(Current {
                listeners: listeners(wiring, addresses),
                certificates: Arc::clone(&wiring.certificates),
                loaded_at: now.into(),
                last_reload: None,
            }),
        })
    }

    pub(super) fn listeners(&self) -> Vec<ListenerStatus> {
        self.current().listeners.clone()
    }

    /// New settings are in force.
    pub(super) fn applied(&self, wiring: &Wiring) {
        let mut current = self.current();
        current.certificates = Arc::clone(&wiring.certificates);
        current.loaded_at = SystemTime::now().into();
    }

    pub(super) fn reloaded(&self, reloaded: Reloaded) {
        self.current().last_reload = Some(reloaded);
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
        let current = self.current();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: process::id(),
            started_at: self.started_at.into(),
            uptime_seconds: self.started.elapsed().as_secs(),
            listeners: current.listeners.clone(),
            queue: QueueStatus::of(&*self.queue),
            destinations: self.outbound.destinations(),
            certificates: certificates::describe(&current.certificates),
            panics: panics::total(),
            configuration: ConfigurationStatus {
                file: self.config.clone(),
                loaded_at: current.loaded_at,
                last_reload: current.last_reload.clone(),
            },
        }
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
