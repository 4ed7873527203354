//! The policy: the partner table and what holds for everybody else.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use postern_mail::{Domain, DomainMap, DomainPattern};
use postern_tls::{ClientCertificates, Contradiction, ProfileName};
use rustls_pki_types::UnixTime;

use crate::{
    BreakGlass, Defaults, Denied, Direction, Partner, PartnerName, Requirement,
    certificates::CertificateIndex, denylist::Denylist, rules::Rules,
};

/// Everything that decides over channels, checked and ready to be asked.
///
/// A policy does not change. A new configuration makes a new one, and what was planned or
/// permitted under the old one is judged anew.
#[derive(Debug)]
pub struct Policy {
    pub(crate) generation: Generation,
    pub(crate) defaults: Defaults,
    pub(crate) default: Arc<Requirement>,
    table: PartnerTable,
    pub(crate) certificates: CertificateIndex,
    pub(crate) denied: Arc<Denylist>,
    broken_glass: HashMap<PartnerName, Vec<Arc<BreakGlass>>>,
}

impl Policy {
    /// The policy of these partners.
    ///
    /// # Errors
    /// All that is wrong between partners, and between them and the defaults, at once.
    pub fn new(defaults: Defaults, partners: Vec<Partner>) -> Result<Self, Vec<PolicyError>> {
        let default = Arc::new(Requirement::from(defaults.contribution()));
        let rules = partners
            .into_iter()
            .map(|partner| Arc::new(Rules::new(partner, &defaults, &default)))
            .collect::<Vec<_>>();
        let mut errors = Vec::new();
        let table = PartnerTable::new(&rules, &mut errors);
        let certificates = CertificateIndex::new(&rules, &mut errors);
        check_profiles(&rules, &defaults, &mut errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            generation: Generation::next(),
            defaults,
            default,
            table,
            certificates,
            denied: Arc::default(),
            broken_glass: HashMap::new(),
        })
    }

    /// The same policy, which refuses these certificates and keys.
    #[must_use]
    pub fn with_denied(self, denied: Vec<Denied>) -> Self {
        Self {
            generation: Generation::next(),
            denied: Arc::new(Denylist::new(denied)),
            ..self
        }
    }

    /// The same policy with these exceptions, of partners that it knows.
    ///
    /// # Errors
    /// Every exception for a partner that there is not.
    pub fn with_broken_glass(mut self, entries: Vec<BreakGlass>) -> Result<Self, Vec<PolicyError>> {
        self.generation = Generation::next();
        let mut errors = Vec::new();
        for entry in entries {
            if self.partner(&entry.partner).is_none() {
                errors.push(PolicyError::UnknownPartner(entry.partner.clone()));
            }
            let of_partner = self.broken_glass.entry(entry.partner.clone());
            of_partner.or_default().push(Arc::new(entry));
        }
        if errors.is_empty() {
            Ok(self)
        } else {
            Err(errors)
        }
    }

    /// The exception to a partner's rule that is made at `now`, if any: of several the one that
    /// ends first, so that none is given longer than it was approved for.
    pub(crate) fn broken_glass(
        &self,
        partner: &PartnerName,
        direction: Direction,
        now: UnixTime,
    ) -> Option<&Arc<BreakGlass>> {
        self.broken_glass
            .get(partner)?
            .iter()
            .filter(|entry| entry.holds(partner, direction, now))
            .min_by_key(|entry| entry.until)
    }

    /// Every exception that was given, in force or not: those of one partner together, the one
    /// that ends first before the others.
    pub fn exceptions(&self) -> Vec<&Arc<BreakGlass>> {
        let mut all: Vec<_> = self.broken_glass.values().flatten().collect();
        all.sort_by(|a, b| (&a.partner, a.until).cmp(&(&b.partner, b.until)));
        all
    }

    /// How many keys and certificates are denied.
    pub fn denied(&self) -> usize {
        self.denied.len()
    }

    /// What holds where no rule says more.
    pub fn defaults(&self) -> &Defaults {
        &self.defaults
    }

    /// The partners, in the order in which they were given.
    pub fn partners(&self) -> impl Iterator<Item = &Partner> {
        self.table.rules.iter().map(|rules| &rules.partner)
    }

    /// Whether clients are asked for a certificate. Where none could change a judgement, because
    /// there are no partners and nothing is denied, they are not, and may resume their sessions.
    pub fn client_certificates(&self) -> ClientCertificates {
        if self.table.rules.is_empty() && self.denied.is_empty() {
            ClientCertificates::NotRequested
        } else {
            ClientCertificates::Requested
        }
    }

    /// The partner of this name.
    pub fn partner(&self, name: &PartnerName) -> Option<&Partner> {
        self.table.by_name.get(name).map(|rules| &rules.partner)
    }

    /// The partner whose domain this is.
    pub fn partner_of(&self, domain: &Domain) -> Option<&Partner> {
        self.table.find(domain).map(|rules| &rules.partner)
    }

    /// The partner whose pattern matches this domain and who excepts it, with the exception: so
    /// it is that partner's no more, and another's or nobody's.
    pub fn excepted_by(&self, domain: &Domain) -> Option<(&Partner, &DomainPattern)> {
        let partner = &self.table.excepting(domain)?.partner;
        Some((partner, partner.exception(domain)?))
    }

    pub(crate) fn rules_of(&self, domain: &Domain) -> Option<&Arc<Rules>> {
        self.table.find(domain)
    }

    /// The rules that the domain is excepted from.
    pub(crate) fn rules_excepting(&self, domain: &Domain) -> Option<&Arc<Rules>> {
        self.table.excepting(domain)
    }
}

