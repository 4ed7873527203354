//! From a client certificate to the partners whose it may be.
//!
//! A certificate says by its names and its key whose it might be; an index turns that into a few
//! candidates, and only those are verified. What a stranger shows costs a look-up per name and
//! nothing more, however many partners there are.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use postern_mail::Domain;
use postern_tls::{CryptoBounds, Evidence, PeerCertificates, PeerChain, SpkiPin};
use rustls_pki_types::UnixTime;

use crate::{
    Exclusivity, Identity, IdentityConstraint, PolicyError, Proof, judge::prove, rules::Rules,
};

/// How many names of a certificate are looked up. Public authorities stop at a hundred or two.
const NAMES: usize = 1000;

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
    /// How many of them are exclusive to a partner.
    exclusive: usize,
}

#[derive(Debug)]
struct Known {
    identity: Identity,
    partners: Vec<Arc<Rules>>,
}

impl Known {
    fn is_exclusive(&self) -> bool {
        let exclusive =
            |rules: &Arc<Rules>| rules.partner.inbound().exclusive == Exclusivity::Exclusive;
        self.partners.iter().any(exclusive)
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
    /// There were too many to verify.
    Overflow,
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
        let exclusive = index.known.iter().filter(|known| known.is_exclusive());
        index.exclusive = exclusive.count();
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
        bounds: &CryptoBounds,
        now: UnixTime,
    ) -> Holders {
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
            if let Ok(proofs) = proofs {
                let others = known.partners.iter().filter(|rules| !is(rules, claimed));
                holders.partners.extend(others.cloned());
                holders.proofs.extend(proofs);
            }
        }
        holders
    }

    /// The identities to verify, the exclusive ones first, because they alone can refuse.
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
        let names = chain.presented_names(NAMES + 1);
        for name in &names {
            match name.strip_prefix("*.") {
                Some(parent) => note(self.by_parent.get(parent)),
                None => note(self.by_name.get(name.as_str())),
            }
        }
        let (mut candidates, shared): (Vec<_>, Vec<_>) = places
            .into_iter()
            .filter_map(|place| self.known.get(place))
            .filter(|known| known.partners.iter().any(|rules| !is(rules, claimed)))
            .partition(|known| known.is_exclusive());
        let overflow = candidates.len() > CANDIDATES || names.len() > NAMES && self.exclusive > 0;
        candidates.extend(shared);
        candidates.truncate(CANDIDATES);
        let completeness = if overflow {
            Completeness::Overflow
        } else {
            Completeness::Complete
        };
        (candidates, completeness)
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
