//! The MX hosts of a domain (RFC 5321 §5.1, RFC 7505).

use postern_dns::{Answer, LookupError, Mx, Name, Proof};
use postern_mail::{Domain, EnhancedStatusCode, Host, NextHop};
use postern_policy::{DnsProof, Provenance};

use super::{MailHost, MailHosts, MxAnswer, Surroundings, Unreachable};

/// The most MX hosts that are tried for one domain. RFC 5321 §5.1 lets a client bound this; ten
/// is twice what the largest mail providers publish.
const MOST_HOSTS: usize = 10;

/// The hosts that take mail for `domain`.
pub(super) async fn hosts(
    domain: &Domain,
    surroundings: &Surroundings<'_>,
) -> Result<MailHosts, Unreachable> {
    let name: Name = domain.as_str().parse().map_err(|error| {
        Unreachable::new(
            EnhancedStatusCode::permanent(1, 2),
            format!("{domain}: {error}"),
        )
    })?;
    match surroundings.dns.mx(&name).await {
        Ok(answer) => {
            let mx = MxAnswer {
                implicit: false,
                proof: dns_proof(answer.proof),
                received: answer.received,
                valid_until: Some(answer.valid_until),
            };
            let hosts = sort(domain, answer, surroundings);
            let hosts = hosts.map_err(|nowhere| nowhere.by_dns(mx.proof, mx.received))?;
            Ok(MailHosts::found(hosts, mx))
        }
        // Implicit MX: a domain without MX records is its own host (RFC 5321 §5.1). It is as
        // well proven as the denial.
        Err(LookupError::NoData(denial)) => {
            let mx = MxAnswer {
                implicit: true,
                proof: dns_proof(denial.proof),
                received: denial.received,
                valid_until: None,
            };
            let host = host_of(domain.clone(), mx.proof, surroundings.mx_port);
            Ok(MailHosts::found(vec![host], mx))
        }
        Err(ref error @ LookupError::NoSuchDomain(ref denial)) => {
            let status = EnhancedStatusCode::permanent(1, 2);
            let nowhere = Unreachable::new(status, error.to_string());
            Err(nowhere.by_dns(dns_proof(denial.proof), denial.received))
        }
        // Not knowing the MX records is never "no MX" (RFC 5321 §5.1, RFC 7672 §2.1.2).
        Err(error @ LookupError::Temporary(_)) => Err(Unreachable::new(
            Unreachable::NOT_KNOWN,
            format!("the MX records of {domain} could not be found out: {error}"),
        )),
    }
}

fn host_of(domain: Domain, proof: DnsProof, port: u16) -> MailHost {
    MailHost {
        next_hop: NextHop::new(Host::Domain(domain), port),
        provenance: Provenance::Dns(proof),
    }
}

/// How well an answer is proven, as the policy says it.
pub(super) fn dns_proof(proof: Proof) -> DnsProof {
    match proof {
        Proof::Indeterminate => DnsProof::Indeterminate,
        Proof::Insecure => DnsProof::Insecure,
        Proof::Secure => DnsProof::Secure,
    }
}

/// Orders MX hosts by preference, at random where it is equal, and leaves out ourselves with
/// everything that is not preferred to us, which would be a loop (RFC 5321 §5.1). The root as
/// the only host means that there is none (RFC 7505 §3).
fn sort(
    domain: &Domain,
    answer: Answer<Mx>,
    surroundings: &Surroundings<'_>,
) -> Result<Vec<MailHost>, Unreachable> {
    let (proof, hostname) = (dns_proof(answer.proof), surroundings.hostname);
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
        .map(|(_, host)| host_of(host, proof, surroundings.mx_port))
        .collect())
}

/// The exchange of an MX record as a domain; nothing for the root and for names that are no
/// host names.
fn domain_of(exchange: &Name) -> Option<Domain> {
    exchange.to_string().parse().ok()
}
