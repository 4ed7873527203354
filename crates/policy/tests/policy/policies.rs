//! Policies for tests.

use postern_mail::Host;
use postern_policy::{
    Defaults, DeliveryPlan, DeliveryRequest, HostFacts, HostPlan, IdentityTerms, InboundTerms,
    OutboundTerms, Partner, PartnerBuilder, Policy, RouteFloor, Stage,
};
use postern_tls::{Profile, ProfileName};

use crate::peers::{self, ANCHORS, PINS, now};

/// The plan of a delivery of which the network says nothing.
pub(crate) fn plan(policy: &Policy, to: &Host, route: Option<&RouteFloor>) -> DeliveryPlan {
    policy.plan_delivery(&DeliveryRequest::to(to).over(route), now())
}

/// What it must meet at a host that the configuration names.
pub(crate) fn at(plan: &DeliveryPlan, host: &Host) -> HostPlan {
    plan.for_host(&HostFacts::configured(host.clone()))
}

pub(crate) fn defaults() -> Defaults {
    Defaults {
        profile: Profile::named(ProfileName::Intermediate),
        trust: ANCHORS[0].clone(),
    }
}

pub(crate) fn policy(partners: Vec<Partner>) -> Policy {
    Policy::new(defaults(), partners).unwrap()
}

/// The ministry, which owns `ministry.example` and all below.
pub(crate) fn ministry(stage: Stage) -> PartnerBuilder {
    Partner::builder("Ministry of Examples".parse().unwrap(), stage)
        .domain("ministry.example".parse().unwrap())
        .domain("*.ministry.example".parse().unwrap())
}

pub(crate) fn outbound(stage: Stage, terms: OutboundTerms) -> Policy {
    policy(vec![ministry(stage).outbound(terms).build().unwrap()])
}

pub(crate) fn inbound(stage: Stage, terms: InboundTerms) -> Policy {
    policy(vec![ministry(stage).inbound(terms).build().unwrap()])
}

pub(crate) fn names(names: &[&str]) -> IdentityTerms {
    IdentityTerms {
        names: names.iter().map(|name| peers::reference(name)).collect(),
        ..IdentityTerms::default()
    }
}

/// The pins of the right keys.
pub(crate) fn pins() -> IdentityTerms {
    IdentityTerms {
        pins: PINS.to_vec(),
        ..IdentityTerms::default()
    }
}
