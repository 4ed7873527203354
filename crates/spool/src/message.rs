//! A message in the queue: what was accepted, and how far it has come.

use std::{collections::BTreeSet, sync::Arc, time::SystemTime};

use postern_mail::{Domain, Envelope, QueueId};
use serde::{Deserialize, Serialize};

use crate::{
    BounceTo, DelayNotice, Origin, Outcome, Progress, RecipientIndex, RecipientState,
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

    /// Whether a recipient in this very domain still waits.
    pub(crate) fn waits_for(&self, domain: &Domain) -> bool {
        let recipients = self.envelope.recipients.iter();
        recipients.zip(&self.progress).any(|(recipient, progress)| {
            recipient.domain() == Some(domain) && waiting_until(progress).is_some()
        })
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

    /// Makes everyone who waits due.
    pub(crate) fn retry(&mut self, now: Millis) {
        for progress in &mut self.progress {
            if let RecipientState::Waiting { next_attempt } = &mut progress.state {
                *next_attempt = time::from_millis(now);
            }
        }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.progress.iter().filter_map(waiting_until).count()
    }

    /// The earliest next attempt among the recipients that wait and are not `leased`.
    pub(crate) fn next_due(&self, leased: &BTreeSet<RecipientIndex>) -> Millis {
        if self.hold.is_some() {
            return NEVER;
        }
        self.waiting_and_free(leased)
            .map(|(_, until)| until)
            .min()
            .unwrap_or(NEVER)
    }

    /// Who is due at `now` and not `leased`.
    pub(crate) fn due(
        &self,
        now: Millis,
        leased: &BTreeSet<RecipientIndex>,
    ) -> Vec<RecipientIndex> {
        self.waiting_and_free(leased)
            .filter(|(_, until)| *until <= now)
            .map(|(at, _)| at)
            .collect()
    }

    fn waiting_and_free(
        &self,
        leased: &BTreeSet<RecipientIndex>,
    ) -> impl Iterator<Item = (RecipientIndex, Millis)> {
        self.progress
            .iter()
            .enumerate()
            .map(|(at, progress)| (RecipientIndex(at), progress))
            .filter(|(at, _)| !leased.contains(at))
            .filter_map(|(at, progress)| Some((at, time::to_millis(waiting_until(progress)?))))
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
