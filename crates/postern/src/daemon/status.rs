//! What the daemon says of itself, and whom it has asked to reload.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    process,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Instant, SystemTime},
};

use async_trait::async_trait;
use postern_admin::{
    AuthenticationStatus, ConfigurationStatus, Daemon, Delay, Destinations, FreezeOrder,
    FreezeTrouble, Freezer, ListenerStatus, NoSuchPartner, Partner, PartnerDomains, PartnerPage,
    QueueStatus, ReceptionFigures, Reloaded, Report, ReportOrder, ReportPage, ReportTrouble,
    ReportsSent, Status, Timestamp, Whose,
};
use postern_config::StsServing;
use postern_inbound::{Control, Listener, ReceptionTotals};
use postern_mail::{Domain, DomainPattern};
use tokio::sync::{mpsc, oneshot};

use super::{
    dns_test::Finding,
    panics,
    parts::Core,
    reload::{Reloader, Request},
    view::{self, View},
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
    reception: Control,
    is_stopping: AtomicBool,
    dns: Finding,
    current: Mutex<Current>,
}

/// What a reload changes.
#[derive(Debug)]
struct Current {
    /// Those that are bound, by what holds at them now.
    listeners: Vec<(Listener, SocketAddr)>,
    /// Our own MTA-STS policy, as it is served.
    serving: Option<StsServing>,
    wiring: Arc<Wiring>,
    loaded_at: Timestamp,
    last_reload: Option<Reloaded>,
}

impl Face {
    pub(super) fn new(
        wiring: &Arc<Wiring>,
        reloader: &Reloader,
        (core, reception): (Core, Control),
        requests: mpsc::Sender<Request>,
    ) -> Arc<Self> {
        let now = SystemTime::now();
        let bound = wiring.reception.listeners.iter().cloned();
        Arc::new(Self {
            config: reloader.config().display().to_string(),
            started_at: now,
            started: Instant::now(),
            requests,
            core,
            reception,
            is_stopping: AtomicBool::new(false),
            dns: reloader.dns_finding(),
            current: Mutex::new(Current {
                listeners: bound.zip(reloader.addresses().iter().copied()).collect(),
                serving: wiring.serving.clone(),
                wiring: Arc::clone(wiring),
                loaded_at: now.into(),
                last_reload: None,
            }),
        })
    }

    pub(super) fn listeners(&self) -> Vec<ListenerStatus> {
        listeners(&self.current().listeners)
    }

    /// New settings are in force.
    pub(super) fn applied(&self, wiring: &Arc<Wiring>) {
        let mut current = self.current();
        carry_over(&mut current.listeners, &wiring.reception.listeners);
        current.serving = website::goes_on(current.serving.as_ref(), wiring.serving.as_ref());
        current.wiring = Arc::clone(wiring);
        current.loaded_at = SystemTime::now().into();
    }

