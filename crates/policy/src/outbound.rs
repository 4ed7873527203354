//! What a delivery must meet, resolved before anybody is dialled.

use std::sync::Arc;

use postern_mail::{Host, NextHop, TlsWish};
use postern_tls::TrustAnchors;
use rustls_pki_types::UnixTime;

use crate::{
    BreakGlass, CertificateName, ChannelDemand, Contribution, Dane, Direction, Explanation,
    HostFacts, HostPlan, Identity, KnownPolicy, Label, Lowered, Partner, PartnerName, Policy,
    Provenance, Requirement, RouteFloor, Source, StsMode, denylist::Denylist, network,
    policy::Generation, rules::Rules,
};

/// A delivery that is to be planned.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryRequest<'a> {
    /// Where the mail is going.
    pub destination: &'a Host,
    /// What the route demands.
    pub route: Option<&'a RouteFloor>,
    /// What the sender wishes.
    pub wish: TlsWish,
    /// The MTA-STS policy of the destination, where one is known.
    pub sts: Option<&'a Arc<KnownPolicy>>,
}

impl<'a> DeliveryRequest<'a> {
    /// A delivery over MX records, of mail whose sender wishes nothing, to a destination that
    /// publishes no policy.
    pub fn to(destination: &'a Host) -> Self {
        Self {
            destination,
            route: None,
            wish: TlsWish::Unstated,
            sts: None,
        }
    }

    /// The same over this route.
    #[must_use]
    pub fn over(self, route: Option<&'a RouteFloor>) -> Self {
        Self { route, ..self }
    }
}

/// The requirement of one delivery, as far as it is the same for all next hops: what is in force,
/// and what would be if every rule that is only measured were.
///
/// What is in force for one next hop is a [`HostPlan`], which [`DeliveryPlan::for_host`] makes
/// from the facts about it; no channel is judged by less.
#[derive(Debug, Clone)]
pub struct DeliveryPlan {
    pub(crate) generation: Generation,
    pub(crate) destination: Host,
    route: Option<Label>,
    pub(crate) rules: Option<Arc<Rules>>,
    wish: TlsWish,
    sts: Option<Arc<KnownPolicy>>,
    pub(crate) broken: Option<Arc<BreakGlass>>,
    trust: TrustAnchors,
    pub(crate) denied: Arc<Denylist>,
    enforced: Arc<Requirement>,
    full: Arc<Requirement>,
}

impl Policy {
    /// Resolves what a delivery must meet at `now`.
    ///
    /// The default, the route's floor and the partner's rule are joined here; at the stages
    /// before `enforce`, and while the glass is broken, the partner's rule is left out of what is
    /// in force, and judged all the same. What the network demands is joined for each host.
    pub fn plan_delivery(&self, request: &DeliveryRequest<'_>, now: UnixTime) -> DeliveryPlan {
        let destination = request.destination;
        let rules = destination
            .domain()
            .and_then(|domain| self.rules_of(domain));
        let floor = request
            .route
            .map(|route| Requirement::from(route.contribution(destination, &self.defaults.trust)));
        let floored = |requirement: &Arc<Requirement>| match &floor {
            Some(floor) => Arc::new(requirement.join(floor)),
            None => Arc::clone(requirement),
        };
        let broken = rules
            .and_then(|rules| self.broken_glass(rules.partner.name(), Direction::Outbound, now));
        let full = match rules {
            Some(rules) => rules.outbound(destination, &self.defaults, &self.default),
            None => Arc::clone(&self.default),
        };
        let full = floored(&full);
        let enforced = match (rules, broken) {
            (Some(rules), Some(broken)) if rules.partner.stage().stops_mail() => {
                Arc::new(floored(&self.default).join(&lowered(broken).into()))
            }
            (Some(rules), _) if !rules.partner.stage().stops_mail() => floored(&self.default),
            (Some(_) | None, _) => Arc::clone(&full),
        };
        DeliveryPlan {
            generation: self.generation,
            destination: destination.clone(),
            route: request.route.map(|route| route.label().clone()),
            rules: rules.cloned(),
            wish: request.wish,
            sts: request.sts.cloned(),
            broken: broken.cloned(),
            trust: self.defaults.trust.clone(),
            denied: Arc::clone(&self.denied),
            enforced,
            full,
        }
    }
}

/// What is left of a partner's rule while the glass is broken.
pub(crate) fn lowered(broken: &BreakGlass) -> Contribution {
    let channel = match broken.allow {
        Lowered::Any => ChannelDemand::Any,
        Lowered::Encrypted => ChannelDemand::Encrypted,
    };
    let reason = format!("approved by {}: {}", broken.approved_by, broken.reason);
    Contribution::new(Source::BreakGlass(broken.partner.clone()), channel, &reason)
}

