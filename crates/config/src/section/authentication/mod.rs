//! `[authentication]`: whether mail is from whom it says.

mod arc;
mod check;

use std::{num::NonZeroU32, time};

use postern_mail::{Domain, Network, NextHop};

pub use arc::ArcSealing;
pub(crate) use check::Around;

use crate::{
    schema::{Key, Located, Occurs, Reported, Section, Table},
    value::{BOOLEAN, ByteSize, COUNT, DOMAIN, DURATION, Duration, NETWORK, NEXT_HOP, SIZE},
};

/// How mail of strangers is judged. Whether it is, each listener says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authentication {
    /// Under which name the results stand in messages (RFC 8601 §2.5).
    pub authserv_id: Domain,
    /// Whether a Received-SPF field is added as well.
    pub received_spf: bool,
    /// How long judging a message may take.
    pub time_limit: time::Duration,
    /// The most questions to the DNS for one message.
    pub dns_limit: NonZeroU32,
    /// The most octets of all messages that are being judged.
    pub memory: ByteSize,
    /// For how long mail is put off because its domain's records cannot be asked for.
    pub temperror_limit: time::Duration,
    /// Whose ARC seals are believed.
    pub trusted_sealers: Vec<Domain>,
    /// Which hosts forward mail that no longer proves its author.
    pub trusted_forwarders: Vec<Network>,
    /// Where suspicious mail goes; none unless a listener says [`Quarantine::Redirect`].
    ///
    /// [`Quarantine::Redirect`]: crate::Quarantine::Redirect
    pub quarantine_next_hops: Vec<NextHop>,
    /// How mail of strangers that is sent on is sealed, if it is.
    pub arc: Option<ArcSealing>,
}

/// What was written; whatever is not right was told and is absent.
pub(crate) struct Written {
    authserv_id: Result<Option<Located<Domain>>, Reported>,
    received_spf: Result<Located<bool>, Reported>,
    time_limit: Result<Located<Duration>, Reported>,
    dns_limit: Result<Located<NonZeroU32>, Reported>,
    memory: Result<Located<ByteSize>, Reported>,
    temperror_limit: Result<Located<Duration>, Reported>,
    trusted_sealers: Result<Option<Vec<Located<Domain>>>, Reported>,
    trusted_forwarders: Result<Option<Vec<Located<Network>>>, Reported>,
    pub(crate) quarantine_next_hops: Result<Option<Vec<Located<NextHop>>>, Reported>,
    arc: Result<Option<arc::Written>, Reported>,
}

static AUTHSERV_ID: Key<Domain> = Key::optional(
    "authserv-id",
    &DOMAIN,
    "`hostname`",
    r#""mx1.example.org""#,
    "Under which name the results stand in the Authentication-Results field (RFC 8601 §2.5). \
     Fields of that name that come with mail from outside are removed, since they are not ours. \
     Hosts of one organisation may share a name.",
);

static RECEIVED_SPF: Key<bool> = Key::defaulted(
    "received-spf",
    &BOOLEAN,
    "false",
    "Whether a Received-SPF field (RFC 7208 §9.1) is added beside Authentication-Results, for \
     mail systems that look for nothing else.",
);

static TIME_LIMIT: Key<Duration> = Key::defaulted(
    "time-limit",
    &DURATION,
    r#""20s""#,
    "How long judging a message may take, look-ups included. What is not known by then is a \
     temporary error. From 1s to 5m: the client waits, and gives up after 10 minutes (RFC 5321 \
     §4.5.3.2.6).",
)
.bounded(|limit| {
    within(
        limit,
        Duration::from_seconds(1),
        Duration::from_seconds(300),
    )
});

static DNS_LIMIT: Key<NonZeroU32> = Key::defaulted(
    "dns-limit",
    &COUNT,
    "100",
    "The most questions to the DNS for one message: a sender chooses what has to be asked. From \
     20 to 1000.",
)
.bounded(|limit| match (20..=1000).contains(&limit.get()) {
    true => Ok(()),
    false => Err(format!("{limit} is not from 20 to 1000")),
});

