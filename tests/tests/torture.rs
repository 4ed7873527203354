//! The fault loop and the kills in a form that is short enough for every change.
//!
//! The long form is the example `torture`.

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use postern_tests::fault::Fault;
use postern_tests::programs::{Absence, Program};
use postern_tests::torture::driver::{self, Script};
use postern_tests::torture::{disk, faults, kills, orders, outcome::Outcome, wire};

/// Points of the queue alone.
const POINTS: u64 = 120;
/// Points of the daemon.
const POINTS_OF_THE_DAEMON: u64 = 36;
/// Ends of the daemon in good order.
const TERMINATIONS: u64 = 8;
/// Reloads while mail comes in.
const RELOADS: u64 = 100;
/// Jumps of the clock while mail comes in.
const JUMPS: usize = 24;
/// Kills of the daemon.
const KILLS: u64 = 20;
/// The seed of a change is always the same: what fails, fails again.
const SEED: u64 = 7;

fn main() {
    if driver::requested().is_some() {
        return;
    }
    let trials = vec![
        Trial::test("the_queue_alone_loses_nothing", || {
            queue_alone().map_err(Failed::from)
        }),
        Trial::test("a_daemon_with_a_fault_says_no_false_250", || {
            daemon_with_faults().map_err(Failed::from)
        }),
        Trial::test("a_full_disk_refuses_mail_in_time_and_recovers", || {
            full_disk().map_err(Failed::from)
        }),
        Trial::test(
            "a_daemon_asked_to_end_under_load_does_so_in_good_order",
            || {
                let terminated = orders::terminated(SEED, TERMINATIONS);
                terminated
                    .and_then(|it| all_is_well(&it))
                    .map_err(Failed::from)
            },
        ),
        Trial::test("a_storm_of_reloads_refuses_nothing", || {
            let reloaded = orders::reloaded(RELOADS);
            reloaded
                .and_then(|it| all_is_well(&it))
                .map_err(Failed::from)
        }),
        Trial::ignorable_test(
            "a_clock_that_jumps_changes_nothing_for_mail_under_way",
            clock,
        ),
        Trial::test("the_daemon_killed_under_load_loses_nothing", || {
            daemon_killed().map_err(Failed::from)
        }),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn clock() -> Result<Completion, Failed> {
    match (Program::Faketime.find(), Absence::from_environment()) {
        (Err(missing), Absence::Ignored) => Ok(Completion::ignored_with(missing)),
        (Err(missing), Absence::Fails) => Err(Failed::from(missing)),
        (Ok(_), _) => {
            let told = orders::told_another_time(JUMPS)?;
            all_is_well(&told)?;
            Ok(Completion::Completed)
        }
    }
}

fn full_disk() -> Result<(), Fault> {
    disk::run().map(drop)
}

fn all_is_well(outcome: &Outcome) -> Result<(), Fault> {
    if outcome.wrong.is_empty() && outcome.acknowledged > 0 {
        return Ok(());
    }
    Err(Fault::Unexpected(outcome.to_string()))
}

fn daemon_with_faults() -> Result<(), Fault> {
    let tally = wire::sample(SEED, POINTS_OF_THE_DAEMON, |_| {})?;
    if tally.failures.is_empty() && tally.total() > POINTS_OF_THE_DAEMON / 2 {
        return Ok(());
    }
    Err(Fault::Unexpected(tally.to_string()))
}

fn daemon_killed() -> Result<(), Fault> {
    all_is_well(&kills::run(SEED, KILLS, |_| {})?)
}

fn queue_alone() -> Result<(), Fault> {
    let tally = faults::sample(Script::Life, SEED, POINTS, |_| {})?;
    // Some points lie beyond the last call of a run that was cut short.
    if tally.failures.is_empty() && tally.total() > POINTS / 2 {
        return Ok(());
    }
    Err(Fault::Unexpected(tally.to_string()))
}
