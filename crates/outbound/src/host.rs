//! From a way to hosts, and from a host to addresses (RFC 5321 §5.1).

use std::net::{IpAddr, SocketAddr};

use postern_dns::{Answer, Dns, LookupError, Mx, Name, Proof};
use postern_mail::{Domain, EnhancedStatusCode, Host, NextHop, is_public_address};
use postern_policy::{DnsProof, Provenance};

use crate::settings::AddressFamilies;

/// The most MX hosts that are tried for one domain. RFC 5321 §5.1 lets a client bound this; ten
/// is twice what the largest mail providers publish.
const MOST_HOSTS: usize = 10;

/// A host that may take the mail, not yet resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MailHost {
    /// Its name or address, and port.
    pub(crate) next_hop: NextHop,
    /// Who says that it takes the mail. Where the configuration does, private addresses are fine.
    pub(crate) provenance: Provenance,
}

/// What the delivering side knows of itself and of the limits it keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    /// Who answers questions about names.
    pub(crate) dns: &'a dyn Dns,
    /// What we call ourselves, to know our own name among MX hosts.
    pub(crate) hostname: &'a Domain,
    /// Where our own listeners are.
    pub(crate) own_addresses: &'a [SocketAddr],
    /// Which kinds of address are used.
    pub(crate) families: AddressFamilies,
    /// Whether DNS may send us to addresses that are not on the public internet.
    pub(crate) private_targets: PrivateTargets,
}

/// Whether DNS may send us to addresses that are not on the public internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrivateTargets {
    /// Only a configured next hop may be there.
    Refused,
    /// Anything may be there; for laboratories and closed networks.
    Allowed,
}

/// Why there is no host, or no address, to hand mail to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreachable {
    /// What the sender is told.
    pub(crate) status: EnhancedStatusCode,
    /// What the sender and the operator are told.
    pub(crate) text: String,
}

impl Unreachable {
    /// X.4.6: routing loop detected (RFC 3463 §3.5).
    pub(crate) const LOOP: EnhancedStatusCode = EnhancedStatusCode::permanent(4, 6);

    fn new(status: EnhancedStatusCode, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
        }
    }
}

/// The hosts that take mail for `destination`, in the order in which they are to be tried:
/// those that the configuration fixes, the address where that is all there is, else those of MX
/// records.
pub(crate) async fn mail_hosts(
    destination: &Host,
    fixed: &[NextHop],
    surroundings: &Surroundings<'_>,
) -> Result<Vec<MailHost>, Unreachable> {
    if !fixed.is_empty() {
        let configured = |next_hop: &NextHop| MailHost {
            next_hop: next_hop.clone(),
            provenance: Provenance::Configured,
        };
        return Ok(fixed.iter().map(configured).collect());
    }
    match destination {
        Host::Literal(_) => {
            let next_hop = NextHop::new(destination.clone(), NextHop::SMTP);
            Ok(vec![MailHost {
                next_hop,
                provenance: Provenance::Literal,
            }])
        }
        Host::Domain(domain) => mx_hosts(domain, surroundings).await,
    }
}

async fn mx_hosts(
    domain: &Domain,
    surroundings: &Surroundings<'_>,
) -> Result<Vec<MailHost>, Unreachable> {
    let name: Name = domain.as_str().parse().map_err(|error| {
        Unreachable::new(
            EnhancedStatusCode::permanent(1, 2),
            format!("{domain}: {error}"),
        )
    })?;
    match surroundings.dns.mx(&name).await {
        Ok(answer) => sort_mx(domain, answer, surroundings.hostname),
        // Implicit MX: a domain without MX records is its own host (RFC 5321 §5.1).
        Err(LookupError::NoData(denial)) => Ok(vec![host_of(domain.clone(), denial.proof)]),
        Err(error @ LookupError::NoSuchDomain(_)) => Err(Unreachable::new(
            EnhancedStatusCode::permanent(1, 2),
            error.to_string(),
        )),
        // Not knowing the MX records is never "no MX" (RFC 5321 §5.1, RFC 7672 §2.1.2).
        Err(error @ LookupError::Temporary(_)) => Err(Unreachable::new(
            EnhancedStatusCode::transient(4, 3),
            format!("the MX records of {domain} could not be found out: {error}"),
        )),
    }
}

