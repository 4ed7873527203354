//! What others demand: the recipient's domain by MTA-STS and DANE, the sender by REQUIRETLS.
//!
//! Each becomes a [`Contribution`] like any other, so that there is nothing to take precedence
//! and nothing to override. Where a fact could not be found out, the contribution is one that
//! nobody meets: mail waits.

use std::sync::Arc;

use postern_mail::{Domain, Host};
use postern_tls::{CertificateUsage, ReferenceIdentity, TrustAnchors};

use crate::{
    ChannelDemand, Contribution, DaneFacts, DaneRecords, DnsProof, Grounds, HostFacts, HostRule,
    Identity, IdentityConstraint, KnownPolicy, PartnerName, PkixConstraint, Provenance,
    Requirement, Source, TlsaConstraint,
};

/// What the MTA-STS policy of the destination demands of this host (RFC 8461 §4): that the
/// policy lists it, and that its certificate is for its own name.
pub(crate) fn mta_sts(
    known: &Arc<KnownPolicy>,
    facts: &HostFacts,
    trust: &TrustAnchors,
) -> Contribution {
    let source = Source::MtaSts(known.domain.clone());
    let reason = format!("policy {}, mode {}", known.id, known.policy.mode());
    let channel = ChannelDemand::Authenticated(host_identity(&facts.host, trust));
    let grounds = Grounds::MtaSts(Arc::clone(known));
    Contribution::new(source, channel, &reason, grounds).with_hosts(listed(known))
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
    let grounds = grounds(&facts.dane);
    Some(Contribution::new(source, channel, &reason, grounds))
}

/// What `dane = true` demands: that there are usable records, and a match (RFC 7672 §6), of a host
/// that is proven to be the partner's. Whoever forges an insecure MX answer would otherwise choose
/// whose records count (RFC 7672 §2.2.1).
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
        DaneFacts::Records(_) if !facts.provenance.is_proven() => lacking(&format!(
            "it is not proven to be a host of theirs ({})",
            facts.provenance
        )),
        DaneFacts::Records(found) => match tlsa(found, facts, destination) {
            Some(tlsa) => authenticated(tlsa.into()),
            None => lacking(&"none of its TLSA records is usable"),
        },
        DaneFacts::Absent => lacking(&"it has no TLSA records"),
        DaneFacts::NotApplicable(reason) | DaneFacts::Unknown(reason) => lacking(reason),
    };
    let source = Source::PartnerRule(partner.clone());
    Contribution::new(source, channel, "dane = true", grounds(&facts.dane))
}

/// What REQUIRETLS demands (RFC 8689 §4.2.1): that the host is the destination's beyond doubt,
/// and that its certificate proves it.
///
/// The host is beyond doubt where the operator configured it or DNSSEC proves the MX answer; where
/// it is not, the MTA-STS policy of the destination must list it, be it under test. Where a rule
/// of ours says as whom the host must authenticate, that is the proof; else its TLSA records are,
/// and else a certificate for its name. That the next hop offers REQUIRETLS itself shows in the
/// session only, and is seen to there.
pub(crate) fn require_tls(
    local: &Requirement,
    sts: Option<&Arc<KnownPolicy>>,
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
        Some(known) if !facts.provenance.is_proven() => listed(known),
        Some(_) | None => HostRule::proven(),
    };
    let (source, channel) = (Source::RequireTls, ChannelDemand::Authenticated(identity));
    let reason = "the message came with REQUIRETLS";
    Contribution::new(source, channel, reason, Grounds::Message).with_hosts(hosts)
}

/// The hosts that a policy lists (RFC 8461 §4.1).
fn listed(known: &KnownPolicy) -> HostRule {
    HostRule::among(known.policy.mx().iter().cloned())
}

fn grounds(dane: &DaneFacts) -> Grounds {
    match dane {
        DaneFacts::Records(found) => Grounds::Tlsa(found.clone()),
        DaneFacts::NotApplicable(_) | DaneFacts::Absent | DaneFacts::Unknown(_) => Grounds::Nothing,
    }
}

fn host_identity(host: &Host, trust: &TrustAnchors) -> Identity {
    let name = host.domain().cloned().map(ReferenceIdentity::from);
    PkixConstraint::new(name, trust.clone(), CertificateUsage::ServerAuth)
        .map_or(IdentityConstraint::Nameless, IdentityConstraint::from)
        .into()
}

/// The records as a constraint. Where the MX answer is secure, and nowhere else, a certificate of
/// an authority of theirs may also be for the destination (RFC 7672 §3.2.2).
fn tlsa(found: &DaneRecords, facts: &HostFacts, destination: &Host) -> Option<TlsaConstraint> {
    let destination = match facts.provenance {
        Provenance::Dns(DnsProof::Secure) => destination.domain().cloned(),
        Provenance::Dns(DnsProof::Insecure | DnsProof::Indeterminate)
        | Provenance::Configured
        | Provenance::Literal => None,
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
