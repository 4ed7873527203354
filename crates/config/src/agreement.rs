//! What the sections of a file must agree on.

use std::{collections::BTreeMap, net::SocketAddr};

use postern_mail::{Domain, Host, NextHop};

use crate::{
    ListenerTls,
    schema::{Located, Notes, Table},
    section::tls,
    settings::Ways,
};

/// Notes where sections contradict each other. What is not right by itself has been noted
/// before, and is left out here.
pub(crate) fn check(
    root: &Table<'_>,
    hostname: Option<&Located<Domain>>,
    tls: Option<&tls::Written<'_>>,
    ways: &Ways<'_>,
) {
    let notes = root.notes();
    check_hostname(notes, hostname);
    check_listeners(root, ways);
    if tls.is_some_and(|tls| tls.certificates.is_empty()) {
        demand_certificates(notes, ways);
    }
    let domains = ways.domains.iter().flat_map(|domain| &domain.name);
    notes.refuse_repetition(domains, "a domain is served by one [[domain]]");
    let routes = ways.routes.iter().map(|(_, route)| &route.domains);
    notes.refuse_repetition(routes.flatten().flatten(), "a domain has one [[route]]");
    refuse_loops(notes, hostname, ways);
}

fn check_hostname(notes: &Notes<'_>, hostname: Option<&Located<Domain>>) {
    if let Some(hostname) = hostname.filter(|hostname| hostname.value.parent().is_none()) {
        notes.warn(
            &hostname.spot,
            format_args!(
                "{} is not fully qualified (RFC 5321 §2.3.5)",
                hostname.value
            ),
            "many hosts refuse such a greeting; write the whole name, such as mx1.example.org",
        );
    }
}

fn check_listeners(root: &Table<'_>, ways: &Ways<'_>) {
    let notes = root.notes();
    let spot = root.spot_of_path("listener");
    if !root.holds("listener") {
        let right = "write [[listener]] with address and role";
        notes.error(&spot, "is missing: no mail could come in", right);
    }
    let mut mx = ways
        .listeners
        .iter()
        .filter(|(_, listener)| listener.is_mx());
    if let Some((table, _)) = mx.next()
        && ways.domains.is_empty()
        && !root.holds("domain")
    {
        notes.warn(
            table.spot(),
            "role \"mx\" accepts mail for the domains of [[domain]], and there is none",
            "write a [[domain]] with name and next-hop",
        );
    }
    refuse_overlap(notes, ways);
}

/// Refuses addresses that cannot both be listened at: the same one twice, or one beside all of
/// its family. IPv6 listeners take no IPv4 connections, so the families do not overlap.
fn refuse_overlap(notes: &Notes<'_>, ways: &Ways<'_>) {
    let listeners = ways
        .listeners
        .iter()
        .flat_map(|(_, listener)| &listener.address);
    let web = ways
        .mta_sts
        .iter()
        .flat_map(|(_, written)| written.addresses());
    let mut seen: BTreeMap<u16, Vec<&Located<SocketAddr>>> = BTreeMap::new();
    for address in listeners.chain(web) {
        // Port 0 stands for a different port each time.
        if address.value.port() == 0 {
            continue;
        }
        let at_port = seen.entry(address.value.port()).or_default();
        if let Some(other) = at_port.iter().find(|other| overlap(other, address)) {
            let line = notes.position(other.spot.offset).line;
            let wrong = match other.value == address.value {
                true => format!("{} stands in line {line} already", address.value),
                false => format!(
                    "{} overlaps with {} in line {line}",
                    address.value, other.value
                ),
            };
            let right = "give each listener an address or port of its own";
            notes.error(&address.spot, wrong, right);
        }
        at_port.push(address);
    }
}

fn overlap(one: &Located<SocketAddr>, other: &Located<SocketAddr>) -> bool {
    let (one, other) = (one.value.ip(), other.value.ip());
    let everywhere = one.is_unspecified() || other.is_unspecified();
    one == other || (everywhere && one.is_ipv4() == other.is_ipv4())
}

fn demand_certificates(notes: &Notes<'_>, ways: &Ways<'_>) {
    for (_, listener) in &ways.listeners {
        let Ok(tls) = &listener.tls else { continue };
        let mode = match tls.value {
            ListenerTls::StartTls => "starttls",
            // With role mx the mode itself is refused.
            ListenerTls::Required | ListenerTls::Implicit if listener.is_mx() => continue,
            ListenerTls::Required => "required",
            ListenerTls::Implicit => "implicit",
            ListenerTls::None => continue,
        };
        notes.error(
            &tls.spot,
            format_args!("\"{mode}\" needs a certificate, and there is none"),
            "write [[tls.certificate]] with name, chain and key, or tls = \"none\" here",
        );
    }
}

/// Refuses next hops that are this host itself: mail would go round until its hop count is
/// exhausted (RFC 5321 §6.3).
fn refuse_loops(notes: &Notes<'_>, hostname: Option<&Located<Domain>>, ways: &Ways<'_>) {
    let addresses = ways
        .listeners
        .iter()
        .flat_map(|(_, listener)| &listener.address);
    let listening: Vec<_> = addresses.map(|address| address.value).collect();
    let domains = ways.domains.iter().flat_map(|domain| &domain.next_hops);
    let routes = ways.routes.iter().flat_map(|(_, route)| &route.next_hops);
    let quarantine = ways.authentication.iter();
    let quarantine = quarantine.flat_map(|(_, written)| &written.quarantine_next_hops);
    let hops = domains.flatten().chain(routes.flatten().flatten());
    for hop in hops.chain(quarantine.flatten().flatten()) {
        if leads_here(
            &hop.value,
            hostname.map(|hostname| &hostname.value),
            &listening,
        ) {
            notes.error(
                &hop.spot,
                format_args!("{} is a listener of this host: mail would loop", hop.value),
                "give the host that takes the mail",
            );
        }
    }
}

fn leads_here(hop: &NextHop, hostname: Option<&Domain>, listening: &[SocketAddr]) -> bool {
    let mut here = listening
        .iter()
        .filter(|address| address.port() == hop.port());
    match hop.host() {
        Host::Domain(domain) => Some(domain) == hostname && here.next().is_some(),
        Host::Literal(literal) => {
            let target = literal.address();
            here.any(|address| {
                let everywhere = address.ip().is_unspecified() && target.is_loopback();
                address.ip() == target || everywhere
            })
        }
    }
}