fn host_of(domain: Domain, proof: Proof) -> MailHost {
    let next_hop = NextHop::new(Host::Domain(domain), NextHop::SMTP);
    MailHost {
        next_hop,
        provenance: Provenance::Dns(dns_proof(proof)),
    }
}

/// How well an answer is proven, as the policy says it.
fn dns_proof(proof: Proof) -> DnsProof {
    match proof {
        Proof::Indeterminate => DnsProof::Indeterminate,
        Proof::Insecure => DnsProof::Insecure,
        Proof::Secure => DnsProof::Secure,
    }
}

/// Orders MX hosts by preference, at random where it is equal, and leaves out ourselves with
/// everything that is not preferred to us, which would be a loop (RFC 5321 §5.1). The root as
/// the only host means that there is none (RFC 7505 §3).
fn sort_mx(
    domain: &Domain,
    answer: Answer<Mx>,
    hostname: &Domain,
) -> Result<Vec<MailHost>, Unreachable> {
    let proof = answer.proof;
    if answer.records.iter().all(|mx| mx.exchange.is_root()) {
        return Err(Unreachable::new(
            EnhancedStatusCode::permanent(1, 10),
            format!("{domain} accepts no mail (null MX)"),
        ));
    }
    let mut exchanges: Vec<_> = answer
        .records
        .into_iter()
        .filter_map(|mx| Some((mx.preference, domain_of(&mx.exchange)?)))
        .collect();
    if exchanges.is_empty() {
        return Err(Unreachable::new(
            EnhancedStatusCode::permanent(4, 4),
            format!("the MX records of {domain} name nothing that could be a host"),
        ));
    }
    let ours = exchanges
        .iter()
        .filter(|(_, host)| host == hostname)
        .map(|(at, _)| *at)
        .min();
    if let Some(ours) = ours {
        exchanges.retain(|(preference, _)| *preference < ours);
        if exchanges.is_empty() {
            return Err(Unreachable::new(
                Unreachable::LOOP,
                format!(
                    "mail for {domain} loops: its best MX host is {hostname}, which is this host"
                ),
            ));
        }
    }
    fastrand::shuffle(&mut exchanges);
    exchanges.sort_by_key(|(preference, _)| *preference);
    exchanges.truncate(MOST_HOSTS);
    Ok(exchanges
        .into_iter()
        .map(|(_, host)| host_of(host, proof))
        .collect())
}

/// The exchange of an MX record as a domain; nothing for the root and for names that are no
/// host names.
fn domain_of(exchange: &Name) -> Option<Domain> {
    exchange.to_string().parse().ok()
}

/// The addresses of a host, in the order in which they are to be tried.
pub(crate) async fn addresses(
    host: &MailHost,
    surroundings: &Surroundings<'_>,
) -> Result<Vec<SocketAddr>, Unreachable> {
    let found = match host.next_hop.host() {
        Host::Literal(literal) => vec![literal.address()],
        Host::Domain(domain) => resolve(domain, host.provenance, surroundings.dns).await?,
    };
    let usable: Vec<_> = alternating(found)
        .into_iter()
        .filter(|address| surroundings.families.admits(*address))
        .map(|address| SocketAddr::new(address, host.next_hop.port()))
        .collect();
    if usable.is_empty() {
        return Err(Unreachable::new(
            EnhancedStatusCode::transient(4, 4),
            format!(
                "{} has no address of a family that is used here",
                host.next_hop.host()
            ),
        ));
    }
    admissible(host, &usable, surroundings)
}

