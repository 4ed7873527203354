//! From a client certificate to the partners whose it may be.
//!
//! A certificate says by its names and its key whose it might be; an index turns that into a few
//! candidates, and only those are verified. What a stranger shows costs a look-up per name and
//! nothing more, however many partners there are.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use postern_mail::Domain;
use postern_tls::{Evidence, PeerCertificates, PeerChain, SpkiPin};
use rustls_pki_types::UnixTime;

use crate::{
    Exclusivity, Identity, IdentityConstraint, Partner, Policy, PolicyError, Proof, Stage,
    judge::prove, rules::Rules,
};

/// How many names of a certificate are looked up. Public authorities stop at a hundred or two.
const NAMES: usize = 1000;
const _: () = assert!(
    NAMES < PeerChain::MOST_NAMES,
    "too many names would not show"
);

/// How many identities a certificate is verified against. Each costs a chain of signatures, and
/// no sound certificate names more than the one or two organisations that use its host.
const CANDIDATES: usize = 16;

/// Partners by what their clients' certificates hold.
#[derive(Debug, Default)]
pub(crate) struct CertificateIndex {
    by_name: HashMap<Domain, Vec<usize>>,
    /// By the domain above each name, for certificates with a wildcard.
    by_parent: HashMap<Domain, Vec<usize>>,
    by_pin: HashMap<SpkiPin, Vec<usize>>,
    /// Partners that authenticate alike share an entry, so that a certificate is verified once
    /// for all customers of a provider.
    known: Vec<Known>,
    /// How far the most exclusive of them is enforced; nothing where none is exclusive.
    exclusive: Option<Stage>,
}

#[derive(Debug)]
struct Known {
    identity: Identity,
    partners: Vec<Arc<Rules>>,
}

impl Known {
    /// How far its exclusivity is enforced, where it is exclusive.
    fn exclusive(&self) -> Option<Stage> {
        let partners = self.partners.iter().map(|rules| &rules.partner);
        partners
            .filter(|partner| partner.inbound().exclusive == Exclusivity::Exclusive)
            .map(Partner::stage)
            .max_by_key(|stage| weight(*stage))
    }
}

/// What stops mail weighs more than what tells of it, and that more than what counts it.
fn weight(stage: Stage) -> u8 {
    match stage {
        Stage::Observe => 1,
        Stage::Warn => 2,
        Stage::Enforce => 3,
    }
}

/// Whose a certificate was proven to be.
#[derive(Debug, Default)]
pub(crate) struct Holders {
    pub(crate) partners: Vec<Arc<Rules>>,
    pub(crate) proofs: Vec<Proof>,
    pub(crate) completeness: Completeness,
}

/// Whether every partner that a certificate might be of was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Completeness {
    /// All that matter were: nobody has been left out whose certificate is exclusive.
    #[default]
    Complete,
    /// There were too many to verify, and among those left out may be one whose certificate is
    /// exclusive, at this stage.
    Overflow(Stage),
}

impl CertificateIndex {
    pub(crate) fn new(rules: &[Arc<Rules>], errors: &mut Vec<PolicyError>) -> Self {
        let mut index = Self::default();
        let mut places: BTreeMap<Identity, usize> = BTreeMap::new();
        for entry in rules {
            let Some(identity) = entry.inbound.identity() else {
                continue;
            };
            let place = *places.entry(identity.clone()).or_insert_with(|| {
                index.known.push(Known {
                    identity: identity.clone(),
                    partners: Vec::new(),
                });
                index.known.len() - 1
            });
            if let Some(known) = index.known.get_mut(place) {
                known.partners.push(Arc::clone(entry));
            }
        }
        for (identity, place) in &places {
            index.enter(identity, *place);
        }
        let exclusive = index.known.iter().filter_map(Known::exclusive);
        index.exclusive = exclusive.max_by_key(|stage| weight(*stage));
        index.check_exclusivity(errors);
        index
    }

    fn enter(&mut self, identity: &Identity, place: usize) {
        for constraint in identity.constraints() {
            match constraint {
                IdentityConstraint::Pkix(pkix) => {
                    for name in pkix.names() {
                        let name = name.domain();
                        self.by_name.entry(name.clone()).or_default().push(place);
                        if let Some(parent) = name.parent() {
                            self.by_parent.entry(parent).or_default().push(place);
                        }
                    }
                }
                IdentityConstraint::Pins(pins) => {
                    for pin in pins.iter() {
                        self.by_pin.entry(*pin).or_default().push(place);
                    }
                }
                IdentityConstraint::Tlsa(_)
                | IdentityConstraint::Undetermined(_)
                | IdentityConstraint::Nameless => {}
            }
        }
    }

