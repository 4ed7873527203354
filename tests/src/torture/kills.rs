//! The daemon killed under load, again and again, and everything that it had acknowledged.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::Dice;
use crate::certificates::{Authority, Key, Leaf};
use crate::configuration::Configuration;
use crate::fault::Fault;
use crate::message::Message;
use crate::ports;
use crate::postern::Installation;
use crate::sink::{Sink, Taken};
use crate::smtp_dialogue::Dialogue;
use crate::wait::{self, PATIENCE};

const CLIENTS: u64 = 4;
/// Of so many messages one is larger than 1 MiB: its content lies in a file of its own.
const ONE_LARGE_IN: u64 = 500;
const LINES: usize = 16_000;
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
/// acknowledged in between.
pub fn run(seed: u64, kills: u64, mut progress: impl FnMut(u64)) -> Result<Outcome, Fault> {
    let sink = Sink::start()?;
    let installation = Installation::new()?;
    let relay = ports::free()?;
    let authority = Authority::new("Torture CA", Key::Ecdsa)?;
    let certificate = authority.issue(&Leaf::named("gateway.postern.example"))?;
    let (chain, key) = installation.keep("default", &certificate)?;
    let configuration = Configuration::of(&installation, "gateway.postern.example")
        .relay(relay, "127.0.0.0/8")
        .certificate("default", &chain, &key)
        .route("*", sink.address());
    installation.configure(&configuration.text())?;
    let ledger = Ledger::default();
    let mut moments = Vec::new();
    let mut dice = Dice::new(seed);
    let last = thread::scope(|scope| {
        let _stopped_at_the_end = StopsWhenDropped(&ledger);
        let mut postern = installation.serve()?;
        for client in 0..CLIENTS {
            let ledger = &ledger;
            scope.spawn(move || keep_sending(client, relay, ledger));
        }
        for number in 1..=kills {
            ledger.wait_for_more(dice.below(BETWEEN))?;
            moments.push(Instant::now());
            postern.kill()?;
            postern = installation.serve()?;
            progress(number);
        }
        Ok::<_, Fault>(postern)
    })?;
    let mut seen = usize::MAX;
    // As long as something arrives there is hope.
    let look = || {
        let before = std::mem::replace(&mut seen, sink.taken().len());
        // What found too many before it waits for minutes.
        installation.run(&["queue", "retry", "all"])?;
        let idle = before == seen && installation.queue()?.is_empty();
        Ok(idle.then_some(()))
    };
    wait::until("an empty queue", PATIENCE * 4, look, String::new)?;
    drop(last);
    let mut outcome = hold_against(&ledger, &sink, &moments);
    outcome.kills = kills;
    Ok(outcome)
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

/// Who writes: nobody else does.
fn sender() -> String {
    format!("torture-{}@sender.example", process::id())
}

/// The message of a client with this number.
fn message((client, number): (u64, u64)) -> Message {
    let message = Message::awkward(&format!("torture {client} {number}"));
    match number.is_multiple_of(ONE_LARGE_IN) {
        true => message.longer(LINES),
        false => message,
    }
}

/// Which message this is, if it is whole.
fn name_of(content: &[u8]) -> Option<(u64, u64)> {
    // Our own field in front is folded; the first field of what was sent is `From`.
    let start = content.windows(7).position(|it| it == b"\r\nFrom:")? + 2;
    let sent = content.get(start..)?;
    let head = String::from_utf8_lossy(sent.get(..sent.len().min(1000))?);
    let (_, subject) = head.split_once("Subject: torture ")?;
    let (client, number) = subject.lines().next()?.split_once(' ')?;
    let name = (client.parse().ok()?, number.parse().ok()?);
    (message(name).octets() == sent).then_some(name)
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
