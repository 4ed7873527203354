//! `[limits]`: what one peer and all peers together may cost.

use std::num::NonZeroU32;

use postern_mail::Network;

use super::{pace::RATES, values};
use crate::{
    schema::{Key, Located, Occurs, Reported, Section, Table},
    value::{ByteSize, COUNT, NETWORK, Rate, SIZE},
};

/// What one peer and all peers together may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The most octets of a message's content.
    pub message_size: ByteSize,
    /// The most recipients of a mail transaction.
    pub recipients: NonZeroU32,
    /// The most connections of all listeners together.
    pub connections: NonZeroU32,
    /// The most connections from one address.
    pub connections_per_address: NonZeroU32,
    /// The most connections of strangers from one network.
    pub connections_per_network: NonZeroU32,
    /// How many of all connections are not for strangers.
    pub reserved_connections: u32,
    /// From where partners come.
    pub reserved_networks: Vec<Network>,
    /// How often a stranger's address may connect.
    pub connection_rate: Option<Rate>,
    /// How many mail transactions it may begin.
    pub message_rate: Option<Rate>,
    /// How many recipients it may name.
    pub recipient_rate: Option<Rate>,
    /// How much may be refused to it for good.
    pub error_rate: Option<Rate>,
}

static MESSAGE_SIZE: Key<ByteSize> = Key::defaulted(
    "message-size",
    &SIZE,
    r#""50MiB""#,
    "The largest message accepted, announced with SIZE (RFC 1870). At least 64KiB \
     (RFC 5321 §4.5.3.1.7).",
)
.bounded(|size| {
    let least = ByteSize::from_octets(64 << 10);
    let most = ByteSize::from_octets(4 << 30);
    if (least..=most).contains(size) {
        Ok(())
    } else {
        Err(format!("{size} is not from {least} to {most}"))
    }
});

static RECIPIENTS: Key<NonZeroU32> = Key::defaulted(
    "recipients",
    &COUNT,
    "1000",
    "The most recipients of one mail transaction; more are answered 452 and come again in the \
     next. At least 100 (RFC 5321 §4.5.3.1.8).",
)
.bounded(|recipients| {
    if (100..=100_000).contains(&recipients.get()) {
        Ok(())
    } else {
        Err(format!("{recipients} is not from 100 to 100000"))
    }
});

static CONNECTIONS: Key<NonZeroU32> = Key::defaulted(
    "connections",
    &COUNT,
    "1000",
    "The most connections of all listeners together; further ones are answered 421.",
);

static CONNECTIONS_PER_ADDRESS: Key<NonZeroU32> = Key::defaulted(
    "connections-per-address",
    &COUNT,
    "50",
    "The most connections from one address; further ones are answered 421.",
);

static CONNECTIONS_PER_NETWORK: Key<NonZeroU32> = Key::optional(
    "connections-per-network",
    &COUNT,
    "four times `connections-per-address`",
    "200",
    "The most connections of strangers from one network, which is 24 bits of an IPv4 address or 48 \
     of an IPv6 address; further ones are answered 421.",
);

static RESERVED_CONNECTIONS: Key<NonZeroU32> = Key::optional(
    "reserved-connections",
    &COUNT,
    "a tenth of `connections`",
    "100",
    "How many of `connections` strangers cannot take: they are for `reserved-networks` and for the \
     `networks` of relay listeners. Where there is neither, nothing is reserved. The same share is \
     reserved at each listener.",
);

static RESERVED_NETWORKS: Key<Network> = Key::optional(
    "reserved-networks",
    &NETWORK,
    "none",
    r#"["198.51.100.0/24"]"#,
    "Where partners deliver from. These clients may take reserved connections, and neither \
     `connections-per-network` nor the rates hold for them. That proves nothing: what a partner \
     must show, it must show here as well.",
)
.list();

static CONNECTION_RATE: Key<Rate> = Key::optional(
    "connection-rate",
    &RATES,
    "no limit",
    r#""1200/m""#,
    "How often a stranger's address may connect within a second, minute, hour or day; more is \
     answered 421. For all rates: of IPv6, 64 bits are one address, and a network may do as much as \
     eight of its addresses. `networks` of relay listeners are not counted.",
);

