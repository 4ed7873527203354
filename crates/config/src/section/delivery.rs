//! `[delivery]`: how mail leaves.

use std::num::NonZeroU32;

use crate::{
    schema::{Key, Kind, Occurs, Reported, Scalar, Section, Table},
    value::{BOOLEAN, COUNT, not_a_choice},
};

/// How mail leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The most connections to one next hop.
    pub connections: NonZeroU32,
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
    "The most connections to one next hop at the same time.",
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
    Ok(Delivery {
        connections: connections?.value,
        concurrency: concurrency?.value,
        address_families: address_families?.value,
        private_targets: match allow_private_targets.value {
            true => PrivateTargets::Allowed,
            false => PrivateTargets::Refused,
        },
    })
}
