//! What a new configuration means for mail that waits.
//!
//! What is under way is planned anew anyhow. What waits was told when to come again by what
//! happened on its old way, and would only then go the new one. So mail for a domain whose way
//! has changed is due at once, and so is what waits for a destination that was reached and did
//! not do: what it has to prove, or what we show it, may be what has changed. A host that could
//! not be reached at all is no better for a new configuration, unless it says how to reach hosts.

use postern_mail::{Domain, Host, Mailbox, TlsWish};
use tracing::info;

use crate::{
    attempt::Weight, destination::Hops, engine::Engine, settings::Settings, situation::Situation,
    sorting::hops_of,
};

/// Makes due what `after` may have better news for than `before`.
pub(crate) fn follow(engine: &Engine, before: &Situation, after: &Situation) {
    if reaches_otherwise(&before.settings, &after.settings) {
        info!("the configuration says otherwise how hosts are reached; what waits is tried now");
        return engine.flush(None);
    }
    let awaited_by = engine
        .destinations
        .forget(|_, weight| weight > Weight::NotReached);
    engine.hasten(awaited_by);
    let taken_in = changed_addresses(&before.settings, &after.settings);
    engine.hasten_where(|domain| {
        taken_in.iter().any(|at| at.domain() == Some(domain))
            || before.way_of(domain) != after.way_of(domain)
    });
}

/// Whether hosts are found, or dialled, in another manner, wherever they are.
fn reaches_otherwise(before: &Settings, after: &Settings) -> bool {
    let reaching = |it: &Settings| {
        (
            it.hostname.clone(),
            it.families,
            it.private_targets,
            it.mx_port,
        )
    };
    reaching(before) != reaching(after)
        || before.quarantine != after.quarantine
        || before.local.is_some() != after.local.is_some()
}

/// The addresses that are taken in here by one of them alone.
fn changed_addresses<'a>(before: &'a Settings, after: &'a Settings) -> Vec<&'a Mailbox> {
    let (old, new) = (&before.local_addresses, &after.local_addresses);
    let gone = old.iter().filter(|it| !new.contains(it));
    let come = new.iter().filter(|it| !old.contains(it));
    gone.chain(come).collect()
}

impl Situation {
    /// Where connections go for mail to a domain.
    pub(crate) fn hops_to(&self, domain: &Domain) -> Hops {
        let way = self.settings.routes.way_to(Host::Domain(domain.clone()));
        let plan = self.plan_locally(&way, TlsWish::Unstated);
        hops_of(&way, &plan)
    }

    /// What decides on the line that mail to a domain stands in.
    fn way_of(&self, domain: &Domain) -> impl PartialEq + use<> {
        let way = self.settings.routes.way_to(Host::Domain(domain.clone()));
        let plan = self.plan_locally(&way, TlsWish::Unstated);
        let pace = self.settings.pace_of(&way, &plan);
        (hops_of(&way, &plan), plan.pool_key(), pace)
    }
}
