//! `[[domain]]`, `[[route]]`, `[queue]` and `[delivery]`: how mail leaves.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroU32,
    sync::Arc,
};

use postern_config::RouteBy;
use postern_dns::Resolver;
use postern_fetch::StsPolicies;
use postern_mail::DomainPattern;
use postern_outbound::{
    AddressFamilies, NoAccounts, Pace, PaceOverride, PrivateTargets, Rate, Route, Routes, Schedule,
    Senders, Settings, Situation, TlsClients,
};
use postern_policy::PartnerName;

use super::{Wiring, keys::Keys, reception::own_domains};

/// What delivery goes by. Where our own listeners are is added once they are bound.
pub(super) fn settings(written: &postern_config::Settings, keys: &Keys) -> Settings {
    let delivery = &written.delivery;
    Settings {
        routes: routes(written),
        schedule: Schedule {
            retry: written.queue.retry.clone(),
            lifetime: written.queue.lifetime,
            delay_notice: written.queue.delay_notice,
        },
        pace: Pace {
            connections: number(delivery.connections),
            initial_connections: number(delivery.initial_connections),
            messages_per_connection: delivery.messages_per_connection,
            rate: delivery.rate.map(rate),
        },
        partner_paces: partner_paces(written),
        messages: number(delivery.concurrency),
        families: match delivery.address_families {
            postern_config::AddressFamilies::Any => AddressFamilies::Any,
            postern_config::AddressFamilies::Ipv4 => AddressFamilies::Ipv4,
            postern_config::AddressFamilies::Ipv6 => AddressFamilies::Ipv6,
        },
        private_targets: match delivery.private_targets {
            postern_config::PrivateTargets::Refused => PrivateTargets::Refused,
            postern_config::PrivateTargets::Allowed => PrivateTargets::Allowed,
        },
        own_domains: own_domains(&written.domains),
        srs: keys.srs.clone(),
        quarantine: written.authentication.quarantine_next_hops.clone(),
        local_addresses: written.reports.receive.clone(),
        ..Settings::new(written.hostname.clone())
    }
}

/// What delivery is done under, with nobody who keeps account of it.
pub(crate) fn situation(
    wiring: &Wiring,
    bound: &[SocketAddr],
    resolver: Arc<Resolver>,
    sts: Arc<dyn StsPolicies>,
) -> Situation {
    Situation {
        settings: Settings {
            own_addresses: own_addresses(bound),
            ..wiring.delivery.clone()
        },
        policy: Arc::clone(&wiring.policy),
        dns: resolver,
        sts,
        accounts: Arc::new(NoAccounts),
        certificates: Arc::clone(&wiring.certificates),
        tls_clients: TlsClients::default(),
    }
}

/// Which way mail goes.
pub(crate) fn routes(written: &postern_config::Settings) -> Routes {
    let mut routes = Routes::default();
    for domain in &written.domains {
        let route = Route {
            next_hops: domain.next_hops.clone(),
            floor: Some(domain.floor.clone()),
            senders: match domain.srs {
                true => Senders::Rewritten,
                false => Senders::Kept,
            },
            pace: pace(&domain.pace),
        };
        routes.add_own(domain.pattern.clone(), route);
    }
    for outward in &written.routes {
        let route = Route {
            next_hops: match &outward.by {
                RouteBy::Mx => Vec::new(),
                RouteBy::Hosts(hosts) => hosts.clone(),
            },
            floor: Some(outward.floor.clone()),
            senders: Senders::Rewritten,
            pace: pace(&outward.pace),
        };
        for pattern in &outward.domains {
            routes.add_outward(pattern.clone(), route.clone());
        }
    }
    // RFC 5321 §4.5.1 wants a postmaster without a domain; the first domain has one.
    let first = written.domains.iter().find_map(|it| match &it.pattern {
        DomainPattern::Exact(domain) => Some(domain.clone()),
        DomainPattern::Below(_) | DomainPattern::Any => None,
    });
    if let Some(first) = first {
        routes.set_postmaster_domain(first);
    }
    routes
}

fn partner_paces(written: &postern_config::Settings) -> HashMap<PartnerName, PaceOverride> {
    let paces = written.partner_paces.iter();
    paces
        .map(|(partner, said)| (partner.clone(), pace(said)))
        .collect()
}

/// A destination that may have fewer connections than others begin with begins with as many.
fn pace(said: &postern_config::Pace) -> PaceOverride {
    PaceOverride {
        connections: said.connections.map(number),
        initial_connections: None,
        messages_per_connection: said.messages_per_connection,
        rate: said.rate.map(rate),
    }
}

fn rate(written: postern_config::Rate) -> Rate {
    Rate {
        messages: written.messages,
        per: written.per,
    }
}

/// Where mail would come back to us: what the listeners are bound to. One that is bound to every
/// address of this host is at loopback too; which others there are is not looked up, and MX
/// records that lead to them are recognised by our hostname.
pub(super) fn own_addresses(bound: &[SocketAddr]) -> Vec<SocketAddr> {
    let every = bound.iter().filter(|address| address.ip().is_unspecified());
    let loopback = every.map(|address| match address {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::LOCALHOST, address.port())),
    });
    bound.iter().copied().chain(loopback).collect()
}

/// Beyond what memory can count, a limit is none.
pub(super) fn number(written: NonZeroU32) -> usize {
    usize::try_from(written.get()).unwrap_or(usize::MAX)
}
