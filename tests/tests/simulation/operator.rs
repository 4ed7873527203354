//! An operator who holds mail, releases it, and has it tried again.

use std::sync::Arc;

use postern_mail::QueueId;
use postern_spool::Spool as _;

use super::{
    cast::{DESTINATIONS, domain},
    core::Core,
    host::{Done, Work},
};

impl Core {
    /// Does one thing to a message that waits, or to all that waits for a domain.
    pub(crate) fn operate(&mut self) {
        let waiting = self.disk.durable();
        let Some(host) = &self.host else { return };
        if waiting.is_empty() {
            return;
        }
        let chosen = self.random.below(waiting.len() as u64) as usize;
        let id = waiting[chosen].0.id;
        match self.random.below(3) {
            0 => self.change(id, Change::Hold),
            1 => self.change(id, Change::Retry),
            _ => {
                let at = self.random.below(DESTINATIONS.len() as u64) as usize;
                let hastened = host.spool.hasten(&domain(DESTINATIONS[at].domain));
                self.note(|| format!("{hastened} messages are hastened"));
            }
        }
    }

    /// Ends every hold, so that all comes to its end.
    pub(crate) fn release_all(&mut self) {
        for (message, _) in self.disk.durable() {
            if message.hold.is_some() {
                self.change(message.id, Change::Release);
            }
        }
    }

    fn change(&mut self, id: QueueId, change: Change) {
        self.note(|| format!("the operator: {change:?} {id}"));
        self.job(Work::Nothing, |host| {
            let spool = Arc::clone(&host.spool);
            async move {
                // The message may be gone, and the queue may have stopped.
                let _done = match change {
                    Change::Hold => spool.hold(id, "looked at").await,
                    Change::Release => spool.release(id).await,
                    Change::Retry => spool.retry(id).await,
                };
                Done::Changed
            }
        });
    }
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Hold,
    Release,
    Retry,
}
