//! Checking a chain (RFC 8617 §5.2, steps 4 to 7).

use std::collections::HashMap;

use postern_mail::{Domain, header::Field};

use super::{
    ArcOutcome, ArcResult,
    chain::{Broken, Chain, Set},
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
    key(keys, &signature.selector, &signature.domain)
        .and_then(|key| dkim::check(fields, bodies, at, signature, key))
        .map_err(|flaw| of("the newest signature", &flaw))?;
    let sealed = Sealed::new(chain, fields);
    for (at, set) in chain.sets.iter().enumerate().rev() {
        let seal = &set.sealed;
        let octets = sealed.octets(at, set, fields);
        key(keys, &seal.selector, &seal.domain)
            .and_then(|key| key.check(seal.algorithm, &octets, &seal.signature))
            .map_err(|flaw| of(&format!("the seal {}", at + 1), &flaw))?;
    }
    Ok(())
}

/// What seals are made over: all sets up to their own (RFC 8617 §5.1.1). Each field is brought
/// into its form once, however many seals cover it.
struct Sealed {
    octets: Vec<u8>,
    /// For each set, where its seal begins.
    places: Vec<usize>,
}

impl Sealed {
    fn new(chain: &Chain, fields: &[Field<'_>]) -> Self {
        let mut octets = Vec::new();
        let mut places = Vec::new();
        let add = |at: usize, octets: &mut Vec<u8>| {
            if let Some(field) = fields.get(at) {
                relaxed_field(field.octets(), octets);
            }
        };
        for set in &chain.sets {
            add(set.results, &mut octets);
            add(set.message_signature, &mut octets);
            places.push(octets.len());
            add(set.seal, &mut octets);
        }
        Self { octets, places }
    }

    /// What the seal of this set is made over: all before it, and itself without its signature.
    fn octets(&self, at: usize, set: &Set, fields: &[Field<'_>]) -> Vec<u8> {
        let end = self.places.get(at).copied().unwrap_or_default();
        let mut octets = self.octets.get(..end).unwrap_or_default().to_vec();
        if let Some(field) = fields.get(set.seal) {
            relaxed_unended(&without_signature(field.octets()), &mut octets);
        }
        octets
    }
}

/// The key of this selector and domain.
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
