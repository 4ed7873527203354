//! `[[alias]]` and `[[rewrite]]`: which addresses stand for others.

use postern_mail::{Domain, Mailbox};

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

/// A domain that is another name of one; what stands before the `@` stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// What mail is sent to.
    pub domain: Domain,
    /// The domain that it goes to instead.
    pub to: Domain,
}

/// What was written for an alias; whatever is not right was told and is absent.
pub(crate) struct WrittenAlias {
    address: Result<Located<AliasAddress>, Reported>,
    to: Result<Vec<Located<Mailbox>>, Reported>,
}

/// What was written for a domain under another name.
pub(crate) struct WrittenRewrite {
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
     domain is one of `[[domain]]`.",
);

static TO: Key<Mailbox> = Key::required(
    "to",
    &MAILBOX,
    r#"["jo@example.org", "mo@example.net"]"#,
    "The mailboxes that get the mail instead, here or elsewhere. They may have aliases \
     themselves; one that an alias leads back to is an error.",
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
    r#""old.example""#,
    "The domain that mail is sent to, one of `[[domain]]`.",
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
    doc: "A domain that is another name of one: what stands before the `@` stays. Addresses of \
          `[[alias]]` come first.",
    keys: &[&REWRITTEN.entry, &REWRITTEN_TO.entry],
    sections: &[],
    not_yet: &[],
    commented: true,
    example: None,
};

pub(crate) fn read(table: &Table<'_>) -> WrittenAlias {
    WrittenAlias {
        address: table.one(&ADDRESS),
        to: table.many(&TO),
    }
}

pub(crate) fn read_rewrite(table: &Table<'_>) -> WrittenRewrite {
    WrittenRewrite {
        domain: table.one(&REWRITTEN),
        to: table.one(&REWRITTEN_TO),
    }
}

impl WrittenAlias {
    /// The alias that this means.
    pub(crate) fn check(self) -> Result<Alias, Reported> {
        let (address, to) = (self.address?.value, self.to?.into_iter());
        Ok(Alias {
            address,
            to: to.map(|mailbox| mailbox.value).collect(),
        })
    }
}

impl WrittenRewrite {
    /// The other name that this means.
    pub(crate) fn check(self) -> Result<Rewrite, Reported> {
        let (domain, to) = (self.domain?, self.to?);
        Ok(Rewrite {
            domain: domain.value,
            to: to.value,
        })
    }
}
