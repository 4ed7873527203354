//! The daemon killed under load, again and again, and everything that it had acknowledged.

use std::thread;
use std::time::Instant;

use super::Dice;
use super::house::{self, House};
use super::injector::{How, Point};
use super::load::{CLIENTS, Ledger, StopsWhenDropped, keep_sending};
use super::outcome::{Outcome, hold_against};
use crate::fault::Fault;
use crate::wait::PATIENCE;

/// A start makes about so many calls on the files of its queue that a kill can come in the place of.
const CALLS_OF_A_START: u64 = 90;
/// A kill comes after fewer acknowledgements than this.
const BETWEEN: u64 = 30;

/// Kills the daemon so often under load, at moments that the seed chooses by the number of messages
/// acknowledged in between. Every third time its next start is killed as well, at one of the calls by
/// which it reads its queue. What fails keeps its directory.
pub fn run(seed: u64, kills: u64, progress: impl FnMut(u64)) -> Result<Outcome, Fault> {
    let house = House::new()?;
    match try_run(&house, seed, kills, progress) {
        Ok(outcome) if outcome.wrong.is_empty() => Ok(outcome),
        Ok(mut outcome) => {
            let kept = house.installation.abandon();
            outcome.wrong.push(format!("kept in {}", kept.display()));
            Ok(outcome)
        }
        Err(fault) => {
            let kept = house.installation.abandon();
            Err(Fault::Unexpected(format!(
                "{fault}\nkept in {}",
                kept.display()
            )))
        }
    }
}

fn try_run(
    house: &House,
    seed: u64,
    kills: u64,
    mut progress: impl FnMut(u64),
) -> Result<Outcome, Fault> {
    let ledger = Ledger::default();
    let mut moments = Vec::new();
    let mut alarms = Vec::new();
    let mut dice = Dice::new(seed);
    let last = thread::scope(|scope| {
        let _stopped_at_the_end = StopsWhenDropped(&ledger);
        let mut postern = house.installation.serve()?;
        for client in 0..CLIENTS {
            let (ledger, relay) = (&ledger, house.relay);
            scope.spawn(move || keep_sending(client, relay, ledger));
        }
        for number in 1..=kills {
            ledger.wait_for_more(dice.below(BETWEEN))?;
            alarms.extend(house::alarm(&postern));
            moments.push(Instant::now());
            postern.kill()?;
            if number.is_multiple_of(3) {
                let at = 1 + dice.below(CALLS_OF_A_START);
                alarms.extend(start_and_die(house, Point { how: How::Kill, at })?);
                moments.push(Instant::now());
            }
            postern = house.installation.serve()?;
            progress(number);
        }
        Ok::<_, Fault>(postern)
    })?;
    house.drain()?;
    alarms.extend(house::alarm(&last));
    drop(last);
    let mut outcome = hold_against(&ledger.acknowledged(), &house.sink, &moments);
    outcome.kills = moments.len() as u64;
    outcome.wrong.extend(alarms);
    Ok(outcome)
}

/// A daemon that is killed while it starts, or soon after.
fn start_and_die(house: &House, point: Point) -> Result<Option<String>, Fault> {
    let mut postern = house.begin_with(point)?;
    postern.wait_for_end(PATIENCE)?;
    Ok(house::alarm(&postern))
}