static MEMORY: Key<ByteSize> = Key::defaulted(
    "memory",
    &SIZE,
    r#""64MiB""#,
    "The most memory for messages that are being judged, all sessions together; each waits for \
     its share. Signatures of messages that are larger are not verified. From 1MiB to 64GiB.",
)
.bounded(|size| {
    let least = ByteSize::from_octets(1 << 20);
    let most = ByteSize::from_octets(64 << 30);
    match (least..=most).contains(size) {
        true => Ok(()),
        false => Err(format!("{size} is not from {least} to {most}")),
    }
});

static TEMPERROR_LIMIT: Key<Duration> = Key::defaulted(
    "temperror-limit",
    &DURATION,
    r#""1h""#,
    "For how long mail is put off (451) because the records that judge it cannot be asked for \
     just now. After that it is accepted, with the temporary error as its result. At most 1d; \
     `0s` puts nothing off.",
)
.bounded(|limit| within(limit, Duration::from_seconds(0), Duration::from_days(1)));

static TRUSTED_SEALERS: Key<Domain> = Key::optional(
    "trusted-sealers",
    &DOMAIN,
    "none",
    r#"["lists.example"]"#,
    "Whose ARC seals (RFC 8617) are believed, by the domain that signs them: when a list or a \
     forwarder has changed a message, and its chain says that the author was proven on the way \
     in, the author domain's policy is not applied. Whoever stands here can vouch for every \
     author.",
)
.list();

static TRUSTED_FORWARDERS: Key<Network> = Key::optional(
    "trusted-forwarders",
    &NETWORK,
    "none",
    r#"["192.0.2.0/24"]"#,
    "Hosts that forward mail to us and leave no proof of its author: the author domain's policy \
     is not applied to what they bring. They can send in every author's name.",
)
.list();

static QUARANTINE_NEXT_HOP: Key<NextHop> = Key::optional(
    "quarantine-next-hop",
    &NEXT_HOP,
    "none; `quarantine = \"redirect\"` of a listener needs some",
    r#"["quarantine.internal:25"]"#,
    "The hosts that take suspicious mail instead of its domain's own, tried in this order.",
)
.list();

pub(crate) static AUTHENTICATION: Section = Section {
    name: "authentication",
    occurs: Occurs::Once,
    doc: "How mail from outside is judged: SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 9989) and \
          ARC (RFC 8617). What follows from the judgement, each listener says in \
          `authentication`.",
    keys: &[
        &AUTHSERV_ID.entry,
        &RECEIVED_SPF.entry,
        &TIME_LIMIT.entry,
        &DNS_LIMIT.entry,
        &MEMORY.entry,
        &TEMPERROR_LIMIT.entry,
        &TRUSTED_SEALERS.entry,
        &TRUSTED_FORWARDERS.entry,
        &QUARANTINE_NEXT_HOP.entry,
    ],
    sections: &[&arc::ARC],
    not_yet: &[],
    commented: false,
    example: None,
};

pub(crate) fn read(table: &Table<'_>) -> Written {
    Written {
        authserv_id: table.maybe(&AUTHSERV_ID),
        received_spf: table.one(&RECEIVED_SPF),
        time_limit: table.one(&TIME_LIMIT),
        dns_limit: table.one(&DNS_LIMIT),
        memory: table.one(&MEMORY),
        temperror_limit: table.one(&TEMPERROR_LIMIT),
        trusted_sealers: table.maybe_many(&TRUSTED_SEALERS),
        trusted_forwarders: table.maybe_many(&TRUSTED_FORWARDERS),
        quarantine_next_hops: table.maybe_many(&QUARANTINE_NEXT_HOP),
        arc: arc::read(table),
    }
}

fn within(limit: &Duration, least: Duration, most: Duration) -> Result<(), String> {
    match (least..=most).contains(limit) {
        true => Ok(()),
        false => Err(format!("{limit} is not from {least} to {most}")),
    }
}
