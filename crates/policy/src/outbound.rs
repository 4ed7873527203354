//! What a delivery must meet, resolved before anybody is dialled.

use std::sync::Arc;

use postern_mail::{Host, NextHop, TlsWish};
use postern_tls::TrustAnchors;
use rustls_pki_types::UnixTime;

use crate::{
    BreakGlass, CertificateName, Dane, Direction, Excepted, Explanation, HostFacts, HostPlan,
    Identity, KnownPolicy, Label, Partner, PartnerName, Policy, Provenance, Requirement,
    RouteFloor, Source, StsMode, WhyMeasured, break_glass, denylist::Denylist, network,
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
    /// The rules that the destination is excepted from.
    excepted: Option<Arc<Rules>>,
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
        let (full, enforced) = match rules {
            None => {
                let requirement = floored(&self.default);
                (Arc::clone(&requirement), requirement)
            }
            Some(rules) => {
                let full = floored(&rules.outbound(destination, &self.defaults, &self.default));
                break_glass::in_force(rules, Direction::Outbound, broken, full, || {
                    floored(&self.default)
                })
            }
        };
        let excepted = destination
            .domain()
            .and_then(|domain| self.rules_excepting(domain));
        DeliveryPlan {
            generation: self.generation,
            destination: destination.clone(),
            route: request.route.map(|route| route.label().clone()),
            rules: rules.cloned(),
            excepted: excepted.cloned(),
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

impl DeliveryPlan {
    /// What the delivery must meet at this next hop: what holds for all of them, joined with
    /// what the network demands of this one.
    ///
    /// MTA-STS counts where MX records decide; the next hops of the operator are the operator's
    /// to judge, and the policies that RFC 8461 §3.4 would have asked of their domains are not
    /// looked for. A policy in testing mode is measured. Where the sender waives TLS
    /// (`TLS-Required: No`, RFC 8689 §3), what the recipient's domain demands is measured, and
    /// what the operator demands is not touched.
    pub fn for_host(&self, facts: &HostFacts) -> HostPlan {
        let mut plan = Joined {
            enforced: Arc::clone(&self.enforced),
            full: Arc::clone(&self.full),
        };
        let to = &self.destination;
        let partner = self.partner().filter(|_| self.demands_dane());
        let sts = self.sts_for(facts);
        let demands = [
            partner.map(|partner| network::mandatory_dane(partner.name(), facts, to)),
            network::dane(facts, to),
            sts.map(|known| network::mta_sts(known, facts, &self.trust)),
            (self.wish == TlsWish::Required)
                .then(|| network::require_tls(&self.enforced, sts, facts, to, &self.trust)),
        ];
        for demand in demands.into_iter().flatten() {
            let measured = self.measured(demand.source());
            plan.add(&demand.into(), measured);
        }
        HostPlan::new(self, facts, plan.enforced, plan.full)
    }

    /// Why what this source demands is not in force, if so.
    pub(crate) fn measured(&self, source: &Source) -> Option<WhyMeasured> {
        let waived = || (self.wish == TlsWish::Waived).then_some(WhyMeasured::Waived);
        let testing = || {
            let mode = self.sts.as_ref().map(|known| known.policy.mode());
            (mode != Some(StsMode::Enforce)).then_some(WhyMeasured::Testing)
        };
        match source {
            Source::PartnerRule(_) => {
                let stage = self.partner()?.stage();
                break_glass::measured(stage, self.broken.as_ref())
            }
            Source::MtaSts(_) => waived().or_else(testing),
            Source::Dane(_) => waived(),
            Source::Default
            | Source::ListenerFloor(_)
            | Source::RouteFloor(_)
            | Source::BreakGlass(_)
            | Source::Denylist
            | Source::RequireTls => None,
        }
    }

    /// The MTA-STS policy, where it speaks of this host. One of another domain than the
    /// destination speaks of nothing (RFC 8461 §1.1).
    fn sts_for(&self, facts: &HostFacts) -> Option<&Arc<KnownPolicy>> {
        match facts.provenance {
            Provenance::Dns(_) => self.sts.as_ref(),
            Provenance::Configured | Provenance::Literal => None,
        }
        .filter(|known| known.policy.mode() != StsMode::None)
        .filter(|known| self.destination.domain() == Some(&known.domain))
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
        self.explaining(&self.full, &self.enforced)
    }

    pub(crate) fn explaining(&self, full: &Requirement, enforced: &Requirement) -> Explanation {
        let excepted = self.excepted.as_ref().zip(self.destination.domain());
        Explanation::new(Direction::Outbound, full, enforced, |source| {
            self.measured(source)
        })
        .about(self.destination.to_string())
        .of_partner(self.partner())
        .excepted(excepted.and_then(|(rules, domain)| Excepted::of(&rules.partner, domain)))
    }
}

/// The two requirements of a host in the making.
struct Joined {
    enforced: Arc<Requirement>,
    full: Arc<Requirement>,
}

impl Joined {
    fn add(&mut self, demand: &Requirement, measured: Option<WhyMeasured>) {
        let same = Arc::ptr_eq(&self.enforced, &self.full);
        self.full = Arc::new(self.full.join(demand));
        match measured {
            Some(_) => {}
            None if same => self.enforced = Arc::clone(&self.full),
            None => self.enforced = Arc::new(self.enforced.join(demand)),
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
