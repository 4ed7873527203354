//! Reading the configuration anew.
//!
//! Everything is read and made ready before anything is replaced, so that reception and delivery
//! never go by different configurations for longer than it takes to exchange two pointers. What
//! cannot be used leaves all as it was. A certificate is then still looked at by itself: one that
//! was renewed must not expire because of a slip elsewhere in the file.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use postern_admin::Reloaded;
use postern_config::{Errors, Loaded, LogFormat};
use postern_dns::Resolver;
use postern_inbound::Replaced;
use postern_outbound::Situation;
use postern_tls::{CertificateFiles, CertificateStore};
use rustls_pki_types::UnixTime;
use tokio::{sync::oneshot, task};

use super::{Log, parts::Parts, status::Face, systemd};
use crate::{
    failure::{Failure, chain},
    wiring::{self, Wiring},
};

/// A request to reload: where the answer goes.
pub(super) type Request = oneshot::Sender<Reloaded>;

/// Reads the configuration anew, one time after the other.
#[derive(Debug)]
pub(super) struct Reloader {
    config: PathBuf,
    log: Log,
    face: Arc<Face>,
    addresses: Vec<SocketAddr>,
    certificates: Arc<CertificateStore>,
    certificate_files: Vec<CertificateFiles>,
    fixed: Fixed,
}

/// What delivery is done under.
pub(super) fn situation(wiring: &Wiring, bound: &[SocketAddr]) -> Result<Situation, Failure> {
    let resolver = Resolver::new(&wiring.dns);
    let resolver = resolver.map_err(|error| Failure::new("the resolver", &error))?;
    Ok(Situation {
        settings: postern_outbound::Settings {
            own_addresses: wiring::own_addresses(bound),
            ..wiring.delivery.clone()
        },
        policy: Arc::clone(&wiring.policy),
        dns: Arc::new(resolver),
        sts: Arc::new(postern_fetch::NoSts),
        accounts: Arc::new(postern_outbound::NoAccounts),
        certificates: Arc::clone(&wiring.certificates),
        tls_clients: postern_outbound::TlsClients::default(),
    })
}

impl Reloader {
    pub(super) fn new(
        config: &Path,
        wiring: &Wiring,
        log: Log,
        addresses: Vec<SocketAddr>,
        face: Arc<Face>,
    ) -> Self {
        Self {
            config: config.to_owned(),
            log,
            face,
            addresses,
            certificates: Arc::clone(&wiring.certificates),
            certificate_files: wiring.certificate_files.clone(),
            fixed: Fixed::of(wiring),
        }
    }

    /// Reads the configuration, puts it in force or leaves the old one, and tells of it.
    pub(super) async fn reload(&mut self, parts: &Parts) -> Reloaded {
        systemd::reloading();
        let path = self.config.clone();
        let reloaded = match task::spawn_blocking(move || postern_config::load(&path)).await {
            Ok(Ok(loaded)) => self.replace(parts, loaded),
            Ok(Err(errors)) => Err(lines(&errors)),
            // A panic, which was logged.
            Err(error) => Err(vec![format!("the configuration cannot be read: {error}")]),
        };
        let reloaded = match reloaded {
            Ok(notes) => Reloaded::Applied { notes },
            Err(errors) => {
                self.reload_certificates().await;
                Reloaded::Refused { errors }
            }
        };
        tell(&reloaded);
        self.face.reloaded(reloaded.clone());
        systemd::ready();
        reloaded
    }

    /// Puts settings in force. The notes say what to look at.
    fn replace(&mut self, parts: &Parts, loaded: Loaded) -> Result<Vec<String>, Vec<String>> {
        let wiring = Wiring::from(loaded.settings);
        let situation = situation(&wiring, &self.addresses);
        let situation = situation.map_err(|failure| vec![failure.text().to_owned()])?;
        let replaced = parts.reception.replace(&wiring.reception);
        let replaced =
            replaced.map_err(|faults| faults.iter().map(|it| chain(it)).collect::<Vec<_>>())?;
        parts.outbound.reload(situation);
        self.log.set_level(wiring.log.level);
        self.certificates = Arc::clone(&wiring.certificates);
        self.certificate_files = wiring.certificate_files.clone();
        self.face.applied(&wiring);
        let mut notes: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
        notes.extend(unbound(&replaced));
        notes.extend(self.fixed.changed(&wiring));
        Ok(notes)
    }

    /// Looks at the certificates alone. A pair that cannot be used leaves the one before it.
    async fn reload_certificates(&self) {
        let (store, files) = (
            Arc::clone(&self.certificates),
            self.certificate_files.clone(),
        );
        let reload = move || store.reload(&files, UnixTime::now());
        // A panic was logged.
        for fault in task::spawn_blocking(reload).await.unwrap_or_default() {
            tracing::error!(%fault, "a certificate stays as it was");
        }
    }
}

fn lines(errors: &Errors) -> Vec<String> {
    errors.problems().iter().map(ToString::to_string).collect()
}

fn tell(reloaded: &Reloaded) {
    match reloaded {
        Reloaded::Applied { notes } => {
            for note in notes {
                tracing::warn!("{note}");
            }
            tracing::info!("the new configuration is in force");
        }
        Reloaded::Refused { errors } => {
            for error in errors {
                tracing::error!("{error}");
            }
            tracing::error!("the old configuration stays in force");
        }
    }
}

fn unbound(replaced: &Replaced) -> impl Iterator<Item = String> {
    let new = replaced.not_bound.iter();
    let new = new.map(|address| format!("listener {address} is new: it takes a restart"));
    let old = replaced.still_bound.iter();
    let old = old.map(|address| format!("listener {address} is gone: it takes a restart"));
    new.chain(old)
}

/// Settings that a running daemon keeps.
#[derive(Debug, PartialEq, Eq)]
struct Fixed {
    queue: PathBuf,
    reserve: u64,
    control_socket: PathBuf,
    log_format: LogFormat,
    concurrency: usize,
}

impl Fixed {
    fn of(wiring: &Wiring) -> Self {
        Self {
            queue: wiring.spool.path.clone(),
            reserve: wiring.spool.reserve,
            control_socket: wiring.control_socket.clone(),
            log_format: wiring.log.format,
            concurrency: wiring.delivery.messages,
        }
    }

    /// Which of them a new configuration would have otherwise.
    fn changed(&self, wiring: &Wiring) -> impl Iterator<Item = String> {
        let new = Self::of(wiring);
        let keys = [
            ("spool.path", self.queue != new.queue),
            ("spool.reserve", self.reserve != new.reserve),
            ("admin.socket", self.control_socket != new.control_socket),
            ("log.format", self.log_format != new.log_format),
            ("delivery.concurrency", self.concurrency != new.concurrency),
        ];
        let changed = keys.into_iter().filter(|(_, changed)| *changed);
        changed.map(|(key, _)| format!("{key} has changed: it takes a restart"))
    }
}