/// Tells one policy from the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Generation(u64);

impl Generation {
    /// Numbers are given out here and nowhere else, so that nobody can forget to count.
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Partners by domain and by name.
#[derive(Debug)]
struct PartnerTable {
    rules: Vec<Arc<Rules>>,
    by_domain: DomainMap<Arc<Rules>>,
    by_name: HashMap<PartnerName, Arc<Rules>>,
}

impl PartnerTable {
    fn new(rules: &[Arc<Rules>], errors: &mut Vec<PolicyError>) -> Self {
        let mut by_domain: DomainMap<Arc<Rules>> = DomainMap::new();
        let mut by_name = HashMap::with_capacity(rules.len());
        for entry in rules {
            let name = entry.partner.name();
            if by_name.insert(name.clone(), Arc::clone(entry)).is_some() {
                errors.push(PolicyError::DuplicatePartner(name.clone()));
            }
            for pattern in entry.partner.domains() {
                if let Some(other) = by_domain.insert(pattern.clone(), Arc::clone(entry)) {
                    errors.push(PolicyError::DomainTaken {
                        partner: name.clone(),
                        other: other.partner.name().clone(),
                        pattern: pattern.clone(),
                    });
                }
            }
        }
        Self {
            rules: rules.to_vec(),
            by_domain,
            by_name,
        }
    }

    fn find(&self, domain: &Domain) -> Option<&Arc<Rules>> {
        self.by_domain
            .matching(domain)
            .find(|rules| rules.partner.exception(domain).is_none())
    }

    /// Whose the domain would be without an exception. A pattern that is more specific than the
    /// one that was excepted from has the first word.
    fn excepting(&self, domain: &Domain) -> Option<&Arc<Rules>> {
        let mut matching = self.by_domain.matching(domain);
        let first = matching.next()?;
        first.partner.exception(domain).is_some().then_some(first)
    }
}

/// A partner whose profile shares nothing with the general one could never be spoken to.
fn check_profiles(rules: &[Arc<Rules>], defaults: &Defaults, errors: &mut Vec<PolicyError>) {
    for entry in rules {
        if let Some(profile) = entry.partner.profile()
            && let Some(contradiction) = entry.inbound.bounds().contradiction()
        {
            errors.push(PolicyError::ProfilesExclude {
                partner: entry.partner.name().clone(),
                profile: profile.name(),
                general: defaults.profile.name(),
                contradiction,
            });
        }
    }
}

/// What is wrong between partners, or between a partner and the defaults.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Two partners of one name.
    #[error("another partner is called {0}")]
    DuplicatePartner(PartnerName),
    /// The glass is broken for somebody who is no partner.
    #[error("there is no partner {0}")]
    UnknownPartner(PartnerName),
    /// Two partners have the same domain or suffix.
    #[error("{pattern} is a domain of partner {other} already")]
    DomainTaken {
        /// The later of the two.
        partner: PartnerName,
        /// The earlier of the two.
        other: PartnerName,
        /// What both have.
        pattern: DomainPattern,
    },
    /// A partner's profile and the general one allow nothing together.
    #[error(
        "profile {profile} allows nothing that [tls] profile {general} allows: {contradiction}"
    )]
    ProfilesExclude {
        /// Whose profile it is.
        partner: PartnerName,
        /// The partner's profile.
        profile: ProfileName,
        /// The general profile.
        general: ProfileName,
        /// Where they do not meet.
        contradiction: Contradiction,
    },
    /// A name or key that only one partner may send with is another's as well.
    #[error(
        "{identity} also identifies partner {other}, so no certificate can be exclusive to {partner}"
    )]
    ExclusiveShared {
        /// The partner that claims it alone.
        partner: PartnerName,
        /// The partner that has it too.
        other: PartnerName,
        /// The name or the key.
        identity: String,
    },
}

impl PolicyError {
    /// The partner at whose rules the mistake stands.
    pub fn partner(&self) -> &PartnerName {
        match self {
            Self::DuplicatePartner(partner)
            | Self::UnknownPartner(partner)
            | Self::DomainTaken { partner, .. }
            | Self::ProfilesExclude { partner, .. }
            | Self::ExclusiveShared { partner, .. } => partner,
        }
    }

    /// The key at fault, as a path within `[[partner]]`.
    pub fn key(&self) -> &'static str {
        match self {
            Self::DuplicatePartner(_) => "name",
            Self::UnknownPartner(_) => "partner",
            Self::DomainTaken { .. } => "domains",
            Self::ProfilesExclude { .. } => "profile",
            Self::ExclusiveShared { .. } => "inbound.exclusive",
        }
    }
}
