//! How fast mail goes to one destination: keys of `[delivery]`, and those by which a route, a
//! domain or a partner departs from them.

use std::num::NonZeroU32;

use crate::{
    schema::{Key, Kind, Located, Reported, Scalar, Table},
    value::{COUNT, Rate},
};

/// Where the mail for some goes at another pace than `[delivery]` says. What is absent is as it
/// is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pace {
    /// The most connections at the same time.
    pub connections: Option<NonZeroU32>,
    /// The most messages over one connection.
    pub messages_per_connection: Option<NonZeroU32>,
    /// The most messages within a time.
    pub rate: Option<Rate>,
}

/// What was written for a pace; whatever is not right was told and is absent.
pub(crate) struct Written {
    connections: Result<Option<Located<NonZeroU32>>, Reported>,
    messages_per_connection: Result<Option<Located<NonZeroU32>>, Reported>,
    rate: Result<Option<Located<Rate>>, Reported>,
}

pub(super) static RATES: Kind<Rate> = Kind {
    name: "rate",
    right: "a whole number and one of /s, /m, /h, /d, such as \"600/m\"",
    scalar: Scalar::Text(str::parse),
};

pub(crate) static CONNECTIONS: Key<NonZeroU32> = Key::optional(
    "connections",
    &COUNT,
    "`delivery.connections`",
    "4",
    "The most connections to one destination at the same time.",
);

pub(crate) static MESSAGES_PER_CONNECTION: Key<NonZeroU32> = Key::optional(
    "messages-per-connection",
    &COUNT,
    "`delivery.messages-per-connection`",
    "100",
    "The most messages over one connection before another is made.",
);

pub(crate) static RATE: Key<Rate> = Key::optional(
    "rate",
    &RATES,
    "`delivery.rate`",
    r#""600/m""#,
    "The most messages to one destination within a second, minute, hour or day. What comes \
     faster waits, and waiting counts as no attempt.",
);

/// The same for everybody, with another meaning when it is absent.
pub(crate) static GENERAL_MESSAGES_PER_CONNECTION: Key<NonZeroU32> = Key::optional(
    "messages-per-connection",
    &COUNT,
    "as many as there are",
    "100",
    "The most messages over one connection before another is made: for hosts behind one name that \
     are to get equal shares.",
);

/// As [`GENERAL_MESSAGES_PER_CONNECTION`], of the rate.
pub(crate) static GENERAL_RATE: Key<Rate> = Key::optional(
    "rate",
    &RATES,
    "no limit",
    r#""6000/m""#,
    "The most messages to one destination within a second, minute, hour or day, where its \
     `[[route]]`, `[[domain]]` or `[partner.outbound]` says nothing else. What comes faster \
     waits, and waiting counts as no attempt.",
);

pub(crate) fn read(table: &Table<'_>) -> Written {
    Written {
        connections: table.maybe(&CONNECTIONS),
        messages_per_connection: table.maybe(&MESSAGES_PER_CONNECTION),
        rate: table.maybe(&RATE),
    }
}

impl Written {
    /// The pace that this means.
    pub(crate) fn check(self) -> Result<Pace, Reported> {
        Ok(Pace {
            connections: self.connections?.map(|it| it.value),
            messages_per_connection: self.messages_per_connection?.map(|it| it.value),
            rate: self.rate?.map(|it| it.value),
        })
    }

    /// Whether anything is written, right or wrong.
    pub(crate) fn is_written(&self) -> bool {
        self.connections != Ok(None)
            || self.messages_per_connection != Ok(None)
            || self.rate != Ok(None)
    }
}
