//! The DMARC policy (RFC 9989): whether there is one, asks for something, and reports come back.

use postern_dns::{Failure, Name};
use postern_mail::{Domain, Mailbox};

use super::{At, Findings, Look, below, publish, shown};
use crate::{
    OurDomain, RecordKind,
    records::texts,
    tags::{Tags, has_version},
};

/// The most names of one tree walk (RFC 9989 §4.10).
const MOST_STEPS: usize = 8;

/// The most places for reports that are looked into.
const MOST_PLACES: usize = 10;

pub(super) async fn check(look: &Look<'_>, domain: &OurDomain) -> Findings {
    let mut findings = Findings::default();
    let Some(owner) = below("_dmarc", &domain.name) else {
        return findings;
    };
    let records = records(look, &owner).await;
    let mut at = findings.at(&owner, RecordKind::Txt);
    let wanted = texts::dmarc(look.facts);
    match records.as_deref() {
        Err(failure) => at.unknown(failure),
        Ok([]) => match inherited(look, &domain.name).await {
            Ok(Some(above)) => at.note(
                format!("there is no DMARC record; that of {above} counts, with its sp="),
                publish(&wanted),
            ),
            Ok(None) => at.weak(
                "there is no DMARC record: anybody can write as the domain",
                publish(&wanted),
            ),
            Err(failure) => at.unknown(&failure),
        },
        Ok([text]) => {
            let places = judge(text, &wanted, &mut at);
            for place in places.into_iter().take(MOST_PLACES) {
                agreement(look, &domain.name, &place, &mut findings).await;
            }
        }
        Ok(_) => at.weak(
            "there are several DMARC records, so none of them counts",
            "leave one of them",
        ),
    }
    findings
}

async fn records(look: &Look<'_>, owner: &Name) -> Result<Vec<Vec<u8>>, Failure> {
    look.texts(owner, |text| has_version(text, "DMARC1")).await
}

/// The nearest domain above with a record.
async fn inherited(look: &Look<'_>, domain: &Domain) -> Result<Option<Domain>, Failure> {
    let mut above = domain.parent();
    for _ in 1..MOST_STEPS {
        let Some(here) = above else { break };
        if let Some(owner) = below("_dmarc", &here)
            && records(look, &owner).await?.len() == 1
        {
            return Ok(Some(here));
        }
        above = here.parent();
    }
    Ok(None)
}

/// Judges a record, and tells to which domains it has reports sent.
fn judge(text: &[u8], wanted: &str, at: &mut At<'_>) -> Vec<Domain> {
    let tags = match Tags::parse(text) {
        Ok(tags) => tags,
        Err(error) => {
            at.weak(
                format!("the DMARC record cannot be read: {error}"),
                publish(wanted),
            );
            return Vec::new();
        }
    };
    policy(&tags, text, at);
    if text != wanted.as_bytes() {
        at.note(
            "the record is not the one of this configuration",
            publish(wanted),
        );
    }
    reports(&tags, at)
}

fn policy(tags: &Tags<'_>, text: &[u8], at: &mut At<'_>) {
    let strength = |name: &str| tags.value(name).map(str::to_ascii_lowercase);
    match strength("p").as_deref() {
        Some("quarantine" | "reject") => at.fine(shown(text)),
        Some("none") => at.weak(
            "p=none asks nothing of receivers: forged mail is delivered",
            "once the reports show that all own mail passes, ask for quarantine, then for reject",
        ),
        Some(_) | None => at.weak(
            "there is no usable p=, so that the policy counts as none",
            "write p=none, p=quarantine or p=reject",
        ),
    }
    let is_weaker = |name: &str| strength(name).as_deref() == Some("none");
    if !is_weaker("p") && is_weaker("sp") {
        at.weak(
            "sp=none asks nothing for names below the domain",
            "take sp= out, or ask for the same as p=",
        );
    }
    if strength("t").as_deref() == Some("y") {
        at.weak(
            "t=y says that the policy is a test: receivers do one step less than it asks",
            "take t=y out once the reports are good",
        );
    }
    for name in ["pct", "rf", "ri"] {
        if tags.value(name).is_some() {
            let right = format!("take {name}= out (RFC 9989 has no such tag)");
            at.note(format!("{name}= means nothing any more"), right);
        }
    }
}

/// The domains that aggregate reports go to.
fn reports(tags: &Tags<'_>, at: &mut At<'_>) -> Vec<Domain> {
    let Some(list) = tags.value("rua") else {
        at.weak(
            "there is no rua=, so nobody tells how mail of the domain fares",
            "add rua=mailto: with an address that is read, or that reports.receive names",
        );
        return Vec::new();
    };
    let mut domains = Vec::new();
    for uri in list.split(',').map(str::trim) {
        match mailbox(uri).as_ref().and_then(Mailbox::domain) {
            Some(domain) if !domains.contains(domain) => domains.push(domain.clone()),
            Some(_) => {}
            None => at.weak(
                format!("no report can be sent to {}", shown(uri.as_bytes())),
                "write mailto: and an address",
            ),
        }
    }
    domains
}

/// The address of a `mailto:` URI. Octets written as numbers stay as they are: what counts here
/// is the domain.
pub(super) fn mailbox(uri: &str) -> Option<Mailbox> {
    let scheme = uri.get(..7)?;
    let address = uri.get(7..)?;
    let address = address.split(['?', '!']).next()?;
    scheme
        .eq_ignore_ascii_case("mailto:")
        .then(|| address.parse().ok())?
}

/// RFC 9990 §4: reports go to another organisation only where that says it wants them.
async fn agreement(look: &Look<'_>, domain: &Domain, place: &Domain, findings: &mut Findings) {
    if !texts::is_elsewhere(place, domain) {
        return;
    }
    let Some(owner) = below(&format!("{domain}._report._dmarc"), place) else {
        return;
    };
    let agreed = records(look, &owner).await;
    let mut at = findings.at(&owner, RecordKind::Txt);
    match agreed.as_deref() {
        Err(failure) => at.unknown(failure),
        Ok([]) => at.weak(
            format!("{place} does not say that it takes reports about {domain}: none are sent"),
            format!("have {place} publish \"v=DMARC1;\" there, or send them elsewhere"),
        ),
        Ok(_) => at.fine(format!("{place} takes the reports about {domain}")),
    }
}
