//! What a delivery must meet at one next hop.

use std::sync::Arc;

use postern_mail::{Domain, Host};
use postern_tls::{Evidence, NotSecured};
use rustls_pki_types::UnixTime;

use crate::{
    Basis, DaneFacts, DeliveryPlan, Direction, Explanation, HostFacts, Mismatch, Partner, Refusal,
    Requirement, Source, policy::Generation,
};

/// The requirement of one delivery at one next hop, with its reasons. Only a channel that meets
/// what is in force here gets a [`Permit`](crate::Permit).
#[derive(Debug, Clone)]
pub struct HostPlan {
    delivery: DeliveryPlan,
    facts: HostFacts,
    enforced: Arc<Requirement>,
    full: Arc<Requirement>,
}

/// What one rule says of a channel, taken by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleVerdict {
    /// Whose rule it is.
    pub source: Source,
    /// Whether it is met.
    pub outcome: Result<Basis, Refusal>,
}

impl HostPlan {
    pub(crate) fn new(
        delivery: &DeliveryPlan,
        facts: &HostFacts,
        enforced: Arc<Requirement>,
        full: Arc<Requirement>,
    ) -> Self {
        Self {
            delivery: delivery.clone(),
            facts: facts.clone(),
            enforced,
            full,
        }
    }

    /// The delivery that this is a part of.
    pub fn delivery(&self) -> &DeliveryPlan {
        &self.delivery
    }

    /// Where the mail is going.
    pub fn destination(&self) -> &Host {
        self.delivery.destination()
    }

    /// The next hop.
    pub fn host(&self) -> &Host {
        &self.facts.host
    }

    /// What is known of the next hop.
    pub fn facts(&self) -> &HostFacts {
        &self.facts
    }

    /// The partner that the destination belongs to.
    pub fn partner(&self) -> Option<&Partner> {
        self.delivery.partner()
    }

    /// What is in force: a channel that does not meet this carries nothing.
    pub fn enforced(&self) -> &Requirement {
        &self.enforced
    }

    /// What would be in force if every rule that is only measured were.
    pub fn full(&self) -> &Requirement {
        &self.full
    }

    /// Whether some rule is judged without being in force.
    pub fn measures_more(&self) -> bool {
        !Arc::ptr_eq(&self.enforced, &self.full) && self.enforced != self.full
    }

    /// The name to indicate in the handshake: the TLSA base domain where there are records
    /// (RFC 7672 §8.1), else the name of the host (RFC 8461 §7.1).
    pub fn server_name(&self) -> Option<&Domain> {
        match &self.facts.dane {
            DaneFacts::Records(found) => Some(&found.base),
            DaneFacts::NotApplicable(_) | DaneFacts::Absent | DaneFacts::Unknown(_) => {
                self.facts.host.domain()
            }
        }
    }

    /// Whether the next hop is worth dialling: it is one of those allowed, and it is known as
    /// whom it must authenticate. Asked before it is dialled, and again when a channel to it is
    /// judged.
    ///
    /// # Errors
    /// Says what stands against it, and who demands that.
    pub fn judge_host(&self) -> Result<(), Refusal> {
        judge_host(&self.enforced, &self.facts)
    }

    /// Whether a channel of this security meets what is in force.
    ///
    /// # Errors
    /// Says what was not met, and who demands it.
    pub fn judge(
        &self,
        security: Result<&Evidence, &NotSecured>,
        now: UnixTime,
    ) -> Result<Basis, Refusal> {
        self.judge_host()?;
        self.delivery.denied.judge(security)?;
        self.enforced.judge(security, now)
    }

    /// Whether a channel of this security would meet every rule, those that are only measured
    /// included.
    ///
    /// # Errors
    /// Says what would not be met, and who demands it.
    pub fn judge_in_full(
        &self,
        security: Result<&Evidence, &NotSecured>,
        now: UnixTime,
    ) -> Result<Basis, Refusal> {
        judge_host(&self.full, &self.facts)?;
        self.delivery.denied.judge(security)?;
        self.full.judge(security, now)
    }

    /// What each rule says of a channel, taken by itself, in force or not: for reports to those
    /// whose rule it is (RFC 8460 §4.2), and for people.
    pub fn judge_each(
        &self,
        security: Result<&Evidence, &NotSecured>,
        now: UnixTime,
    ) -> Vec<RuleVerdict> {
        self.full
            .contributions()
            .map(|contribution| {
                let alone = Requirement::from(contribution.clone());
                let outcome = judge_host(&alone, &self.facts);
                RuleVerdict {
                    source: contribution.source().clone(),
                    outcome: outcome.and_then(|()| alone.judge(security, now)),
                }
            })
            .collect()
    }

    /// Every rule that took part, and what came of it.
    pub fn explanation(&self) -> Explanation {
        Explanation::new(Direction::Outbound, &self.full, &self.enforced)
            .about(self.destination().to_string())
            .of_partner(self.partner())
    }

    /// Whether the plan was made under this policy, and still holds.
    pub(crate) fn check(&self, generation: Generation, now: UnixTime) -> Result<(), Refusal> {
        let over = self
            .delivery
            .valid_until()
            .is_some_and(|until| now >= until);
        if self.delivery.generation == generation && !over {
            return Ok(());
        }
        let demand = "that deliveries are planned anew";
        let sources = vec![Source::Default];
        Err(Refusal::new(Mismatch::StalePlan, demand, sources))
    }
}

fn judge_host(requirement: &Requirement, facts: &HostFacts) -> Result<(), Refusal> {
    requirement.judge_host(&facts.host, facts.provenance)?;
    requirement.judge_prospect()
}
