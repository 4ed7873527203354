//! Looking into the queue, a page at a time.

use std::time::SystemTime;

use postern_mail::{Domain, DomainMap, DomainPattern, Mailbox, QueueId, Recipient, ReversePath};

use crate::{Cause, Progress, QueuedMessage};

/// Which messages to list. Empty, it takes every message; what is given must all apply.
///
/// Of recipients only those count that still wait: what has been delivered is no operator's
/// concern any more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those that are held, or only those that are not.
    pub hold: Option<HoldState>,
    /// Only those with a recipient in a domain that one of these is for. Where this is a partner,
    /// these are the partner's domains.
    pub recipient_domains: Option<Vec<DomainPattern>>,
    /// Only those with a recipient whose address contains this, in any case.
    pub recipient: Option<String>,
    /// Only those from this sender.
    pub sender: Option<SenderFilter>,
    /// Only those that came before this time.
    pub received_before: Option<SystemTime>,
    /// Only those that came at this time or after it.
    pub received_after: Option<SystemTime>,
    /// Only those of which the last failure of a recipient, or the reason to hold it, contains
    /// this, in any case.
    pub reason: Option<String>,
    /// Only those with a recipient that was tried, or with one that was not.
    pub attempts: Option<Attempts>,
}

/// Whose messages to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SenderFilter {
    /// Those with the null reverse-path: notifications.
    Null,
    /// Those whose reverse-path is in this very domain.
    Domain(Domain),
    /// Those with this reverse-path.
    Mailbox(Mailbox),
}

/// Whether an attempt was made to deliver to a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempts {
    /// None so far.
    None,
    /// At least one, and it failed.
    Some,
}

/// Whether a message is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldState {
    /// It is held.
    Held,
    /// It is delivered when it is due.
    Free,
}

/// A part of a listing, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The messages found.
    pub messages: Vec<QueuedMessage>,
    /// Where the next page begins: what to give as `after`. `None` once all has been seen. A
    /// page may be short, even empty, and not be the last: one call looks at a bounded number
    /// of messages.
    pub next: Option<QueueId>,
}

/// A filter as it is held against many messages.
#[derive(Debug)]
pub(crate) struct Sieve {
    filter: Filter,
    domains: Option<DomainMap<()>>,
    recipient: Option<String>,
    reason: Option<String>,
}

impl Sieve {
    pub(crate) fn new(filter: &Filter) -> Self {
        let domains = filter.recipient_domains.as_ref().map(|patterns| {
            let patterns = patterns.iter().cloned();
            patterns.map(|pattern| (pattern, ())).collect()
        });
        Self {
            filter: filter.clone(),
            domains,
            recipient: filter.recipient.as_deref().map(str::to_lowercase),
            reason: filter.reason.as_deref().map(str::to_lowercase),
        }
    }

    /// Whether a message passes that is held or not, as far as that is concerned.
    pub(crate) fn may_pass(&self, hold: HoldState) -> bool {
        self.filter.hold.is_none_or(|wanted| wanted == hold)
    }

    /// Whether a message passes for a recipient in this domain, or in none, as far as that is
    /// concerned.
    pub(crate) fn may_want(&self, domain: Option<&Domain>) -> bool {
        self.domains
            .as_ref()
            .is_none_or(|wanted| domain.is_some_and(|domain| wanted.find(domain).is_some()))
    }

    fn passes_age(&self, received: SystemTime) -> bool {
        let Filter {
            received_before,
            received_after,
            ..
        } = &self.filter;
        received_before.is_none_or(|before| received < before)
            && received_after.is_none_or(|after| received >= after)
    }

    pub(crate) fn passes(&self, message: &QueuedMessage) -> bool {
        let hold = match message.hold {
            Some(_) => HoldState::Held,
            None => HoldState::Free,
        };
        self.may_pass(hold)
            && self.passes_age(message.received_at)
            && self.passes_sender(&message.envelope.reverse_path)
            && self.passes_recipients(message)
            && self.passes_reason(message)
    }

    fn passes_sender(&self, sender: &ReversePath) -> bool {
        match &self.filter.sender {
            None => true,
            Some(SenderFilter::Null) => *sender == ReversePath::Null,
            Some(SenderFilter::Domain(domain)) => sender.domain() == Some(domain),
            Some(SenderFilter::Mailbox(mailbox)) => sender.mailbox() == Some(mailbox),
        }
    }

    /// One recipient has to fit in all respects: a message for a tried one at `a.example` and an
    /// untried one at `b.example` is none for an untried one at `a.example`.
    fn passes_recipients(&self, message: &QueuedMessage) -> bool {
        let asked =
            self.domains.is_some() || self.recipient.is_some() || self.filter.attempts.is_some();
        let mut waiting = message.waiting_recipients();
        !asked || waiting.any(|(recipient, progress)| self.wants(recipient, progress))
    }

    fn wants(&self, recipient: &Recipient, progress: &Progress) -> bool {
        let named = self.recipient.as_ref().is_none_or(|wanted| {
            let address = recipient.forward_path.to_string();
            address.to_lowercase().contains(wanted)
        });
        let tried = match self.filter.attempts {
            None => true,
            Some(Attempts::None) => progress.attempts == 0,
            Some(Attempts::Some) => progress.attempts > 0,
        };
        self.may_want(recipient.domain()) && named && tried
    }

    fn passes_reason(&self, message: &QueuedMessage) -> bool {
        let Some(wanted) = &self.reason else {
            return true;
        };
        let says = |text: &str| text.to_lowercase().contains(wanted);
        message.hold.as_deref().is_some_and(says)
            || message.waiting_recipients().any(|(_, progress)| {
                let failure = progress.last_failure.as_ref();
                failure.is_some_and(|failure| match failure.cause() {
                    Cause::Here(text) => says(text),
                    Cause::Reply { host, reply } => says(host) || says(&reply.to_string()),
                })
            })
    }
}

#[cfg(test)]
mod tests;
