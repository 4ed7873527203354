//! The queue as an operator works with it, daemon or not.

use std::{fmt, sync::Arc};

use postern_mail::{Domain, DomainPattern, QueueId};
use postern_spool::{Filter, HoldState, SenderFilter, Spool, SpoolError};
use serde::{Deserialize, Serialize};

use crate::{Message, Page};

/// The most messages on a page.
pub(crate) const PAGE: usize = 100;

/// The most recipients of a message in a list. A page then has 100 × 20 recipients at most, of
/// some 2.5 KiB each where every host was talkative: 5 MiB.
const RECIPIENTS_LISTED: usize = 20;

/// The most recipients of a message in one answer about it.
const RECIPIENTS_SHOWN: usize = 1000;

/// Which messages to list. Empty, it takes every message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Listing {
    /// Only those that are held, or only those that are not.
    pub hold: Option<Hold>,
    /// Only those with a recipient in this very domain that still waits.
    pub recipient_domain: Option<Domain>,
    /// Only those whose reverse-path is in this very domain.
    pub sender_domain: Option<Domain>,
    /// Only those behind this one: [`Page::next`] of the page before.
    pub after: Option<QueueId>,
    /// At most so many; never more than a hundred.
    pub limit: Option<usize>,
}

/// Whether a message is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// It is held.
    Held,
    /// It is delivered when it is due.
    Free,
}

/// What an operator can do to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Make every recipient that waits due at once.
    Retry,
    /// Keep it from being delivered.
    Hold {
        /// Why, for whoever looks next.
        reason: String,
    },
    /// End a hold.
    Release,
    /// Forget it, without a notification to anybody.
    Remove,
}

impl Change {
    /// The last part of the path that asks for it.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Hold { .. } => "hold",
            Self::Release => "release",
            Self::Remove => "remove",
        }
    }
}

/// A spool in this process, seen as an operator sees it.
#[derive(Debug, Clone)]
pub struct Queue {
    spool: Arc<dyn Spool>,
}

impl Queue {
    /// The queue in `spool`.
    pub fn new(spool: Arc<dyn Spool>) -> Self {
        Self { spool }
    }

    /// The messages that `listing` asks for.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn list(&self, listing: &Listing) -> Result<Page, SpoolError> {
        let limit = listing.limit.unwrap_or(PAGE).clamp(1, PAGE);
        let filter = listing.filter();
        let page = self.spool.list(&filter, listing.after, limit).await?;
        let messages = page.messages.iter();
        Ok(Page {
            messages: messages
                .map(|queued| Message::with_waiting(queued, RECIPIENTS_LISTED))
                .collect(),
            next: page.next,
        })
    }

    /// One message, with its recipients from the place `from` on, at most a thousand.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    pub async fn show(&self, id: QueueId, from: usize) -> Result<Message, SpoolError> {
        let queued = self.spool.get(id).await?.ok_or(SpoolError::Unknown(id))?;
        let places = from..from.saturating_add(RECIPIENTS_SHOWN);
        Ok(Message::with_recipients(&queued, places))
    }

    /// Does something to a message. It is on disk when this returns.
    ///
    /// # Errors
    /// It is not there, or the change could not be written.
    pub async fn change(&self, id: QueueId, change: &Change) -> Result<(), SpoolError> {
        match change {
            Change::Retry => self.spool.retry(id).await,
            Change::Hold { reason } => self.spool.hold(id, reason).await,
            Change::Release => self.spool.release(id).await,
            Change::Remove => self.spool.remove(id).await,
        }
    }
}

impl Listing {
    fn filter(&self) -> Filter {
        Filter {
            hold: self.hold.map(|hold| match hold {
                Hold::Held => HoldState::Held,
                Hold::Free => HoldState::Free,
            }),
            recipient_domains: self
                .recipient_domain
                .clone()
                .map(|domain| vec![DomainPattern::Exact(domain)]),
            sender: self.sender_domain.clone().map(SenderFilter::Domain),
            ..Filter::default()
        }
    }

    /// What follows the `?` of a request. Nothing in it needs escaping: ids, domains and numbers
    /// are made of letters, digits, dots and hyphens.
    pub(crate) fn query(&self) -> String {
        let mut query = String::new();
        let mut add = |key: &str, value: Option<&dyn fmt::Display>| {
            if let Some(value) = value {
                let separator = if query.is_empty() { "" } else { "&" };
                query.push_str(&format!("{separator}{key}={value}"));
            }
        };
        add("hold", self.hold.as_ref().map(|it| it as &dyn fmt::Display));
        add(
            "recipient-domain",
            self.recipient_domain.as_ref().map(|it| it as _),
        );
        add(
            "sender-domain",
            self.sender_domain.as_ref().map(|it| it as _),
        );
        add("after", self.after.as_ref().map(|it| it as _));
        add("limit", self.limit.as_ref().map(|it| it as _));
        query
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Held => "held",
            Self::Free => "free",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_says_what_the_listing_says() {
        assert_eq!(Listing::default().query(), "");
        let listing = Listing {
            hold: Some(Hold::Held),
            recipient_domain: Some("example.org".parse().unwrap()),
            sender_domain: Some("xn--bcher-kva.example".parse().unwrap()),
            after: Some(QueueId::new(1_790_000_000_000, 7)),
            limit: Some(5),
        };
        assert_eq!(
            listing.query(),
            "hold=held&recipient-domain=example.org&sender-domain=xn--bcher-kva.example\
             &after=06GC8M3C00000007&limit=5"
        );
    }
}
