//! A message in the queue: what was accepted, and how far it has come.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use postern_mail::{Domain, Envelope, QueueId, Recipient};
use serde::{Deserialize, Serialize};

use crate::{
    BounceTo, ClaimedRecipient, DelayNotice, Failure, Origin, Outcome, Progress, RecipientIndex,
    RecipientState,
    time::{self, Millis, NEVER},
};

/// A message as `queue show` presents it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedMessage {
    /// Its name.
    pub id: QueueId,
    /// When it came.
    pub received_at: SystemTime,
    /// How it came.
    pub origin: Origin,
    /// From whom to whom.
    pub envelope: Envelope,
    /// Octets of content.
    pub octets: u64,
    /// Who hears of it when it cannot be delivered.
    pub bounce_to: BounceTo,
    /// Why it goes where suspicious mail goes, if it does.
    pub quarantined: Option<String>,
    /// How far it has come with each recipient, in the order of `envelope.recipients`.
    pub progress: Vec<Progress>,
    /// Why it is held, if it is.
    pub hold: Option<String>,
}

impl QueuedMessage {
    /// The earliest next attempt of a recipient that waits.
    pub fn next_attempt(&self) -> Option<SystemTime> {
        self.progress.iter().filter_map(waiting_until).min()
    }

    /// The recipients that still wait, and how far they have come.
    pub(crate) fn waiting_recipients(&self) -> impl Iterator<Item = (&Recipient, &Progress)> {
        let recipients = self.envelope.recipients.iter();
        let all = recipients.zip(&self.progress);
        all.filter(|(_, progress)| waiting_until(progress).is_some())
    }

    /// How many recipients still wait.
    pub fn waiting(&self) -> usize {
        self.progress.iter().filter_map(waiting_until).count()
    }
}

/// What was accepted and never changes.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Accepted {
    pub(crate) envelope: Envelope,
    pub(crate) origin: Origin,
    #[serde(with = "time")]
    pub(crate) received_at: SystemTime,
    pub(crate) content: StoredContent,
    pub(crate) bounce_to: BounceTo,
    pub(crate) quarantined: Option<String>,
}

/// Where the content is and what it must be when it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredContent {
    pub(crate) octets: u64,
    /// XXH3-64 of the content.
    pub(crate) checksum: u64,
    pub(crate) place: ContentPlace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ContentPlace {
    /// A record in the store.
    Record,
    /// A file of its own.
    File,
}

/// A message in memory, while it is fresh or claimed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) accepted: Arc<Accepted>,
    pub(crate) progress: Vec<Progress>,
    pub(crate) hold: Option<String>,
    /// Grows with every change; the record's header carries it.
    #[serde(skip)]
    pub(crate) revision: u32,
    /// Recipients that were postponed or hastened in memory alone, and until when.
    #[serde(skip)]
    pub(crate) postponed: BTreeMap<RecipientIndex, Millis>,
}

/// A recipient that waits.
pub(crate) struct WaitingRecipient<'a> {
    pub(crate) index: RecipientIndex,
    pub(crate) domain: Option<&'a Domain>,
    pub(crate) until: Millis,
    /// Whether `until` is not what the record says.
    pub(crate) postponed: bool,
    pub(crate) attempts: u32,
}

impl Message {
    /// A message of which every recipient is due at once, unless it is held.
    pub(crate) fn new(accepted: Accepted, hold: Option<String>, now: Millis) -> Self {
        let untried = Progress {
            state: RecipientState::Waiting {
                next_attempt: time::from_millis(now),
            },
            attempts: 0,
            last_failure: None,
            delay_notice: DelayNotice::NotSent,
        };
        Self {
            progress: vec![untried; accepted.envelope.recipients.len()],
            accepted: Arc::new(accepted),
            hold,
            revision: 0,
            postponed: BTreeMap::new(),
        }
    }

    /// Records an outcome. Only who waits can be settled: a second outcome changes nothing.
    pub(crate) fn settle(&mut self, at: RecipientIndex, outcome: Outcome) {
        let Some(progress) = self.progress.get_mut(at.0) else {
            return;
        };
        if waiting_until(progress).is_none() {
            return;
        }
        self.postponed.remove(&at);
        let next_at = |until| RecipientState::Waiting {
            next_attempt: time::whole_millis(until),
        };
        if !matches!(outcome, Outcome::Postponed { .. }) {
            progress.attempts = progress.attempts.saturating_add(1);
        }
        match outcome {
            Outcome::Delivered => progress.state = RecipientState::Delivered,
            Outcome::Deferred { until, failure } => {
                progress.state = next_at(until);
                progress.last_failure = Some(failure);
            }
            Outcome::Postponed { until } => progress.state = next_at(until),
            Outcome::Bounced { failure } => {
                progress.state = RecipientState::Bounced;
                progress.last_failure = Some(failure);
            }
        }
    }

    pub(crate) fn note_delay_notice(&mut self, at: RecipientIndex) {
        if let Some(progress) = self.progress.get_mut(at.0) {
            progress.delay_notice = DelayNotice::Sent;
        }
    }

    /// Makes everyone who waits due, whatever the clock is set to later: not since `now`, but since it
    /// was tried last or came.
    pub(crate) fn retry(&mut self, now: Millis) {
        self.postponed.clear();
        let received = self.accepted.received_at;
        for progress in &mut self.progress {
            let since = since(progress, received).min(time::from_millis(now));
            if let RecipientState::Waiting { next_attempt } = &mut progress.state {
                *next_attempt = since;
            }
        }
    }

