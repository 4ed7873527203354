//! The memory that content may take before it is accepted, all sessions together.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// How many octets may be in memory and how many are.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    taken: AtomicU64,
}

/// A share of the budget, given back when dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Arc<Budget>,
    octets: u64,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self {
            limit,
            taken: AtomicU64::new(0),
        })
    }

    /// A share of nothing, to be extended.
    pub(crate) fn open(self: &Arc<Self>) -> Reservation {
        Reservation {
            budget: Arc::clone(self),
            octets: 0,
        }
    }
}

impl Reservation {
    /// Takes `octets` more, or nothing where that is beyond the limit.
    pub(crate) fn extend(&mut self, octets: u64) -> Result<(), OverBudget> {
        let budget = &self.budget;
        let before = budget.taken.fetch_add(octets, Ordering::Relaxed);
        if before.saturating_add(octets) > budget.limit {
            budget.taken.fetch_sub(octets, Ordering::Relaxed);
            return Err(OverBudget);
        }
        self.octets += octets;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.taken.fetch_sub(self.octets, Ordering::Relaxed);
    }
}

/// The sessions together hold as much content in memory as they may.
#[derive(Debug)]
pub(crate) struct OverBudget;
