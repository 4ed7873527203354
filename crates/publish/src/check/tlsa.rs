//! Keys of our hosts (RFC 6698, RFC 7672): of all records the most dangerous ones to get wrong,
//! since senders that verify them do not deliver to a host that shows another key.

use postern_dns::{Answer, Proof, Tlsa};
use postern_mail::Domain;
use postern_tls::{TlsaRecord, TlsaSet};

use super::{At, Findings, Look, there};
use crate::{
    Facts, OurCertificate, RecordKind,
    records::{
        hosts::{SMTP, Time, keys},
        name_of,
    },
};

/// DANE-TA(2), which speaks of an authority in the chain.
const DANE_TA: u8 = 2;

pub(super) async fn check(look: &Look<'_>) -> Findings {
    let mut findings = Findings::default();
    for host in &look.facts.hosts {
        let ours = look.facts.is_served_here(host) && !look.facts.certificates.is_empty();
        let owner = name_of(host).and_then(|it| it.tlsa_owner(SMTP).ok());
        let Some(owner) = owner.filter(|_| ours) else {
            continue;
        };
        let answer = look.dns.tlsa(&owner).await;
        let absent = answer.as_ref().err().and_then(|error| error.proof());
        let answer = there(answer);
        let mut at = findings.at(&owner, RecordKind::Tlsa);
        match answer {
            Err(failure) => at.unknown(&failure),
            Ok(None) => missing(look.facts, host, absent, &mut at),
            Ok(Some(answer)) => judge(look.facts, host, answer, &mut at),
        }
    }
    findings
}

fn missing(facts: &Facts, host: &Domain, proof: Option<Proof>, at: &mut At<'_>) {
    if proof != Some(Proof::Secure) {
        return at.fine(format!(
            "no keys of {host}, which without DNSSEC nobody would believe"
        ));
    }
    let wanted = keys(facts, host).into_iter();
    let wanted: Vec<_> = wanted
        .map(|(key, _, _)| TlsaRecord::of_key(key).to_string())
        .collect();
    at.weak(
        format!("the zone of {host} is signed and has no keys of it: DANE is not to be had"),
        format!("publish TLSA {}", wanted.join(", and ")),
    );
}

fn judge(facts: &Facts, host: &Domain, answer: Answer<Tlsa>, at: &mut At<'_>) {
    if answer.proof != Proof::Secure {
        at.weak(
            format!("there are keys of {host} in a zone without DNSSEC: they count for nothing"),
            "have the zone signed, or take them out",
        );
    }
    let set: TlsaSet = answer
        .records
        .into_iter()
        .map(|it| TlsaRecord {
            usage: it.usage,
            selector: it.selector,
            matching: it.matching,
            association: it.association,
        })
        .collect();
    for (record, fault) in set.unusable() {
        at.weak(format!("{record} cannot be used: {fault}"), "take it out");
    }
    if set.is_usable() {
        shown_keys(facts, host, &set, at);
        coming_keys(facts, host, &set, at);
        stale(facts, host, &set, at);
    }
}

/// Every certificate that may be shown has to be vouched for, not only one of them.
fn shown_keys(facts: &Facts, host: &Domain, set: &TlsaSet, at: &mut At<'_>) {
    for certificate in facts.certificates_for(host) {
        let name = &certificate.name;
        if set.usable().any(|record| vouches(record, certificate)) {
            at.fine(format!("the key of certificate {name} is there"));
        } else {
            at.broken(
                format!(
                    "no record speaks of the key of certificate {name}: senders that verify DANE \
                     do not deliver"
                ),
                format!("publish TLSA {}", TlsaRecord::of_key(certificate.key)),
            );
        }
    }
}

fn vouches(record: &TlsaRecord, certificate: &OurCertificate) -> bool {
    let mut chain = certificate.chain.iter();
    if record.usage == DANE_TA {
        return chain.any(|it| record.speaks_of(it));
    }
    *record == TlsaRecord::of_key(certificate.key)
        || chain.next().is_some_and(|leaf| record.speaks_of(leaf))
}

fn coming_keys(facts: &Facts, host: &Domain, set: &TlsaSet, at: &mut At<'_>) {
    for (key, name, time) in keys(facts, host) {
        let wanted = TlsaRecord::of_key(key);
        // A record of an authority vouches for the next key as for this one.
        let vouched = set.usable().any(|it| it.usage == DANE_TA || *it == wanted);
        match (time, vouched) {
            (Time::Now, _) => {}
            (Time::Next, true) => at.fine(format!("the next key of certificate {name} is there")),
            (Time::Next, false) => at.weak(
                format!("the next key of certificate {name} is not there yet"),
                format!("publish TLSA {wanted} beside the others, before the key is used"),
            ),
        }
    }
}

/// What speaks of no key of ours is left over, or of a key that somebody else holds.
fn stale(facts: &Facts, host: &Domain, set: &TlsaSet, at: &mut At<'_>) {
    let coming = keys(facts, host).into_iter();
    let coming: Vec<_> = coming.map(|(key, _, _)| TlsaRecord::of_key(key)).collect();
    for record in set.usable() {
        let mut certificates = facts.certificates.iter();
        let known = coming.contains(record) || certificates.any(|it| vouches(record, it));
        if !known {
            at.note(
                format!("{record} speaks of no key of ours"),
                "take it out, unless another host shares the name",
            );
        }
    }
}
