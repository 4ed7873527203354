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
use postern_config::{CrlRegistry, LogFormat};
use postern_dns::Resolver;
use postern_fetch::StsPolicies;
use postern_inbound::Replaced;
use postern_outbound::Situation;
use postern_tls::CertificateError;
use rustls_pki_types::UnixTime;
use tokio::{sync::oneshot, task};

use super::{
    Log,
    alarm::{self, Alarm},
    dns_test::{DnsTest, Finding},
    holdings::Holdings,
    key_watch::KeyWatch,
    parts::Parts,
    systemd, website,
};
use crate::{
    failure::{Failure, chain},
    wiring::{self, Unusable, Wiring},
};

/// A request to reload: where the answer goes.
pub(super) type Request = oneshot::Sender<Reloaded>;

/// Reads the configuration anew, one time after the other, and tells what follows from the one in
/// force: what the name servers are good for, and whose rules are out of force.
#[derive(Debug)]
pub(super) struct Reloader {
    config: PathBuf,
    log: Log,
    addresses: Vec<SocketAddr>,
    /// What is in force.
    wiring: Arc<Wiring>,
    /// What was at the start.
    fixed: Fixed,
    alarm: Alarm,
    key_watch: KeyWatch,
    dns_test: DnsTest,
}

/// What delivery is done under.
pub(super) fn situation(
    wiring: &Wiring,
    bound: &[SocketAddr],
    resolver: Arc<Resolver>,
    holdings: &Holdings,
    sts: Arc<dyn StsPolicies>,
) -> Situation {
    let mut situation = wiring::situation(wiring, bound, resolver, sts);
    situation.accounts = Arc::new(holdings.ledger.clone());
    situation.settings.local = Some(holdings.reporting.receiver(wiring));
    situation
}

impl Reloader {
    pub(super) fn new(
        config: &Path,
        wiring: Arc<Wiring>,
        log: Log,
        addresses: Vec<SocketAddr>,
    ) -> Self {
        Self {
            config: config.to_owned(),
            log,
            addresses,
            fixed: Fixed::of(&wiring),
            wiring,
            alarm: Alarm::default(),
            key_watch: KeyWatch::default(),
            dns_test: DnsTest::default(),
        }
    }

    pub(super) fn config(&self) -> &Path {
        &self.config
    }

    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where to read what the test of the name servers found.
    pub(super) fn dns_finding(&self) -> Finding {
        self.dns_test.finding()
    }

    /// Everything runs: tells what is worth telling.
    pub(super) fn begin(&mut self, parts: &Parts) {
        self.dns_test.begin(parts.core.holdings.resolver());
        let entries = self.wiring.policy.exceptions();
        let entries = entries.into_iter().cloned().collect();
        alarm::tell(&self.alarm.watch(entries, UnixTime::now()));
        self.key_watch.begin(&self.wiring.keys);
    }

    /// Tells what has become due.
    pub(super) fn look(&mut self, parts: &Parts) {
        self.dns_test.look(|| parts.core.holdings.resolver());
        alarm::tell(&self.alarm.look(UnixTime::now()));
        self.key_watch.look(&self.wiring.keys);
    }

    /// Reads the configuration, puts it in force or leaves the old one, and tells of it.
    pub(super) async fn reload(&mut self, parts: &Parts) -> Reloaded {
        systemd::reloading();
        let (path, crls) = (self.config.clone(), self.wiring.crls.clone());
        let read = task::spawn_blocking(move || read(&path, &crls)).await;
        let reloaded = match read {
            Ok(Ok(read)) => self.replace(parts, read).await,
            Ok(Err(errors)) => Err(errors),
            // A panic, which was logged.
            Err(error) => Err(vec![format!("the configuration cannot be read: {error}")]),
        };
        let reloaded = match reloaded {
            Ok(notes) => Reloaded::Applied { notes },
            Err(errors) => {
                let faults = self.reload_certificates().await;
                tell_certificates(&faults, &errors);
                Reloaded::Refused { errors }
            }
        };
        tell(&reloaded);
        if let Reloaded::Applied { .. } = &reloaded {
            self.begin(parts);
        }
        parts.face.reloaded(reloaded.clone());
        systemd::ready();
        reloaded
    }