    /// Lets go of a message that is held. What was known of its destinations meanwhile is old.
    pub(crate) fn release(&mut self) {
        if self.hold.take().is_some() {
            self.postponed.clear();
        }
    }

    /// Counts from `now` what was counted from a time that is still to come: a clock that was
    /// ahead wrote it down, and has been set back since. The distance is what was meant.
    pub(crate) fn recount(&mut self, now: Millis) {
        let ahead: Vec<_> = self.waits_from_ahead(now).collect();
        for (at, wait) in ahead {
            let until = now.saturating_add(wait).min(NEVER - 2);
            self.postponed.entry(at).or_insert(until);
        }
    }

    /// Whether [`Message::recount`] has something to do.
    pub(crate) fn is_from_ahead(&self, now: Millis) -> bool {
        self.waits_from_ahead(now).next().is_some()
    }

    /// Who waits since a time that is still to come, and how long.
    fn waits_from_ahead(&self, now: Millis) -> impl Iterator<Item = (RecipientIndex, Millis)> {
        let received = self.accepted.received_at;
        let all = self.progress.iter().enumerate();
        all.filter_map(move |(at, progress)| {
            let until = time::to_millis(waiting_until(progress)?);
            let since = time::to_millis(since(progress, received));
            let wait = until.saturating_sub(since);
            (since > now && until > now).then_some((RecipientIndex(at), wait))
        })
    }

    pub(crate) fn waiting(&self) -> usize {
        self.progress.iter().filter_map(waiting_until).count()
    }

    /// Lets a recipient wait until another time than its record says.
    pub(crate) fn postpone(&mut self, at: RecipientIndex, until: Millis) {
        let progress = self.progress.get(at.0);
        if progress.and_then(waiting_until).is_some() {
            self.postponed.insert(at, until);
        }
    }

    pub(crate) fn domain_of(&self, at: RecipientIndex) -> Option<&Domain> {
        self.accepted.envelope.recipients.get(at.0)?.domain()
    }

    /// The same for all that wait in a domain.
    pub(crate) fn put_off(&mut self, domain: Option<&Domain>, until: Millis) {
        let there: Vec<_> = self
            .waiting_recipients()
            .filter(|waiting| waiting.domain == domain)
            .map(|waiting| waiting.index)
            .collect();
        for at in there {
            self.postponed.insert(at, until);
        }
    }

    /// The earliest next attempt of a recipient that waits, as the record has it.
    pub(crate) fn next_due(&self) -> Millis {
        if self.hold.is_some() {
            return NEVER;
        }
        let waiting = self.progress.iter().filter_map(waiting_until);
        waiting.map(time::to_millis).min().unwrap_or(NEVER)
    }

    /// Who is due at `now` and not `leased`, in their order.
    pub(crate) fn due(&self, now: Millis, leased: &[RecipientIndex]) -> Vec<RecipientIndex> {
        self.waiting_recipients()
            .filter(|waiting| waiting.until <= now)
            .map(|waiting| waiting.index)
            .filter(|at| leased.binary_search(at).is_err())
            .collect()
    }

    pub(crate) fn waiting_recipients(&self) -> impl Iterator<Item = WaitingRecipient<'_>> {
        let recipients = self.accepted.envelope.recipients.iter();
        recipients
            .zip(&self.progress)
            .enumerate()
            .filter_map(|(at, (recipient, progress))| {
                let recorded = waiting_until(progress)?;
                let index = RecipientIndex(at);
                let postponed = self.postponed.get(&index).copied();
                Some(WaitingRecipient {
                    index,
                    domain: recipient.domain(),
                    until: postponed.unwrap_or_else(|| time::to_millis(recorded)),
                    postponed: postponed.is_some(),
                    attempts: progress.attempts,
                })
            })
    }

    /// Recipients as a claim presents them.
    pub(crate) fn claimed(&self, indexes: &[RecipientIndex]) -> Vec<ClaimedRecipient> {
        let recipients = &self.accepted.envelope.recipients;
        indexes
            .iter()
            .filter_map(|index| {
                let recipient = recipients.get(index.0)?;
                let progress = self.progress.get(index.0)?;
                Some(ClaimedRecipient {
                    index: *index,
                    recipient: recipient.clone(),
                    attempts: progress.attempts,
                    last_failure: progress.last_failure.clone(),
                    delay_notice: progress.delay_notice,
                })
            })
            .collect()
    }

    pub(crate) fn view(&self, id: QueueId) -> QueuedMessage {
        QueuedMessage {
            id,
            received_at: self.accepted.received_at,
            origin: self.accepted.origin.clone(),
            envelope: self.accepted.envelope.clone(),
            octets: self.accepted.content.octets,
            bounce_to: self.accepted.bounce_to.clone(),
            quarantined: self.accepted.quarantined.clone(),
            progress: self.progress.clone(),
            hold: self.hold.clone(),
        }
    }
}

fn waiting_until(progress: &Progress) -> Option<SystemTime> {
    match progress.state {
        RecipientState::Waiting { next_attempt } => Some(next_attempt),
        RecipientState::Delivered | RecipientState::Bounced => None,
    }
}

/// Since when a recipient waits: its last attempt, or else when the message came.
fn since(progress: &Progress, received: SystemTime) -> SystemTime {
    let failed = progress.last_failure.as_ref();
    failed.map_or(received, Failure::at)
}