    /// The end has begun.
    pub(super) fn stopping(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
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

    fn destinations_down(&self) -> usize {
        let states = self.core.outbound.destinations_now();
        states.iter().filter(|it| it.down.is_some()).count()
    }

    /// The domains that mail waits for, of those that are meant. Going through what waits takes a
    /// while where that is a million messages, so other requests are not held up by it.
    async fn waiting_domains(&self, meant: PartnerDomains) -> Result<Vec<Domain>, FreezeTrouble> {
        let queue = Arc::clone(&self.core.queue);
        let found = move || {
            let domains = queue.census().into_iter().filter_map(|it| it.domain);
            domains.filter(|domain| meant.matches(domain)).collect()
        };
        let found = tokio::task::spawn_blocking(found).await;
        found.map_err(|error| FreezeTrouble::Failed(format!("the queue: {error}")))
    }

    /// How mail was judged and signed.
    fn authentication(&self, wiring: &Wiring) -> AuthenticationStatus {
        let holdings = &self.core.holdings;
        let counted = holdings.figures.verdicts();
        let now = SystemTime::now();
        AuthenticationStatus {
            judged: counted.judged,
            dispositions: counted.dispositions.counts(),
            spf: counted.spf.counts(),
            dkim: counted.dkim.counts(),
            dmarc: counted.dmarc.counts(),
            arc: counted.arc.counts(),
            keys: wiring.keys.describe(now),
            reports: holdings.reporting.status(now),
        }
    }

    /// A panic in between leaves nothing half changed.
    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn listeners(bound: &[(Listener, SocketAddr)]) -> Vec<ListenerStatus> {
    bound
        .iter()
        .map(|(listener, address)| ListenerStatus {
            address: address.to_string(),
            role: wiring::role_word(&listener.role).to_owned(),
            tls: wiring::tls_word(listener.tls).to_owned(),
        })
        .collect()
}

/// Says of listeners what new settings do, as reception takes them: they are told apart by their
/// configured addresses and their order, and those that are gone stay as they were.
fn carry_over(bound: &mut [(Listener, SocketAddr)], new: &[Listener]) {
    let mut new: Vec<_> = new.iter().collect();
    for (listener, _) in bound {
        let same = new.iter().position(|it| it.address == listener.address);
        if let Some(at) = same {
            *listener = new.remove(at).clone();
        }
    }
}

#[async_trait]
impl Daemon for Face {
    fn status(&self) -> Status {
        let own_policy = website::described(self.current().serving.as_ref());
        let protection = self.see(|view| view.protection(self.dns.status(), own_policy));
        let current = self.current();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: process::id(),
            started_at: self.started_at.into(),
            uptime_seconds: self.started.elapsed().as_secs(),
            listeners: listeners(&current.listeners),
            queue: QueueStatus::of(&*self.core.queue),
            destinations: self.core.outbound.destinations(),
            destinations_down: self.destinations_down(),
            freezer: self.core.freezing.all(),
            certificates: certificates::describe(&current.wiring.certificates),
            protection,
            authentication: self.authentication(&current.wiring),
            panics: panics::total(),
            configuration: ConfigurationStatus {
                file: self.config.clone(),
                loaded_at: current.loaded_at,
                last_reload: current.last_reload.clone(),
            },
        }
    }

    fn reception(&self) -> ReceptionFigures {
        let ReceptionTotals {
            connections,
            turned_away,
            failed_handshakes,
            accepted,
            refused,
            cut,
        } = self.reception.figures();
        ReceptionFigures {
            open: self.reception.connections() as u64,
            connections,
            turned_away,
            failed_handshakes,
            accepted,
            refused,
            cut,
        }
    }

    fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    fn partners(&self, from: usize) -> PartnerPage {
        self.see(|view| view.partners(from))
    }

    fn partner(&self, name: &str) -> Result<Partner, NoSuchPartner> {
        self.see(|view| view.partner(name))
    }

    fn partner_domains(&self, name: &str) -> Result<PartnerDomains, NoSuchPartner> {
        self.see(|view| view.partner_domains(name))
    }

    fn destinations(&self) -> Destinations {
        view::destinations(&self.core.outbound)
    }

    fn delay(&self, domain: &Domain) -> Delay {
        let wiring = Arc::clone(&self.current().wiring);
        let (outbound, routes) = (&self.core.outbound, &wiring.delivery.routes);
        let named = |pattern: &DomainPattern| self.core.freezing.by(pattern);
        view::delay(domain, (outbound, &wiring.policy), routes, named)
    }

    fn frozen(&self) -> Freezer {
        self.core.freezing.all()
    }

    async fn freeze(&self, order: &FreezeOrder) -> Result<Freezer, FreezeTrouble> {
        let partner = match &order.whose {
            Whose::Partner(name) => Some(self.partner_domains(name)?),
            Whose::Domain(_) | Whose::All => None,
        };
        let now = SystemTime::now().into();
        self.core.freezing.freeze(order, partner, now).await
    }

    async fn thaw(&self, whose: &Whose) -> Result<Freezer, FreezeTrouble> {
        self.core.freezing.thaw(whose).await
    }

    fn look_again(&self, domains: &BTreeSet<Domain>) {
        self.core.outbound.look_again(domains);
    }

    async fn flush(&self, whose: &Whose) -> Result<(), FreezeTrouble> {
        let meant = match whose {
            Whose::All => {
                self.core.outbound.flush(None);
                return Ok(());
            }
            Whose::Domain(domain) => PartnerDomains {
                domains: vec![domain.clone()],
                ..PartnerDomains::default()
            },
            Whose::Partner(name) => self.partner_domains(name)?,
        };
        for domain in self.waiting_domains(meant).await? {
            self.core.outbound.flush(Some(&domain));
        }
        Ok(())
    }

    async fn reports(&self, from: usize) -> Result<ReportPage, ReportTrouble> {
        let reporting = &self.core.holdings.reporting;
        reporting.page(from, SystemTime::now()).await
    }

    async fn report(&self, id: &str) -> Result<Report, ReportTrouble> {
        let reporting = &self.core.holdings.reporting;
        reporting.one(id, SystemTime::now()).await
    }

    async fn send_reports(&self, order: &ReportOrder) -> Result<ReportsSent, ReportTrouble> {
        let reporting = &self.core.holdings.reporting;
        reporting.carry_out(order, SystemTime::now()).await
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
