//! Addresses and domains that stand for others.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
    str::FromStr,
};

use postern_mail::{Domain, DomainError, ForwardPath, Host, Mailbox, MailboxError};

/// An address, or all of a domain, that stands for other addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// What stands for the targets.
    pub address: Aliased,
    /// Whom its mail is for.
    pub to: Vec<Mailbox>,
}

/// What an alias is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Aliased {
    /// One address.
    Mailbox(Mailbox),
    /// Every address of the domain that no other alias names: `@example.org`.
    Rest(Domain),
}

/// A domain that is another name of a second one: mail for any of its addresses is for the same
/// local-part there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renaming {
    /// The other name.
    pub domain: Domain,
    /// The domain that is meant.
    pub to: Domain,
}

impl FromStr for Aliased {
    type Err = MailboxError;

    fn from_str(text: &str) -> Result<Self, MailboxError> {
        match text.strip_prefix('@') {
            Some(domain) => {
                let domain = domain.parse::<Domain>();
                let domain =
                    domain.map_err(|error: DomainError| MailboxError::Host(error.into()))?;
                Ok(Self::Rest(domain))
            }
            None => text.parse().map(Self::Mailbox),
        }
    }
}

impl fmt::Display for Aliased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mailbox(mailbox) => mailbox.fmt(f),
            Self::Rest(domain) => write!(f, "@{domain}"),
        }
    }
}

/// All of them, to be asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Book {
    mailboxes: BTreeMap<Key, Vec<Mailbox>>,
    rest: BTreeMap<Domain, Vec<Mailbox>>,
    names: BTreeMap<Domain, Domain>,
}

/// A mailbox without regard to the case of its local-part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(String, Host);

impl Key {
    pub(crate) fn of(mailbox: &Mailbox) -> Self {
        let local_part = mailbox.local_part().as_str().to_lowercase();
        Self(local_part, mailbox.host().clone())
    }
}

impl Book {
    /// Several aliases for one address are one with all their targets.
    pub(crate) fn new(
        aliases: impl IntoIterator<Item = Alias>,
        renamings: impl IntoIterator<Item = Renaming>,
    ) -> Self {
        let mut book = Self::default();
        for Alias { address, to } in aliases {
            match address {
                Aliased::Mailbox(mailbox) => add(book.mailboxes.entry(Key::of(&mailbox)), to),
                Aliased::Rest(domain) => add(book.rest.entry(domain), to),
            }
        }
        book.names = renamings
            .into_iter()
            .map(|renaming| (renaming.domain, renaming.to))
            .collect();
        book
    }

    /// What the mailbox stands for; nothing where it stands for itself alone.
    pub(crate) fn targets(&self, mailbox: &Mailbox) -> Option<Targets<'_>> {
        if let Some(to) = self.mailboxes.get(&Key::of(mailbox)) {
            return Some(Targets::Listed(to));
        }
        let domain = mailbox.domain()?;
        if let Some(name) = self.names.get(domain) {
            let host = Host::Domain(name.clone());
            let renamed = Mailbox::new(mailbox.local_part().clone(), host);
            return Some(Targets::Renamed(renamed));
        }
        self.rest.get(domain).map(|to| Targets::Listed(to))
    }

    /// An address for each entry that leads through it.
    pub(crate) fn examples(&self) -> Vec<ForwardPath> {
        let listed = self
            .mailboxes
            .keys()
            .map(|Key(local, host)| (local.as_str(), host.clone()));
        let domains = self.rest.keys().chain(self.names.keys());
        let any = domains.map(|domain| ("somebody", Host::Domain(domain.clone())));
        listed
            .chain(any)
            .filter_map(|(local, host)| {
                let local = local.to_owned().try_into().ok()?;
                Some(Mailbox::new(local, host).into())
            })
            .collect()
    }
}

fn add<K: Ord>(entry: Entry<'_, K, Vec<Mailbox>>, mut to: Vec<Mailbox>) {
    entry.or_default().append(&mut to);
}

/// What a mailbox stands for.
#[derive(Debug)]
pub(crate) enum Targets<'a> {
    /// By an alias.
    Listed(&'a [Mailbox]),
    /// The same local-part at the domain that is meant.
    Renamed(Mailbox),
}

impl Targets<'_> {
    pub(crate) fn mailboxes(&self) -> &[Mailbox] {
        match self {
            Self::Listed(to) => to,
            Self::Renamed(to) => std::slice::from_ref(to),
        }
    }
}