    /// The partners whose certificate this is, `claimed` left out.
    pub(crate) fn holders(
        &self,
        evidence: &Evidence,
        claimed: Option<&Arc<Rules>>,
        policy: &Policy,
        now: UnixTime,
    ) -> Holders {
        let bounds = policy.default.bounds();
        let PeerCertificates::Chain(chain) = evidence.peer() else {
            return Holders::default();
        };
        let (candidates, completeness) = self.candidates(chain, claimed);
        let mut holders = Holders {
            completeness,
            ..Holders::default()
        };
        for known in candidates {
            let proofs: Result<Vec<_>, _> = known
                .identity
                .constraints()
                .map(|constraint| prove(constraint, bounds, evidence, now))
                .collect();
            if let Ok(proofs) = proofs
                && policy.denied.judge_proofs(&proofs).is_ok()
            {
                let others = known.partners.iter().filter(|rules| !is(rules, claimed));
                holders.partners.extend(others.cloned());
                holders.proofs.extend(proofs);
            }
        }
        holders
    }

    /// The identities to verify, the exclusive ones first, because they alone can refuse, and of
    /// these the enforced ones, so that what refuses nothing crowds nobody out.
    fn candidates(
        &self,
        chain: &PeerChain,
        claimed: Option<&Arc<Rules>>,
    ) -> (Vec<&Known>, Completeness) {
        let mut places = BTreeSet::new();
        let mut note = |found: Option<&Vec<usize>>| {
            places.extend(found.into_iter().flatten().copied());
        };
        note(chain.spki_pin().and_then(|pin| self.by_pin.get(&pin)));
        let names = chain.presented_names();
        for name in names.iter().take(NAMES) {
            match name.strip_prefix("*.") {
                Some(parent) => note(self.by_parent.get(parent)),
                None => note(self.by_name.get(name.as_str())),
            }
        }
        let mut candidates: Vec<_> = places
            .into_iter()
            .filter_map(|place| self.known.get(place))
            .filter(|known| known.partners.iter().any(|rules| !is(rules, claimed)))
            .map(|known| (known.exclusive(), known))
            .collect();
        candidates.sort_by_key(|(exclusive, _)| Reverse(exclusive.map(weight)));
        let left_out = candidates.get(CANDIDATES).and_then(|(first, _)| *first);
        let not_looked_up = self.exclusive.filter(|_| names.len() > NAMES);
        let lost = [left_out, not_looked_up].into_iter().flatten();
        let completeness = lost
            .max_by_key(|stage| weight(*stage))
            .map_or(Completeness::Complete, Completeness::Overflow);
        candidates.truncate(CANDIDATES);
        let candidates = candidates.into_iter().map(|(_, known)| known);
        (candidates.collect(), completeness)
    }

    /// A certificate cannot be one partner's alone when another partner has the same name or key.
    fn check_exclusivity(&self, errors: &mut Vec<PolicyError>) {
        let names = self
            .by_name
            .iter()
            .map(|(name, places)| (name.to_string(), places));
        let pins = self
            .by_pin
            .iter()
            .map(|(pin, places)| (pin.to_string(), places));
        let mut found = Vec::new();
        for (identity, places) in names.chain(pins) {
            let known = places.iter().filter_map(|place| self.known.get(*place));
            let partners: Vec<_> = known.flat_map(|known| &known.partners).collect();
            for exclusive in &partners {
                if exclusive.partner.inbound().exclusive == Exclusivity::Shared {
                    continue;
                }
                if let Some(other) = partners.iter().find(|rules| !Arc::ptr_eq(rules, exclusive)) {
                    found.push(PolicyError::ExclusiveShared {
                        partner: exclusive.partner.name().clone(),
                        other: other.partner.name().clone(),
                        identity: identity.clone(),
                    });
                }
            }
        }
        found.sort_by_cached_key(ToString::to_string);
        errors.extend(found);
    }
}

fn is(rules: &Arc<Rules>, claimed: Option<&Arc<Rules>>) -> bool {
    claimed.is_some_and(|claimed| Arc::ptr_eq(claimed, rules))
}
