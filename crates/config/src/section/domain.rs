//! `[[domain]]`: the domains that mail is accepted for.

use postern_mail::{DomainPattern, NextHop};
use postern_policy::{ChannelLevel, RouteFloor};

use super::floor;
use crate::{
    schema::{Key, Located, Notes, Occurs, Reported, Section, Table},
    value::{CHANNEL, NEXT_HOP, PATTERN},
};

/// A domain that mail is accepted for, and where its mail goes.
#[derive(Debug, Clone)]
pub struct LocalDomain {
    /// The domain, or all below one.
    pub pattern: DomainPattern,
    /// Its mail hosts, tried in this order. There is at least one.
    pub next_hops: Vec<NextHop>,
    /// The least that a channel to them must be.
    pub floor: RouteFloor,
}

/// What was written for a domain; whatever is not right was told and is absent.
pub(crate) struct Written {
    pub(crate) name: Result<Located<DomainPattern>, Reported>,
    pub(crate) next_hops: Result<Vec<Located<NextHop>>, Reported>,
    require: Result<Located<ChannelLevel>, Reported>,
}

static NAME: Key<DomainPattern> = Key::required(
    "name",
    &PATTERN,
    r#""example.org""#,
    "The domain, or `*.example.org` for every domain below it. Of several that fit, the most \
     specific counts.",
);

static NEXT_HOPS: Key<NextHop> = Key::required(
    "next-hop",
    &NEXT_HOP,
    r#"["mail.internal:25"]"#,
    "The hosts that take its mail, tried in this order: names or addresses, with a port unless \
     it is 25. Names are looked up as hosts; their MX records play no part.",
)
.list();

static REQUIRE: Key<ChannelLevel> = Key::defaulted(
    "require",
    &CHANNEL,
    r#""any""#,
    "The least that a channel to them must be. `any`: TLS where it is offered. `encrypted`: TLS. \
     `authenticated`: TLS with a certificate for the name of the next hop, vouched for by \
     `tls.trust`.",
);

pub(crate) static DOMAIN: Section = Section {
    name: "domain",
    occurs: Occurs::Often,
    doc: "A domain that mail is accepted for, and where its mail goes. Mail for any other domain \
          is accepted from `networks` of a relay listener only.",
    keys: &[&NAME.entry, &NEXT_HOPS.entry, &REQUIRE.entry],
    sections: &[],
    not_yet: &[],
    commented: false,
    example: None,
};

pub(crate) fn read(table: &Table<'_>) -> Written {
    Written {
        name: table.one(&NAME),
        next_hops: table.many(&NEXT_HOPS),
        require: table.one(&REQUIRE),
    }
}

impl Written {
    /// The domain that this means.
    pub(crate) fn check(self, notes: &Notes<'_>) -> Result<LocalDomain, Reported> {
        let (name, require) = (self.name?, self.require?);
        let next_hops: Vec<_> = self.next_hops?.into_iter().map(|hop| hop.value).collect();
        let floor = floor::check(notes, &name.value.to_string(), &require, &next_hops)?;
        Ok(LocalDomain {
            pattern: name.value,
            next_hops,
            floor,
        })
    }
}
