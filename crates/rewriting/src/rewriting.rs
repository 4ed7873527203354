//! From the recipient that a client names to those whom its mail is for.

use std::{collections::BTreeSet, sync::Arc, time::SystemTime};

use postern_mail::{ForwardPath, Mailbox};

use crate::{
    Alias, Renaming, Srs, SrsError,
    alias::{Book, Key, Targets},
};

/// What is rewritten: aliases, domains, and what comes back to addresses of SRS.
#[derive(Debug, Clone, Default)]
pub struct Rewriting {
    book: Book,
    srs: Option<Arc<Srs>>,
}

/// Whom the mail of a recipient is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewritten {
    /// At least one, each of them once, in the order in which the configuration names them.
    pub to: Vec<ForwardPath>,
    /// What made them out of the recipient.
    pub how: How,
}

/// How a recipient became those whom its mail is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum How {
    /// It is whom it names.
    AsItWas,
    /// By aliases or renamed domains.
    Aliased,
    /// It was one of our SRS addresses: something comes back to a sender of mail that we sent on.
    /// Such mail may go to strangers, so whoever takes it does well to take the null
    /// reverse-path only: an address that somebody has seen is good for three weeks.
    Returned,
}

/// Why nobody can be found behind a recipient.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RewriteError {
    /// The configuration leads from an address back to it.
    #[error("the aliases of {0} lead back to it")]
    Loop(Mailbox),
    /// The configuration leads through more than [`Rewriting::DEEPEST`] addresses.
    #[error("more than {} aliases lead from one to the next", Rewriting::DEEPEST)]
    TooDeep,
    /// There are more than [`Rewriting::MOST`] behind one.
    #[error("more than {} addresses stand behind one", Rewriting::MOST)]
    TooMany,
    /// An alias without a target.
    #[error("nobody stands behind the alias {0}")]
    Nobody(Mailbox),
    /// It looks like an SRS address of ours, and is not good.
    #[error(transparent)]
    Srs(#[from] SrsError),
}

impl Rewriting {
    /// The most addresses behind one recipient, as many as Postfix takes by default
    /// (`virtual_alias_expansion_limit`).
    pub const MOST: usize = 1000;

    /// The most aliases that lead from one to the next. Chains written by people have two or
    /// three; each step is a stack frame.
    pub const DEEPEST: usize = 32;

    /// Prepares to rewrite. Several aliases of one address are one with all their targets.
    pub fn new(
        aliases: impl IntoIterator<Item = Alias>,
        renamings: impl IntoIterator<Item = Renaming>,
        srs: Option<Arc<Srs>>,
    ) -> Self {
        Self {
            book: Book::new(aliases, renamings),
            srs,
        }
    }

    /// Finds out whom mail for `recipient` is for.
    ///
    /// # Errors
    /// The configuration leads nowhere, or the recipient is an SRS address that is forged or too
    /// old.
    pub fn recipient(
        &self,
        recipient: &ForwardPath,
        now: SystemTime,
    ) -> Result<Rewritten, RewriteError> {
        let Some(mailbox) = recipient.mailbox() else {
            return Ok(Rewritten::as_it_was(recipient));
        };
        if let Some(back) = self.srs.as_ref().and_then(|srs| srs.back(mailbox, now)) {
            return Ok(Rewritten {
                to: vec![back?.into()],
                how: How::Returned,
            });
        }
        let Some(targets) = self.book.targets(mailbox) else {
            return Ok(Rewritten::as_it_was(recipient));
        };
        let mut search = Search::new(&self.book);
        search.follow(mailbox, &targets)?;
        Ok(Rewritten {
            to: search.found,
            how: How::Aliased,
        })
    }

    /// Mistakes of the configuration: addresses that have aliases and lead nowhere, with why.
    pub fn faults(&self) -> Vec<(ForwardPath, RewriteError)> {
        let examples = self.book.examples().into_iter();
        examples
            .filter_map(|path| {
                let mailbox = path.mailbox()?;
                let targets = self.book.targets(mailbox)?;
                let fault = Search::new(&self.book).follow(mailbox, &targets).err()?;
                Some((path, fault))
            })
            .collect()
    }
}

impl Rewritten {
    fn as_it_was(recipient: &ForwardPath) -> Self {
        Self {
            to: vec![recipient.clone()],
            how: How::AsItWas,
        }
    }
}

/// A search for all who stand behind one address, depth first.
#[derive(Debug)]
struct Search<'a> {
    book: &'a Book,
    /// The aliases on the way from the recipient to here.
    way: Vec<Key>,
    /// Every alias that was followed. Who stands behind it has been found.
    followed: BTreeSet<Key>,
    known: BTreeSet<Mailbox>,
    found: Vec<ForwardPath>,
}

impl<'a> Search<'a> {
    fn new(book: &'a Book) -> Self {
        Self {
            book,
            way: Vec::new(),
            followed: BTreeSet::new(),
            known: BTreeSet::new(),
            found: Vec::new(),
        }
    }

    fn follow(&mut self, mailbox: &Mailbox, targets: &Targets<'_>) -> Result<(), RewriteError> {
        let key = Key::of(mailbox);
        if self.way.contains(&key) {
            return Err(RewriteError::Loop(mailbox.clone()));
        }
        if self.way.len() == Rewriting::DEEPEST {
            return Err(RewriteError::TooDeep);
        }
        if !self.followed.insert(key.clone()) {
            return Ok(());
        }
        if targets.mailboxes().is_empty() {
            return Err(RewriteError::Nobody(mailbox.clone()));
        }
        self.way.push(key.clone());
        for target in targets.mailboxes() {
            self.visit(&key, target)?;
        }
        self.way.pop();
        Ok(())
    }

    /// Goes on from the alias `from` to one of its targets. One that names itself stays itself.
    fn visit(&mut self, from: &Key, target: &Mailbox) -> Result<(), RewriteError> {
        let book = self.book;
        match book.targets(target) {
            Some(targets) if Key::of(target) != *from => self.follow(target, &targets),
            Some(_) | None => self.find(target),
        }
    }

    fn find(&mut self, mailbox: &Mailbox) -> Result<(), RewriteError> {
        if !self.known.insert(mailbox.clone()) {
            return Ok(());
        }
        if self.found.len() == Rewriting::MOST {
            return Err(RewriteError::TooMany);
        }
        self.found.push(mailbox.clone().into());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