static MESSAGE_RATE: Key<Rate> = Key::optional(
    "message-rate",
    &RATES,
    "no limit",
    r#""6000/m""#,
    "How many mail transactions a stranger's address may begin; more is answered 450. A partner that \
     its certificate proves has as much, whichever addresses it comes from.",
);

static RECIPIENT_RATE: Key<Rate> = Key::optional(
    "recipient-rate",
    &RATES,
    "no limit",
    r#""30000/m""#,
    "How many recipients a stranger's address may name; more is answered 450. A partner that its \
     certificate proves has as much.",
);

static ERROR_RATE: Key<Rate> = Key::optional(
    "error-rate",
    &RATES,
    "no limit",
    r#""3000/h""#,
    "How many commands, senders, recipients and messages may be refused for good to a stranger's \
     address before its next connections are answered 421 for a while.",
);

pub(crate) static LIMITS: Section = Section {
    name: "limits",
    occurs: Occurs::Once,
    doc: "What one peer and all peers together may cost.",
    keys: &[
        &MESSAGE_SIZE.entry,
        &RECIPIENTS.entry,
        &CONNECTIONS.entry,
        &CONNECTIONS_PER_ADDRESS.entry,
        &CONNECTIONS_PER_NETWORK.entry,
        &RESERVED_CONNECTIONS.entry,
        &RESERVED_NETWORKS.entry,
        &CONNECTION_RATE.entry,
        &MESSAGE_RATE.entry,
        &RECIPIENT_RATE.entry,
        &ERROR_RATE.entry,
    ],
    sections: &[],
    not_yet: &[],
    commented: false,
    example: None,
};

pub(crate) fn read(table: &Table<'_>) -> Result<Limits, Reported> {
    let message_size = table.one(&MESSAGE_SIZE);
    let recipients = table.one(&RECIPIENTS);
    let connections = table.one(&CONNECTIONS);
    let per_network = table.maybe(&CONNECTIONS_PER_NETWORK);
    let reserved = table.maybe(&RESERVED_CONNECTIONS);
    let networks = table.maybe_many(&RESERVED_NETWORKS);
    let rates = [
        &CONNECTION_RATE,
        &MESSAGE_RATE,
        &RECIPIENT_RATE,
        &ERROR_RATE,
    ];
    let [connection_rate, message_rate, recipient_rate, error_rate] =
        rates.map(|key| table.maybe(key).map(|rate| rate.map(|rate| rate.value)));
    let per_address = table.one(&CONNECTIONS_PER_ADDRESS)?;
    let connections = connections?.value;
    let reserved = reserved.and_then(|it| check_reserved(table, it.as_ref(), connections));
    if per_address.value > connections {
        return Err(table.notes().error(
            &per_address.spot,
            format_args!(
                "{} is more than all connections together",
                per_address.value
            ),
            format_args!("stay at or below limits.connections, which is {connections}"),
        ));
    }
    Ok(Limits {
        message_size: message_size?.value,
        recipients: recipients?.value,
        connections,
        connections_per_address: per_address.value,
        connections_per_network: per_network?.map_or_else(
            || per_address.value.saturating_mul(ADDRESSES_OF_NETWORK),
            |it| it.value,
        ),
        reserved_connections: reserved?,
        reserved_networks: values(networks?),
        connection_rate: connection_rate?,
        message_rate: message_rate?,
        recipient_rate: recipient_rate?,
        error_rate: error_rate?,
    })
}

/// How many addresses' connections a network may have when nothing is said.
const ADDRESSES_OF_NETWORK: NonZeroU32 = NonZeroU32::MIN.saturating_add(3);

fn check_reserved(
    table: &Table<'_>,
    reserved: Option<&Located<NonZeroU32>>,
    connections: NonZeroU32,
) -> Result<u32, Reported> {
    match reserved {
        None => Ok(connections.get() / 10),
        Some(reserved) if reserved.value < connections => Ok(reserved.value.get()),
        Some(reserved) => Err(table.notes().error(
            &reserved.spot,
            format_args!("{} leaves strangers no connection", reserved.value),
            format_args!("stay below limits.connections, which is {connections}"),
        )),
    }
}
