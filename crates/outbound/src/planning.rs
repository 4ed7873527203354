//! What a delivery must meet, with what the destination publishes about it.

use std::time::Duration;

use postern_fetch::StsFinding;
use postern_mail::{Domain, Host, TlsWish};
use postern_policy::{
    DaneFacts, DeliveryPlan, DeliveryRequest, DnsProof, HostFacts, Provenance, Source,
};

use crate::{clock, host::Unreachable, route::Way, situation::Situation};

/// The longest wait for an MTA-STS policy. Fetching one has a minute (RFC 8461 §3.3), and what
/// is looked up before that has its own deadlines; this is for a source that keeps neither.
const LONGEST_FETCH: Duration = Duration::from_secs(120);

/// A delivery, planned.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    /// What it must meet.
    pub(crate) plan: DeliveryPlan,
    /// The MTA-STS policy of the destination, and what went wrong with it. Nothing where MX
    /// records do not decide (RFC 8461 §3.4).
    pub(crate) sts: StsFinding,
}

/// How well the policy of the destination must be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// As it is known.
    AsKnown,
    /// After a look for a newer one (RFC 8461 §5.1).
    Renewed,
}

impl Situation {
    /// What a delivery that goes this way must meet, as far as we know without asking anybody.
    pub(crate) fn plan_locally(&self, way: &Way, wish: TlsWish) -> DeliveryPlan {
        self.plan_knowing(way, wish, &StsFinding::default())
    }

    /// What a delivery that goes this way must meet. The destination's MTA-STS policy is asked
    /// for where MX records decide on the next hop, and nowhere else.
    ///
    /// # Errors
    /// Whether there is a policy is not known in time. It may be one that forbids what would be
    /// done without it.
    pub(crate) async fn plan(
        &self,
        way: &Way,
        wish: TlsWish,
        freshness: Freshness,
    ) -> Result<Planned, Unreachable> {
        let plan = self.plan_locally(way, wish);
        let Some(domain) = way.destination.domain() else {
            return Ok(Planned::without_sts(plan));
        };
        if !way.fixed_hops(&plan).is_empty() {
            return Ok(Planned::without_sts(plan));
        }
        let sts = self.sts_of(domain, freshness).await?;
        let plan = match sts.known {
            Some(_) => self.plan_knowing(way, wish, &sts),
            None => plan,
        };
        Ok(Planned { plan, sts })
    }

    fn plan_knowing(&self, way: &Way, wish: TlsWish, sts: &StsFinding) -> DeliveryPlan {
        let request = DeliveryRequest {
            destination: &way.destination,
            route: way.floor(),
            wish,
            sts: sts.known.as_ref(),
        };
        self.policy.plan_delivery(&request, clock::unix_time())
    }

    async fn sts_of(
        &self,
        domain: &Domain,
        freshness: Freshness,
    ) -> Result<StsFinding, Unreachable> {
        let asking = match freshness {
            Freshness::AsKnown => self.sts.find(domain),
            Freshness::Renewed => self.sts.renew(domain),
        };
        tokio::time::timeout(LONGEST_FETCH, asking)
            .await
            .map_err(|_elapsed| {
                let text = format!("the MTA-STS policy of {domain} could not be found out in time");
                Unreachable::new(Unreachable::NOT_KNOWN, text)
            })
    }
}

impl Planned {
    /// Whether this stands on the same MTA-STS policy as another plan.
    pub(crate) fn has_the_policy_of(&self, other: &Self) -> bool {
        let policy = |planned: &Self| planned.sts.known.as_ref().map(|it| it.policy.clone());
        policy(self) == policy(other)
    }

    /// Whether more is demanded of the hosts of the destination than that they answer, by us or by
    /// its MTA-STS policy. Then they are not to be got rid of by saying that there are none. What
    /// the sender alone demands is nothing to wait for (RFC 8689 §4.2.1).
    pub(crate) fn guards(&self, destination: &Host) -> bool {
        let anywhere = HostFacts {
            host: destination.clone(),
            provenance: Provenance::Dns(DnsProof::Indeterminate),
            dane: DaneFacts::NotApplicable("nothing is known of a host".into()),
        };
        let plan = self.plan.for_host(&anywhere);
        let mut demands = plan.enforced().contributions();
        demands.any(|demand| {
            let of_hosts = !demand.channel().level().accepts_plain() || !demand.hosts().is_any();
            of_hosts && *demand.source() != Source::RequireTls
        })
    }

    /// The same without anything that MTA-STS says.
    pub(crate) fn without_sts(plan: DeliveryPlan) -> Self {
        Self {
            plan,
            sts: StsFinding::default(),
        }
    }
}
