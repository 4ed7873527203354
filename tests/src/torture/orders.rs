//! The daemon told to end, to read its configuration anew, or that it is another day, again and again under
//! load.

use std::fs;
use std::thread;

use super::Dice;
use super::house::{self, House};
use super::load::{CLIENTS, Ledger, StopsWhenDropped, keep_sending};
use super::outcome::{Outcome, hold_against};
use crate::fault::Fault;
use crate::programs::Program;
use crate::wait::PATIENCE;

/// Asks it so often to end (SIGTERM), each time under load. It must end in good order and in time, and
/// nothing is delivered twice.
pub fn terminated(seed: u64, times: u64) -> Result<Outcome, Fault> {
    let house = House::new()?;
    let mut dice = Dice::new(seed);
    let ledger = Ledger::default();
    let last = thread::scope(|scope| {
        let _stopped_at_the_end = StopsWhenDropped(&ledger);
        let mut postern = house.installation.serve()?;
        for client in 0..CLIENTS {
            let (ledger, relay) = (&ledger, house.relay);
            scope.spawn(move || keep_sending(client, relay, ledger));
        }
        for _ in 0..times {
            ledger.wait_for_more(10 + dice.below(30))?;
            let status = postern.terminate(PATIENCE)?;
            if !status.success() {
                return Err(Fault::Unexpected(format!(
                    "asked to end, it ends with {status}"
                )));
            }
            postern = house.installation.serve()?;
        }
        Ok(postern)
    })?;
    house.drain()?;
    let mut outcome = hold_against(&ledger.acknowledged(), &house.sink, &[]);
    outcome.wrong.extend(house::alarm(&last));
    Ok(outcome)
}

/// Asks it so often to reload (SIGHUP) while clients send. No session is cut off, and no message refused.
pub fn reloaded(times: u64) -> Result<Outcome, Fault> {
    let house = House::new()?;
    let ledger = Ledger::default();
    let postern = thread::scope(|scope| {
        let _stopped_at_the_end = StopsWhenDropped(&ledger);
        let postern = house.installation.serve()?;
        for client in 0..CLIENTS {
            let (ledger, relay) = (&ledger, house.relay);
            scope.spawn(move || keep_sending(client, relay, ledger));
        }
        for _ in 0..times {
            ledger.wait_for_more(1)?;
            postern.reload()?;
        }
        ledger.wait_for_more(CLIENTS)?;
        Ok::<_, Fault>(postern)
    })?;
    house.drain()?;
    let mut outcome = hold_against(&ledger.acknowledged(), &house.sink, &[]);
    outcome.wrong.extend(ledger.refused());
    outcome.wrong.extend(house::alarm(&postern));
    Ok(outcome)
}

/// What the clock is set to in turn, counted from now. No jump is as long as messages are kept.
const CLOCKS: [&str; 6] = ["+2h", "-1d", "+0", "-10m", "+1d", "-2h"];

/// Sets the daemon's clock so often while clients send. No message is refused, lost, delivered twice or
/// given up, however much time seems to have passed.
pub fn told_another_time(times: usize) -> Result<Outcome, Fault> {
    let house = House::new()?;
    let clock = house.installation.path().join("clock");
    let set = |time: &str| {
        // Whole or not at all: it is read at every look at the clock.
        let new = clock.with_extension("new");
        fs::write(&new, time).map_err(Fault::at(&new))?;
        fs::rename(&new, &clock).map_err(Fault::at(&clock))
    };
    set("+0")?;
    let library = Program::Faketime.find()?;
    let mut postern = house.installation.begin(|command| {
        command.env("LD_PRELOAD", library);
        command.env("FAKETIME_TIMESTAMP_FILE", &clock);
        command.env("FAKETIME_NO_CACHE", "1");
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        Ok(())
    })?;
    if let Some(status) = postern.ready_or_ended()? {
        return Err(Fault::Unexpected(format!("it does not start: {status}")));
    }
    let ledger = Ledger::default();
    thread::scope(|scope| {
        let _stopped_at_the_end = StopsWhenDropped(&ledger);
        for client in 0..CLIENTS {
            let (ledger, relay) = (&ledger, house.relay);
            scope.spawn(move || keep_sending(client, relay, ledger));
        }
        for clock in CLOCKS.iter().cycle().take(times) {
            ledger.wait_for_more(5)?;
            set(clock)?;
        }
        ledger.wait_for_more(CLIENTS)
    })?;
    house.drain()?;
    let mut outcome = hold_against(&ledger.acknowledged(), &house.sink, &[]);
    outcome.wrong.extend(ledger.refused());
    if outcome.notices > 0 {
        outcome.wrong.push("messages were given up".to_owned());
    }
    Ok(outcome)
}
