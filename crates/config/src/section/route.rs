//! `[[route]]`: where mail for other domains goes, other than where its MX records say.

use postern_mail::{DomainPattern, NextHop};
use postern_policy::{ChannelLevel, RouteFloor};

use super::{
    floor,
    pace::{self, Pace},
};
use crate::{
    schema::{Key, Located, Occurs, Reported, Section, Table},
    value::{ANY_PATTERN, CHANNEL, NEXT_HOP},
};

/// Where mail for certain other domains goes, and over what.
#[derive(Debug, Clone)]
pub struct Route {
    /// The recipients' domains. There is at least one.
    pub domains: Vec<DomainPattern>,
    /// Where it goes.
    pub by: RouteBy,
    /// The least that a channel must be.
    pub floor: RouteFloor,
    /// How fast it goes.
    pub pace: Pace,
}

/// How the next hop of a route is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteBy {
    /// By the domain's MX records.
    Mx,
    /// These hosts, tried in this order. There is at least one.
    Hosts(Vec<NextHop>),
}

/// What was written for a route; whatever is not right was told and is absent.
pub(crate) struct Written {
    pub(crate) domains: Result<Vec<Located<DomainPattern>>, Reported>,
    pub(crate) next_hops: Result<Option<Vec<Located<NextHop>>>, Reported>,
    require: Result<Located<ChannelLevel>, Reported>,
    pace: pace::Written,
}

static DOMAINS: Key<DomainPattern> = Key::required(
    "domains",
    &ANY_PATTERN,
    r#"["*"]"#,
    "The recipients' domains: `example.net`, `*.example.net` for all below it, `*` for all. Of \
     several that fit, the most specific counts.",
)
.list();

static NEXT_HOPS: Key<NextHop> = Key::optional(
    "next-hop",
    &NEXT_HOP,
    "the hosts of the domain's MX records",
    r#"["smarthost.example:25"]"#,
    "The hosts that take the mail, tried in this order.",
)
.list();

static REQUIRE: Key<ChannelLevel> = Key::defaulted(
    "require",
    &CHANNEL,
    r#""any""#,
    "The least that a channel must be: `any`, `encrypted`, or `authenticated`, which is with a \
     certificate for the name of the next hop or, where MX records decide, for the recipient's \
     domain.",
);

pub(crate) static ROUTE: Section = Section {
    name: "route",
    occurs: Occurs::Often,
    doc: "Where mail for other domains goes. Without any, it goes to the hosts of their MX \
          records. The `hosts` of a partner come before any route.",
    keys: &[
        &DOMAINS.entry,
        &NEXT_HOPS.entry,
        &REQUIRE.entry,
        &pace::CONNECTIONS.entry,
        &pace::MESSAGES_PER_CONNECTION.entry,
        &pace::RATE.entry,
    ],
    sections: &[],
    not_yet: &[],
    commented: true,
    example: None,
};

pub(crate) fn read(table: &Table<'_>) -> Written {
    Written {
        domains: table.many(&DOMAINS),
        next_hops: table.maybe_many(&NEXT_HOPS),
        require: table.one(&REQUIRE),
        pace: pace::read(table),
    }
}

impl Written {
    /// The route that this means.
    pub(crate) fn check(self, table: &Table<'_>) -> Result<Route, Reported> {
        let (domains, require, next_hops) = (self.domains?, self.require?, self.next_hops?);
        let says_where_or_how = next_hops.is_some() || !require.value.accepts_plain();
        if !says_where_or_how && !self.pace.is_written() {
            return Err(table.notes().error(
                table.spot(),
                "says nothing: neither where mail goes, nor what it requires, nor how fast",
                "give next-hop, require, connections, messages-per-connection or rate, or remove \
                 the route",
            ));
        }
        let domains: Vec<_> = domains.into_iter().map(|domain| domain.value).collect();
        let label: Vec<_> = domains.iter().map(ToString::to_string).collect();
        let hops = next_hops.into_iter().flatten().map(|hop| hop.value);
        let hops: Vec<_> = hops.collect();
        let floor = floor::check(table.notes(), &label.join(", "), &require, &hops)?;
        Ok(Route {
            domains,
            by: if hops.is_empty() {
                RouteBy::Mx
            } else {
                RouteBy::Hosts(hops)
            },
            floor,
            pace: self.pace.check()?,
        })
    }
}