impl DeliveryPlan {
    /// What the delivery must meet at this next hop: what holds for all of them, joined with
    /// what the network demands of this one.
    ///
    /// MTA-STS counts where MX records decide; the next hops of the operator are the operator's
    /// to judge (RFC 8461 §3.4). A policy in testing mode is measured. Where the sender waives
    /// TLS (`TLS-Required: No`, RFC 8689 §3), what the recipient's domain demands is measured,
    /// and what the operator demands is not touched.
    pub fn for_host(&self, facts: &HostFacts) -> HostPlan {
        let mut plan = Joined {
            enforced: Arc::clone(&self.enforced),
            full: Arc::clone(&self.full),
        };
        if let Some(partner) = self.partner()
            && self.demands_dane()
        {
            let dane = network::mandatory_dane(partner.name(), facts, &self.destination);
            let in_force = partner.stage().stops_mail() && self.broken.is_none();
            plan.add(&dane.into(), in_force);
        }
        let waived = self.wish == TlsWish::Waived;
        if let Some(dane) = network::dane(facts, &self.destination) {
            plan.add(&dane.into(), !waived);
        }
        let sts = self.sts_for(facts);
        if let Some(known) = sts {
            let sts = network::mta_sts(known, facts, &self.trust);
            plan.add(
                &sts.into(),
                !waived && known.policy.mode() == StsMode::Enforce,
            );
        }
        if self.wish == TlsWish::Required {
            let (local, to) = (&self.enforced, &self.destination);
            let required = network::require_tls(local, sts, facts, to, &self.trust);
            plan.add(&required.into(), true);
        }
        HostPlan::new(self, facts, plan.enforced, plan.full)
    }

    /// The MTA-STS policy, where it speaks of this host.
    pub(crate) fn sts_for(&self, facts: &HostFacts) -> Option<&KnownPolicy> {
        match facts.provenance {
            Provenance::Dns(_) => self.sts.as_deref(),
            Provenance::Configured | Provenance::Literal => None,
        }
        .filter(|known| known.policy.mode() != StsMode::None)
    }

    /// Until when the plan may be used, where that is bounded.
    pub(crate) fn valid_until(&self) -> Option<UnixTime> {
        let glass = self.broken.as_ref().map(|broken| broken.until);
        let sts = self.sts.as_ref().map(|known| known.expires);
        [glass, sts].into_iter().flatten().min()
    }

    /// Where the mail is going.
    pub fn destination(&self) -> &Host {
        &self.destination
    }

    /// The partner that the destination belongs to.
    pub fn partner(&self) -> Option<&Partner> {
        self.rules.as_ref().map(|rules| &rules.partner)
    }

    /// What is in force at every next hop, before anything is known of one.
    pub fn enforced(&self) -> &Requirement {
        &self.enforced
    }

    /// What would be in force at every next hop if the partner's rule were enforced.
    pub fn full(&self) -> &Requirement {
        &self.full
    }

    /// Whether TLSA records must be asked for even where the configuration names the next hop.
    pub fn demands_dane(&self) -> bool {
        self.partner()
            .is_some_and(|partner| partner.outbound().dane == Dane::Demanded)
    }

    /// The exception to the partner's rule that is made at present.
    pub fn broken_glass(&self) -> Option<&BreakGlass> {
        self.broken.as_deref()
    }

    /// Which of our certificates is shown to the next hop, at every stage.
    pub fn present(&self) -> Option<&CertificateName> {
        self.partner()?.outbound().present.as_ref()
    }

    /// The partner's fixed next hops, which replace routes and MX records where there are any.
    pub fn next_hops(&self) -> &[NextHop] {
        self.partner().map_or(&[], Partner::next_hops)
    }

    /// What must agree before a kept connection is tried for this delivery. It saves attempts
    /// that would be refused; what decides is the judgement of the permit.
    pub fn pool_key(&self) -> PoolKey {
        PoolKey {
            partner: self.partner().map(|partner| partner.name().clone()),
            route: self.route.clone(),
            present: self.present().cloned(),
            identity: self.full.identity().cloned(),
            wish: self.wish,
        }
    }

    /// Every rule that takes part whatever the next hop.
    pub fn explanation(&self) -> Explanation {
        Explanation::new(Direction::Outbound, &self.full, &self.enforced)
            .about(self.destination.to_string())
            .of_partner(self.partner())
    }
}

/// The two requirements of a host in the making.
struct Joined {
    enforced: Arc<Requirement>,
    full: Arc<Requirement>,
}

impl Joined {
    fn add(&mut self, demand: &Requirement, in_force: bool) {
        let same = Arc::ptr_eq(&self.enforced, &self.full);
        self.full = Arc::new(self.full.join(demand));
        if in_force {
            self.enforced = if same {
                Arc::clone(&self.full)
            } else {
                Arc::new(self.enforced.join(demand))
            };
        }
    }
}

/// Which connections a delivery may share; see [`DeliveryPlan::pool_key`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PoolKey {
    partner: Option<PartnerName>,
    route: Option<Label>,
    present: Option<CertificateName>,
    /// It may depend on the domain that mail is for, even within one partner.
    identity: Option<Identity>,
    wish: TlsWish,
}
