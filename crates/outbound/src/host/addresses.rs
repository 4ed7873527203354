//! The addresses of a host, and how well it is proven that they are its own.

use std::{
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use postern_dns::{Alias, Answer, Dns, LookupError, Name};
use postern_mail::{Domain, EnhancedStatusCode, Host, is_public_address};
use postern_policy::{DnsProof, Provenance};

use super::{MailHost, PrivateTargets, Surroundings, Unreachable, mx::dns_proof};

/// Where a host is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Located {
    /// Its addresses, in the order in which they are to be tried.
    pub(crate) addresses: Vec<SocketAddr>,
    /// What DNS said, where it was asked.
    pub(crate) answer: Option<AddressAnswer>,
}

/// What DNS said of the addresses of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AddressAnswer {
    /// How well the addresses and all aliases before them are proven.
    pub(crate) proof: DnsProof,
    /// The aliases on the way, in their order.
    pub(crate) aliases: Vec<Alias>,
    /// Where the aliases lead; the name of the host where it is no alias.
    pub(crate) canonical: Name,
    /// When the answer came, where that is known.
    pub(crate) received: Option<Instant>,
    /// Until when it counts.
    pub(crate) valid_until: Instant,
}

/// Why a host cannot be dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotLocated {
    /// What the sender is told.
    pub(crate) unreachable: Unreachable,
    /// What DNS said, where it said something.
    pub(crate) answer: Option<AddressAnswer>,
}

impl NotLocated {
    /// Whether its addresses could not be found out, so that nobody knows whether it has any.
    pub(crate) fn is_unknown(&self) -> bool {
        self.unreachable.status == Unreachable::NOT_KNOWN
    }
}

/// Finds the addresses of a host.
pub(crate) async fn locate(
    host: &MailHost,
    surroundings: &Surroundings<'_>,
) -> Result<Located, NotLocated> {
    let (found, answer) = match host.next_hop.host() {
        Host::Literal(literal) => (vec![literal.address()], None),
        Host::Domain(domain) => {
            let resolved = resolve(domain, host.provenance, surroundings.dns).await;
            let answer = resolved.map_err(|nowhere| nowhere.of_host(host.provenance))?;
            let (records, answer) = AddressAnswer::split(answer);
            (records, Some(answer))
        }
    };
    match usable(host, found, surroundings) {
        Ok(addresses) => Ok(Located { addresses, answer }),
        Err(unreachable) => Err(NotLocated {
            unreachable: match &answer {
                Some(told) => unreachable
                    .by_dns(told.proof, told.received)
                    .of_host(host.provenance),
                None => unreachable,
            },
            answer,
        }),
    }
}

impl AddressAnswer {
    fn split(answer: Answer<IpAddr>) -> (Vec<IpAddr>, Self) {
        let told = Self {
            proof: dns_proof(answer.proof),
            aliases: answer.aliases,
            canonical: answer.canonical,
            received: answer.received,
            valid_until: answer.valid_until,
        };
        (answer.records, told)
    }
}

impl From<Unreachable> for NotLocated {
    fn from(unreachable: Unreachable) -> Self {
        Self {
            unreachable,
            answer: None,
        }
    }
}

fn usable(
    host: &MailHost,
    found: Vec<IpAddr>,
    surroundings: &Surroundings<'_>,
) -> Result<Vec<SocketAddr>, Unreachable> {
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
) -> Result<Answer<IpAddr>, Unreachable> {
    let name: Name = domain.as_str().parse().map_err(|error| {
        Unreachable::new(
            EnhancedStatusCode::permanent(1, 2),
            format!("{domain}: {error}"),
        )
    })?;
    let error = match dns.addresses(&name).await.combined() {
        Ok(answer) => return Ok(answer),
        Err(error) => error,
    };
    let (LookupError::NoSuchDomain(denial) | LookupError::NoData(denial)) = &error else {
        let text = format!("the addresses of {domain} could not be found out: {error}");
        return Err(Unreachable::new(Unreachable::NOT_KNOWN, text));
    };
    let status = match provenance {
        Provenance::Configured => EnhancedStatusCode::transient(4, 4),
        Provenance::Dns(_) | Provenance::Literal => EnhancedStatusCode::permanent(4, 4),
    };
    let nowhere = Unreachable::new(status, format!("{domain} has no address: {error}"));
    Err(nowhere.by_dns(dns_proof(denial.proof), denial.received))
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
