//! The daemon told to end, or to read its configuration anew, again and again under load.

use std::thread;

use super::Dice;
use super::house::{self, House};
use super::load::{CLIENTS, Ledger, StopsWhenDropped, keep_sending};
use super::outcome::{Outcome, hold_against};
use crate::fault::Fault;
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
