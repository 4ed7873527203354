//! What our addresses are called, and whether the names lead back: many refuse mail from an
//! address without such a pair (RFC 8601 §2.7.3, `iprev`).

use std::{collections::BTreeSet, net::IpAddr};

use postern_dns::{Answer, Name};

use super::{At, Findings, Look, there};
use crate::{
    RecordKind,
    records::{name_of, texts::is_address},
};

/// The most names of one address that are followed.
const MOST_NAMES: usize = 10;

pub(super) async fn check(look: &Look<'_>) -> Findings {
    let mut findings = Findings::default();
    for address in addresses(look) {
        let answer = there(look.dns.ptr(address).await);
        let owner = Name::reverse(address);
        let mut at = findings.at(&owner, RecordKind::Ptr);
        match answer {
            Err(failure) => at.unknown(&failure),
            Ok(None) => at.broken(
                format!("{address} has no name, and many refuse mail from such addresses"),
                format!(
                    "have whoever gave you the address publish PTR {}",
                    look.facts.hostname
                ),
            ),
            Ok(Some(answer)) => names(look, address, &answer, &mut at).await,
        }
    }
    findings
}

/// The addresses that we know one by one. Those that others of ours have may be called anything.
fn addresses(look: &Look<'_>) -> BTreeSet<IpAddr> {
    let senders = look.senders.iter().filter(|it| is_address(it));
    let own = look.facts.addresses.iter().copied();
    own.chain(senders.map(|it| it.address())).collect()
}

async fn names(look: &Look<'_>, address: IpAddr, answer: &Answer<Name>, at: &mut At<'_>) {
    let mut confirmed = Vec::new();
    for name in answer.records.iter().take(MOST_NAMES) {
        match there(look.dns.addresses(name).await.combined()) {
            Err(failure) => return at.unknown(&failure),
            Ok(Some(found)) if found.records.contains(&address) => confirmed.push(name),
            Ok(Some(_) | None) => {}
        }
    }
    let called = answer.records.iter().take(MOST_NAMES);
    let called: Vec<_> = called.map(Name::to_string).collect();
    let called = called.join(", ");
    if confirmed.is_empty() {
        at.broken(
            format!("{address} is called {called}, which does not lead back to it"),
            format!(
                "publish the address at that name, or have PTR {}",
                look.facts.hostname
            ),
        );
    } else if look.facts.addresses.contains(&address)
        && name_of(&look.facts.hostname).is_some_and(|it| !confirmed.contains(&&it))
    {
        at.weak(
            format!(
                "{address} is called {called}, and we greet as {}",
                look.facts.hostname
            ),
            format!(
                "have whoever gave you the address publish PTR {}",
                look.facts.hostname
            ),
        );
    } else {
        at.fine(format!(
            "{address} is called {called}, which leads back to it"
        ));
    }
}
