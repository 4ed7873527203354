//! Which messages an operator means.

use std::{fmt, str::FromStr};

use postern_mail::{Domain, DomainMap, DomainPattern, Mailbox, QueueId};
use postern_spool::{Filter, HoldState, QueuedMessage, RecipientState, SenderFilter};
use serde::{Deserialize, Serialize};

use crate::{Timestamp, partner::escaped};

/// Which messages to list or to change. Empty, it takes every message; what is given must all
/// apply. Of recipients only those count that still wait.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Listing {
    /// Only those that are held, or only those that are not.
    pub hold: Option<Hold>,
    /// Only those with a recipient at this partner, by its name in the configuration.
    pub partner: Option<String>,
    /// Only those with a recipient in this domain, or below it.
    pub to: Option<DomainPattern>,
    /// Only those with a recipient whose address contains this, in any case.
    pub recipient: Option<String>,
    /// Only those from this sender.
    pub from: Option<Sender>,
    /// Only those that came before this.
    pub received_before: Option<Timestamp>,
    /// Only those that came then or later.
    pub received_after: Option<Timestamp>,
    /// Only those of which the last failure of a recipient, or the reason to hold it, contains
    /// this, in any case.
    pub reason: Option<String>,
    /// Only those behind this one: [`Page::next`](crate::Page::next) of the page before.
    pub after: Option<QueueId>,
    /// At most so many. A page has never more than a hundred.
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

/// Whose messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Sender {
    /// Notifications: their reverse-path is null. Written `<>`.
    Null,
    /// Those whose reverse-path is in this very domain.
    Domain(Domain),
    /// Those with this reverse-path.
    Mailbox(Mailbox),
}

/// The domains of a partner as the policy tells them apart: those that a pattern of the partner
/// matches, unless a more specific one is an exception or somebody else's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartnerDomains {
    /// The patterns of the partner.
    pub domains: Vec<DomainPattern>,
    /// Patterns below one of those that are not the partner's.
    pub except: Vec<DomainPattern>,
}

impl PartnerDomains {
    /// Whether mail for a domain is meant.
    pub fn matches(&self, domain: &Domain) -> bool {
        self.told_apart().find(domain).is_some_and(|own| *own)
    }

    fn told_apart(&self) -> DomainMap<bool> {
        let own = self.domains.iter().map(|domain| (domain.clone(), true));
        let others = self.except.iter().map(|domain| (domain.clone(), false));
        own.chain(others).collect()
    }
}

/// A listing as it is held against messages.
#[derive(Debug)]
pub(crate) struct Sieve {
    pub(crate) filter: Filter,
    /// Whose a domain is, where a partner's pattern does not tell it alone.
    shared: Option<DomainMap<bool>>,
}

impl Sieve {
    /// What `listing` asks for. `partner` are the domains of the partner that it names, if it
    /// names one.
    pub(crate) fn new(listing: &Listing, partner: Option<PartnerDomains>) -> Self {
        let shared = partner.as_ref().filter(|it| !it.except.is_empty());
        let shared = shared.map(PartnerDomains::told_apart);
        let domains = partner.map(|it| it.domains);
        let filter = Filter {
            hold: listing.hold.map(|hold| match hold {
                Hold::Held => HoldState::Held,
                Hold::Free => HoldState::Free,
            }),
            recipient_domains: domains.or_else(|| Some(vec![listing.to.clone()?])),
            recipient: listing.recipient.clone(),
            sender: listing.from.clone().map(|sender| match sender {
                Sender::Null => SenderFilter::Null,
                Sender::Domain(domain) => SenderFilter::Domain(domain),
                Sender::Mailbox(mailbox) => SenderFilter::Mailbox(mailbox),
            }),
            received_before: listing.received_before.map(Timestamp::system_time),
            received_after: listing.received_after.map(Timestamp::system_time),
            reason: listing.reason.clone(),
            ..Filter::default()
        };
        Self { filter, shared }
    }

    /// Whether a message that has passed the filter is meant.
    pub(crate) fn passes(&self, message: &QueuedMessage) -> bool {
        let Some(shared) = &self.shared else {
            return true;
        };
        let recipients = message.envelope.recipients.iter();
        recipients.zip(&message.progress).any(|(recipient, how)| {
            let waits = matches!(how.state, RecipientState::Waiting { .. });
            let domain = recipient.domain();
            waits
                && domain
                    .and_then(|it| shared.find(it))
                    .is_some_and(|own| *own)
        })
    }
}

impl Listing {
    /// What follows the `?` of a request.
    pub(crate) fn query(&self) -> String {
        let pairs = [
            ("hold", text(self.hold.as_ref())),
            ("partner", self.partner.clone()),
            ("to", text(self.to.as_ref())),
            ("recipient", self.recipient.clone()),
            ("from", text(self.from.as_ref())),
            ("received-before", text(self.received_before.as_ref())),
            ("received-after", text(self.received_after.as_ref())),
            ("reason", self.reason.clone()),
            ("after", text(self.after.as_ref())),
            ("limit", text(self.limit.as_ref())),
        ];
        let written = pairs.into_iter().filter_map(|(key, value)| {
            let value = escaped(&value?);
            Some(format!("{key}={value}"))
        });
        written.collect::<Vec<_>>().join("&")
    }
}

fn text(value: Option<&impl fmt::Display>) -> Option<String> {
    value.map(ToString::to_string)
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Held => "held",
            Self::Free => "free",
        })
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.pad("<>"),
            Self::Domain(domain) => domain.fmt(f),
            Self::Mailbox(mailbox) => mailbox.fmt(f),
        }
    }
}

impl FromStr for Sender {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = |error: &dyn fmt::Display| format!("{text:?} is no sender: {error}");
        if text == "<>" {
            return Ok(Self::Null);
        }
        if text.contains('@') {
            let mailbox: Result<Mailbox, _> = text.parse();
            return mailbox.map(Self::Mailbox).map_err(|it| refused(&it));
        }
        let domain: Result<Domain, _> = text.parse();
        domain.map(Self::Domain).map_err(|it| refused(&it))
    }
}

impl TryFrom<String> for Sender {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Sender> for String {
    fn from(sender: Sender) -> Self {
        sender.to_string()
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
            partner: Some("Ministry & Co".to_owned()),
            to: Some("*.example.org".parse().unwrap()),
            from: Some("<>".parse().unwrap()),
            received_before: Some(std::time::SystemTime::UNIX_EPOCH.into()),
            after: Some(QueueId::new(1_790_000_000_000, 7)),
            limit: Some(5),
            ..Listing::default()
        };
        assert_eq!(
            listing.query(),
            "hold=held&partner=Ministry%20%26%20Co&to=%2A%2Eexample%2Eorg&from=%3C%3E\
             &received-before=1970%2D01%2D01T00%3A00%3A00Z&after=06GC8M3C00000007&limit=5"
        );
    }

    #[test]
    fn senders_are_told_apart() {
        let check = |text: &str, expected: &Sender| {
            assert_eq!(&text.parse::<Sender>().unwrap(), expected);
            assert_eq!(expected.to_string(), text);
        };
        check("<>", &Sender::Null);
        check("x.example", &Sender::Domain("x.example".parse().unwrap()));
        let mailbox = "a@x.example".parse().unwrap();
        check("a@x.example", &Sender::Mailbox(mailbox));
        assert!("".parse::<Sender>().is_err());
        assert!("a b@".parse::<Sender>().is_err());
    }
}