    /// Puts settings in force. The notes say what to look at.
    async fn replace(&mut self, parts: &Parts, read: Read) -> Result<Vec<String>, Vec<String>> {
        let told = |failure: Failure| vec![failure.text().to_owned()];
        let Read { wiring, warnings } = read;
        let resolver = wiring::resolver(&wiring.dns).map_err(told)?;
        let web = match &parts.web {
            Some(web) => Some((
                web,
                website::server(&wiring.web_certificates).map_err(told)?,
            )),
            None => None,
        };
        let holdings = &parts.core.holdings;
        let prepared = holdings.prepare(&wiring).await.map_err(told)?;
        let reception = wiring.judging(Arc::clone(&resolver) as _);
        let replaced = match parts.reception.replace(&reception) {
            Ok(replaced) => replaced,
            Err(faults) => {
                holdings.give_up(prepared, &self.wiring).await;
                return Err(faults.iter().map(|it| chain(it)).collect());
            }
        };
        let (addresses, sts) = (&self.addresses, prepared.sts());
        let situation = situation(&wiring, addresses, Arc::clone(&resolver), holdings, sts);
        parts.core.outbound.reload(situation);
        holdings.adopt(prepared, resolver);
        let served = web.map_or(Ok(()), |(web, tls)| web.go_on(&wiring, tls));
        self.log.set_level(wiring.log.level);
        self.wiring = Arc::clone(&wiring);
        parts.face.applied(&wiring);
        let mut notes = warnings;
        notes.extend(unbound(&replaced));
        notes.extend(self.fixed.changed(&wiring));
        notes.extend(served.err().map(|failure| failure.text().to_owned()));
        Ok(notes)
    }

    /// Looks at the certificates alone. A pair that cannot be used leaves the one before it.
    async fn reload_certificates(&self) -> Vec<CertificateError> {
        let wiring = Arc::clone(&self.wiring);
        let reload = move || {
            let now = UnixTime::now();
            if let Some(one) = &wiring.web_certificate_files {
                // The other store has the same files, and tells what is wrong with them.
                let _ = wiring
                    .web_certificates
                    .reload(std::slice::from_ref(one), now);
            }
            wiring.certificates.reload(&wiring.certificate_files, now)
        };
        // A panic was logged.
        task::spawn_blocking(reload).await.unwrap_or_default()
    }
}

/// Tells which certificates could not be exchanged, unless that is among the errors of the
/// configuration, which are told as well.
fn tell_certificates(faults: &[CertificateError], errors: &[String]) {
    for fault in faults {
        let told = format!("{}: {}", fault.file.display(), fault.fault);
        if !errors.iter().any(|error| error.contains(&told)) {
            tracing::error!(%fault, "a certificate stays as it was");
        }
    }
}

/// A configuration that can be put in force.
struct Read {
    wiring: Arc<Wiring>,
    warnings: Vec<String>,
}

/// Reads it, and the keys that it names, or tells all that is wrong with either.
fn read(config: &Path, crls: &CrlRegistry) -> Result<Read, Vec<String>> {
    let loaded = postern_config::reload(config, crls);
    let loaded = loaded.map_err(|errors| told(errors.problems()))?;
    let wiring = Wiring::try_from(loaded.settings);
    Ok(Read {
        wiring: Arc::new(wiring.map_err(|Unusable(faults)| told(&faults))?),
        warnings: told(&loaded.warnings),
    })
}

fn told(lines: &[impl ToString]) -> Vec<String> {
    lines.iter().map(ToString::to_string).collect()
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
    https: Option<SocketAddr>,
    http: Option<SocketAddr>,
}

impl Fixed {
    fn of(wiring: &Wiring) -> Self {
        Self {
            queue: wiring.spool.path.clone(),
            reserve: wiring.spool.reserve,
            control_socket: wiring.control_socket.clone(),
            log_format: wiring.log.format,
            concurrency: wiring.delivery.messages,
            https: wiring.serving.as_ref().map(|it| it.https),
            http: wiring.serving.as_ref().and_then(|it| it.http),
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
            ("mta-sts.https", self.https != new.https),
            ("mta-sts.http", self.http != new.http),
        ];
        let changed = keys.into_iter().filter(|(_, changed)| *changed);
        changed.map(|(key, _)| format!("{key} has changed: it takes a restart"))
    }
}
