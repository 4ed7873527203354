//! What DNS says of the TLS of a host: its TLSA records (RFC 7672 §2.2).
//!
//! Records are asked for only where everything that led to the host is proven: the MX answer,
//! or the denial of one (§2.2.1), and the addresses (§2.2.2). What cannot be found out is not
//! the same as nothing: it keeps mail waiting (§2.1.2).

use std::{sync::Arc, time::Instant};

use postern_dns::{Dns, LookupError, Name, Proof};
use postern_mail::{Domain, Host};
use postern_policy::{DaneFacts, DaneRecords, DnsProof, Provenance};
use postern_tls::{TlsaRecord, TlsaSet};

use crate::host::{AddressAnswer, Located, MailHost, NotLocated, SHORTEST_VALIDITY};

/// Whether TLSA records matter where the operator fixed the next hop. Where MX records name it
/// they always do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtConfiguredHops {
    /// They do: a partner's rule demands them.
    Asked,
    /// They do not: the operator said where mail goes and what it must meet.
    NotAsked,
}

/// What is known, and until when it counts; nothing where nobody was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gathered {
    pub(crate) facts: DaneFacts,
    pub(crate) valid_until: Option<Instant>,
}

impl Gathered {
    fn not_applicable(reason: impl Into<Arc<str>>) -> Self {
        Self {
            facts: DaneFacts::NotApplicable(reason.into()),
            valid_until: None,
        }
    }
}

/// Gathers the facts about `host`, which was looked for and found there or not.
pub(crate) async fn gather(
    host: &MailHost,
    located: Result<&Located, &NotLocated>,
    at_configured_hops: AtConfiguredHops,
    dns: &dyn Dns,
) -> Gathered {
    let Host::Domain(name) = host.next_hop.host() else {
        return Gathered::not_applicable("the next hop is an address");
    };
    match (host.provenance, at_configured_hops) {
        (Provenance::Configured, AtConfiguredHops::NotAsked) => {
            return Gathered::not_applicable("the next hop is configured");
        }
        (Provenance::Literal, _) => {
            return Gathered::not_applicable("the next hop is an address");
        }
        (Provenance::Dns(proof @ (DnsProof::Indeterminate | DnsProof::Insecure)), _) => {
            return Gathered::not_applicable(format!("the MX answer is {proof}"));
        }
        (Provenance::Dns(DnsProof::Secure), _)
        | (Provenance::Configured, AtConfiguredHops::Asked) => {}
    }
    let answer = match located {
        Ok(located) => located.answer.as_ref(),
        Err(not_located) if not_located.is_unknown() => {
            return Gathered {
                facts: DaneFacts::Unknown(not_located.unreachable.text.as_str().into()),
                valid_until: None,
            };
        }
        Err(_there_is_nothing_to_dial) => None,
    };
    let Some(answer) = answer else {
        return Gathered::not_applicable("the host has no address to be dialled at");
    };
    match bases(name, answer) {
        Ok(bases) => ask(&bases, host.next_hop.port(), dns).await,
        Err(reason) => Gathered::not_applicable(reason),
    }
}

/// The TLSA base domains in the order in which they are asked for (RFC 7672 §2.2.2, §2.2.3).
///
/// Where the whole chain of aliases is secure that is the name it leads to, and then the name
/// itself. Where it becomes insecure behind a first alias that is secure, the name itself is
/// still in a signed zone and may have records; nothing is asked at an insecure name. Everything
/// else is no matter for DANE.
fn bases(name: &Domain, answer: &AddressAnswer) -> Result<Vec<Domain>, String> {
    let first_step = answer.aliases.first().map(|alias| alias.proof);
    match (answer.proof, first_step) {
        (DnsProof::Secure, _) => {
            let expanded = answer.canonical.to_string().parse::<Domain>().ok();
            let expanded = expanded.filter(|expanded| expanded != name);
            Ok(expanded.into_iter().chain([name.clone()]).collect())
        }
        (_, Some(Proof::Secure)) => Ok(vec![name.clone()]),
        (proof, Some(_)) => Err(format!("the alias {name} or its addresses are {proof}")),
        (proof, None) => Err(format!("the addresses of {name} are {proof}")),
    }
}

/// Asks at one base domain after the other, until one has records or cannot say.
async fn ask(bases: &[Domain], port: u16, dns: &dyn Dns) -> Gathered {
    let mut last = Gathered::not_applicable("there is no name to ask at");
    for base in bases {
        last = ask_at(base, port, dns).await;
        if matches!(last.facts, DaneFacts::Records(_) | DaneFacts::Unknown(_)) {
            break;
        }
    }
    last
}

async fn ask_at(base: &Domain, port: u16, dns: &dyn Dns) -> Gathered {
    let owner = base.as_str().parse::<Name>();
    // Where there is no room for the name of TLSA records, there are none.
    let Some(owner) = owner.ok().and_then(|name| name.tlsa_owner(port).ok()) else {
        return Gathered {
            facts: DaneFacts::Absent,
            valid_until: None,
        };
    };
    match dns.tlsa(&owner).await {
        Ok(answer) => Gathered {
            facts: match answer.proof {
                Proof::Secure => DaneFacts::Records(DaneRecords {
                    base: base.clone(),
                    records: TlsaSet::new(answer.records.into_iter().map(record)),
                }),
                proof => insecure(base, proof),
            },
            valid_until: Some(answer.valid_until),
        },
        Err(LookupError::NoSuchDomain(denial) | LookupError::NoData(denial)) => Gathered {
            facts: match denial.proof {
                Proof::Secure => DaneFacts::Absent,
                proof => insecure(base, proof),
            },
            valid_until: Some(Instant::now() + SHORTEST_VALIDITY),
        },
        Err(LookupError::Temporary(failure)) => {
            let reason = format!("the TLSA records of {base} could not be found out: {failure}");
            Gathered {
                facts: DaneFacts::Unknown(reason.into()),
                valid_until: None,
            }
        }
    }
}

fn insecure(base: &Domain, proof: Proof) -> DaneFacts {
    DaneFacts::NotApplicable(format!("the TLSA answer for {base} is {proof}").into())
}

fn record(tlsa: postern_dns::Tlsa) -> TlsaRecord {
    TlsaRecord {
        usage: tlsa.usage,
        selector: tlsa.selector,
        matching: tlsa.matching,
        association: tlsa.association,
    }
}

#[cfg(test)]
mod tests;
