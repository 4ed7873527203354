//! Who may certify our hosts (RFC 8659): records that shut out the authority we use are noticed
//! when the certificate cannot be renewed, which is late.

use postern_dns::{Caa, Failure, Name};
use postern_mail::Domain;

use super::{At, Findings, Look, shown, there};
use crate::{RecordKind, records::name_of};

/// The tags of RFC 8659 §4 and the one of RFC 9495; an authority that does not know a critical one
/// may not issue.
const KNOWN: [&str; 7] = [
    "issue",
    "issuewild",
    "iodef",
    "issuemail",
    "contactemail",
    "contactphone",
    "issuevmc",
];

pub(super) async fn check(look: &Look<'_>) -> Findings {
    let mut findings = Findings::default();
    let mut hosts: Vec<&Domain> = look.facts.hosts.iter().collect();
    if !hosts.contains(&&look.facts.hostname) {
        hosts.push(&look.facts.hostname);
    }
    for host in hosts {
        let ours = look.facts.is_served_here(host);
        if let Some(owner) = name_of(host).filter(|_| ours) {
            let found = relevant(look, &owner).await;
            judge(look, host, &owner, found, &mut findings);
        }
    }
    findings
}

/// The records that count for a name: its own, or those of the nearest name above that has some
/// (RFC 8659 §3).
async fn relevant(look: &Look<'_>, name: &Name) -> Result<Option<(Name, Vec<Caa>)>, Failure> {
    let mut here = name.clone();
    while !here.is_root() {
        if let Some(answer) = there(look.dns.caa(&here).await)? {
            return Ok(Some((here, answer.records)));
        }
        here = here.parent();
    }
    Ok(None)
}

fn judge(
    look: &Look<'_>,
    host: &Domain,
    owner: &Name,
    found: Result<Option<(Name, Vec<Caa>)>, Failure>,
    findings: &mut Findings,
) {
    let mut at = findings.at(owner, RecordKind::Caa);
    let wanted = &look.facts.caa;
    match found {
        Err(failure) => at.unknown(&failure),
        Ok(None) => at.note(
            format!("any authority may certify {host}"),
            match wanted.first() {
                Some(authority) => format!("publish CAA 0 issue {authority:?}"),
                None => "name the authorities you use in publish.caa".to_owned(),
            },
        ),
        Ok(Some((place, records))) => compare(wanted, host, &place, &records, &mut at),
    }
}

fn compare(wanted: &[String], host: &Domain, place: &Name, records: &[Caa], at: &mut At<'_>) {
    for odd in records
        .iter()
        .filter(|it| it.critical && !KNOWN.contains(&it.tag.as_str()))
    {
        let tag = shown(odd.tag.as_bytes());
        at.weak(
            format!("the critical property {tag} at {place} is unknown, so nobody may certify"),
            "take it out",
        );
    }
    let issuers = records.iter().filter(|it| it.tag == "issue");
    let issuers: Vec<_> = issuers.map(|it| authority(&it.value)).collect();
    if issuers.is_empty() {
        return at.note(
            format!("CAA at {place} does not say who may certify {host}"),
            "publish CAA 0 issue with the authority you use",
        );
    }
    let shut_out = |it: &&String| {
        !issuers
            .iter()
            .any(|issuer| issuer.eq_ignore_ascii_case(&authority(it.as_bytes())))
    };
    let shut_out: Vec<_> = wanted.iter().filter(shut_out).collect();
    for authority in &shut_out {
        at.weak(
            format!("CAA at {place} keeps {authority} from certifying {host}: renewal will fail"),
            format!("publish CAA 0 issue {authority:?} at {host}, or change publish.caa"),
        );
    }
    if shut_out.is_empty() {
        let issuers = issuers
            .iter()
            .map(|it| if it.is_empty() { "nobody" } else { it });
        let issuers: Vec<_> = issuers.collect();
        at.fine(format!(
            "CAA at {place}: {} may certify {host}",
            issuers.join(", ")
        ));
    }
}

/// The authority of an `issue` property, without its parameters; empty for nobody.
fn authority(value: &[u8]) -> String {
    let value = shown(value);
    let name = value.split(';').next().unwrap_or_default();
    name.trim().to_owned()
}
