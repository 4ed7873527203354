//! Who may send, as the published record says it (RFC 7208): whether it can be evaluated at all,
//! within its bounds, and whether it says yes to our addresses.
//!
//! The record is read with all that it leads to, once, and then held against each address. What
//! depends on the message (macros, `exists`, `ptr`) is not guessed: an answer that may hang on it
//! is not known.

mod record;
mod walk;

use postern_dns::Name;

use self::{
    record::{Qualifier, Record, Said},
    walk::{Trouble, Walk},
};
use super::{At, Findings, Look, publish};
use crate::{
    OurDomain, RecordKind,
    records::{name_of, texts},
};

pub use self::walk::MOST_SPF_LOOKUPS;

/// The most terms that may cause look-ups, and the most of those without an answer
/// (RFC 7208 §4.6.4).
const ALLOWED: usize = 10;
const ALLOWED_VOID: usize = 2;

pub(super) async fn check(look: &Look<'_>, domain: &OurDomain) -> Findings {
    let mut findings = Findings::default();
    if let Some(owner) = name_of(&domain.name) {
        let mut at = findings.at(&owner, RecordKind::Txt);
        let wanted = publish(&texts::spf(look.facts));
        match found(look, &owner).await {
            Found::None => at.weak(
                "there is no SPF record: anybody can send as the domain",
                wanted,
            ),
            Found::Wrong(wrong) => at.broken(wrong, wanted),
            Found::Unknown(why) => at.unclear(why),
            Found::Record(record, walk) => judge(look, &record, &walk, &wanted, &mut at),
        }
    }
    findings
}

/// SPF of the name that we greet with: notifications have no other sender (RFC 7208 §2.3).
pub(super) async fn check_host(look: &Look<'_>) -> Findings {
    let mut findings = Findings::default();
    if let Some(owner) = name_of(&look.facts.hostname) {
        let mut at = findings.at(&owner, RecordKind::Txt);
        let wanted = publish(texts::SPF_OF_HOST);
        match found(look, &owner).await {
            Found::None => at.note(
                "there is no SPF record for the name that we greet with",
                wanted,
            ),
            Found::Wrong(wrong) => at.broken(wrong, wanted),
            Found::Unknown(why) => at.unclear(why),
            Found::Record(record, _) => of_host(look, &record, &wanted, &mut at),
        }
    }
    findings
}

/// Whether mail of this very host passes under its name.
fn of_host(look: &Look<'_>, record: &Record, wanted: &str, at: &mut At<'_>) {
    let mut ours = look.facts.addresses.iter();
    match ours.find(|it| record.says_of(**it) == Said::Sure(Qualifier::Fail)) {
        Some(address) => at.broken(format!("mail from {address} gets `fail`"), wanted),
        None => at.fine("there is an SPF record for the name that we greet with"),
    }
}

enum Found<'a> {
    None,
    Record(Record, Walk<'a>),
    /// Whoever evaluates it gets a permerror.
    Wrong(String),
    Unknown(String),
}

async fn found<'a>(look: &Look<'a>, owner: &Name) -> Found<'a> {
    let texts = look.texts(owner, record::is_spf).await;
    let text = match texts.as_deref() {
        Err(failure) => return Found::Unknown(failure.to_string()),
        Ok([]) => return Found::None,
        Ok([text]) => text,
        Ok(several) => {
            let number = several.len();
            return Found::Wrong(format!("there are {number} SPF records, which is an error"));
        }
    };
    let mut walk = Walk::new(look.dns);
    match walk.read(owner.clone(), text).await {
        Ok(record) => Found::Record(record, walk),
        Err(Trouble::Error(wrong)) => Found::Wrong(format!("the SPF record is in error: {wrong}")),
        Err(Trouble::Unknown(failure)) => Found::Unknown(failure.to_string()),
        Err(Trouble::TooMuch) => Found::Wrong(format!(
            "the SPF record takes more than {MOST_SPF_LOOKUPS} look-ups, {ALLOWED} are allowed"
        )),
    }
}

fn judge(look: &Look<'_>, record: &Record, walk: &Walk<'_>, wanted: &str, at: &mut At<'_>) {
    if walk.lookups() > ALLOWED {
        at.broken(
            format!(
                "the SPF record takes {} look-ups, {ALLOWED} are allowed: it counts as an error",
                walk.lookups()
            ),
            "name addresses in place of includes, and take out what sends no more",
        );
    }
    if walk.void() > ALLOWED_VOID {
        at.broken(
            format!(
                "{} names in the SPF record lead nowhere, {ALLOWED_VOID} are allowed: it counts \
                 as an error",
                walk.void()
            ),
            "take out the names that do not exist",
        );
    }
    match record.of_others() {
        Some(Qualifier::Pass) => at.weak("+all lets everybody send as the domain", wanted),
        Some(Qualifier::Neutral) | None => {
            at.weak(
                "the SPF record says nothing about those whom it does not name",
                wanted,
            );
        }
        Some(Qualifier::Fail | Qualifier::SoftFail) => {}
    }
    if record.has_ptr() {
        at.note(
            "ptr is slow and not relied on (RFC 7208 §5.5)",
            "name the addresses instead",
        );
    }
    addresses(look, record, wanted, at);
}

/// What the record says of each of our addresses; of a network the first one stands for all.
fn addresses(look: &Look<'_>, record: &Record, wanted: &str, at: &mut At<'_>) {
    if look.senders.is_empty() {
        at.note(
            "our addresses are not known, so whether the SPF record names them is not either",
            "set publish.addresses",
        );
    }
    let mut passed = Vec::new();
    for network in &look.senders {
        let name = texts::network_text(network);
        match record.says_of(network.address()) {
            Said::Sure(Qualifier::Pass) => passed.push(name),
            Said::Sure(Qualifier::Fail) => {
                at.broken(format!("mail from {name} gets `fail`"), wanted);
            }
            Said::Sure(other @ (Qualifier::SoftFail | Qualifier::Neutral)) => {
                at.weak(format!("mail from {name} gets `{other}`"), wanted);
            }
            Said::Unsure => at.unclear(format!(
                "what mail from {name} gets depends on the message: the record has macros, \
                 exists or ptr"
            )),
        }
    }
    if !passed.is_empty() {
        at.fine(format!("SPF lets {} send", passed.join(", ")));
    }
}

#[cfg(test)]
mod tests;
