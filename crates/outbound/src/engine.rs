//! What all deliveries share.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use postern_mail::Domain;
use postern_spool::Spool;
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    destination::Destinations, freezer::Freezer, local, notice_cap::NoticeCap,
    situation::Situation, slots::Slots,
};

/// How long to wait before the queue is asked for anything again when it could not do it.
pub(crate) const AFTER_TROUBLE: Duration = Duration::from_secs(5);

/// What all deliveries share.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) spool: Arc<dyn Spool>,
    pub(crate) destinations: Destinations,
    pub(crate) tasks: TaskTracker,
    pub(crate) stopping: CancellationToken,
    /// Room for messages under way.
    pub(crate) messages: Slots,
    /// Room for connections, to all destinations together: a message for a thousand domains must
    /// not take every descriptor there is.
    pub(crate) connections: Slots,
    /// Room for messages that are taken in here.
    pub(crate) local: Semaphore,
    /// How many notices were sent to whom.
    pub(crate) notices: NoticeCap,
    /// Whose mail waits because an operator says so.
    pub(crate) freezer: Freezer,
    situation: ArcSwap<Situation>,
}

impl Engine {
    /// Prepares to deliver what `spool` holds.
    pub(crate) fn new(spool: Arc<dyn Spool>, situation: Situation) -> Self {
        Self {
            spool,
            destinations: Destinations::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            messages: Slots::default(),
            connections: Slots::default(),
            local: Semaphore::new(local::AT_ONCE),
            notices: NoticeCap::default(),
            freezer: Freezer::default(),
            situation: ArcSwap::from_pointee(situation),
        }
    }

    /// Goes on under another configuration.
    pub(crate) fn replace_situation(&self, situation: Situation) {
        self.situation.store(Arc::new(situation));
    }

    /// What counts now.
    pub(crate) fn situation(&self) -> Arc<Situation> {
        self.situation.load_full()
    }

    /// Whether this is what counts now.
    pub(crate) fn is_current(&self, situation: &Arc<Situation>) -> bool {
        Arc::ptr_eq(situation, &self.situation.load())
    }

    /// Makes as much room as the configuration gives. It may have changed, and what is to shrink
    /// shrinks bit by bit.
    pub(crate) fn make_room(&self) {
        let most = self.situation().settings.messages;
        self.messages.fit(most);
        self.connections.fit(most);
    }

    /// Makes what waits for a domain, or for all, due at once.
    pub(crate) fn flush(&self, domain: Option<&Domain>) {
        tracing::info!(?domain, "the queue is flushed");
    }

    /// Waits for a while, unless the daemon stops.
    pub(crate) async fn pause(&self, wait: Duration) {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.stopping.cancelled() => {}
        }
    }
}
