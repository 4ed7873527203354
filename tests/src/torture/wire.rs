//! The fault loop over the daemon: no false 250 on the wire.
//!
//! For each point a daemon is started with the fault in wait for it, and a client sends it some mail and
//! keeps a ledger of the 250s. Then the daemon runs without faults, and everything acknowledged must
//! arrive, each octet of it.
//!
//! A daemon whose queue has stopped must acknowledge nothing more and end by itself with status 1, so that
//! systemd starts it anew; one that could not start must have ended with an error too.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::{Mutex, PoisonError};
use std::thread;

use rustix::process::Signal;

use super::Dice;
use super::faults::{MANY, Tally};
use super::house::{self, House, message, name_of, sender};
use super::injector::{How, Point};
use super::queue::Verdict;
use crate::fault::Fault;
use crate::postern::Postern;
use crate::smtp_dialogue::Dialogue;
use crate::wait::{self, PATIENCE};

/// What a client sends: of these one is large.
const NUMBERS: std::ops::Range<u64> = 495..505;

/// What a daemon logs when its queue stops.
const STOPPED: &str = "the queue stops";

/// So many points: those of each fault are spread over all of the calls that it can happen to, and the
/// seed says where exactly.
pub fn sample(seed: u64, points: u64, progress: impl FnMut(&Tally) + Send) -> Result<Tally, Fault> {
    let mut dice = Dice::new(seed);
    let mut chosen = Vec::new();
    let each = points.div_ceil(How::ALL.len() as u64).max(1);
    for how in How::ALL {
        let calls = run(Point { how, at: 0 })?.met.calls.max(1);
        let stretch = calls.div_ceil(each);
        for number in 0..each {
            let at = 1 + number * stretch + dice.below(stretch);
            chosen.push(Point {
                how,
                at: at.min(calls),
            });
        }
    }
    let waiting = Mutex::new(chosen);
    let told = Mutex::new((Tally::default(), progress));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| try_all(&waiting, &told));
        }
    });
    let (tally, _) = told.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(tally)
}

/// Daemons that run at the same time: each waits for the disk more often than not.
const AT_ONCE: usize = 3;

fn try_all<P: FnMut(&Tally)>(waiting: &Mutex<Vec<Point>>, told: &Mutex<(Tally, P)>) {
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some(point) = next else { return };
        let verdict = run(point);
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        let (tally, progress) = &mut *told;
        tally.enter(point, verdict);
        progress(tally);
        if tally.failures.len() >= MANY {
            return;
        }
    }
}

/// One daemon with a fault, and one without behind it. What fails is kept.
pub fn run(point: Point) -> Result<Verdict, Fault> {
    let house = House::new()?;
    try_run(&house, point).map_err(|fault| {
        let kept = house.installation.abandon();
        Fault::Unexpected(format!(
            "{point}: {fault}\nkept in {}; once more:\n  torture wire --at {point}",
            kept.display()
        ))
    })
}

fn try_run(house: &House, point: Point) -> Result<Verdict, Fault> {
    let mut postern = house.begin_with(point)?;
    let acknowledged = match postern.ready_or_ended()? {
        None => send(&postern, house)?,
        Some(_) => Vec::new(),
    };
    let stopped = wait_for_the_outcome(&mut postern, house, &acknowledged)?;
    let ends = stopped || point.how.kills() && house.met()?.fired.is_some();
    let asked = !ends && postern.has_ended()?.is_none();
    if asked {
        postern.ask_to_end()?;
    }
    let status = postern.wait_for_end(PATIENCE)?;
    let log = postern.stderr();
    drop(postern);
    let met = house.met()?;
    let stopped = log.contains(STOPPED) && !asked;
    let fired = met.fired.is_some();
    if !is_in_order(point, status, fired, stopped) {
        let log = wait::tail(&log);
        return wrong(format!("it ended with {status}:\n{log}"));
    }

    let postern = house.installation.serve()?;
    settle(house)?;
    if let (Some(alarm), true) = (house::alarm(&postern), point.how != How::Torn) {
        return wrong(alarm);
    }
    let arrived = arrived(house)?;
    let lost = |number: &&u64| !arrived.contains(number);
    let lost: Vec<_> = acknowledged.iter().filter(lost).collect();
    if !lost.is_empty() {
        return wrong(format!("{lost:?} were acknowledged and are lost"));
    }
    let status = postern.terminate(PATIENCE)?;
    if !status.success() {
        return wrong(format!("without a fault it ends with {status}"));
    }
    Ok(Verdict {
        met,
        acknowledged: acknowledged.len() as u64,
        poisoned: log.contains(STOPPED),
        alarms: Vec::new(),
    })
}

