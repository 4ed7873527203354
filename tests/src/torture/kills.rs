//! The daemon killed under load, again and again, and everything that it had acknowledged.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::Dice;
use super::house::{self, House, message, name_of, sender};
use super::injector::{How, Point};
use crate::fault::Fault;
use crate::sink::{Sink, Taken};
use crate::smtp_dialogue::Dialogue;
use crate::wait::{self, PATIENCE};

const CLIENTS: u64 = 4;
/// A start makes about so many calls on the files of its queue that a kill can come in the place of.
const CALLS_OF_A_START: u64 = 90;
/// A kill comes after fewer acknowledgements than this.
const BETWEEN: u64 = 30;

/// What the kills came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// How often the daemon was killed.
    pub kills: u64,
    /// Messages that were answered by 250.
    pub acknowledged: usize,
    /// Messages in the sink that were not: the answer was cut off.
    pub unacknowledged: usize,
    /// Messages that arrived more than once because the daemon was killed between two copies.
    pub duplicates: usize,
    /// Of these, the longest time from the 250 of the sink to the kill.
    pub longest: Duration,
    /// Messages in the sink that are none of ours: another program still sends to a port that it
    /// had before.
    pub strangers: usize,
    /// Notices to the sender: that more waits for the next hop than it takes, for instance.
    pub notices: usize,
    /// What must not be.
    pub wrong: Vec<String>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} kills, {} messages acknowledged, {} more arrived without; {} arrived again after a \
             kill that came at most {:?} behind the 250 of the next hop; {} notices; {} of strangers; {} faults",
            self.kills,
            self.acknowledged,
            self.unacknowledged,
            self.duplicates,
            self.longest,
            self.notices,
            self.strangers,
            self.wrong.len()
        )?;
        self.wrong
            .iter()
            .take(20)
            .try_for_each(|it| writeln!(f, "{it}"))
    }
}

/// Kills the daemon so often under load, at moments that the seed chooses by the number of messages
/// acknowledged in between. Every third time its next start is killed as well, at one of the calls by
/// which it reads its queue. What fails keeps its directory.
pub fn run(seed: u64, kills: u64, progress: impl FnMut(u64)) -> Result<Outcome, Fault> {
    let house = House::new("")?;
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
    let mut outcome = hold_against(&ledger, &house.sink, &moments);
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

/// What was acknowledged against what the sink has.
fn hold_against(ledger: &Ledger, sink: &Sink, moments: &[Instant]) -> Outcome {
    let acknowledged = std::mem::take(&mut *ledger.names());
    let mut outcome = Outcome {
        acknowledged: acknowledged.len(),
        ..Outcome::default()
    };
    let all = sink.taken();
    let mut copies: BTreeMap<(u64, u64), Vec<&Taken>> = BTreeMap::new();
    for taken in &all {
        let paths = taken.rcpt.iter().chain([&taken.mail]);
        if !paths.into_iter().any(|path| path.contains(&sender())) {
            outcome.strangers += 1;
            continue;
        }
        if taken.mail.starts_with("FROM:<>") {
            outcome.notices += 1;
            continue;
        }
        match name_of(&taken.content) {
            Some(name) => copies.entry(name).or_default().push(taken),
            None => outcome.wrong.push(format!(
                "a message is not as it was sent, {} octets: {} …",
                taken.content.len(),
                taken
                    .content
                    .get(..taken.content.len().min(1500))
                    .unwrap_or_default()
                    .escape_ascii()
            )),
        }
    }
    for name in &acknowledged {
        if !copies.contains_key(name) {
            outcome.wrong.push(format!("{name:?} is lost"));
        }
    }
    outcome.unacknowledged = copies.len().saturating_sub(acknowledged.len());
    for (name, copies) in copies {
        outcome.duplicates += usize::from(copies.len() > 1);
        for (earlier, later) in copies.iter().zip(copies.iter().skip(1)) {
            // What was on its way when the kill came is read after it: the connections tell which
            // of the daemon's lives a copy is from.
            match moments.iter().find(|it| **it >= earlier.connected) {
                Some(kill) if *kill < later.connected => {
                    let behind = kill.saturating_duration_since(earlier.at);
                    outcome.longest = outcome.longest.max(behind);
                }
                _ => outcome
                    .wrong
                    .push(format!("{name:?} came twice without a kill in between")),
            }
        }
    }
    outcome
}

/// What was answered by 250.
#[derive(Debug, Default)]
struct Ledger {
    acknowledged: Mutex<Vec<(u64, u64)>>,
    stopping: AtomicBool,
}

impl Ledger {
    fn names(&self) -> MutexGuard<'_, Vec<(u64, u64)>> {
        self.acknowledged
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for_more(&self, count: u64) -> Result<(), Fault> {
        let wanted = self.names().len() as u64 + count;
        let look = || Ok((self.names().len() as u64 >= wanted).then_some(()));
        wait::until("more acknowledged messages", PATIENCE, look, String::new)
    }
}

/// Ends the clients also when something fails.
struct StopsWhenDropped<'a>(&'a Ledger);

impl Drop for StopsWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.stopping.store(true, Ordering::Relaxed);
    }
}

/// Sends messages of its own, session after session, until it is told to stop.
fn keep_sending(client: u64, relay: SocketAddr, ledger: &Ledger) {
    let mut number = 0;
    let going_on = || !ledger.stopping.load(Ordering::Relaxed);
    while going_on() {
        let Ok(mut dialogue) = Dialogue::open(relay) else {
            thread::yield_now();
            continue;
        };
        let mut alive = dialogue.command("EHLO client.sender.example").is_ok();
        while alive && going_on() {
            number += 1;
            let name = (client, number);
            let reply = dialogue.transact(&sender(), "bob@receiver.example", &message(name));
            alive = reply.is_ok_and(|reply| reply.code == 250);
            if alive {
                ledger.names().push(name);
            }
        }
    }
}
