//! What others demand: the recipient's domain by MTA-STS and DANE, the sender by REQUIRETLS.
//!
//! Each becomes a [`Contribution`] like any other, so that there is nothing to take precedence
//! and nothing to override. Where a fact could not be found out, the contribution is one that
//! nobody meets: mail waits.

use std::sync::Arc;

use postern_mail::{Domain, Host};
use postern_tls::{CertificateUsage, ReferenceIdentity, TrustAnchors};

use crate::{
    ChannelDemand, Contribution, DaneFacts, DaneRecords, HostFacts, HostRule, Identity,
    IdentityConstraint, KnownPolicy, PartnerName, PkixConstraint, Provenance, Requirement, Source,
    TlsaConstraint,
};

/// What the MTA-STS policy of the destination demands of this host (RFC 8461 §4): that the
/// policy lists it, and that its certificate is for its own name.
pub(crate) fn mta_sts(
    known: &KnownPolicy,
    facts: &HostFacts,
    trust: &TrustAnchors,
) -> Contribution {
    let source = Source::MtaSts(known.domain.clone());
    let reason = format!("policy {}, mode {}", known.id, known.policy.mode());
    let channel = ChannelDemand::Authenticated(host_identity(&facts.host, trust));
    let hosts = HostRule::among(known.policy.mx().iter().cloned());
    Contribution::new(source, channel, &reason).with_hosts(hosts)
}

/// What the TLSA records of a host demand (RFC 7672 §2.2, §3): nothing where there are none, TLS
/// where none is usable, a match otherwise.
pub(crate) fn dane(facts: &HostFacts, destination: &Host) -> Option<Contribution> {
    let (channel, reason) = match &facts.dane {
        DaneFacts::NotApplicable(_) | DaneFacts::Absent => return None,
        DaneFacts::Unknown(reason) => (undetermined(reason), Arc::clone(reason)),
        DaneFacts::Records(found) => match tlsa(found, facts, destination) {
            Some(tlsa) => (authenticated(tlsa.into()), "its TLSA records".into()),
            None => (
                ChannelDemand::Encrypted,
                "it has TLSA records, of which none is usable".into(),
            ),
        },
    };
    let source = Source::Dane(facts.host.clone());
    Some(Contribution::new(source, channel, &reason))
}

/// What `dane = true` demands: that there are usable records, and a match (RFC 7672 §6).
pub(crate) fn mandatory_dane(
    partner: &PartnerName,
    facts: &HostFacts,
    destination: &Host,
) -> Contribution {
    let host = &facts.host;
    let lacking = |why: &dyn std::fmt::Display| {
        undetermined(&format!("{host} cannot authenticate by DANE: {why}").into())
    };
    let channel = match &facts.dane {
        DaneFacts::Records(found) => match tlsa(found, facts, destination) {
            Some(tlsa) => authenticated(tlsa.into()),
            None => lacking(&"none of its TLSA records is usable"),
        },
        DaneFacts::Absent => lacking(&"it has no TLSA records"),
        DaneFacts::NotApplicable(reason) | DaneFacts::Unknown(reason) => lacking(reason),
    };
    let source = Source::PartnerRule(partner.clone());
    Contribution::new(source, channel, "dane = true")
}

/// What REQUIRETLS demands (RFC 8689 §4.2.1): that the host is the destination's beyond doubt,
/// by DNSSEC or by MTA-STS, and that its certificate proves it.
///
/// Where a rule of ours says as whom the host must authenticate, that is the proof; else its
/// TLSA records are, and else a certificate for its name. That the next hop offers REQUIRETLS
/// itself shows in the session only, and is seen to there.
pub(crate) fn require_tls(
    local: &Requirement,
    sts: Option<&KnownPolicy>,
    facts: &HostFacts,
    destination: &Host,
    trust: &TrustAnchors,
) -> Contribution {
    let by_tlsa = match &facts.dane {
        DaneFacts::Records(found) => tlsa(found, facts, destination)
            .map(IdentityConstraint::from)
            .map(Identity::from),
        DaneFacts::NotApplicable(_) | DaneFacts::Absent | DaneFacts::Unknown(_) => None,
    };
    let identity = local
        .identity()
        .cloned()
        .or(by_tlsa)
        .unwrap_or_else(|| host_identity(&facts.host, trust));
    let hosts = match sts {
        Some(known) => HostRule::among(known.policy.mx().iter().cloned()),
        None => HostRule::proven(),
    };
    let channel = ChannelDemand::Authenticated(identity);
    Contribution::new(
        Source::RequireTls,
        channel,
        "the message came with REQUIRETLS",
    )
    .with_hosts(hosts)
}

fn host_identity(host: &Host, trust: &TrustAnchors) -> Identity {
    let name = host.domain().cloned().map(ReferenceIdentity::from);
    PkixConstraint::new(name, trust.clone(), CertificateUsage::ServerAuth)
        .map_or(IdentityConstraint::Nameless, IdentityConstraint::from)
        .into()
}

/// The records as a constraint. Where the MX answer is secure, a certificate of an authority of
/// theirs may also be for the destination (RFC 7672 §3.2.2).
fn tlsa(found: &DaneRecords, facts: &HostFacts, destination: &Host) -> Option<TlsaConstraint> {
    let destination = match facts.provenance {
        Provenance::Dns(_) => destination.domain().cloned(),
        Provenance::Configured | Provenance::Literal => None,
    };
    let names = destination.map(ReferenceIdentity::from);
    let base: Domain = found.base.clone();
    TlsaConstraint::new(base, found.records.clone(), names)
}

fn authenticated(constraint: IdentityConstraint) -> ChannelDemand {
    ChannelDemand::Authenticated(constraint.into())
}

fn undetermined(reason: &Arc<str>) -> ChannelDemand {
    authenticated(IdentityConstraint::Undetermined(Arc::clone(reason)))
}
