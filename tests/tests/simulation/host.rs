//! Our machine while it is up: the queue, what waits for its disk, and what is being delivered.

use std::{
    collections::BTreeMap,
    fmt,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use postern_mail::{Envelope, QueueId};
use postern_outbound::Vigil;
use postern_spool::{
    Claim, ClaimedRecipient, Failure, LocalSpool, Settled, SpoolError,
    simulated::{Committer, Disk, Machine, start},
};

use super::{
    cast::Face,
    core::Dial,
    ledger::{Final, Key},
};

/// Memory for messages just accepted: little, so that some are delivered from memory and others
/// from the disk.
const FRESH: u64 = 4 * 1024;

#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) spool: Arc<LocalSpool>,
    pub(crate) committer: Committer,
    pub(crate) jobs: BTreeMap<u64, Job>,
    pub(crate) attempts: BTreeMap<u64, Attempt>,
    /// Deliveries that wait for what is looked up before they are planned.
    pub(crate) planned: BTreeMap<u64, Dial>,
    /// Connections that are kept, and to which host they lead.
    pub(crate) kept: BTreeMap<u32, &'static str>,
    /// Whether a turn of the committer is due already.
    pub(crate) commit_due: bool,
    /// When the queue is asked next for what is due.
    pub(crate) claim_at: Option<u64>,
    pub(crate) vigil: Vigil,
}

/// What waits for the disk.
pub(crate) struct Job {
    future: Pin<Box<dyn Future<Output = Done>>>,
    pub(crate) work: Work,
}

/// What the disk has come to.
#[derive(Debug)]
pub(crate) enum Done {
    Accepted(Result<QueueId, SpoolError>),
    Settled(Result<Settled, SpoolError>),
    /// What an operator asked for was done, or could not be.
    Changed,
}

/// What is to be done then.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    /// Tell the client of this connection.
    Tell {
        link: u32,
        envelope: Box<Envelope>,
        content: Bytes,
        shown: Option<Face>,
    },
    /// Nothing: the client was told already.
    Nothing,
    /// Write down who is settled, and go on with the attempt where it goes on.
    Settle {
        key: Key,
        finals: Vec<(String, Final)>,
        attempt: Option<u64>,
        early: Vec<ClaimedRecipient>,
    },
}

/// A message that is being delivered.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) claim: Arc<Claim>,
    pub(crate) key: Key,
    pub(crate) parts: usize,
    pub(crate) delivered: Vec<ClaimedRecipient>,
    pub(crate) failed: Vec<(ClaimedRecipient, Failed)>,
    /// Whether something of it is being settled, which is waited for.
    pub(crate) settling: bool,
}

/// Why a recipient was not reached.
#[derive(Debug, Clone)]
pub(crate) struct Failed {
    pub(crate) permanent: bool,
    pub(crate) failure: Failure,
}

impl Host {
    pub(crate) fn boot(disk: &Disk, machine: &Machine, vigil: Vigil) -> Self {
        let (spool, committer) = start(disk, machine, FRESH);
        Self {
            spool: Arc::new(spool),
            committer,
            jobs: BTreeMap::new(),
            attempts: BTreeMap::new(),
            planned: BTreeMap::new(),
            kept: BTreeMap::new(),
            commit_due: false,
            claim_at: None,
            vigil,
        }
    }

    /// Jobs that have come to their end.
    pub(crate) fn finished(&mut self) -> Vec<(Work, Done)> {
        let mut finished = Vec::new();
        let mut context = Context::from_waker(Waker::noop());
        let numbers: Vec<_> = self.jobs.keys().copied().collect();
        for number in numbers {
            let polled = self
                .jobs
                .get_mut(&number)
                .map(|job| job.future.as_mut().poll(&mut context));
            if let Some(Poll::Ready(done)) = polled
                && let Some(job) = self.jobs.remove(&number)
            {
                finished.push((job.work, done));
            }
        }
        finished
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.jobs.is_empty() && self.attempts.is_empty()
    }
}

impl Job {
    pub(crate) fn new(work: Work, future: impl Future<Output = Done> + 'static) -> Self {
        Self {
            future: Box::pin(future),
            work,
        }
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("work", &self.work)
            .finish_non_exhaustive()
    }
}

/// What a future comes to that waits for nothing but memory and the simulated disk's reads.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("nothing but a commit may wait in a simulation"),
    }
}
