//! Checking a chain (RFC 8617 §5.2, steps 4 to 7).

use std::collections::HashMap;

use postern_mail::{Domain, header::Field};

use super::{
    ArcOutcome, ArcResult,
    chain::{Broken, Chain},
    claims,
};
use crate::{
    canonical::{relaxed_field, relaxed_unended},
    dkim::without_signature,
    dkim::{self, Bodies, DkimResult, key::Key, signature::Flaw},
    reason::printable,
};

/// The keys that were got, by selector and domain.
pub(crate) type Keys = HashMap<(Domain, Domain), Result<Key, Flaw>>;

/// What a chain is worth.
pub(crate) fn verify(
    chain: Option<&Result<Chain, Broken>>,
    fields: &[Field<'_>],
    bodies: &Bodies<'_>,
    keys: &Keys,
    author: Option<&Domain>,
) -> ArcOutcome {
    let chain = match chain {
        Some(Ok(chain)) => chain,
        Some(Err(broken)) => return failed(broken),
        None => return none(),
    };
    let sealers = chain.sealers();
    let checked = check(chain, fields, bodies, keys);
    let newest = chain.sets.last().and_then(|set| fields.get(set.results));
    let claims_pass = |author| newest.is_some_and(|it| claims::dmarc_passed(it.value(), author));
    ArcOutcome {
        result: match &checked {
            Ok(()) => ArcResult::Pass,
            Err(flaw) if flaw.result == DkimResult::TempError => ArcResult::TempError,
            Err(_) => ArcResult::Fail,
        },
        sets: u32::try_from(chain.sets.len()).unwrap_or(u32::MAX),
        sealer: sealers.last().cloned(),
        sealers,
        claims_dmarc_pass: checked.is_ok() && author.is_some_and(claims_pass),
        reason: checked.err().map(|flaw| printable(&flaw.reason)),
    }
}

/// What is said where there is no chain.
pub(crate) fn none() -> ArcOutcome {
    ArcOutcome {
        result: ArcResult::None,
        sets: 0,
        sealer: None,
        sealers: Vec::new(),
        reason: None,
        claims_dmarc_pass: false,
    }
}

pub(crate) fn failed(broken: &Broken) -> ArcOutcome {
    ArcOutcome {
        result: ArcResult::Fail,
        sets: broken.sets,
        sealer: broken.sealers.last().cloned(),
        sealers: broken.sealers.clone(),
        reason: Some(printable(&broken.reason)),
        claims_dmarc_pass: false,
    }
}

/// The newest signature of the message, then the seals, the newest one first: a chain that was
/// tampered with fails early.
fn check(
    chain: &Chain,
    fields: &[Field<'_>],
    bodies: &Bodies<'_>,
    keys: &Keys,
) -> Result<(), Flaw> {
    let signature = &chain.signature;
    let at = chain.sets.last().map_or(0, |set| set.message_signature);
    let key = key(keys, &signature.selector, &signature.domain);
    key.and_then(|key| dkim::check(fields, bodies, at, signature, key))
        .map_err(|flaw| of("the newest signature", &flaw))?;
    for number in (1..=chain.sets.len()).rev() {
        check_seal(chain, fields, keys, number)
            .map_err(|flaw| of(&format!("the seal {number}"), &flaw))?;
    }
    Ok(())
}

/// A seal is made over all sets up to its own (RFC 8617 §5.1.1).
fn check_seal(chain: &Chain, fields: &[Field<'_>], keys: &Keys, number: usize) -> Result<(), Flaw> {
    let mut sealed = Vec::new();
    let mut last = None;
    for (at, set) in chain.sets.iter().take(number).enumerate() {
        let own = at + 1 == number;
        for place in [set.results, set.message_signature, set.seal] {
            let Some(field) = fields.get(place) else {
                continue;
            };
            if own && place == set.seal {
                relaxed_unended(&without_signature(field.octets()), &mut sealed);
                last = Some(&set.sealed);
            } else {
                relaxed_field(field.octets(), &mut sealed);
            }
        }
    }
    let seal = last.ok_or_else(|| Flaw::new(DkimResult::PermError, "it is missing"))?;
    key(keys, &seal.selector, &seal.domain)?.check(seal.algorithm, &sealed, &seal.signature)
}

pub(crate) fn key<'a>(keys: &'a Keys, selector: &Domain, domain: &Domain) -> Result<&'a Key, Flaw> {
    match keys.get(&(selector.clone(), domain.clone())) {
        Some(Ok(key)) => Ok(key),
        Some(Err(flaw)) => Err(flaw.clone()),
        None => Err(Flaw::new(
            DkimResult::TempError,
            "its key was not asked for",
        )),
    }
}

fn of(what: &str, flaw: &Flaw) -> Flaw {
    Flaw::new(flaw.result, format!("{what}: {}", flaw.reason))
}
