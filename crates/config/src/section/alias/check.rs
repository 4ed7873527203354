//! Aliases and other names, held against each other and against our domains.

use std::{collections::BTreeSet, fmt};

use postern_mail::Domain;

use super::{
    Alias, AliasAddress, Book, Rewrite, Written, WrittenAlias, WrittenRewrite, book::Astray,
};
use crate::{
    schema::{Located, Notes, Reported, Spot, all},
    section::domain::OwnDomains,
};

/// What aliases and other names have to agree with, as far as it is right by itself.
#[derive(Clone, Copy)]
pub(crate) struct Around<'s> {
    pub(crate) notes: &'s Notes<'s>,
    pub(crate) own: Result<&'s OwnDomains, Reported>,
    /// Whether mail that is sent on takes a reverse-path of ours.
    pub(crate) has_srs: bool,
}

/// Aliases and other names that agree with each other.
pub(crate) struct Checked {
    pub(crate) aliases: Vec<Alias>,
    pub(crate) rewrites: Vec<Rewrite>,
    pub(crate) book: Book,
}

/// What was written, held against our domains and against itself.
pub(crate) fn check(written: &Written, around: Around<'_>) -> Result<Checked, Reported> {
    let notes = around.notes;
    refuse_repetition(notes, written);
    let aliases = all(written.aliases.iter().map(|it| it.check(around)));
    let rewrites = all(written.rewrites.iter().map(|it| it.check(around)));
    let (aliases, rewrites) = (aliases?, rewrites?);
    let book = Book::new(&aliases, &rewrites);
    refuse_idle(notes, &written.aliases, &rewrites, &book);
    refuse_astray(notes, &book, &written.starts())?;
    Ok(Checked {
        aliases,
        rewrites,
        book,
    })
}

/// Two entries for one address: nobody could tell which counts.
fn refuse_repetition(notes: &Notes<'_>, written: &Written) {
    let aliases = written.aliases.iter().flat_map(|alias| &alias.address);
    let folded: Vec<_> = aliases
        .map(|address| Located {
            value: address.value.to_string().to_lowercase(),
            spot: address.spot.clone(),
        })
        .collect();
    notes.refuse_repetition(folded.iter(), "an address has one [[alias]]");
    let domains = written.rewrites.iter().flat_map(|rewrite| &rewrite.domain);
    notes.refuse_repetition(domains, "a domain has one [[rewrite]]");
    for targets in written.aliases.iter().flat_map(|alias| &alias.to) {
        notes.refuse_repetition(targets.iter(), "name it once");
    }
}

impl Written {
    /// The addresses that lead through the entries, and where these stand.
    fn starts(&self) -> Vec<Located<AliasAddress>> {
        let aliases = self.aliases.iter().flat_map(|alias| &alias.address);
        let rewrites = self.rewrites.iter().flat_map(|rewrite| &rewrite.domain);
        let renamed = rewrites.map(|domain| Located {
            value: AliasAddress::AllOf(domain.value.clone()),
            spot: domain.spot.clone(),
        });
        renamed.chain(aliases.cloned()).collect()
    }
}

impl WrittenAlias {
    fn check(&self, around: Around<'_>) -> Result<Alias, Reported> {
        let address = self.address.as_ref().map_err(|reported| *reported);
        let own = address.and_then(|address| {
            let domain = match &address.value {
                AliasAddress::Mailbox(mailbox) => mailbox.domain().ok_or(Reported)?,
                AliasAddress::AllOf(domain) => domain,
            };
            check_own(around, domain, &address.spot)
        });
        let to = self.to.as_ref().map_err(|reported| *reported)?;
        let leaving = to.iter().find(|target| {
            let domain = target.value.domain();
            domain.is_some_and(|domain| leaves(around, domain))
        });
        if let Some(target) = leaving {
            warn_of_leaving(around, &target.value, &target.spot);
        }
        own?;
        Ok(Alias {
            address: address?.value.clone(),
            to: to.iter().map(|target| target.value.clone()).collect(),
        })
    }
}

