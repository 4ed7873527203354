//! `[[listener]]`, `[[domain]]` and `[limits]`: how mail comes in.

use std::time::Duration;

use postern_config::ListenerTls;
use postern_inbound::{
    Allowance, Allowances, Judgement, Limits, Listener, Quarantine, Role, TlsMode,
};
use postern_mail::DomainMap;
use postern_policy::ListenerFloor;

use super::delivery::number;

/// How long a shutdown waits for content that is on its way in. With as much again for
/// deliveries it stays within the 90 seconds after which systemd kills a service that stops.
const DRAIN: Duration = Duration::from_secs(30);

/// A listener.
pub(super) fn listener(written: &postern_config::Listener) -> Listener {
    Listener {
        address: written.address,
        role: match &written.role {
            postern_config::Role::Mx => Role::Mx,
            postern_config::Role::Relay { networks } => Role::Relay {
                networks: networks.clone(),
            },
        },
        tls: match written.tls {
            ListenerTls::StartTls => TlsMode::StartTls,
            ListenerTls::Required => TlsMode::Required,
            ListenerTls::Implicit => TlsMode::Implicit,
            ListenerTls::None => TlsMode::None,
        },
        profile: written.profile,
        connections: number(written.max_connections),
        judgement: match written.authentication {
            postern_config::Judgement::Off => Judgement::Off,
            postern_config::Judgement::Mark => Judgement::Mark,
            postern_config::Judgement::Enforce(suspicious) => {
                Judgement::Enforce(quarantine(suspicious))
            }
        },
    }
}

fn quarantine(written: postern_config::Quarantine) -> Quarantine {
    match written {
        postern_config::Quarantine::Mark => Quarantine::Mark,
        postern_config::Quarantine::Hold => Quarantine::Hold,
        postern_config::Quarantine::Redirect => Quarantine::Redirect,
    }
}

/// What a listener demands of everybody.
pub(crate) fn floor(written: &postern_config::Listener) -> Option<ListenerFloor> {
    listener(written).floor()
}

/// The domains that mail is accepted for from anybody.
pub(crate) fn own_domains(written: &[postern_config::LocalDomain]) -> DomainMap<()> {
    let patterns = written.iter().map(|domain| (domain.pattern.clone(), ()));
    patterns.collect()
}

/// What peers may cost.
pub(super) fn limits(written: &postern_config::Limits) -> Limits {
    Limits {
        connections: number(written.connections),
        connections_per_address: number(written.connections_per_address),
        connections_per_network: number(written.connections_per_network),
        reserved: usize::try_from(written.reserved_connections).unwrap_or(usize::MAX),
        reserved_networks: written.reserved_networks.clone(),
        allowances: Allowances {
            connections: written.connection_rate.map(allowance),
            messages: written.message_rate.map(allowance),
            recipients: written.recipient_rate.map(allowance),
            errors: written.error_rate.map(allowance),
        },
        drain: DRAIN,
        session: postern_smtp::server::Limits {
            content: written.message_size.octets(),
            recipients: number(written.recipients),
            ..postern_smtp::server::Limits::default()
        },
        ..Limits::default()
    }
}

fn allowance(written: postern_config::Rate) -> Allowance {
    Allowance {
        count: written.messages,
        per: written.per,
    }
}

/// The word of the configuration for whom a listener is.
pub(crate) fn role_word(role: &Role) -> &'static str {
    match role {
        Role::Mx => "mx",
        Role::Relay { .. } => "relay",
    }
}

/// The word of the configuration for how a listener offers TLS.
pub(crate) fn tls_word(tls: TlsMode) -> &'static str {
    match tls {
        TlsMode::StartTls => "starttls",
        TlsMode::Required => "required",
        TlsMode::Implicit => "implicit",
        TlsMode::None => "none",
    }
}
