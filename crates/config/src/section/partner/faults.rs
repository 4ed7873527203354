//! What the policy finds wrong with partners, told at the key where it stands.

use postern_mail::DomainPattern;
use postern_policy::{PartnerError, PolicyError};

use super::{Checked, Patterns};
use crate::schema::{Notes, Spot, Table};

/// Notes what the policy finds wrong between partners, at the key where it stands.
pub(super) fn note_between(notes: &Notes<'_>, at: &Checked<'_>, error: &PolicyError) {
    let right = match error {
        PolicyError::DuplicatePartner(_) => "give each partner a name of its own",
        PolicyError::UnknownPartner(_) => "give the name of a [[partner]]",
        PolicyError::DomainTaken { .. } => "a domain belongs to one partner",
        PolicyError::ProfilesExclude { .. } => "choose profiles that have something in common",
        PolicyError::ExclusiveShared { .. } => {
            "give each partner a name or key of its own, or remove exclusive"
        }
    };
    let pattern = match error {
        PolicyError::DomainTaken { pattern, .. } => Some(pattern),
        PolicyError::DuplicatePartner(_)
        | PolicyError::UnknownPartner(_)
        | PolicyError::ProfilesExclude { .. }
        | PolicyError::ExclusiveShared { .. } => None,
    };
    notes.error(
        &spot(&at.table, &at.patterns, error.key(), pattern),
        error,
        right,
    );
}

/// Notes what the policy finds wrong with a partner by itself, at the key where it stands.
pub(super) fn note_within(table: &Table<'_>, patterns: &Patterns, error: &PartnerError) {
    let right = match error {
        PartnerError::NoDomains | PartnerError::EveryDomain => "name the partner's domains",
        PartnerError::DuplicateDomain(_) | PartnerError::Excepted { .. } => "keep one of the two",
        PartnerError::ExceptionUnused(_) => {
            "write the wildcard among the domains that it is an exception from, or remove it"
        }
        PartnerError::NoIdentity => "give names or spki-pins",
        PartnerError::IdentityUnused { .. }
        | PartnerError::DaneUnused
        | PartnerError::ExclusiveUnused => "write require = \"authenticated\", or remove the key",
        PartnerError::RevocationUnused { .. } => "give names as well, or remove the key",
        PartnerError::UsageUnused => "give names as well, or remove the key",
        PartnerError::ProfileUnused => {
            "require \"encrypted\" or \"authenticated\", or remove the key"
        }
    };
    let pattern = match error {
        PartnerError::DuplicateDomain(pattern)
        | PartnerError::ExceptionUnused(pattern)
        | PartnerError::Excepted {
            exception: pattern, ..
        } => Some(pattern),
        PartnerError::NoDomains
        | PartnerError::EveryDomain
        | PartnerError::NoIdentity
        | PartnerError::IdentityUnused { .. }
        | PartnerError::RevocationUnused { .. }
        | PartnerError::DaneUnused
        | PartnerError::ExclusiveUnused
        | PartnerError::UsageUnused
        | PartnerError::ProfileUnused => None,
    };
    let spot = spot(table, patterns, &error.key(), pattern);
    table.notes().error(&spot, error, right);
}

/// Where a key of a partner stands; where `pattern` stands, if the fault is with that one.
fn spot(
    table: &Table<'_>,
    patterns: &Patterns,
    key: &str,
    pattern: Option<&DomainPattern>,
) -> Spot {
    let list = match key {
        "except" => &patterns.except,
        _ => &patterns.domains,
    };
    let last = list
        .iter()
        .rev()
        .find(|domain| pattern == Some(&domain.value));
    last.map_or_else(|| table.spot_of_path(key), |domain| domain.spot.clone())
}
