//! What a delivery must meet, resolved before anybody is dialled.

use std::sync::Arc;

use postern_mail::{Host, NextHop};

use crate::{
    CertificateName, Direction, Explanation, Identity, Label, Partner, PartnerName, Policy,
    Refusal, Requirement, RouteFloor, Stage, policy::Generation, rules::Rules,
};

/// The requirement of one delivery with its reasons: what is in force, and what would be if the
/// partner's rule were enforced.
///
/// One plan holds for every next hop of the delivery, and for notices as for any mail: nothing
/// is decided per host but whether that host meets it.
#[derive(Debug, Clone)]
pub struct DeliveryPlan {
    pub(crate) generation: Generation,
    destination: Host,
    route: Option<Label>,
    rules: Option<Arc<Rules>>,
    enforced: Arc<Requirement>,
    full: Arc<Requirement>,
}

impl Policy {
    /// Resolves what a delivery of mail for `destination` over `route` must meet.
    ///
    /// The default, the route's floor and the partner's rule are joined; at the stages before
    /// `enforce` the partner's rule is left out of what is in force, and judged all the same.
    pub fn plan_delivery(&self, destination: &Host, route: Option<&RouteFloor>) -> DeliveryPlan {
        let rules = destination
            .domain()
            .and_then(|domain| self.rules_of(domain));
        let floor = route
            .map(|route| Requirement::from(route.contribution(destination, &self.defaults.trust)));
        let floored = |requirement: &Arc<Requirement>| match &floor {
            Some(floor) => Arc::new(requirement.join(floor)),
            None => Arc::clone(requirement),
        };
        let full = match rules {
            Some(rules) => rules.outbound(destination, &self.defaults, &self.default),
            None => Arc::clone(&self.default),
        };
        let full = floored(&full);
        let enforced = match rules.map(|rules| rules.partner.stage()) {
            None | Some(Stage::Enforce) => Arc::clone(&full),
            Some(Stage::Observe | Stage::Warn) => floored(&self.default),
        };
        DeliveryPlan {
            generation: self.generation,
            destination: destination.clone(),
            route: route.map(|route| route.label().clone()),
            rules: rules.cloned(),
            enforced,
            full,
        }
    }
}

impl DeliveryPlan {
    /// Where the mail is going.
    pub fn destination(&self) -> &Host {
        &self.destination
    }

    /// The partner that the destination belongs to.
    pub fn partner(&self) -> Option<&Partner> {
        self.rules.as_ref().map(|rules| &rules.partner)
    }

    /// What is in force: a channel that does not meet this carries nothing.
    pub fn enforced(&self) -> &Requirement {
        &self.enforced
    }

    /// What would be in force if the partner's rule were enforced.
    pub fn full(&self) -> &Requirement {
        &self.full
    }

    /// Which of our certificates is shown to the next hop, at every stage.
    pub fn present(&self) -> Option<&CertificateName> {
        self.partner()?.outbound().present.as_ref()
    }

    /// The partner's fixed next hops, which replace routes and MX records where there are any.
    pub fn next_hops(&self) -> &[NextHop] {
        self.partner().map_or(&[], Partner::next_hops)
    }

    /// Whether mail may be handed to `host` at all; asked before it is dialled, and again when a
    /// channel to it is judged.
    ///
    /// # Errors
    /// Says which hosts are allowed, and who demands it.
    pub fn judge_host(&self, host: &Host) -> Result<(), Refusal> {
        self.enforced.judge_host(host)
    }

    /// What must agree before a kept connection is tried for this delivery. It saves attempts
    /// that would be refused; what decides is the judgement of the permit.
    pub fn pool_key(&self) -> PoolKey {
        PoolKey {
            partner: self.partner().map(|partner| partner.name().clone()),
            route: self.route.clone(),
            present: self.present().cloned(),
            identity: self.full.identity().cloned(),
        }
    }

    /// Every rule that took part, and what came of it.
    pub fn explanation(&self) -> Explanation {
        Explanation::new(Direction::Outbound, &self.full, &self.enforced)
            .about(self.destination.to_string())
            .of_partner(self.partner())
    }

    /// Whether the partner's rule is judged without being in force.
    pub(crate) fn shadowed_partner(&self) -> Option<&Partner> {
        self.partner()
            .filter(|partner| !partner.stage().stops_mail())
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
}
