//! An operator who holds mail, releases it, has it tried again, and freezes destinations.

use std::{sync::Arc, time::Duration};

use postern_mail::{EnhancedStatusCode, QueueId};
use postern_spool::{ClaimedRecipient, DelayNotice, Failure, Spool as _};

use super::{
    cast::{DESTINATIONS, domain},
    core::Core,
    host::{Done, Failed, Work},
    mutation::Mutation,
};

/// How long what is frozen waits before it is looked at again, if it does not thaw.
const FROZEN_FOR: Duration = Duration::from_secs(4 * 60 * 60);

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

    /// Mail for a destination waits from now on, without attempts.
    pub(crate) fn freeze(&mut self, at: usize) {
        if !self.healed {
            self.note(|| format!("{} is frozen", DESTINATIONS[at].domain));
            self.frozen[at] = true;
        }
    }

    /// A destination that was frozen is no longer, and what waits for it is due.
    pub(crate) fn thaw(&mut self, at: usize) {
        if !std::mem::take(&mut self.frozen[at]) || self.mutation == Some(Mutation::ThawForgotten) {
            return;
        }
        self.note(|| format!("{} thaws", DESTINATIONS[at].domain));
        if let Some(host) = &self.host {
            host.spool.hasten(&domain(DESTINATIONS[at].domain));
        }
    }

    pub(crate) fn is_frozen(&self, domain: &str) -> bool {
        let mut all = DESTINATIONS.iter().zip(self.frozen);
        all.any(|(it, frozen)| frozen && it.domain == domain)
    }

    /// What is frozen waits in memory alone, and as long as other mail: news of it is not put off.
    pub(crate) fn put_off_frozen(&mut self, number: u64, recipients: &[ClaimedRecipient]) {
        let attempts = self.host.as_mut().map(|host| &mut host.attempts);
        let Some(attempt) = attempts.and_then(|attempts| attempts.get_mut(&number)) else {
            return;
        };
        attempt.parts -= 1;
        let claim = Arc::clone(&attempt.claim);
        let now = self.wall();
        let age = now.duration_since(claim.received_at()).unwrap_or_default();
        let doubt = self.doubts(claim.received_at());
        for recipient in recipients {
            let first = recipient.delay_notice == DelayNotice::NotSent;
            let news = match first {
                true => self.schedule.delay_notice.min(self.schedule.lifetime),
                false => self.schedule.lifetime,
            };
            if age >= news && doubt.is_none() {
                let status = EnhancedStatusCode::transient(3, 2);
                let failure = Failure::here(now, status, "it is frozen");
                self.fails(number, recipient, failure);
                continue;
            }
            let longest = match self.mutation {
                Some(Mutation::ThawForgotten) => Duration::from_secs(365 * 24 * 60 * 60),
                Some(_) | None => FROZEN_FOR.min(news.saturating_sub(age)),
            };
            let until = now + doubt.unwrap_or(longest).max(Duration::from_secs(1));
            if let Some(host) = &self.host {
                host.spool.postpone(&claim, &[recipient.index], until);
            }
        }
        self.settle(number);
    }

    fn fails(&mut self, number: u64, recipient: &ClaimedRecipient, failure: Failure) {
        let attempts = self.host.as_mut().map(|host| &mut host.attempts);
        if let Some(attempt) = attempts.and_then(|attempts| attempts.get_mut(&number)) {
            let permanent = false;
            let failed = Failed { permanent, failure };
            attempt.failed.push((recipient.clone(), failed));
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
