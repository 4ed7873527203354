//! A host with everything that is known of it before it is dialled.
//!
//! Deliveries, explanations and probes all come to know a host here, so that what is explained
//! is what is done.

use std::time::Instant;

use postern_policy::{DeliveryPlan, HostFacts, HostPlan};

use crate::{
    dane::{self, AtConfiguredHops},
    host::{self, Located, MailHost, MxAnswer, NotLocated, SHORTEST_VALIDITY},
    situation::Situation,
};

/// A host that may take the mail.
#[derive(Debug)]
pub(crate) struct Prospect {
    /// Its name or address, and who says that it takes the mail.
    pub(crate) host: MailHost,
    /// Where it is.
    pub(crate) located: Result<Located, NotLocated>,
    /// What its channel must meet.
    pub(crate) plan: HostPlan,
    /// What that stands on.
    pub(crate) known: Known,
}

/// Facts about a host, and until when they count.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    facts: HostFacts,
    /// Nothing where they do not age: the operator wrote them down.
    pub(crate) valid_until: Option<Instant>,
}

impl Prospect {
    /// Looks for the host and asks what DNS says of its TLS.
    pub(crate) async fn learn(
        host: MailHost,
        mx: Option<&MxAnswer>,
        plan: &DeliveryPlan,
        situation: &Situation,
    ) -> Self {
        let surroundings = situation.surroundings();
        let located = host::locate(&host, &surroundings).await;
        let asked = if plan.demands_dane() {
            AtConfiguredHops::Asked
        } else {
            AtConfiguredHops::NotAsked
        };
        let dane = dane::gather(&host, located.as_ref(), asked, surroundings.dns).await;
        let facts = HostFacts {
            host: host.next_hop.host().clone(),
            provenance: host.provenance,
            dane: dane.facts,
        };
        let address = located.as_ref().ok().and_then(|it| it.answer.as_ref());
        let limits = [
            mx.map(MxAnswer::counts_until),
            address.map(|answer| answer.valid_until),
            dane.valid_until,
        ];
        // Addresses say nothing where nobody judges a host by what its name leads to.
        let ages = mx.is_some() || dane.valid_until.is_some();
        let limit = limits.into_iter().flatten().min().filter(|_| ages);
        let shortest = Instant::now() + SHORTEST_VALIDITY;
        Self {
            plan: plan.for_host(&facts),
            host,
            located,
            known: Known {
                facts,
                valid_until: limit.map(|limit| limit.max(shortest)),
            },
        }
    }
}

impl Known {
    /// What a channel to the host must meet for another delivery; nothing once the facts are too
    /// old to say.
    pub(crate) fn plan_for(&self, plan: &DeliveryPlan, now: Instant) -> Option<HostPlan> {
        let counts = self.valid_until.is_none_or(|limit| now < limit);
        counts.then(|| plan.for_host(&self.facts))
    }
}

#[cfg(test)]
mod tests {
    use postern_mail::TlsWish;

    use super::*;
    use crate::{destination::tests::situation, route::Routes};

    #[test]
    fn facts_that_age_count_for_no_longer() {
        let way = Routes::default().way_to("to.example".parse().unwrap());
        let plan = situation().plan_locally(&way, TlsWish::Unstated);
        let (now, second) = (Instant::now(), std::time::Duration::from_secs(1));
        let known = |valid_until| Known {
            facts: HostFacts::configured("mx.example".parse().unwrap()),
            valid_until,
        };
        assert!(known(None).plan_for(&plan, now).is_some());
        assert!(known(Some(now + second)).plan_for(&plan, now).is_some());
        assert!(known(Some(now)).plan_for(&plan, now).is_none());
    }
}
