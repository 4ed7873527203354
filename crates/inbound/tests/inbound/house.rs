//! A server under test: listeners on ports of the system's choice, and a queue.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use postern_inbound::{
    Control, Drained, Inbound, Judgement, Limits, Listener, Quarantine, Role, Settings, TlsMode,
};
use postern_mail::{Domain, DomainMap, Envelope, QueueId};
use postern_policy::Partner;
use postern_spool::{
    Claim, ContentWriter, DomainCensus, Figures, Filter, Health, LocalSpool, Origin, Page,
    PeerOrigin, QueuedMessage, RecipientIndex, ReservedId, Settled, Settlement, Spool, SpoolError,
    Submission,
};
use tokio::{
    sync::{Semaphore, oneshot, watch},
    task::JoinHandle,
    time::timeout,
};

use crate::{
    accounts::Notes,
    log::have_lines_written,
    pki::{Pki, policy},
};

/// How to serve.
pub(crate) struct Plan {
    pub(crate) pki: Pki,
    pub(crate) settings: Settings,
}

impl Plan {
    /// One listener for strangers that offers STARTTLS, our domains, and no partners.
    pub(crate) fn new() -> Self {
        Self::with(|_| Vec::new())
    }

    /// The same with partners.
    pub(crate) fn with(partners: impl FnOnce(&Pki) -> Vec<Partner>) -> Self {
        have_lines_written();
        let pki = Pki::new();
        let own = ["own.example", "*.sub.own.example"];
        let domains = own.map(|pattern| (pattern.parse().unwrap(), ()));
        let settings = Settings {
            hostname: "mx.own.example".parse().unwrap(),
            policy: policy(partners(&pki)),
            certificates: pki.certificates(),
            domains: domains.into_iter().collect::<DomainMap<()>>(),
            authentication: None,
            rewriting: Arc::default(),
            listeners: vec![listener(Role::Mx, TlsMode::StartTls)],
            limits: Limits::default(),
        };
        Self { pki, settings }
    }

    /// With this listener in place of the usual one.
    pub(crate) fn listening(mut self, role: Role, tls: TlsMode) -> Self {
        self.settings.listeners = vec![listener(role, tls)];
        self
    }

    /// With strangers judged like this.
    pub(crate) fn judging(mut self, judgement: Judgement) -> Self {
        for listener in &mut self.settings.listeners {
            listener.judgement = judgement;
        }
        self
    }

    /// With other limits.
    pub(crate) fn limited(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.settings.limits);
        self
    }

    pub(crate) fn serve(self) -> House {
        House::new(self)
    }
}

pub(crate) fn listener(role: Role, tls: TlsMode) -> Listener {
    Listener {
        address: "127.0.0.1:0".parse().unwrap(),
        role,
        tls,
        profile: None,
        connections: 1000,
        judgement: Judgement::Enforce(Quarantine::Mark),
    }
}

/// A relay listener for clients in these networks.
pub(crate) fn relay(networks: &[&str]) -> Role {
    Role::Relay {
        networks: networks
            .iter()
            .map(|network| network.parse().unwrap())
            .collect(),
    }
}

/// A server that is being served.
pub(crate) struct House {
    pub(crate) pki: Pki,
    pub(crate) settings: Settings,
    pub(crate) address: SocketAddr,
    pub(crate) control: Control,
    pub(crate) spool: Arc<Sabotage>,
    pub(crate) notes: Arc<Notes>,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<Drained>,
}

impl House {
    fn new(Plan { pki, settings }: Plan) -> Self {
        let directory = pki.directory.path().join("spool");
        let opened = LocalSpool::open(&postern_spool::Settings {
            reserve: 1,
            ..postern_spool::Settings::at(directory)
        });
        let spool = Arc::new(Sabotage::new(opened.unwrap().spool));
        let notes = Arc::new(Notes::default());
        let queue = Arc::clone(&spool) as Arc<dyn Spool>;
        let inbound = Inbound::bind(&settings, queue, Arc::clone(&notes) as _).unwrap();
        let (stop, stopped) = oneshot::channel();
        Self {
            pki,
            settings,
            address: inbound.local_addresses()[0],
            control: inbound.control(),
            spool,
            notes,
            stop: Some(stop),
            served: tokio::spawn(inbound.serve(async move {
                let _ = stopped.await;
            })),
        }
    }

    /// Begins the shutdown.
    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits for the end of the shutdown.
    pub(crate) async fn drained(self) -> Drained {
        timeout(Duration::from_secs(20), self.served)
            .await
            .unwrap()
            .unwrap()
    }

    /// Shuts down.
    pub(crate) async fn stop_and_wait(mut self) {
        self.stop();
        self.drained().await;
    }

    /// Drops the server in the middle of its work.
    pub(crate) fn abort(&self) {
        self.served.abort();
    }

    /// Waits until no client is connected any more.
    pub(crate) async fn empty(&self) {
        while self.control.connections() > 0 {
            tokio::task::yield_now().await;
        }
    }