/// The families by turns, IPv6 first, so that a host with many addresses of a family that leads
/// nowhere from here is reached over the other one (compare RFC 8305 §4).
fn alternating(found: Vec<IpAddr>) -> Vec<IpAddr> {
    let (ipv6, ipv4): (Vec<_>, Vec<_>) = found.into_iter().partition(IpAddr::is_ipv6);
    let (mut ipv6, mut ipv4) = (ipv6.into_iter(), ipv4.into_iter());
    let turns = std::iter::from_fn(|| match (ipv6.next(), ipv4.next()) {
        (None, None) => None,
        turn => Some(turn),
    });
    turns
        .flat_map(|(six, four)| six.into_iter().chain(four))
        .collect()
}

/// What the configuration names is to be there: that DNS knows nothing of it is trouble with
/// one of the two, and no fault of the message.
async fn resolve(
    domain: &Domain,
    provenance: Provenance,
    dns: &dyn Dns,
) -> Result<Vec<IpAddr>, Unreachable> {
    let name: Name = domain.as_str().parse().map_err(|error| {
        Unreachable::new(
            EnhancedStatusCode::permanent(1, 2),
            format!("{domain}: {error}"),
        )
    })?;
    match dns.addresses(&name).await.combined() {
        Ok(answer) => Ok(answer.records),
        Err(error @ (LookupError::NoSuchDomain(_) | LookupError::NoData(_))) => {
            let status = match provenance {
                Provenance::Configured => EnhancedStatusCode::transient(4, 4),
                Provenance::Dns(_) | Provenance::Literal => EnhancedStatusCode::permanent(4, 4),
            };
            let text = format!("{domain} has no address: {error}");
            Err(Unreachable::new(status, text))
        }
        Err(error @ LookupError::Temporary(_)) => Err(Unreachable::new(
            EnhancedStatusCode::transient(4, 3),
            format!("the addresses of {domain} could not be found out: {error}"),
        )),
    }
}

/// Leaves out addresses that, where DNS or the sender chose them, are not on the public internet:
/// an MX record must not make us talk to what is behind our firewall.
///
/// Our own addresses are left out too. A host that DNS gives one of them is ourselves, whatever
/// else it has; among configured next hops, one may be ourselves on the machine where it is.
fn admissible(
    host: &MailHost,
    found: &[SocketAddr],
    surroundings: &Surroundings<'_>,
) -> Result<Vec<SocketAddr>, Unreachable> {
    let trusted = match (host.provenance, surroundings.private_targets) {
        (Provenance::Configured, _) | (_, PrivateTargets::Allowed) => true,
        (Provenance::Dns(_) | Provenance::Literal, PrivateTargets::Refused) => false,
    };
    let is_own = |address: &SocketAddr| {
        let canonical = SocketAddr::new(address.ip().to_canonical(), address.port());
        surroundings.own_addresses.contains(&canonical)
    };
    let is_ourselves = found.iter().any(is_own) && host.provenance != Provenance::Configured;
    let is_refused = |address: &SocketAddr| !trusted && !is_public_address(address.ip());
    let usable: Vec<_> = found
        .iter()
        .copied()
        .filter(|at| !is_own(at) && !is_refused(at))
        .collect();
    if !usable.is_empty() && !is_ourselves {
        return Ok(usable);
    }
    let name = host.next_hop.host();
    if found.iter().any(is_own) {
        let text = format!("mail loops: {name} is this host");
        return Err(Unreachable::new(Unreachable::LOOP, text));
    }
    let addresses: Vec<_> = found
        .iter()
        .map(|address| address.ip().to_string())
        .collect();
    let text = format!(
        "{name} is at {}, which is not a public address",
        addresses.join(", ")
    );
    Err(Unreachable::new(EnhancedStatusCode::permanent(4, 4), text))
}

#[cfg(test)]
mod tests;
