//! Interoperation with the mail software that Debian ships.
//!
//! One file per topic in `interop/`; each gives its scenarios as [`Scenario`] values. A scenario
//! names the programs it needs: where one is missing it is reported as ignored with the reason, or
//! fails where `CI` is set.

#[path = "interop/authentication.rs"]
mod authentication;
#[path = "interop/certificates.rs"]
mod certificates;
#[path = "interop/dane/mod.rs"]
mod dane;
#[path = "interop/durability.rs"]
mod durability;
#[path = "interop/exceptions.rs"]
mod exceptions;
#[path = "interop/foreign.rs"]
mod foreign;
#[path = "interop/forwarding.rs"]
mod forwarding;
#[path = "interop/gateway.rs"]
mod gateway;
#[path = "interop/handover.rs"]
mod handover;
#[path = "interop/hostile_hosts.rs"]
mod hostile_hosts;
#[path = "interop/hostile_zones.rs"]
mod hostile_zones;
#[path = "interop/loops.rs"]
mod loops;
#[path = "interop/mta_sts.rs"]
mod mta_sts;
#[path = "interop/notices.rs"]
mod notices;
#[path = "interop/octets.rs"]
mod octets;
#[path = "interop/outbound_enforcement.rs"]
mod outbound_enforcement;
#[path = "interop/partner_inbound.rs"]
mod partner_inbound;
#[path = "interop/partner_outbound.rs"]
mod partner_outbound;
#[path = "interop/publishing.rs"]
mod publishing;
#[path = "interop/relaying.rs"]
mod relaying;
#[path = "interop/reports.rs"]
mod reports;
#[path = "interop/revocation.rs"]
mod revocation;
#[path = "interop/signing.rs"]
mod signing;
#[path = "interop/starttls.rs"]
mod starttls;
#[path = "interop/strangers.rs"]
mod strangers;
#[path = "interop/wishes.rs"]
mod wishes;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use postern_tests::fault::Fault;
use postern_tests::programs::{self, Absence, Program};

/// One behaviour, shown by real programs.
struct Scenario {
    /// What holds, as a sentence in words joined by `_`.
    name: &'static str,
    /// The programs without which nothing can be shown.
    needs: &'static [Program],
    /// Shows it.
    run: fn() -> Result<(), Fault>,
}

impl Scenario {
    fn trial(&'static self, topic: &str, absence: Absence) -> Trial {
        let name = format!("{topic}::{}", self.name);
        Trial::ignorable_test(name, move || {
            match (programs::missing(self.needs), absence) {
                (None, _) => (self.run)()
                    .map(|()| Completion::Completed)
                    .map_err(Failed::from),
                (Some(missing), Absence::Ignored) => Ok(Completion::ignored_with(missing)),
                (Some(missing), Absence::Fails) => Err(Failed::from(missing)),
            }
        })
    }
}

fn main() {
    let mut arguments = Arguments::from_args();
    // Every scenario runs several daemons; more scenarios at once only make each other slow.
    arguments.test_threads.get_or_insert(4);
    let absence = Absence::from_environment();
    let topics = [
        ("foreign", foreign::SCENARIOS),
        ("partner_outbound", partner_outbound::SCENARIOS),
        ("outbound_enforcement", outbound_enforcement::SCENARIOS),
        ("partner_inbound", partner_inbound::SCENARIOS),
        ("strangers", strangers::SCENARIOS),
        ("certificates", certificates::SCENARIOS),
        ("durability", durability::SCENARIOS),
        ("relaying", relaying::SCENARIOS),
        ("loops", loops::SCENARIOS),
        ("octets", octets::SCENARIOS),
        ("starttls", starttls::SCENARIOS),
        ("mta_sts", mta_sts::SCENARIOS),
        ("revocation", revocation::SCENARIOS),
        ("exceptions", exceptions::SCENARIOS),
        ("hostile_hosts", hostile_hosts::SCENARIOS),
        ("dane", dane::SCENARIOS),
        ("hostile_zones", hostile_zones::SCENARIOS),
        ("wishes", wishes::SCENARIOS),
        ("authentication", authentication::SCENARIOS),
        ("signing", signing::SCENARIOS),
        ("forwarding", forwarding::SCENARIOS),
        ("notices", notices::SCENARIOS),
        ("publishing", publishing::SCENARIOS),
        ("reports", reports::SCENARIOS),
    ];
    let trials = topics
        .into_iter()
        .flat_map(|(topic, scenarios)| scenarios.iter().map(move |it| it.trial(topic, absence)))
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    dane::end();
    conclusion.exit();
}