impl WrittenRewrite {
    fn check(&self, around: Around<'_>) -> Result<Rewrite, Reported> {
        let domain = self.domain.as_ref().map_err(|reported| *reported)?;
        let own = check_own(around, &domain.value, &domain.spot);
        let to = self.to.as_ref().map_err(|reported| *reported)?;
        if to.value == domain.value {
            let wrong = format_args!("{} is the domain itself", to.value);
            let right = "give the domain whose other name it is";
            return Err(around.notes.error(&to.spot, wrong, right));
        }
        if leaves(around, &to.value) {
            warn_of_leaving(around, &to.value, &to.spot);
        }
        own?;
        Ok(Rewrite {
            domain: domain.value.clone(),
            to: to.value.clone(),
        })
    }
}

/// Mail for any other domain is refused before anybody looks where it leads.
fn check_own(around: Around<'_>, domain: &Domain, spot: &Spot) -> Result<(), Reported> {
    match around.own {
        Ok(own) if !own.accepts(domain) => Err(around.notes.error(
            spot,
            format_args!("mail for {domain} is not accepted"),
            format_args!("write a [[domain]] for {domain}, with a next-hop for what has no alias"),
        )),
        Ok(_) | Err(Reported) => Ok(()),
    }
}

fn leaves(around: Around<'_>, domain: &Domain) -> bool {
    around.own.is_ok_and(|own| !own.accepts(domain))
}

/// The hosts there ask the sender's SPF record, which does not know this host.
fn warn_of_leaving(around: Around<'_>, to: impl fmt::Display, spot: &Spot) {
    if !around.has_srs {
        around.notes.warn(
            spot,
            format_args!("mail leaves for {to} in its sender's name, and SPF fails there"),
            "write [srs], so that it takes a reverse-path of ours",
        );
    }
}

/// Entries that nothing comes of.
fn refuse_idle(notes: &Notes<'_>, aliases: &[WrittenAlias], rewrites: &[Rewrite], book: &Book) {
    for alias in aliases {
        let (Ok(address), Ok(to)) = (&alias.address, &alias.to) else {
            continue;
        };
        match &address.value {
            AliasAddress::AllOf(domain) => {
                if rewrites.iter().any(|rewrite| rewrite.domain == *domain) {
                    let wrong = format_args!("has no effect: {domain} has a [[rewrite]]");
                    notes.error(&address.spot, wrong, "keep one of the two");
                }
            }
            AliasAddress::Mailbox(mailbox) => {
                let alone = to.iter().all(|target| Book::same(&target.value, mailbox));
                if alone && !book.is_taken_with_others(mailbox) {
                    let wrong = format_args!("has no effect: {mailbox} stands for itself alone");
                    notes.error(&address.spot, wrong, "say who else gets the mail");
                }
            }
        }
    }
}

/// Refuses each circle once, and what is longer than anybody follows.
fn refuse_astray(
    notes: &Notes<'_>,
    book: &Book,
    starts: &[Located<AliasAddress>],
) -> Result<(), Reported> {
    let mut circles = BTreeSet::new();
    let mut verdict = Ok(());
    for Located { value, spot } in starts {
        let Err(astray) = book.follow(value) else {
            continue;
        };
        verdict = Err(Reported);
        match astray {
            Astray::Loop(circle) => {
                let names: Vec<_> = circle.iter().map(ToString::to_string).collect();
                let members: BTreeSet<_> = names.iter().map(|name| name.to_lowercase()).collect();
                if circles.insert(members) {
                    let wrong = format!("mail would go round: {}", names.join(" → "));
                    let right = "let one of them lead elsewhere";
                    notes.error(spot, wrong, right);
                }
            }
            Astray::TooDeep => {
                let wrong = "leads through more than 32 addresses";
                notes.error(spot, wrong, "lead to the last of them at once");
            }
        }
    }
    verdict
}
