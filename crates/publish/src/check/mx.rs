//! Where mail for a domain goes, and whether our hosts are there (RFC 5321 §5.1).

use std::collections::BTreeSet;

use postern_dns::{Answer, Mx, Name, Proof};
use postern_mail::{Domain, Host};
use postern_policy::{HostRule, Provenance, StsMode, StsPolicy};

use super::{Findings, Look, there};
use crate::{OurDomain, RecordKind, Severity, records::name_of};

pub(super) async fn check(look: &Look<'_>, domain: &OurDomain) -> Findings {
    let mut findings = Findings::default();
    let Some(owner) = name_of(&domain.name) else {
        return findings;
    };
    match there(look.dns.mx(&owner).await) {
        Err(failure) => findings.at(&owner, RecordKind::Mx).unknown(&failure),
        Ok(None) => findings.at(&owner, RecordKind::Mx).broken(
            "there is no MX record, so mail goes to the address of the domain, if it has one",
            format!("publish MX 10 {}", look.facts.hostname),
        ),
        Ok(Some(answer)) => {
            compare(look, domain, &owner, &answer, &mut findings);
            signed(&owner, answer.proof, &mut findings);
        }
    }
    findings
}

fn compare(
    look: &Look<'_>,
    domain: &OurDomain,
    owner: &Name,
    answer: &Answer<Mx>,
    findings: &mut Findings,
) {
    let mut at = findings.at(owner, RecordKind::Mx);
    let published: BTreeSet<_> = answer.records.iter().map(|it| &it.exchange).collect();
    if published.iter().any(|it| it.is_root()) {
        at.broken(
            "the MX record says that the domain takes no mail (RFC 7505)",
            format!("publish MX 10 {} in its place", look.facts.hostname),
        );
        return;
    }
    let ours: BTreeSet<_> = look.facts.hosts.iter().filter_map(name_of).collect();
    let (here, missing): (Vec<_>, Vec<_>) = ours.iter().partition(|it| published.contains(it));
    if here.is_empty() {
        at.weak(
            format!("no MX record names us; mail goes to {}", list(&published)),
            format!(
                "publish MX 10 {}, unless that is meant",
                look.facts.hostname
            ),
        );
    } else {
        at.fine(format!("mail goes to {}", list(&published)));
        for host in missing {
            let right = format!("publish MX 10 {host}, unless that is meant");
            at.note(format!("no MX record names {host}"), right);
        }
    }
    if let Some(policy) = &domain.sts {
        for host in &published {
            covered(policy, host, &mut at);
        }
    }
}

/// RFC 8461 §4.1: a host that the policy does not list is not delivered to.
fn covered(policy: &StsPolicy, host: &Name, at: &mut super::At<'_>) {
    let rule = HostRule::among(policy.mx().iter().cloned());
    let host: Option<Domain> = host.to_string().parse().ok();
    let Some(host) = host.filter(|_| policy.mode() != StsMode::None) else {
        return;
    };
    if !rule.admits(&Host::Domain(host.clone()), Provenance::Configured) {
        at.found(
            severity_of(policy),
            format!("our MTA-STS policy does not list {host}"),
            format!("add {host} to mta-sts.mx, or take it out of the MX records"),
        );
    }
}

/// How bad it is to fail a policy.
pub(super) fn severity_of(policy: &StsPolicy) -> Severity {
    match policy.mode() {
        StsMode::Enforce => Severity::Broken,
        StsMode::Testing | StsMode::None => Severity::Weak,
    }
}

fn signed(owner: &Name, proof: Proof, findings: &mut Findings) {
    let mut at = findings.at(owner, RecordKind::Mx);
    match proof {
        Proof::Secure => at.fine("the zone is signed, and the signatures hold"),
        Proof::Insecure => at.note(
            "the zone is not signed: nobody can rely on what it says, and DANE is not to be had",
            "have the zone signed with DNSSEC",
        ),
        Proof::Indeterminate => at.note(
            "whether the zone is signed was not checked",
            "set dns.dnssec to \"validate\"",
        ),
    }
}

/// The hosts themselves: their addresses, and certificates for their names.
pub(super) async fn check_hosts(look: &Look<'_>) -> Findings {
    let mut findings = Findings::default();
    for host in &look.facts.hosts {
        if let Some(owner) = name_of(host) {
            address(look, host, &owner, &mut findings).await;
            certificate(look, host, &owner, &mut findings);
        }
    }
    findings
}

async fn address(look: &Look<'_>, host: &Domain, owner: &Name, findings: &mut Findings) {
    let answer = there(look.dns.addresses(owner).await.combined());
    let mut at = findings.at(owner, RecordKind::A);
    let answer = match answer {
        Err(failure) => return at.unknown(&failure),
        Ok(None) => {
            let right = "publish its addresses as A and AAAA";
            return at.broken(format!("{host} has no address"), right);
        }
        Ok(Some(answer)) => answer,
    };
    if !answer.aliases.is_empty() {
        at.weak(
            format!(
                "{host} is an alias of {}, which no MX may name",
                answer.canonical
            ),
            "publish its addresses as A and AAAA (RFC 2181 §10.3)",
        );
    }
    let ours = &look.facts.addresses;
    let strangers = answer.records.iter().filter(|it| !ours.contains(it));
    let strangers: Vec<_> = strangers.collect();
    if *host == look.facts.hostname && !ours.is_empty() && !strangers.is_empty() {
        let right = "add it to publish.addresses, or take it out of the zone";
        at.note(format!("{host} is at {} too", list(&strangers)), right);
    } else {
        at.fine(format!("{host} is at {}", list(&answer.records)));
    }
}

/// Those who verify by names, for MTA-STS or a rule of their own, find none.
fn certificate(look: &Look<'_>, host: &Domain, owner: &Name, findings: &mut Findings) {
    let mut at = findings.at(owner, RecordKind::A);
    let names: Vec<_> = look.facts.named_for(host).map(|it| &it.name).collect();
    if !names.is_empty() {
        at.fine(format!("certificate for {host}: {}", list(&names)));
    } else if *host == look.facts.hostname {
        at.weak(
            format!("no certificate of ours is for {host}"),
            format!("get one: postern csr --key FILE --name {host}"),
        );
    }
}

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items.into_iter().map(|it| it.to_string()).collect();
    items.join(", ")
}
