//! From a partner's terms to contributions.

use std::sync::Arc;

use postern_mail::{DomainPattern, Host};
use postern_tls::{CertificateUsage, Profile, ReferenceIdentity, TrustAnchors};

use crate::{
    ChannelDemand, ChannelLevel, ClientUsage, Contribution, Direction, Grounds, HostPattern,
    HostRule, Key, Partner, ProfileDemand, Requirement, Source,
    floor::{demand, identity, names_or_destination},
};

/// What holds where no rule says more: `[tls] profile` and `[tls] trust`.
#[derive(Debug, Clone)]
pub struct Defaults {
    /// The crypto profile of all connections; a partner's profile narrows it further.
    pub profile: &'static Profile,
    /// Who may vouch for names where a rule names nobody.
    pub trust: TrustAnchors,
}

impl Defaults {
    pub(crate) fn contribution(&self) -> Contribution {
        let reason = "TLS is used where it is offered";
        let grounds = Grounds::Configuration(Key::Tls);
        Contribution::new(Source::Default, ChannelDemand::Any, reason, grounds)
            .with_profile(profile_demand(self.profile))
    }
}

/// A partner with the requirements of its rules, each joined with the default.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) partner: Partner,
    /// `None` where the identity depends on the domain that mail is for.
    outbound: Option<Arc<Requirement>>,
    pub(crate) inbound: Arc<Requirement>,
}

impl Rules {
    pub(crate) fn new(partner: Partner, defaults: &Defaults, default: &Requirement) -> Self {
        let inbound = inbound(&partner, &defaults.trust);
        let mut rules = Self {
            outbound: None,
            inbound: Arc::new(default.join(&inbound.into())),
            partner,
        };
        if let Some(destination) = rules.any_destination() {
            rules.outbound = Some(rules.outbound(&destination, defaults, default));
        }
        rules
    }

    /// A destination that stands for all, where the rule is the same for all.
    fn any_destination(&self) -> Option<Host> {
        let terms = &self.partner.outbound();
        let named = terms.is_by_dane_alone()
            || !terms.identity.names.is_empty()
            || !terms.identity.uses_pkix()
            || terms.hosts.iter().any(|hop| hop.host().domain().is_some());
        let same = named || !terms.require.requires_authenticated_peer();
        let pattern = self.partner.domains().first().filter(|_| same)?;
        match pattern {
            DomainPattern::Exact(domain) | DomainPattern::Below(domain) => {
                Some(domain.clone().into())
            }
            DomainPattern::Any => None,
        }
    }

    /// What the partner's rule and the default demand of a connection for `destination`.
    pub(crate) fn outbound(
        &self,
        destination: &Host,
        defaults: &Defaults,
        default: &Requirement,
    ) -> Arc<Requirement> {
        match &self.outbound {
            Some(requirement) => Arc::clone(requirement),
            None => {
                let contribution = outbound(&self.partner, destination, &defaults.trust);
                Arc::new(default.join(&contribution.into()))
            }
        }
    }
}

fn outbound(partner: &Partner, destination: &Host, trust: &TrustAnchors) -> Contribution {
    let terms = partner.outbound();
    // The records that say who the partner is differ from host to host, and are joined there.
    let require = if terms.is_by_dane_alone() {
        ChannelLevel::Encrypted
    } else {
        terms.require
    };
    let channel = demand(require, || {
        let names = names_or_destination(&terms.hosts, destination);
        identity(&terms.identity, names, trust, CertificateUsage::ServerAuth)
    });
    let hosts = if terms.hosts.is_empty() {
        HostRule::any()
    } else {
        let hosts = terms.hosts.iter().map(|hop| hop.host().clone());
        HostRule::among(hosts.map(HostPattern::Exact))
    };
    contribution(partner, Direction::Outbound, channel).with_hosts(hosts)
}

fn inbound(partner: &Partner, trust: &TrustAnchors) -> Contribution {
    let terms = partner.inbound();
    let usage = match terms.usage {
        None | Some(ClientUsage::AcceptServerAuth) => CertificateUsage::ClientOrServerAuth,
        Some(ClientUsage::ClientAuthOnly) => CertificateUsage::ClientAuth,
    };
    let channel = demand(terms.require, || {
        identity(&terms.identity, own_names(partner), trust, usage)
    });
    contribution(partner, Direction::Inbound, channel)
}

/// The domains of a partner that a certificate can name.
fn own_names(partner: &Partner) -> Vec<ReferenceIdentity> {
    let exact = partner
        .domains()
        .iter()
        .filter_map(|pattern| match pattern {
            DomainPattern::Exact(domain) => Some(domain.clone()),
            DomainPattern::Below(_) | DomainPattern::Any => None,
        });
    exact.map(ReferenceIdentity::from).collect()
}

fn contribution(partner: &Partner, direction: Direction, channel: ChannelDemand) -> Contribution {
    let source = Source::PartnerRule(partner.name().clone());
    let reason = format!("its {direction} rule, at stage {}", partner.stage());
    let grounds = Grounds::Configuration(Key::Partner(direction));
    let contribution = Contribution::new(source, channel, &reason, grounds);
    match partner.profile() {
        Some(profile) => contribution.with_profile(profile_demand(profile)),
        None => contribution,
    }
}

fn profile_demand(profile: &Profile) -> ProfileDemand {
    ProfileDemand::new(profile.name(), profile.bounds().clone())
}