    /// What is in the queue.
    pub(crate) async fn queued(&self) -> Vec<Queued> {
        let claims = self.spool.claim(SystemTime::now(), 1000).await.unwrap();
        let mut queued = Vec::new();
        for claim in claims {
            let mut reader = claim.content().reader();
            let mut content = Vec::new();
            while let Some(piece) = reader.next().await.unwrap() {
                content.extend_from_slice(&piece);
            }
            let Origin::Peer(origin) = claim.origin().clone() else {
                panic!("a message of our own");
            };
            queued.push(Queued {
                id: claim.id(),
                envelope: claim.envelope().clone(),
                origin,
                content: String::from_utf8(content).unwrap(),
            });
        }
        queued
    }

    /// The one message in the queue.
    pub(crate) async fn only_message(&self) -> Queued {
        let mut queued = self.queued().await;
        assert_eq!(queued.len(), 1);
        queued.remove(0)
    }
}

/// A message in the queue.
pub(crate) struct Queued {
    pub(crate) id: QueueId,
    pub(crate) envelope: Envelope,
    pub(crate) origin: PeerOrigin,
    pub(crate) content: String,
}

/// A queue that can be made to fail, and to take its time.
#[derive(Debug)]
pub(crate) struct Sabotage {
    inner: LocalSpool,
    poisoned: AtomicBool,
    full: AtomicBool,
    /// Whether acceptance waits for a permit.
    slow: AtomicBool,
    /// Lets one message through for each permit.
    pub(crate) gate: Semaphore,
    /// How many messages have arrived at the gate.
    pub(crate) waiting: watch::Sender<u32>,
}

impl Sabotage {
    fn new(inner: LocalSpool) -> Self {
        Self {
            inner,
            poisoned: AtomicBool::new(false),
            full: AtomicBool::new(false),
            slow: AtomicBool::new(false),
            gate: Semaphore::new(0),
            waiting: watch::Sender::new(0),
        }
    }

    pub(crate) fn poison(&self) {
        self.poisoned.store(true, Ordering::SeqCst);
    }

    pub(crate) fn fill(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    pub(crate) fn slow_down(&self) {
        self.slow.store(true, Ordering::SeqCst);
    }

    fn check(&self) -> Result<(), SpoolError> {
        if self.poisoned.load(Ordering::SeqCst) {
            return Err(SpoolError::Poisoned("the disk is gone".to_owned()));
        }
        if self.full.load(Ordering::SeqCst) {
            return Err(SpoolError::Full {
                available: 0,
                reserve: 1,
            });
        }
        Ok(())
    }
}

#[async_trait]
impl Spool for Sabotage {
    fn health(&self) -> Health {
        self.inner.health()
    }

    fn figures(&self) -> Figures {
        self.inner.figures()
    }

    fn admit(&self, octets: u64) -> Result<(), SpoolError> {
        self.check()?;
        self.inner.admit(octets)
    }

    fn content(&self) -> ContentWriter {
        self.inner.content()
    }

    fn reserve_id(&self) -> ReservedId {
        self.inner.reserve_id()
    }

    async fn accept_as(
        &self,
        id: ReservedId,
        submission: Submission,
    ) -> Result<QueueId, SpoolError> {
        if self.slow.load(Ordering::SeqCst) {
            self.waiting.send_modify(|waiting| *waiting += 1);
            self.gate.acquire().await.unwrap().forget();
        }
        self.check()?;
        self.inner.accept_as(id, submission).await
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes()
    }

    fn next_due(&self) -> Option<SystemTime> {
        self.inner.next_due()
    }

    async fn claim(&self, now: SystemTime, limit: usize) -> Result<Vec<Claim>, SpoolError> {
        self.inner.claim(now, limit).await
    }

    fn is_wanted(&self, claim: &Claim) -> bool {
        self.inner.is_wanted(claim)
    }

    async fn settle(&self, claim: &Claim, settlement: Settlement) -> Result<Settled, SpoolError> {
        self.inner.settle(claim, settlement).await
    }

    fn postpone(&self, claim: &Claim, recipients: &[RecipientIndex], until: SystemTime) {
        self.inner.postpone(claim, recipients, until);
    }

    fn hasten(&self, domain: &Domain) -> usize {
        self.inner.hasten(domain)
    }

    fn census(&self) -> Vec<DomainCensus> {
        self.inner.census()
    }

    async fn hold(&self, id: QueueId, reason: &str) -> Result<(), SpoolError> {
        self.inner.hold(id, reason).await
    }

    async fn release(&self, id: QueueId) -> Result<(), SpoolError> {
        self.inner.release(id).await
    }

    async fn retry(&self, id: QueueId) -> Result<(), SpoolError> {
        self.inner.retry(id).await
    }

    async fn remove(&self, id: QueueId) -> Result<(), SpoolError> {
        self.inner.remove(id).await
    }

    async fn get(&self, id: QueueId) -> Result<Option<QueuedMessage>, SpoolError> {
        self.inner.get(id).await
    }

    async fn list(
        &self,
        filter: &Filter,
        after: Option<QueueId>,
        limit: usize,
    ) -> Result<Page, SpoolError> {
        self.inner.list(filter, after, limit).await
    }
}