/// Sends what there is to send, over as many connections as it takes. Gives what was acknowledged.
fn send(postern: &Postern, house: &House) -> Result<Vec<u64>, Fault> {
    let mut acknowledged = Vec::new();
    let mut connection: Option<Dialogue> = None;
    for number in NUMBERS {
        let stopped = postern.stderr().contains(STOPPED);
        let mut dialogue = match connection.take() {
            Some(dialogue) => dialogue,
            None => match greet(house) {
                Ok(dialogue) => dialogue,
                Err(_) => continue,
            },
        };
        let reply = dialogue.transact(&sender(), "bob@receiver.example", &message((0, number)));
        let Ok(reply) = reply else { continue };
        if reply.code == 250 {
            acknowledged.push(number);
            if stopped {
                return wrong(format!(
                    "{number} is acknowledged by a queue that has stopped"
                ));
            }
        }
        connection = Some(dialogue);
    }
    Ok(acknowledged)
}

fn greet(house: &House) -> Result<Dialogue, Fault> {
    let mut dialogue = Dialogue::open(house.relay)?;
    dialogue.expect("EHLO client.sender.example", 250)?;
    Ok(dialogue)
}

/// Waits until all that was acknowledged has arrived or is held, or the daemon has stopped or ended. Says
/// whether its queue has stopped.
fn wait_for_the_outcome(
    postern: &mut Postern,
    house: &House,
    acknowledged: &[u64],
) -> Result<bool, Fault> {
    let look = || {
        let stopped = postern.stderr().contains(STOPPED);
        let ended = postern.has_ended()?.is_some();
        let arrived = || Ok::<_, Fault>(arrived(house)?.len() >= acknowledged.len());
        Ok((stopped || ended || arrived()? || on_hold(postern)).then_some(stopped))
    };
    wait::until("all that was acknowledged", PATIENCE, look, String::new)
}

/// Whether a message cannot be read for now.
fn on_hold(postern: &Postern) -> bool {
    postern.stderr().contains("cannot be read") || postern.stderr().contains("it is on hold")
}

/// Whether an end is as it should be. `stopped` is a queue that had stopped before anybody asked for the
/// end: that is an error, to systemd as well.
fn is_in_order(point: Point, status: ExitStatus, fired: bool, stopped: bool) -> bool {
    let killed = status.signal() == Some(Signal::KILL.as_raw());
    match status.code() {
        None => killed && fired && point.how.kills(),
        Some(0) => !stopped,
        Some(_) => fired && !point.how.kills(),
    }
}

/// Delivers everything; what could not be read once is on hold, and can be read now.
fn settle(house: &House) -> Result<(), Fault> {
    for message in house.installation.queue()? {
        if message.hold.is_some() {
            house.installation.run(&["queue", "release", &message.id])?;
        }
    }
    house.drain()
}

/// The messages that have come, each of them whole.
fn arrived(house: &House) -> Result<Vec<u64>, Fault> {
    let mut numbers = Vec::new();
    for taken in house.sink.taken() {
        if taken.mail.starts_with("FROM:<>") {
            continue;
        }
        match name_of(&taken.content) {
            Some((_, number)) if !numbers.contains(&number) => numbers.push(number),
            Some(_) => {}
            None => return wrong("a message is not as it was sent"),
        }
    }
    Ok(numbers)
}

fn wrong<T>(what: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Unexpected(what.into()))
}
