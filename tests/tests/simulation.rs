//! Simulated worlds: the sessions, the policy and the queue together, without IO.
//!
//! See [`simulation`] for what is simulated and what is not. The long form is the example
//! `simulate`; both run the same worlds, each of which is its seed and nothing else.

#[path = "simulation/mod.rs"]
mod simulation;

use simulation::{Mutation, Report, run};

/// About ten seconds on one core without optimisation.
const WORLDS: u64 = 1_000;

/// Within how many worlds each mistake must have been found.
const SOON: u64 = 400;

#[test]
fn nothing_that_was_promised_is_lost_or_told_to_others() {
    let mut sum = Report::default();
    for seed in 0..WORLDS {
        match run(seed, None) {
            Ok(report) => sum.add(&report),
            Err(violation) => panic!("{violation}"),
        }
    }
    // Worlds in which nothing goes wrong would show nothing.
    let enough = [
        sum.sessions > 5 * WORLDS,
        sum.promised > WORLDS,
        sum.delivered > WORLDS,
        sum.bounced > WORLDS / 20,
        sum.duplicates > WORLDS / 20,
        sum.crashes > WORLDS / 4,
        sum.reloads > WORLDS,
        sum.reused > WORLDS / 4,
        sum.rewound > WORLDS / 20,
    ];
    assert!(enough.iter().all(|enough| *enough), "{enough:?}: {sum}");
}

#[test]
fn each_mistake_is_found() {
    for mutation in Mutation::ALL {
        let found = (0..SOON).find_map(|seed| run(seed, Some(mutation)).err());
        let found = found.unwrap_or_else(|| panic!("nobody notices {mutation}"));
        let expected = broken_by(mutation);
        assert!(found.what.contains(expected), "{mutation}: {found}");
    }
}

/// What is said when a mistake is found.
fn broken_by(mutation: Mutation) -> &'static str {
    match mutation {
        Mutation::AcknowledgedBeforeSync | Mutation::SyncLies => "was promised and is lost",
        Mutation::VerdictIgnored
        | Mutation::KeptUnjudged
        | Mutation::OutdatedBegins
        | Mutation::OutdatedPlan
        | Mutation::BogusIsAbsent
        | Mutation::StsForgotten
        | Mutation::FactsNeverAge
        | Mutation::AnyRuleWillDo => "on a channel that showed",
        Mutation::SenderUnjudged => "is taken over an unproven channel",
        Mutation::SettlementDropped => "is delivered twice without a cut",
        Mutation::SettledAgain => "is settled twice",
        Mutation::CutTakenForSuccess => "counts as delivered, and nobody has it",
        Mutation::NoticeForgotten => "was promised and is lost",
        Mutation::ClockBelieved => "is given up for its age",
        Mutation::NeverTriedAgain | Mutation::StepBackMissed | Mutation::ThawForgotten => {
            "the world has not come to its end"
        }
        Mutation::ContentCut => "was delivered with other content",
        Mutation::TimersPileUp => "events to come are more than",
    }
}

#[test]
fn a_world_is_its_seed() {
    for seed in 0..50 {
        let reports = [run(seed, None), run(seed, None)];
        let [Ok(one), Ok(other)] = reports else {
            panic!("world {seed} does not come to its end twice");
        };
        assert_eq!(one, other, "world {seed}");
    }
}
