//! `[[domain]]`: the domains that mail is accepted for.

use std::{collections::BTreeSet, path::PathBuf};

use postern_mail::{Domain, DomainMap, DomainPattern, NextHop};
use postern_policy::{ChannelLevel, RouteFloor};

use super::{
    dkim::{self, DkimKey},
    floor,
    pace::{self, Pace},
};
use crate::{
    schema::{Key, Located, Notes, Occurs, Reported, Section, Table},
    value::{BOOLEAN, CHANNEL, NEXT_HOP, PATTERN},
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
    /// Whether mail goes to those hosts with a reverse-path of ours (SRS), as mail that leaves
    /// for other domains does. Never without [`Settings::srs`](crate::Settings::srs).
    pub srs: bool,
    /// How fast mail goes to them.
    pub pace: Pace,
    /// The keys that sign the domain's mail; none where `pattern` is no single domain.
    pub dkim: Vec<DkimKey>,
}

/// What was written for a domain; whatever is not right was told and is absent.
pub(crate) struct Written<'a> {
    pub(crate) name: Result<Located<DomainPattern>, Reported>,
    pub(crate) next_hops: Result<Vec<Located<NextHop>>, Reported>,
    require: Result<Located<ChannelLevel>, Reported>,
    srs: Result<Located<bool>, Reported>,
    pace: pace::Written,
    dkim: Vec<dkim::Written<'a>>,
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

static SRS: Key<bool> = Key::defaulted(
    "srs",
    &BOOLEAN,
    "false",
    "Whether mail goes to them with a reverse-path of ours, as `[srs]` says, which is for hosts \
     that are not ours and check SPF. Mail that leaves for other domains always does once there \
     is `[srs]`.",
);

pub(crate) static DOMAIN: Section = Section {
    name: "domain",
    occurs: Occurs::Often,
    doc: "A domain that mail is accepted for, and where its mail goes. Mail for any other domain \
          is accepted from `networks` of a relay listener only.",
    keys: &[
        &NAME.entry,
        &NEXT_HOPS.entry,
        &REQUIRE.entry,
        &SRS.entry,
        &pace::CONNECTIONS.entry,
        &pace::MESSAGES_PER_CONNECTION.entry,
        &pace::RATE.entry,
    ],
    sections: &[&dkim::DKIM],
    not_yet: &[],
    commented: false,
    example: Some(
        r#"# All domains below it that are not given by name:
[[domain]]
name = "*.example.org"
next-hop = ["mail2.internal:25"]"#,
    ),
};

pub(crate) fn read<'a>(table: &Table<'a>) -> Written<'a> {
    Written {
        name: table.one(&NAME),
        next_hops: table.many(&NEXT_HOPS),
        require: table.one(&REQUIRE),
        srs: table.one(&SRS),
        pace: pace::read(table),
        dkim: dkim::read(table),
    }
}

impl Written<'_> {
    /// The file of the domain's key with this selector, and the line of that.
    pub(crate) fn dkim_key(&self, domain: &Domain, selector: &str) -> Option<(PathBuf, usize)> {
        let name = self.name.as_ref().ok()?;
        let here = matches!(&name.value, DomainPattern::Exact(name) if name == domain);
        let mut keys = self.dkim.iter().filter(|_| here);
        keys.find_map(|key| key.file_of(selector))
    }

    /// The domain that this means. `has_srs` tells whether there is `[srs]`.
    pub(crate) fn check(self, notes: &Notes<'_>, has_srs: bool) -> Result<LocalDomain, Reported> {
        let dkim = match &self.name {
            Ok(name) => dkim::check(notes, &name.value, self.dkim),
            Err(reported) => Err(*reported),
        };
        let srs = self.srs.and_then(|srs| check_srs(notes, &srs, has_srs));
        let pace = self.pace.check();
        let (name, require) = (self.name?, self.require?);
        let next_hops: Vec<_> = self.next_hops?.into_iter().map(|hop| hop.value).collect();
        let floor = floor::check(notes, &name.value.to_string(), &require, &next_hops)?;
        Ok(LocalDomain {
            pattern: name.value,
            next_hops,
            floor,
            srs: srs?,
            pace: pace?,
            dkim: dkim?,
        })
    }
}

fn check_srs(notes: &Notes<'_>, srs: &Located<bool>, has_srs: bool) -> Result<bool, Reported> {
    if srs.value && !has_srs {
        return Err(notes.error(
            &srs.spot,
            "has an effect only with [srs], which says whose name the mail takes",
            "write [srs] with domain and secret, or remove the key",
        ));
    }
    Ok(srs.value)
}

/// The domains that mail is accepted for, for sections that must name one of them.
pub(crate) struct OwnDomains {
    accepted: DomainMap<()>,
    named: BTreeSet<Domain>,
    /// The first that is given by name.
    first: Option<Domain>,
}

impl OwnDomains {
    /// What was written, unless one of the names is not known for sure.
    pub(crate) fn of(written: &[Written<'_>]) -> Result<Self, Reported> {
        let mut own = Self {
            accepted: DomainMap::new(),
            named: BTreeSet::new(),
            first: None,
        };
        for domain in written {
            let name = domain.name.as_ref().map_err(|reported| *reported)?;
            own.accepted.insert(name.value.clone(), ());
            if let DomainPattern::Exact(domain) = &name.value {
                own.named.insert(domain.clone());
                own.first.get_or_insert_with(|| domain.clone());
            }
        }
        Ok(own)
    }

    /// Whether mail for the domain is accepted, by its own name or as one of those below another.
    pub(crate) fn accepts(&self, domain: &Domain) -> bool {
        self.accepted.find(domain).is_some()
    }

    /// Notes where the domain is not one that is given by name.
    pub(crate) fn demand(
        &self,
        notes: &Notes<'_>,
        domain: &Located<Domain>,
    ) -> Result<(), Reported> {
        if self.named.contains(&domain.value) {
            return Ok(());
        }
        Err(notes.error(
            &domain.spot,
            format_args!("no [[domain]] has the name {}", domain.value),
            "give the name of one, as it stands there",
        ))
    }

    /// The first that is given by name.
    pub(crate) fn first(&self) -> Option<&Domain> {
        self.first.as_ref()
    }
}
