//! What the queue says about itself.

/// Whether the queue takes messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Good,
    /// Not for now: the disk is too full. What is queued is still delivered.
    Full {
        /// Octets that are free.
        available: u64,
        /// Octets that are kept back.
        reserve: u64,
    },
    /// Not until a restart: a write or a sync failed. Nothing is delivered either, since no
    /// delivery could be recorded.
    Poisoned(String),
}

/// Numbers for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Messages in the queue; while it is loaded, those that are known already.
    pub messages: u64,
    /// Of these, held.
    pub held: u64,
    /// Of these, in the hands of a claim.
    pub claimed: u64,
    /// Octets of content that are in memory for a first delivery.
    pub fresh_octets: u64,
    /// Messages accepted since the start.
    pub accepted: u64,
    /// Syncs since the start: far fewer than messages where many come at once.
    pub commits: u64,
    /// Messages found damaged since the start, at the start included.
    pub damaged: u64,
    /// How far the queue has been read, where it has not been read to its end.
    pub loading: Option<Loading>,
}

/// How far a large queue has been read after its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loading {
    /// Messages that were read.
    pub read: u64,
    /// Messages that are to be read, more or less.
    pub total: u64,
}
