//! Parts of the program that fail when a test wants them to.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use async_trait::async_trait;
use postern_dns::{Addresses, Answer, Caa, Dns, FixedZone, LookupError, Mx, Name, Tlsa};
use postern_mail::{Domain, QueueId};
use postern_spool::{
    Claim, ContentWriter, DomainCensus, Figures, Filter, Health, Page, QueuedMessage,
    RecipientIndex, ReservedId, Settled, Settlement, Spool, SpoolError, Submission,
};
use tokio::sync::watch;

/// A zone that panics, the first few times, when it is asked for the MX records of
/// `panic.example`.
#[derive(Debug)]
pub(crate) struct PanickingDns {
    pub(crate) zone: FixedZone,
    pub(crate) panics: AtomicUsize,
}

#[async_trait]
impl Dns for PanickingDns {
    async fn mx(&self, name: &Name) -> Result<Answer<Mx>, LookupError> {
        let left = |left: usize| left.checked_sub(1);
        if name.to_string().starts_with("panic.example")
            && self
                .panics
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, left)
                .is_ok()
        {
            panic!("as the test wants it");
        }
        self.zone.mx(name).await
    }

    async fn addresses(&self, name: &Name) -> Addresses {
        self.zone.addresses(name).await
    }

    async fn txt(&self, name: &Name) -> Result<Answer<Vec<u8>>, LookupError> {
        self.zone.txt(name).await
    }

    async fn tlsa(&self, name: &Name) -> Result<Answer<Tlsa>, LookupError> {
        self.zone.tlsa(name).await
    }

    async fn ptr(&self, address: IpAddr) -> Result<Answer<Name>, LookupError> {
        self.zone.ptr(address).await
    }

    async fn caa(&self, name: &Name) -> Result<Answer<Caa>, LookupError> {
        self.zone.caa(name).await
    }
}

/// What happens when something is settled for the first time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    Error,
    Panic,
}

/// A queue in which the first settlement goes wrong, and nothing of it is recorded.
#[derive(Debug)]
pub(crate) struct FaultySpool {
    spool: Arc<dyn Spool>,
    fault: Fault,
    settlements: AtomicUsize,
}

impl FaultySpool {
    pub(crate) fn over(spool: Arc<dyn Spool>, fault: Fault) -> Arc<dyn Spool> {
        Arc::new(Self {
            spool,
            fault,
            settlements: AtomicUsize::new(0),
        })
    }
}

#[async_trait]
impl Spool for FaultySpool {
    fn health(&self) -> Health {
        self.spool.health()
    }

    fn figures(&self) -> Figures {
        self.spool.figures()
    }

    fn admit(&self, octets: u64) -> Result<(), SpoolError> {
        self.spool.admit(octets)
    }

    fn content(&self) -> ContentWriter {
        self.spool.content()
    }

    fn reserve_id(&self) -> ReservedId {
        self.spool.reserve_id()
    }

    async fn accept_as(
        &self,
        id: ReservedId,
        submission: Submission,
    ) -> Result<QueueId, SpoolError> {
        self.spool.accept_as(id, submission).await
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.spool.changes()
    }

    fn next_due(&self) -> Option<SystemTime> {
        self.spool.next_due()
    }

    async fn claim(&self, now: SystemTime, limit: usize) -> Result<Vec<Claim>, SpoolError> {
        self.spool.claim(now, limit).await
    }

    fn is_wanted(&self, claim: &Claim) -> bool {
        self.spool.is_wanted(claim)
    }

    async fn settle(&self, claim: &Claim, settlement: Settlement) -> Result<Settled, SpoolError> {
        if self.settlements.fetch_add(1, Ordering::SeqCst) > 0 {
            return self.spool.settle(claim, settlement).await;
        }
        match self.fault {
            Fault::Error => Err(SpoolError::Full {
                available: 0,
                reserve: 0,
            }),
            Fault::Panic => panic!("as the test wants it"),
        }
    }

    fn postpone(&self, claim: &Claim, recipients: &[RecipientIndex], until: SystemTime) {
        self.spool.postpone(claim, recipients, until);
    }

    fn hasten(&self, domain: &Domain) -> usize {
        self.spool.hasten(domain)
    }

    fn census(&self) -> Vec<DomainCensus> {
        self.spool.census()
    }

    async fn hold(&self, id: QueueId, reason: &str) -> Result<(), SpoolError> {
        self.spool.hold(id, reason).await
    }

    async fn release(&self, id: QueueId) -> Result<(), SpoolError> {
        self.spool.release(id).await
    }

    async fn retry(&self, id: QueueId) -> Result<(), SpoolError> {
        self.spool.retry(id).await
    }

    async fn remove(&self, id: QueueId) -> Result<(), SpoolError> {
        self.spool.remove(id).await
    }

    async fn get(&self, id: QueueId) -> Result<Option<QueuedMessage>, SpoolError> {
        self.spool.get(id).await
    }

    async fn list(
        &self,
        filter: &Filter,
        after: Option<QueueId>,
        limit: usize,
    ) -> Result<Page, SpoolError> {
        self.spool.list(filter, after, limit).await
    }
}
