//! `[[alias]]` and `[[rewrite]]`: which addresses stand for others.

mod book;
mod check;

use std::fmt;

use postern_mail::{Domain, Mailbox};

pub(crate) use book::Book;
pub(crate) use check::{Around, check};

use crate::{
    schema::{Key, Kind, Located, Occurs, Reported, Scalar, Section, Table},
    value::{DOMAIN, MAILBOX, domain, mailbox},
};

/// An address that stands for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// What mail is sent to.
    pub address: AliasAddress,
    /// Where it goes instead. There is at least one.
    pub to: Vec<Mailbox>,
}

/// What an alias is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum AliasAddress {
    /// This mailbox.
    Mailbox(Mailbox),
    /// Every mailbox of the domain that has no alias of its own.
    AllOf(Domain),
}

impl fmt::Display for AliasAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mailbox(mailbox) => mailbox.fmt(f),
            Self::AllOf(domain) => write!(f, "@{domain}"),
        }
    }
}

/// A domain that is another name of a second one; what stands before the `@` stays. An address
/// that has an alias of its own goes where that says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// What mail is sent to.
    pub domain: Domain,
    /// The domain that it goes to instead.
    pub to: Domain,
}

/// What was written; whatever is not right was told and is absent.
pub(crate) struct Written {
    aliases: Vec<WrittenAlias>,
    rewrites: Vec<WrittenRewrite>,
}

struct WrittenAlias {
    address: Result<Located<AliasAddress>, Reported>,
    to: Result<Vec<Located<Mailbox>>, Reported>,
}

struct WrittenRewrite {
    domain: Result<Located<Domain>, Reported>,
    to: Result<Located<Domain>, Reported>,
}

static ALIAS_ADDRESSES: Kind<AliasAddress> = Kind {
    name: "mailbox or @domain",
    right: "a mailbox such as \"sales@example.org\", or \"@example.org\" for all of a domain that \
            have no alias of their own",
    scalar: Scalar::Text(|text| match text.strip_prefix('@') {
        Some(rest) => domain(rest).map(AliasAddress::AllOf),
        None => mailbox(text).map(AliasAddress::Mailbox),
    }),
};

static ADDRESS: Key<AliasAddress> = Key::required(
    "address",
    &ALIAS_ADDRESSES,
    r#""sales@example.org""#,
    "The address, or `@example.org` for every address there that has no alias of its own. Its \
     domain is one of `[[domain]]`. Upper and lower case before the `@` are the same.",
);

static TO: Key<Mailbox> = Key::required(
    "to",
    &MAILBOX,
    r#"["jo@example.org", "mo@example.net"]"#,
    "The mailboxes that get the mail instead, here or elsewhere. They may have aliases \
     themselves. An address that stands among its own gets the mail as well; any other way back \
     to an address is an error.",
)
.list();

pub(crate) static ALIAS: Section = Section {
    name: "alias",
    occurs: Occurs::Often,
    doc: "An address that stands for others.",
    keys: &[&ADDRESS.entry, &TO.entry],
    sections: &[],
    not_yet: &[],
    commented: true,
    example: None,
};

static REWRITTEN: Key<Domain> = Key::required(
    "domain",
    &DOMAIN,
    r#""old.example.org""#,
    "The domain that mail is sent to: a `[[domain]]`, or one below such a one.",
);

static REWRITTEN_TO: Key<Domain> = Key::required(
    "to",
    &DOMAIN,
    r#""example.org""#,
    "The domain that it goes to instead.",
);

pub(crate) static REWRITE: Section = Section {
    name: "rewrite",
    occurs: Occurs::Often,
    doc: "A domain that is another name of a second one: what stands before the `@` stays. An \
          address that has an alias of its own goes where that says.",
    keys: &[&REWRITTEN.entry, &REWRITTEN_TO.entry],
    sections: &[],
    not_yet: &[],
    commented: true,
    example: None,
};

pub(crate) fn read(root: &Table<'_>) -> Written {
    let aliases = root.sections(&ALIAS).into_iter();
    let rewrites = root.sections(&REWRITE).into_iter();
    Written {
        aliases: aliases
            .map(|table| WrittenAlias {
                address: table.one(&ADDRESS),
                to: table.many(&TO),
            })
            .collect(),
        rewrites: rewrites
            .map(|table| WrittenRewrite {
                domain: table.one(&REWRITTEN),
                to: table.one(&REWRITTEN_TO),
            })
            .collect(),
    }
}
