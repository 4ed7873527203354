//! `[limits]`: what one peer and all peers together may cost.

use std::num::NonZeroU32;

use crate::{
    schema::{Key, Occurs, Reported, Section, Table},
    value::{ByteSize, COUNT, SIZE},
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

pub(crate) static LIMITS: Section = Section {
    name: "limits",
    occurs: Occurs::Once,
    doc: "What one peer and all peers together may cost.",
    keys: &[
        &MESSAGE_SIZE.entry,
        &RECIPIENTS.entry,
        &CONNECTIONS.entry,
        &CONNECTIONS_PER_ADDRESS.entry,
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
    let per_address = table.one(&CONNECTIONS_PER_ADDRESS)?;
    let connections = connections?.value;
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
    })
}
