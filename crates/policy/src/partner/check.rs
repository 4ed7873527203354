//! What is wrong with a partner's rules taken by themselves.

use std::collections::BTreeSet;

use postern_mail::DomainPattern;

use super::{Dane, Direction, Exclusivity, IdentityTerms, Partner};
use crate::ChannelLevel;

/// A mistake in a partner's rules, or something in them that would have no effect.
///
/// What would be passed over is refused as well: a key that does nothing where somebody believes
/// it protects is a weaker policy than the one that was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartnerError {
    /// Nothing is the partner's.
    #[error("a partner needs at least one domain")]
    NoDomains,
    /// Everything is the partner's.
    #[error("* is no partner's domain; a [[route]] or [tls] says what holds for everybody")]
    EveryDomain,
    /// One pattern twice.
    #[error("{0} stands there twice")]
    DuplicateDomain(DomainPattern),
    /// An exception from nothing.
    #[error("{0} is not below a domain of the partner that is given with a wildcard")]
    ExceptionUnused(DomainPattern),
    /// A domain that is given and excepted.
    #[error("{domain} is a domain of the partner, and excepted by {exception}")]
    Excepted {
        /// The domain.
        domain: DomainPattern,
        /// The exception.
        exception: DomainPattern,
    },
    /// Authentication, and no way to tell as whom.
    #[error("give names or spki-pins: the partner has no domain that a certificate could name")]
    NoIdentity,
    /// An identity that nobody asks for.
    #[error("has an effect only with require = \"authenticated\"")]
    IdentityUnused {
        /// Of which direction.
        direction: Direction,
        /// At which key.
        key: &'static str,
    },
    /// Revocation of certificates of which the key or a TLSA record says enough.
    #[error("has no effect where keys or TLSA records alone identify the partner; use [[deny]]")]
    RevocationUnused {
        /// Of which direction.
        direction: Direction,
    },
    /// TLSA records, and nothing they could be held against.
    #[error("has an effect only with require = \"authenticated\"")]
    DaneUnused,
    /// A certificate that identifies nobody cannot be kept to anybody's domains.
    #[error("has an effect only with require = \"authenticated\"")]
    ExclusiveUnused,
    /// What a certificate is for is not looked at when its key alone counts.
    #[error("has no effect where spki-pins alone identify the partner")]
    UsageUnused,
    /// A profile, and no direction in which TLS is demanded.
    #[error("has an effect only where outbound or inbound requires encrypted or authenticated")]
    ProfileUnused,
}

impl PartnerError {
    /// The key at fault, as a path within `[[partner]]`.
    pub fn key(&self) -> String {
        match self {
            Self::ExceptionUnused(_) | Self::Excepted { .. } => "except".into(),
            Self::NoDomains | Self::EveryDomain | Self::DuplicateDomain(_) => "domains".into(),
            Self::NoIdentity => "inbound.names".into(),
            Self::IdentityUnused { direction, key } => format!("{direction}.{key}"),
            Self::RevocationUnused { direction } => format!("{direction}.crl"),
            Self::DaneUnused => "outbound.dane".into(),
            Self::ExclusiveUnused => "inbound.exclusive".into(),
            Self::UsageUnused => "inbound.server-auth-certificates".into(),
            Self::ProfileUnused => "profile".into(),
        }
    }
}

pub(super) fn check(partner: &Partner) -> Vec<PartnerError> {
    let mut errors = Vec::new();
    check_domains(partner, &mut errors);
    let (outbound, inbound) = (&partner.outbound, &partner.inbound);
    check_identity(
        Direction::Outbound,
        outbound.require,
        &outbound.identity,
        &mut errors,
    );
    check_identity(
        Direction::Inbound,
        inbound.require,
        &inbound.identity,
        &mut errors,
    );
    if outbound.dane == Dane::Demanded && !outbound.require.requires_authenticated_peer() {
        errors.push(PartnerError::DaneUnused);
    } else if outbound.is_by_dane_alone() && outbound.identity.revocation.is_some() {
        let direction = Direction::Outbound;
        errors.push(PartnerError::RevocationUnused { direction });
    }
    check_inbound(partner, &mut errors);
    let plain = outbound.require.accepts_plain() && inbound.require.accepts_plain();
    if partner.profile.is_some() && plain {
        errors.push(PartnerError::ProfileUnused);
    }
    errors
}

fn check_domains(partner: &Partner, errors: &mut Vec<PartnerError>) {
    if partner.domains.is_empty() {
        errors.push(PartnerError::NoDomains);
    }
    let mut seen = BTreeSet::new();
    for pattern in &partner.domains {
        if *pattern == DomainPattern::Any {
            errors.push(PartnerError::EveryDomain);
        } else if !seen.insert(pattern) {
            errors.push(PartnerError::DuplicateDomain(pattern.clone()));
        }
    }
    check_exceptions(partner, errors);
}

/// An exception takes something out of a pattern, and nothing that is given by name. What is
/// left of a pattern within an exception would be hard to see, so a wildcard may not be there.
fn check_exceptions(partner: &Partner, errors: &mut Vec<PartnerError>) {
    let within = |pattern: &DomainPattern, outer: &DomainPattern| match (pattern, outer) {
        (DomainPattern::Exact(domain), outer) => outer.matches(domain),
        (DomainPattern::Below(inner), DomainPattern::Below(parent)) => {
            inner == parent || outer.matches(inner)
        }
        (DomainPattern::Below(_) | DomainPattern::Any, _) => false,
    };
    let is_wildcard = |pattern: &&DomainPattern| matches!(pattern, DomainPattern::Below(_));
    for exception in &partner.except {
        let mut wildcards = partner.domains.iter().filter(is_wildcard);
        if !wildcards.any(|wildcard| within(exception, wildcard)) {
            errors.push(PartnerError::ExceptionUnused(exception.clone()));
        }
        for domain in &partner.domains {
            if within(domain, exception) {
                errors.push(PartnerError::Excepted {
                    domain: domain.clone(),
                    exception: exception.clone(),
                });
            }
        }
    }
}

fn check_identity(
    direction: Direction,
    require: ChannelLevel,
    identity: &IdentityTerms,
    errors: &mut Vec<PartnerError>,
) {
    if require.requires_authenticated_peer() {
        if identity.revocation.is_some() && !identity.uses_pkix() {
            errors.push(PartnerError::RevocationUnused { direction });
        }
        return;
    }
    let given = [
        ("names", !identity.names.is_empty()),
        ("spki-pins", !identity.pins.is_empty()),
        ("trust", identity.trust.is_some()),
        ("crl", identity.revocation.is_some()),
    ];
    for (key, _) in given.into_iter().filter(|(_, given)| *given) {
        errors.push(PartnerError::IdentityUnused { direction, key });
    }
}

fn check_inbound(partner: &Partner, errors: &mut Vec<PartnerError>) {
    let terms = &partner.inbound;
    let pkix = terms.identity.uses_pkix();
    if !terms.require.requires_authenticated_peer() {
        if terms.exclusive == Exclusivity::Exclusive {
            errors.push(PartnerError::ExclusiveUnused);
        }
        if terms.usage.is_some() {
            errors.push(PartnerError::IdentityUnused {
                direction: Direction::Inbound,
                key: "server-auth-certificates",
            });
        }
        return;
    }
    if !pkix && terms.usage.is_some() {
        errors.push(PartnerError::UsageUnused);
    }
    let nameable = partner
        .domains
        .iter()
        .any(|pattern| matches!(pattern, DomainPattern::Exact(_)));
    if pkix && terms.identity.names.is_empty() && !nameable {
        errors.push(PartnerError::NoIdentity);
    }
}
