//! Claiming what is due, and recording what became of it.

use std::{path::PathBuf, time::SystemTime};

use postern_mail::QueueId;
use tokio::sync::oneshot;

use super::{
    engine::{Change, Table},
    index::{Leased, Standing, Taken},
    prepare::Prepared,
    record,
    shared::Shared,
    writes::{Urgency, Write},
};
use crate::{
    Claim, Content, RecipientIndex, ReservedId, Settled, Settlement, SpoolError,
    claim::{Lease, Lessor},
    message::{ContentPlace, Message},
    time::{self, Millis, NEVER},
};

/// A message that was taken and whose record is to be read. Given up, it is due again.
struct Pending<'a> {
    shared: &'a Shared,
    id: QueueId,
    settled: bool,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.shared.index().put_back(self.id);
        }
    }
}

impl Shared {
    pub(crate) async fn claim(
        &self,
        now: SystemTime,
        limit: usize,
    ) -> Result<Vec<Claim>, SpoolError> {
        self.usable()?;
        let now = time::to_millis(now);
        let (taken, fresh_octets) = {
            let mut index = self.index();
            (index.take_due(now, limit), index.fresh_octets())
        };
        self.flow.claimed(fresh_octets);
        let mut claims = Vec::new();
        let mut stored = Vec::new();
        for message in taken {
            match message {
                Taken::Leased(leased) => claims.push(self.lend(leased)),
                Taken::Stored(id) => stored.push(id),
            }
        }
        if !stored.is_empty() {
            let read = self.blocking(move |shared| shared.claim_stored(stored, now));
            claims.extend(read.await?);
        }
        Ok(claims)
    }

    /// Reads the records of messages that were taken. Blocks.
    fn claim_stored(&self, taken: Vec<QueueId>, now: Millis) -> Vec<Claim> {
        let pending: Vec<_> = taken
            .into_iter()
            .map(|id| Pending {
                shared: self,
                id,
                settled: false,
            })
            .collect();
        pending
            .into_iter()
            .filter_map(|mut pending| {
                let leased = self.lease_stored(pending.id, now);
                pending.settled = true;
                leased.map(|leased| self.lend(leased))
            })
            .collect()
    }

    fn lease_stored(&self, id: QueueId, now: Millis) -> Option<Leased> {
        loop {
            // An unreadable record has been set aside and logged.
            let message = self.load(id).ok()??;
            let mut index = self.index();
            if index.admit(id, &message) {
                return index.lease_admitted(id, now);
            }
        }
    }

    fn lend(&self, leased: Leased) -> Claim {
        let stored = leased.accepted.content;
        let content = match leased.content {
            Some(octets) => Content::resident(octets, stored),
            None => self.content_of(leased.id, stored),
        };
        Claim {
            id: leased.id,
            accepted: leased.accepted,
            content,
            since: leased.since,
            _lease: Lease {
                lessor: self.this.clone(),
                id: leased.id,
                recipients: leased.recipients.iter().map(|due| due.index).collect(),
            },
            recipients: leased.recipients,
        }
    }

    pub(crate) async fn settle(
        &self,
        claim: &Claim,
        settlement: Settlement,
    ) -> Result<Settled, SpoolError> {
        self.usable()?;
        let mut prepared = Vec::new();
        let mut octets = 0;
        for submission in settlement.submissions {
            octets += submission.content.octets();
            prepared.push(self.prepare(ReservedId(self.new_id()), submission).await?);
        }
        let permit = self.reserve_write(octets).await?;
        let (done, wait) = oneshot::channel();
        let settled = {
            let mut index = self.index();
            let change = index.change(claim.id, self.clock.now(), |message| {
                for (at, outcome) in settlement.outcomes {
                    message.settle(at, outcome);
                }
                for at in settlement.delay_notices {
                    message.note_delay_notice(at);
                }
                (message.waiting(), self.changes_for(claim.id, message))
            });
            // The claim keeps its message in memory, unless it was removed from the queue.
            let Standing::Resident((waiting, (changes, unlink))) = change else {
                return Ok(Settled {
                    submitted: Vec::new(),
                    waiting: 0,
                });
            };
            if waiting == 0 {
                index.remove(claim.id);
            }
            let mut write = Write {
                changes,
                arrivals: Vec::new(),
                changed: Some(claim.id),
                unlink,
                urgency: Urgency::Soon,
                done,
                permit: Some(permit),
            };
            let submitted = add(&mut write, prepared);
            self.writes.push(write)?;
            Settled { submitted, waiting }
        };
        self.durable(wait).await?;
        Ok(settled)
    }

    /// What brings the disk up to a message that has changed: a new record, or none and no
    /// content either where nobody waits any more.
    pub(crate) fn changes_for(
        &self,
        id: QueueId,
        message: &Message,
    ) -> (Vec<Change>, Option<PathBuf>) {
        if message.waiting() > 0 {
            let record = record::message(id, message, self.seed);
            return (vec![Change::Put(Table::Messages, id, record)], None);
        }
        let mut changes = vec![Change::Remove(Table::Messages, id)];
        match message.accepted.content.place {
            ContentPlace::Record => {
                changes.push(Change::Remove(Table::Contents, id));
                (changes, None)
            }
            ContentPlace::File => (changes, Some(self.home.content_of(id))),
        }
    }
}

fn add(write: &mut Write, submissions: Vec<Prepared>) -> Vec<QueueId> {
    let mut ids = Vec::new();
    for prepared in submissions {
        let (changes, arrival) = prepared.begin();
        ids.push(arrival.id);
        write.changes.extend(changes);
        write.arrivals.push(arrival);
    }
    ids
}

impl Lessor for Shared {
    fn give_back(&self, id: QueueId, recipients: &[RecipientIndex]) {
        let earlier = {
            let mut index = self.index();
            let before = index.next_due().unwrap_or(NEVER);
            index.give_back(id, recipients);
            index.next_due().is_some_and(|due| due < before)
        };
        // Most claims end because their message is delivered: then there is nothing to tell.
        if earlier {
            self.notify();
        }
    }
}
