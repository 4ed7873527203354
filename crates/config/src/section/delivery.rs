//! `[delivery]`: how mail leaves.

use std::num::NonZeroU32;

use crate::{
    schema::{Key, Kind, Located, Occurs, Reported, Scalar, Section, Table},
    section::pace::{GENERAL_MESSAGES_PER_CONNECTION, GENERAL_RATE},
    value::{BOOLEAN, COUNT, Rate, not_a_choice},
};

/// How mail leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The most connections to one destination.
    pub connections: NonZeroU32,
    /// How many connections a destination begins with; no more than `connections`.
    pub initial_connections: NonZeroU32,
    /// The most messages over one connection, if there is such a limit.
    pub messages_per_connection: Option<NonZeroU32>,
    /// The most messages to one destination within a time, if there is such a limit.
    pub rate: Option<Rate>,
    /// The most deliveries at the same time.
    pub concurrency: NonZeroU32,
    /// Over which address families hosts are reached.
    pub address_families: AddressFamilies,
    /// Whether the DNS may send mail to private addresses.
    pub private_targets: PrivateTargets,
}

/// Over which address families hosts are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressFamilies {
    /// Whatever the DNS gives.
    Any,
    /// IPv4 alone.
    Ipv4,
    /// IPv6 alone.
    Ipv6,
}

/// What is done with loopback, link-local and private addresses that the DNS gives for a
/// domain's mail hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrivateTargets {
    /// They are not dialled: whoever owns a domain could otherwise have us speak to hosts that
    /// only we can reach.
    Refused,
    /// They are dialled.
    Allowed,
}

static FAMILIES: Kind<AddressFamilies> = Kind {
    name: "choice",
    right: "\"any\", \"ipv4\" or \"ipv6\"",
    scalar: Scalar::Text(|text| match text {
        "any" => Ok(AddressFamilies::Any),
        "ipv4" => Ok(AddressFamilies::Ipv4),
        "ipv6" => Ok(AddressFamilies::Ipv6),
        other => Err(not_a_choice(other)),
    }),
};

static CONNECTIONS: Key<NonZeroU32> = Key::defaulted(
    "connections",
    &COUNT,
    "10",
    "The most connections to one destination at the same time: to the hosts that serve a domain, \
     or to the next hops of a route.",
);

static INITIAL_CONNECTIONS: Key<NonZeroU32> = Key::defaulted(
    "initial-connections",
    &COUNT,
    "5",
    "How many connections a destination gets at first, where there is mail for so many. With \
     deliveries that succeed it gets more, up to `connections`; with such as fail, fewer.",
);

static CONCURRENCY: Key<NonZeroU32> = Key::defaulted(
    "concurrency",
    &COUNT,
    "200",
    "The most deliveries at the same time, to all next hops together.",
);

static ADDRESS_FAMILIES: Key<AddressFamilies> = Key::defaulted(
    "address-families",
    &FAMILIES,
    r#""any""#,
    "Over which address families hosts are reached: `any`, `ipv4` or `ipv6`.",
);

static ALLOW_PRIVATE_TARGETS: Key<bool> = Key::defaulted(
    "allow-private-targets",
    &BOOLEAN,
    "false",
    "Whether mail goes to loopback, link-local and private addresses when the DNS gives them \
     for a domain. A `next-hop` or `hosts` written in this file may always be such an address; \
     strangers who point their MX record at your inner hosts should not be obeyed.",
);

pub(crate) static DELIVERY: Section = Section {
    name: "delivery",
    occurs: Occurs::Once,
    doc: "How mail leaves.",
    keys: &[
        &CONNECTIONS.entry,
        &INITIAL_CONNECTIONS.entry,
        &GENERAL_MESSAGES_PER_CONNECTION.entry,
        &GENERAL_RATE.entry,
        &CONCURRENCY.entry,
        &ADDRESS_FAMILIES.entry,
        &ALLOW_PRIVATE_TARGETS.entry,
    ],
    sections: &[],
    not_yet: &[],
    commented: false,
    example: None,
};

pub(crate) fn read(table: &Table<'_>) -> Result<Delivery, Reported> {
    let connections = table.one(&CONNECTIONS);
    let initial_connections = table.one(&INITIAL_CONNECTIONS);
    let messages_per_connection = table.maybe(&GENERAL_MESSAGES_PER_CONNECTION);
    let rate = table.maybe(&GENERAL_RATE);
    let concurrency = table.one(&CONCURRENCY);
    let address_families = table.one(&ADDRESS_FAMILIES);
    let allow_private_targets = table.one(&ALLOW_PRIVATE_TARGETS)?;
    if allow_private_targets.value {
        table.notes().warn(
            &allow_private_targets.spot,
            "lets the owner of any domain have this host speak to inner hosts",
            "name inner hosts in [[route]] or [[domain]] instead",
        );
    }
    let connections = connections?.value;
    let initial_connections = check_initial(table, &initial_connections?, connections)?;
    Ok(Delivery {
        connections,
        initial_connections,
        messages_per_connection: messages_per_connection?.map(|it| it.value),
        rate: rate?.map(|rate| rate.value),
        concurrency: concurrency?.value,
        address_families: address_families?.value,
        private_targets: match allow_private_targets.value {
            true => PrivateTargets::Allowed,
            false => PrivateTargets::Refused,
        },
    })
}

/// What destinations begin with. The default gives way to fewer connections; what is written has
/// to agree with them.
fn check_initial(
    table: &Table<'_>,
    initial: &Located<NonZeroU32>,
    most: NonZeroU32,
) -> Result<NonZeroU32, Reported> {
    if initial.value > most && table.holds(INITIAL_CONNECTIONS.entry.name) {
        let wrong = format!("{} is more than there may be at all", initial.value);
        let right = format!("stay at or below delivery.connections, which is {most}");
        return Err(table.notes().error(&initial.spot, wrong, right));
    }
    Ok(initial.value.min(most))
}
