//! What a delivery must meet at one next hop.

use std::sync::Arc;

use postern_mail::{Domain, Host};
use postern_tls::{Evidence, NotSecured};
use rustls_pki_types::UnixTime;

use crate::{
    Basis, DaneExplanation, DaneFacts, DeliveryPlan, Explanation, HostFacts, Mismatch,
    NextHopExplanation, Partner, Refusal, Requirement, Source, policy::Generation,
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

    /// The name to indicate in the handshake: the TLSA base domain where records count
    /// (RFC 7672 §8.1), else the name of the host (RFC 8461 §7.1).
    pub fn server_name(&self) -> Option<&Domain> {
        match &self.facts.dane {
            DaneFacts::Records(found) if found.records.is_usable() => Some(&found.base),
            DaneFacts::Records(_)
            | DaneFacts::NotApplicable(_)
            | DaneFacts::Absent
            | DaneFacts::Unknown(_) => self.facts.host.domain(),
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

    /// Whether the next hop would be worth dialling by every rule, those that are only measured
    /// included.
    ///
    /// # Errors
    /// Says what would stand against it, and who demands that.
    pub fn judge_host_in_full(&self) -> Result<(), Refusal> {
        judge_host(&self.full, &self.facts)
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
        self.judge_by(&self.enforced, security, now)
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
        self.judge_by(&self.full, security, now)
    }

    fn judge_by(
        &self,
        requirement: &Requirement,
        security: Result<&Evidence, &NotSecured>,
        now: UnixTime,
    ) -> Result<Basis, Refusal> {
        judge_host(requirement, &self.facts)?;
        self.delivery.denied.judge(security)?;
        self.judge_proofs(requirement, security, now)
    }

    fn judge_proofs(
        &self,
        requirement: &Requirement,
        security: Result<&Evidence, &NotSecured>,
        now: UnixTime,
    ) -> Result<Basis, Refusal> {
        let basis = requirement.judge(security, now)?;
        let vouched = self.delivery.denied.judge_proofs(basis.proofs());
        vouched.map(|()| basis)
    }

    /// What each rule says of a channel, taken by itself, in force or not: for reports to those
    /// whose rule it is (RFC 8460 §4.2), and for people. That the peer shows something that we
    /// refuse is no fault by anybody else's rule, and is told beside them.
    pub fn judge_each(
        &self,
        security: Result<&Evidence, &NotSecured>,
        now: UnixTime,
    ) -> Vec<RuleVerdict> {
        let rules = self.full.contributions().map(|contribution| {
            let alone = Requirement::from(contribution.clone());
            let outcome = judge_host(&alone, &self.facts);
            RuleVerdict {
                source: contribution.source().clone(),
                outcome: outcome.and_then(|()| self.judge_proofs(&alone, security, now)),
            }
        });
        let denied = self.delivery.denied.judge(security).err();
        let denied = denied.map(|refusal| RuleVerdict {
            source: Source::Denylist,
            outcome: Err(refusal),
        });
        rules.chain(denied).collect()
    }

    /// Every rule that took part, what is known of the next hop, and whether it is dialled.
    pub fn explanation(&self) -> Explanation {
        let told = |judged: Result<(), Refusal>| judged.err().map(|it| it.to_string());
        let next_hop = NextHopExplanation {
            host: self.host().to_string(),
            provenance: self.facts.provenance,
            dane: DaneExplanation::from(&self.facts.dane),
            refused: told(self.judge_host()),
            refused_if_enforced: told(self.judge_host_in_full()),
        };
        self.delivery
            .explaining(&self.full, &self.enforced)
            .at(next_hop)
    }

    /// The same with what comes of a channel of this security, now and if every rule were in
    /// force.
    pub fn explain_channel(
        &self,
        security: Result<&Evidence, &NotSecured>,
        now: UnixTime,
    ) -> Explanation {
        let told = |judged: Result<Basis, Refusal>| match judged {
            Ok(basis) => basis.to_string(),
            Err(refusal) => refusal.to_string(),
        };
        let outcome = told(self.judge(security, now));
        let if_enforced = self
            .measures_more()
            .then(|| told(self.judge_in_full(security, now)));
        self.explanation()
            .with_outcome(outcome)
            .if_enforced(if_enforced)
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
