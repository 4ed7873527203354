//! What listeners and sessions have in common.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use postern_spool::{Spool, SpoolError};

use crate::{
    Accounts, budget::Budgets, census::Census, deferrals::Deferrals, drain::Drain,
    situation::Situation,
};

/// What listeners and sessions have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) situation: ArcSwap<Situation>,
    pub(crate) spool: Arc<dyn Spool>,
    pub(crate) accounts: Arc<dyn Accounts>,
    pub(crate) census: Arc<Census>,
    pub(crate) budgets: Budgets,
    pub(crate) deferrals: Deferrals,
    pub(crate) drain: Drain,
    pub(crate) figures: Figures,
    /// Whether it was told that the queue is out of service.
    told_of_poison: AtomicBool,
    next_session: AtomicU64,
}

/// Numbers since the start, told when reception ends.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) connections: Count,
    pub(crate) turned_away: Count,
    pub(crate) failed_handshakes: Count,
    pub(crate) accepted: Count,
    pub(crate) refused: Count,
    pub(crate) cut: Count,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn up(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Names one session in logs and replies. Unique in a process, and beginning anywhere, so that
/// two processes are not likely to share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionId(u64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012x}", self.0 & 0xffff_ffff_ffff)
    }
}

impl Shared {
    pub(crate) fn new(
        situation: Situation,
        spool: Arc<dyn Spool>,
        accounts: Arc<dyn Accounts>,
        listeners: usize,
    ) -> Arc<Self> {
        Arc::new(Self {
            situation: ArcSwap::from_pointee(situation),
            spool,
            accounts,
            census: Census::new(listeners),
            budgets: Budgets::default(),
            deferrals: Deferrals::default(),
            drain: Drain::default(),
            figures: Figures::default(),
            told_of_poison: AtomicBool::new(false),
            next_session: AtomicU64::new(fastrand::u64(..)),
        })
    }

    pub(crate) fn new_session(&self) -> SessionId {
        SessionId(self.next_session.fetch_add(1, Ordering::Relaxed))
    }

    /// Tells of trouble with the queue. That it is out of service until a restart is told once,
    /// since it will be met at every MAIL from then on.
    pub(crate) fn tell_of_queue_trouble(&self, error: &SpoolError) {
        match error {
            SpoolError::Poisoned(_) => {
                if !self.told_of_poison.swap(true, Ordering::Relaxed) {
                    tracing::error!(%error, "no mail is accepted until a restart");
                }
            }
            SpoolError::Full { .. } => tracing::warn!(%error, "no mail is accepted for now"),
            SpoolError::Closed => tracing::info!(%error, "no mail is accepted any more"),
            SpoolError::File { .. }
            | SpoolError::Damaged(_)
            | SpoolError::Unknown(_)
            | SpoolError::NoRecipients => {
                tracing::error!(%error, "a message could not be kept");
            }
        }
    }
}
