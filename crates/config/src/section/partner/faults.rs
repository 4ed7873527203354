//! What the policy finds wrong with partners, told at the key where it stands.

use postern_mail::DomainPattern;
use postern_policy::{PartnerError, PolicyError};

use super::Checked;
use crate::schema::{Located, Notes, Spot, Table};

/// Notes what the policy finds wrong between partners, at the key where it stands.
pub(super) fn note_between(notes: &Notes<'_>, at: &Checked<'_>, error: &PolicyError) {
    let right = match error {
        PolicyError::DuplicatePartner(_) => "give each partner a name of its own",
        PolicyError::DomainTaken { .. } => "a domain belongs to one partner",
        PolicyError::ProfilesExclude { .. } => "choose profiles that have something in common",
        PolicyError::ExclusiveShared { .. } => {
            "give each partner a name or key of its own, or remove exclusive"
        }
    };
    let pattern = match error {
        PolicyError::DomainTaken { pattern, .. } => Some(pattern),
        PolicyError::DuplicatePartner(_)
        | PolicyError::ProfilesExclude { .. }
        | PolicyError::ExclusiveShared { .. } => None,
    };
    notes.error(
        &spot(&at.table, &at.domains, error.key(), pattern),
        error,
        right,
    );
}

/// Notes what the policy finds wrong with a partner by itself, at the key where it stands.
pub(super) fn note_within(
    table: &Table<'_>,
    domains: &[Located<DomainPattern>],
    error: &PartnerError,
) {
    let right = match error {
        PartnerError::NoDomains | PartnerError::EveryDomain => "name the partner's domains",
        PartnerError::DuplicateDomain(_) => "keep one of the two",
        PartnerError::NoIdentity => "give names or spki-pins",
        PartnerError::IdentityUnused { .. } | PartnerError::ExclusiveUnused => {
            "write require = \"authenticated\", or remove the key"
        }
        PartnerError::UsageUnused => "give names as well, or remove the key",
        PartnerError::ProfileUnused => {
            "require \"encrypted\" or \"authenticated\", or remove the key"
        }
    };
    let pattern = match error {
        PartnerError::DuplicateDomain(pattern) => Some(pattern),
        PartnerError::NoDomains
        | PartnerError::EveryDomain
        | PartnerError::NoIdentity
        | PartnerError::IdentityUnused { .. }
        | PartnerError::ExclusiveUnused
        | PartnerError::UsageUnused
        | PartnerError::ProfileUnused => None,
    };
    let spot = spot(table, domains, &error.key(), pattern);
    table.notes().error(&spot, error, right);
}

/// Where a key of a partner stands; where `pattern` stands, if the fault is with that one.
fn spot(
    table: &Table<'_>,
    domains: &[Located<DomainPattern>],
    key: &str,
    pattern: Option<&DomainPattern>,
) -> Spot {
    let last = domains
        .iter()
        .rev()
        .find(|domain| pattern == Some(&domain.value));
    last.map_or_else(|| table.spot_of_path(key), |domain| domain.spot.clone())
}
