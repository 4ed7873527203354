//! Destinations as an operator is shown them.

use std::cmp::Reverse;

use postern_admin::{Delay, Destination, Destinations, Down, DownDestination, Frozen, Limits};
use postern_mail::{Domain, DomainPattern, Host};
use postern_outbound::{DestinationState, Outbound, Pace};
use postern_policy::{DeliveryRequest, Policy};
use rustls_pki_types::UnixTime;

use crate::output;

/// The most destinations in one answer.
const DESTINATIONS: usize = 1000;

/// Those that are served or cannot be reached now, the latter first.
pub(in super::super) fn destinations(outbound: &Outbound) -> Destinations {
    let mut states = outbound.destinations_now();
    states.sort_by_key(|it| (it.down.is_none(), Reverse(it.in_line), it.hops.clone()));
    Destinations {
        left_out: states.len().saturating_sub(DESTINATIONS),
        destinations: states.iter().take(DESTINATIONS).map(destination).collect(),
    }
}

fn destination(state: &DestinationState) -> Destination {
    Destination {
        to: state.hops.clone(),
        connections: state.connections,
        allowed: state.allowed,
        in_line: state.in_line,
        limits: state.pace.as_ref().map(limits),
        down: state.down.as_ref().map(down),
    }
}

fn limits(pace: &Pace) -> Limits {
    Limits {
        connections: pace.connections,
        messages_per_connection: pace.messages_per_connection.map(Into::into),
        rate: pace.rate.map(|rate| {
            let (messages, per) = (rate.messages, rate.per);
            postern_config::Rate { messages, per }.to_string()
        }),
    }
}

fn down(down: &postern_outbound::Down) -> Down {
    Down {
        since: down.since.into(),
        next_probe: down.next_probe.into(),
        attempts: down.attempts,
        failure: (&down.failure).into(),
    }
}

/// What keeps mail for `domain` from going. `named` tells of what is frozen by a pattern.
pub(in super::super) fn delay(
    domain: &Domain,
    (outbound, policy): (&Outbound, &Policy),
    routes: &postern_outbound::Routes,
    named: impl FnOnce(&DomainPattern) -> Option<Frozen>,
) -> Delay {
    let frozen = outbound.frozen_for(domain);
    let to = hops(domain, policy, routes);
    let states = outbound.destinations_now().into_iter();
    let mut unreachable = states.filter_map(|it| (it.hops == to).then_some(it.down).flatten());
    Delay {
        domain: domain.clone(),
        frozen: frozen.and_then(|it| named(&it.domain)),
        down: unreachable.next().map(|it| DownDestination {
            down: down(&it),
            to,
        }),
    }
}

/// Where mail for a domain goes, in the words in which destinations are told of.
fn hops(domain: &Domain, policy: &Policy, routes: &postern_outbound::Routes) -> String {
    let way = routes.way_to(Host::Domain(domain.clone()));
    let request = DeliveryRequest::to(&way.destination).over(way.floor());
    let plan = policy.plan_delivery(&request, UnixTime::now());
    output::list(way.fixed_hops(&plan), &format!("MX of {domain}"))
}
