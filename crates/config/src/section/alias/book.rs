//! Where addresses lead, followed as the daemon follows them: an alias of the address itself comes
//! first, then another name of its domain, then the alias for all of the domain; what is found is
//! looked up again, and an address among its own targets stays itself.

use std::collections::{BTreeMap, BTreeSet};

use postern_mail::{Domain, Host, Mailbox};

use super::{Alias, AliasAddress, Rewrite};

/// The most aliases that lead from one to the next, which is what the daemon follows.
const DEEPEST: usize = 32;

/// All aliases and other names, to be asked.
#[derive(Debug, Default)]
pub(crate) struct Book {
    mailboxes: BTreeMap<Node, Vec<Mailbox>>,
    rest: BTreeMap<Domain, Vec<Mailbox>>,
    names: BTreeMap<Domain, Domain>,
}

/// A mailbox without regard to the case of its local-part; `None` stands for every one that has
/// no alias of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Node(Option<String>, Host);

impl Node {
    fn of(mailbox: &Mailbox) -> Self {
        let local_part = mailbox.local_part().as_str().to_lowercase();
        Self(Some(local_part), mailbox.host().clone())
    }

    fn of_address(address: &AliasAddress) -> Self {
        match address {
            AliasAddress::Mailbox(mailbox) => Self::of(mailbox),
            AliasAddress::AllOf(domain) => Self(None, domain.clone().into()),
        }
    }
}

/// Why the ways from an address do not end well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Astray {
    /// The circle, whose last address is its first.
    Loop(Vec<AliasAddress>),
    /// More than [`DEEPEST`] lead from one to the next.
    TooDeep,
}

impl Book {
    pub(super) fn new(aliases: &[Alias], rewrites: &[Rewrite]) -> Self {
        let mut book = Self::default();
        for alias in aliases {
            match &alias.address {
                AliasAddress::Mailbox(mailbox) => {
                    book.mailboxes.insert(Node::of(mailbox), alias.to.clone());
                }
                AliasAddress::AllOf(domain) => {
                    book.rest.insert(domain.clone(), alias.to.clone());
                }
            }
        }
        let names = rewrites.iter();
        book.names = names
            .map(|rewrite| (rewrite.domain.clone(), rewrite.to.clone()))
            .collect();
        book
    }

    /// Whether the two have the same aliases.
    pub(super) fn same(one: &Mailbox, other: &Mailbox) -> bool {
        Node::of(one) == Node::of(other)
    }

    /// Whether mail for the mailbox stays there, whoever else gets it.
    pub(crate) fn keeps(&self, mailbox: &Mailbox) -> bool {
        let node = Node::of(mailbox);
        let stays = |targets: Vec<AliasAddress>| {
            let mut targets = targets.iter();
            targets.any(|target| Node::of_address(target) == node)
        };
        let targets = self.targets(&AliasAddress::Mailbox(mailbox.clone()));
        targets.is_none_or(stays)
    }

    /// Whether mail for the mailbox would go elsewhere without an alias of its own.
    pub(super) fn is_taken_with_others(&self, mailbox: &Mailbox) -> bool {
        let domain = mailbox.domain();
        domain
            .is_some_and(|domain| self.names.contains_key(domain) || self.rest.contains_key(domain))
    }

    /// What the address stands for; nothing where it stands for itself.
    fn targets(&self, address: &AliasAddress) -> Option<Vec<AliasAddress>> {
        let listed = |to: &Vec<Mailbox>| to.iter().cloned().map(AliasAddress::Mailbox).collect();
        let domain = match address {
            AliasAddress::Mailbox(mailbox) => match self.mailboxes.get(&Node::of(mailbox)) {
                Some(to) => return Some(listed(to)),
                None => mailbox.domain()?,
            },
            AliasAddress::AllOf(domain) => domain,
        };
        match self.names.get(domain) {
            Some(name) => Some(vec![renamed(address, name)]),
            None => self.rest.get(domain).map(listed),
        }
    }

    /// What is wrong with the ways that begin at the address.
    pub(super) fn follow(&self, start: &AliasAddress) -> Result<(), Astray> {
        let mut search = Search {
            book: self,
            way: Vec::new(),
            done: BTreeSet::new(),
        };
        search.visit(start)
    }
}

/// The same local-part at another domain.
fn renamed(address: &AliasAddress, name: &Domain) -> AliasAddress {
    match address {
        AliasAddress::Mailbox(mailbox) => {
            let local_part = mailbox.local_part().clone();
            AliasAddress::Mailbox(Mailbox::new(local_part, name.clone().into()))
        }
        AliasAddress::AllOf(_) => AliasAddress::AllOf(name.clone()),
    }
}

struct Search<'b> {
    book: &'b Book,
    /// The addresses that lead here.
    way: Vec<AliasAddress>,
    done: BTreeSet<Node>,
}

impl Search<'_> {
    fn visit(&mut self, address: &AliasAddress) -> Result<(), Astray> {
        let Some(targets) = self.book.targets(address) else {
            return Ok(());
        };
        let node = Node::of_address(address);
        if let Some(at) = self.way.iter().position(|it| Node::of_address(it) == node) {
            let mut circle = self.way.split_off(at);
            circle.push(address.clone());
            return Err(Astray::Loop(circle));
        }
        if self.way.len() == DEEPEST {
            return Err(Astray::TooDeep);
        }
        if !self.done.insert(node.clone()) {
            return Ok(());
        }
        self.way.push(address.clone());
        for target in targets
            .iter()
            .filter(|target| Node::of_address(target) != node)
        {
            self.visit(target)?;
        }
        self.way.pop();
        Ok(())
    }
}
