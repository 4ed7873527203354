//! From a way to hosts, and from a host to addresses (RFC 5321 §5.1).

mod addresses;
mod mx;
#[cfg(test)]
mod tests;

use std::{
    net::SocketAddr,
    time::{Duration, Instant, SystemTime},
};

use postern_dns::Dns;
use postern_mail::{Domain, EnhancedStatusCode, Host, NextHop};
use postern_policy::{DnsProof, Provenance};

use crate::settings::AddressFamilies;

pub(crate) use self::addresses::{AddressAnswer, Located, NotLocated, locate};

/// How long what was looked up counts at least, whatever its time to live; denials, whose time
/// is not known here, count for no longer. A search for a host may take minutes, and what it
/// found at its beginning must still count at its end: a connection made for a zone whose records
/// live for no time at all could otherwise carry nothing.
pub(crate) const SHORTEST_VALIDITY: Duration = Duration::from_secs(60);

/// The hosts that may take the mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MailHosts {
    /// In the order in which they are to be tried.
    pub(crate) hosts: Vec<MailHost>,
    /// What DNS said, where it was asked.
    pub(crate) mx: Option<MxAnswer>,
}

/// What DNS said of the MX records of a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MxAnswer {
    /// Whether there are none, so that the domain is its own host (RFC 5321 §5.1).
    pub(crate) implicit: bool,
    /// How well the records, or their absence, are proven.
    pub(crate) proof: DnsProof,
    /// When the answer came, where that is known.
    pub(crate) received: Option<Instant>,
    /// Until when it counts, where it says.
    pub(crate) valid_until: Option<Instant>,
}

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
    /// The port of hosts that the configuration does not name.
    pub(crate) mx_port: u16,
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
    /// Who says so.
    pub(crate) said_by: SaidBy,
}

/// Who says that there is no host, or no address, to hand mail to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SaidBy {
    /// We do, whatever DNS may say.
    Ourselves,
    /// DNS does, and it is proven so well.
    Dns {
        proof: DnsProof,
        /// When it said so, where that is known; longer ago where it was only remembered.
        received: Option<Instant>,
    },
}

impl MxAnswer {
    /// Until when the answer counts.
    pub(crate) fn counts_until(&self) -> Instant {
        self.valid_until
            .unwrap_or_else(|| Instant::now() + SHORTEST_VALIDITY)
    }
}

impl MailHosts {
    /// Hosts that nobody was asked for.
    fn given(hosts: Vec<MailHost>) -> Self {
        Self { hosts, mx: None }
    }

    /// Hosts that DNS named.
    fn found(hosts: Vec<MailHost>, mx: MxAnswer) -> Self {
        Self {
            hosts,
            mx: Some(mx),
        }
    }
}

impl Unreachable {
    /// X.4.6: routing loop detected (RFC 3463 §3.5).
    pub(crate) const LOOP: EnhancedStatusCode = EnhancedStatusCode::permanent(4, 6);

    /// X.4.3: directory server failure (RFC 3463 §3.5).
    pub(crate) const NOT_KNOWN: EnhancedStatusCode = EnhancedStatusCode::transient(4, 3);

    /// What we say.
    pub(crate) fn new(status: EnhancedStatusCode, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
            said_by: SaidBy::Ourselves,
        }
    }

    /// The same as what follows from an answer of DNS.
    fn by_dns(self, proof: DnsProof, received: Option<Instant>) -> Self {
        let said_by = SaidBy::Dns { proof, received };
        Self { said_by, ..self }
    }

    /// The same of a host that was named by an answer which is proven so well.
    fn of_host(self, named_by: Provenance) -> Self {
        let said_by = match (self.said_by, named_by) {
            (SaidBy::Dns { proof, received }, Provenance::Dns(mx)) => SaidBy::Dns {
                proof: proof.min(mx),
                received,
            },
            (said_by, Provenance::Configured | Provenance::Literal | Provenance::Dns(_)) => said_by,
        };
        Self { said_by, ..self }
    }

    /// When it was found out, for all we know.
    pub(crate) fn found_out(&self, now: SystemTime) -> SystemTime {
        let SaidBy::Dns {
            received: Some(received),
            ..
        } = self.said_by
        else {
            return now;
        };
        now.checked_sub(received.elapsed()).unwrap_or(now)
    }

    /// Whether anybody on the way to our name server may have made it up.
    pub(crate) fn may_be_forged(&self) -> bool {
        match self.said_by {
            SaidBy::Ourselves => false,
            SaidBy::Dns { proof, .. } => proof != DnsProof::Secure,
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
) -> Result<MailHosts, Unreachable> {
    if !fixed.is_empty() {
        let configured = |next_hop: &NextHop| MailHost {
            next_hop: next_hop.clone(),
            provenance: Provenance::Configured,
        };
        return Ok(MailHosts::given(fixed.iter().map(configured).collect()));
    }
    match destination {
        Host::Literal(_) => {
            let next_hop = NextHop::new(destination.clone(), surroundings.mx_port);
            Ok(MailHosts::given(vec![MailHost {
                next_hop,
                provenance: Provenance::Literal,
            }]))
        }
        Host::Domain(domain) => mx::hosts(domain, surroundings).await,
    }
}
