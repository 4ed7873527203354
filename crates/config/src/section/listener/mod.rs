//! `[[listener]]`: where mail comes in, from whom, and over what.

mod check;
mod judgement;

use std::{net::SocketAddr, num::NonZeroU32};

use postern_mail::Network;
use postern_tls::Profile;

pub(crate) use check::check_against;
pub use judgement::{Judgement, Quarantine};

use super::tls::PROFILES;
use crate::{
    schema::{Key, Kind, Located, Occurs, Reported, Scalar, Section, Shown, Table},
    value::{COUNT, NETWORK, SOCKET, not_a_choice},
};

/// Where mail comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Address and port; port 0 lets the system choose.
    pub address: SocketAddr,
    /// For whom it is.
    pub role: Role,
    /// How TLS is offered.
    pub tls: ListenerTls,
    /// The listener's own crypto profile; what it and the general one both allow is used.
    pub profile: Option<&'static Profile>,
    /// The most connections at the same time.
    pub max_connections: NonZeroU32,
    /// Whether mail of strangers is judged, and what follows.
    pub authentication: Judgement,
}

/// For whom a listener is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// Strangers, with mail for our domains only.
    Mx,
    /// Our own hosts, which may send outward.
    Relay {
        /// Where they are; everyone else is treated as a stranger. There is at least one.
        networks: Vec<Network>,
    },
}

/// How a listener offers TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenerTls {
    /// STARTTLS is offered.
    StartTls,
    /// STARTTLS is offered, and nothing else is accepted before it.
    Required,
    /// The connection begins with the TLS handshake.
    Implicit,
    /// TLS is not offered.
    None,
}

/// What was written for a listener; whatever is not right was told and is absent.
pub(crate) struct Written {
    pub(crate) address: Result<Located<SocketAddr>, Reported>,
    role: Result<Located<RoleWord>, Reported>,
    pub(crate) tls: Result<Located<ListenerTls>, Reported>,
    pub(crate) profile: Result<Option<Located<&'static Profile>>, Reported>,
    networks: Result<Option<Vec<Located<Network>>>, Reported>,
    max_connections: Result<Option<Located<NonZeroU32>>, Reported>,
    authentication: Result<Located<judgement::Word>, Reported>,
    quarantine: Result<Option<Located<Quarantine>>, Reported>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RoleWord {
    Mx,
    Relay,
}

static ROLES: Kind<RoleWord> = Kind {
    name: "choice",
    right: "\"mx\" or \"relay\"",
    scalar: Scalar::Text(|text| match text {
        "mx" => Ok(RoleWord::Mx),
        "relay" => Ok(RoleWord::Relay),
        "submission" => Err("\"submission\" is not yet available".to_owned()),
        other => Err(not_a_choice(other)),
    }),
};

static TLS_MODES: Kind<ListenerTls> = Kind {
    name: "choice",
    right: "\"starttls\", \"required\", \"implicit\" or \"none\"",
    scalar: Scalar::Text(|text| match text {
        "starttls" => Ok(ListenerTls::StartTls),
        "required" => Ok(ListenerTls::Required),
        "implicit" => Ok(ListenerTls::Implicit),
        "none" => Ok(ListenerTls::None),
        other => Err(not_a_choice(other)),
    }),
};

static ADDRESS: Key<SocketAddr> = Key::required(
    "address",
    &SOCKET,
    r#""0.0.0.0:25""#,
    "Address and port. `[::]:25` takes IPv6 connections and `0.0.0.0:25` takes IPv4 ones.",
);

static ROLE: Key<RoleWord> = Key::required(
    "role",
    &ROLES,
    r#""mx""#,
    "For whom it is. `mx`: strangers, with mail for our own domains only. `relay`: our own \
     hosts, recognised by `networks`, which may send to any domain.",
);

static TLS: Key<ListenerTls> = Key::defaulted(
    "tls",
    &TLS_MODES,
    r#""starttls""#,
    "How TLS is offered. `starttls`: offered to everyone. `required`: nothing but STARTTLS is \
     accepted in clear, which RFC 3207 §4 forbids where strangers deliver, so role `mx` refuses \
     it; demand TLS of a `[[partner]]` there. `implicit`: the connection begins with TLS; not \
     for role `mx` either. `none`: not offered.",
);

static PROFILE: Key<&'static Profile> = Key::optional(
    "profile",
    &PROFILES,
    "no more than `tls.profile` demands",
    r#""intermediate""#,
    "The crypto profile of this listener. It is joined with `tls.profile`: only what both allow \
     is used. It holds for everyone who connects here, so where strangers deliver, a narrow one \
     makes them send in clear.",
);

static NETWORKS: Key<Network> = Key::optional(
    "networks",
    &NETWORK,
    "none; role `relay` needs some",
    "",
    "For role `relay`: the networks whose hosts may send to any domain. Everyone else is \
     treated as a stranger there.",
)
.list()
.shown(Shown::InExample);

static MAX_CONNECTIONS: Key<NonZeroU32> = Key::optional(
    "max-connections",
    &COUNT,
    "`limits.connections`",
    "500",
    "The most connections to this listener at the same time; further ones are answered 421.",
);

pub(crate) static LISTENER: Section = Section {
    name: "listener",
    occurs: Occurs::Often,
    doc: "Where mail comes in. At least one.",
    keys: &[
        &ADDRESS.entry,
        &ROLE.entry,
        &TLS.entry,
        &PROFILE.entry,
        &NETWORKS.entry,
        &MAX_CONNECTIONS.entry,
        &judgement::AUTHENTICATION.entry,
        &judgement::QUARANTINE.entry,
    ],
    sections: &[],
    not_yet: &[],
    commented: false,
    example: Some(
        r#"# A second listener, for our own mail system behind this host:
[[listener]]
address = "127.0.0.1:2525"
role = "relay"
networks = ["127.0.0.0/8", "10.0.0.0/8"]"#,
    ),
};

pub(crate) fn read(table: &Table<'_>) -> Written {
    Written {
        address: table.one(&ADDRESS),
        role: table.one(&ROLE),
        tls: table.one(&TLS),
        profile: table.maybe(&PROFILE),
        networks: table.maybe_many(&NETWORKS),
        max_connections: table.maybe(&MAX_CONNECTIONS),
        authentication: table.one(&judgement::AUTHENTICATION),
        quarantine: table.maybe(&judgement::QUARANTINE),
    }
}
