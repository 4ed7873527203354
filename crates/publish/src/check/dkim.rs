//! Keys of signatures (RFC 6376 §3.6.1, RFC 8463): a key that is not there, or is another one,
//! makes each signature fail.

use postern_dns::Name;

use super::{At, Findings, Look, below, publish, shown};
use crate::{
    DkimFacts, KeyPhase, OurDomain, RecordKind, Severity,
    tags::{Tags, TagsError},
};

pub(super) async fn check(look: &Look<'_>, domain: &OurDomain) -> Findings {
    let mut findings = Findings::default();
    if domain.keys.is_empty()
        && let Some(owner) = below("_domainkey", &domain.name)
    {
        findings.at(&owner, RecordKind::Txt).weak(
            "mail of the domain is not signed here",
            format!("make a key: postern key dkim --domain {}", domain.name),
        );
    }
    for key in &domain.keys {
        let prefix = format!("{}._domainkey", key.selector);
        if let Some(owner) = below(&prefix, &domain.name) {
            one(look, &owner, key, &mut findings).await;
        }
    }
    findings
}

async fn one(look: &Look<'_>, owner: &Name, key: &DkimFacts, findings: &mut Findings) {
    let texts = look.texts(owner, |_| true).await;
    let mut at = findings.at(owner, RecordKind::Txt);
    let texts = match texts {
        Ok(texts) => texts,
        Err(failure) => return at.unknown(&failure),
    };
    let phase = key.phase(look.facts, look.now);
    if let KeyPhase::Over(since) = phase {
        return over(&texts, since, &mut at);
    }
    let severity = match phase {
        KeyPhase::Current => Severity::Broken,
        KeyPhase::Coming(_) | KeyPhase::Ending(_) | KeyPhase::Over(_) => Severity::Weak,
    };
    let fault = match texts.as_slice() {
        [] => Some(absent(phase)),
        [text] => fault(text, &key.record).err(),
        _ => Some("there are several records, of which verifiers take any".to_owned()),
    };
    match fault {
        Some(wrong) => at.found(severity, wrong, publish(&key.record)),
        None => fine(phase, &texts, &mut at),
    }
}

fn absent(phase: KeyPhase) -> String {
    match phase {
        KeyPhase::Current => "the key that our mail is signed with is not there".to_owned(),
        KeyPhase::Coming(from) => format!("the key that signs from {from} on is not there yet"),
        KeyPhase::Ending(until) | KeyPhase::Over(until) => {
            format!("the key is gone, and mail that it signed is under way until {until}")
        }
    }
}

fn over(texts: &[Vec<u8>], since: postern_tls::Date, at: &mut At<'_>) {
    let revoked = |text: &Vec<u8>| {
        Tags::parse(text).is_ok_and(|tags| tags.value("p").is_some_and(str::is_empty))
    };
    if texts.iter().any(|text| !revoked(text)) {
        at.note(
            format!("the key is still there; since {since} nothing needs it"),
            "remove the record, and the key from the configuration",
        );
    }
}

fn fine(phase: KeyPhase, texts: &[Vec<u8>], at: &mut At<'_>) {
    at.fine(match phase {
        KeyPhase::Current => "the key that our mail is signed with".to_owned(),
        KeyPhase::Coming(from) => format!("the key that signs from {from} on"),
        KeyPhase::Ending(until) | KeyPhase::Over(until) => {
            format!("a key that no longer signs, to be kept until {until}")
        }
    });
    let tags = texts.first().and_then(|text| Tags::parse(text).ok());
    let flags = tags.as_ref().and_then(|it| it.value("t")).unwrap_or("");
    if flags.split(':').any(|flag| flag.trim() == "y") {
        at.weak(
            "t=y says that signatures are a test, and verifiers may take them for none",
            "take t=y out of the record",
        );
    }
}

/// Whether signatures with our key are verified by what is published.
fn fault(text: &[u8], ours: &str) -> Result<(), String> {
    let odd = |error: TagsError| format!("the record cannot be read: {error}");
    let tags = Tags::parse(text).map_err(odd)?;
    let ours = Tags::parse(ours.as_bytes()).map_err(odd)?;
    match tags.value("v") {
        None => {}
        Some("DKIM1") if tags.first() == Some("v") => {}
        Some(_) => return Err("v=DKIM1 does not stand first".to_owned()),
    }
    let (kind, our_kind) = (kind(&tags), kind(&ours));
    if kind != our_kind {
        return Err(format!(
            "the record is for a key of type {kind}, ours is {our_kind}"
        ));
    }
    let published = tags.value("p").ok_or("the record has no key")?;
    if bare(published).is_empty() {
        return Err("the key is revoked: p= is empty".to_owned());
    }
    if ours.value("p").map(bare) != Some(bare(published)) {
        return Err("the record holds another key than ours".to_owned());
    }
    among(&tags, "h", &["sha256"])?;
    among(&tags, "s", &["*", "email"])
}

fn kind(tags: &Tags<'_>) -> String {
    shown(tags.value("k").unwrap_or("rsa").as_bytes())
}

/// The digits of base64, without what folding puts between them.
fn bare(key: &str) -> String {
    let digits = key.chars().filter(|c| !c.is_ascii_whitespace());
    digits.filter(|c| *c != '=').collect()
}

/// Whether a list that is there has one of the words.
fn among(tags: &Tags<'_>, name: &str, words: &[&str]) -> Result<(), String> {
    let Some(list) = tags.value(name) else {
        return Ok(());
    };
    if list.split(':').any(|word| words.contains(&word.trim())) {
        return Ok(());
    }
    let list = shown(list.as_bytes());
    Err(format!(
        "{name}={list} rules out signatures of mail with this key"
    ))
}
