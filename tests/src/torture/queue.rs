//! The fault loop over the queue alone: a driver per point, and what the queue holds afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use postern_mail::QueueId;
use postern_spool::{
    DelayNotice, Filter, LocalSpool, Opened, Outcome, QueuedMessage, RecipientState, Settlement,
    Spool as _,
};

use super::driver::{self, Script};
use super::injector::{How, Injector, Met, Point};
use super::ledger::{End, Fate, Ledger, Presence, Promise};
use crate::fault::Fault;
use crate::programs;

/// What a point came to.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What the last driver met.
    pub met: Met,
    /// Messages that were acknowledged, notices included.
    pub acknowledged: u64,
    /// Whether the queue stopped.
    pub poisoned: bool,
    /// Damage that was reported though no disk has failed for good: a write that was torn can look
    /// like it.
    pub alarms: Vec<String>,
}

/// Runs drivers on a queue of their own, one after another, each with its point, and holds what
/// the queue then has against what they were promised. What fails is kept.
pub fn run(script: Script, lives: &[Point]) -> Result<Verdict, Fault> {
    let home = tempfile::Builder::new()
        .prefix("postern-torture-")
        .tempdir_in(memory())
        .map_err(Fault::doing("temporary directory"))?;
    let queue = home.path().join("queue");
    let tried = try_run(script, lives, &queue);
    tried.map_err(|fault| {
        let points: Vec<String> = lives.iter().map(Point::to_string).collect();
        Fault::Unexpected(format!(
            "{fault}\nkept in {}; once more:\n  torture faults --script {} --at {}",
            home.keep().display(),
            script.name(),
            points.join(",")
        ))
    })
}

/// Where nothing has to outlive the machine.
fn memory() -> PathBuf {
    let memory = Path::new("/dev/shm");
    match memory.is_dir() {
        true => memory.to_owned(),
        false => env::temp_dir(),
    }
}

fn try_run(script: Script, lives: &[Point], queue: &Path) -> Result<Verdict, Fault> {
    let mut ledger = Ledger::default();
    let mut met = None;
    for (life, &point) in lives.iter().enumerate() {
        met = Some(live(script, life, point, queue, &mut ledger)?);
        check_end(point, met.as_ref(), &ledger)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Fault::doing("start a runtime"))?;
    let alarms = runtime.block_on(check(&ledger, queue))?;
    let harmless = |point: &Point| point.how != How::Torn;
    if !alarms.is_empty() && lives.iter().all(harmless) {
        return wrong(format!(
            "damage is reported where there is none: {alarms:?}"
        ));
    }
    Ok(Verdict {
        met: met.ok_or_else(|| Fault::Unexpected("no life at all".to_owned()))?,
        acknowledged: ledger.acknowledged,
        poisoned: matches!(ledger.end, End::Poisoned(_)),
        alarms,
    })
}

/// One driver from its start to its end.
fn live(
    script: Script,
    life: usize,
    point: Point,
    queue: &Path,
    ledger: &mut Ledger,
) -> Result<Met, Fault> {
    let beside = |name: &str| queue.with_file_name(format!("{name}-{life}"));
    let tell = beside("tell");
    let errors = beside("stderr");
    let executable = env::current_exe().map_err(Fault::doing("find myself"))?;
    let mut command = programs::bounded(&executable);
    command
        .env(driver::QUEUE, queue)
        .env(driver::SCRIPT, script.name())
        .env(driver::FIRST, (life * 100_000).to_string())
        .stderr(File::create(&errors).map_err(Fault::at(&errors))?);
    Injector::new()?.arm(&mut command, queue, point, &tell)?;
    let output = programs::run_anyhow(&mut command)?;
    let lines = String::from_utf8_lossy(&output.stdout);
    fs::write(beside("ledger"), lines.as_bytes()).map_err(Fault::at(queue))?;
    ledger.enter(&lines);
    let errors = fs::read_to_string(&errors).unwrap_or_default();
    if errors.contains("panicked") && !errors.contains("expected by fjall") {
        return wrong(format!("a panic:\n{errors}"));
    }
    Met::read(&tell)
}

/// A driver ends at the end of its script, or because it was killed, or because the queue has
/// stopped; and it never saw what must not be.
fn check_end(point: Point, met: Option<&Met>, ledger: &Ledger) -> Result<(), Fault> {
    if let Some(first) = ledger.wrong.first() {
        return wrong(first.as_str());
    }
    let fired = met.is_some_and(|met| met.fired.is_some());
    let once = !matches!(point.how, How::FullFromHere | How::ReadOnlyFromHere);
    match &ledger.end {
        End::Done if fired && point.how.kills() => wrong("it outlived its end"),
        End::Done if ledger.refused_twice && once => wrong("a single fault was felt twice"),
        End::Done => Ok(()),
        End::Suddenly if fired && point.how.kills() => Ok(()),
        End::Suddenly => wrong("it ended without a word"),
        End::Poisoned(_) | End::NotOpened(_) if fired && !point.how.kills() => Ok(()),
        End::Poisoned(why) | End::NotOpened(why) => wrong(format!("without a reason: {why}")),
    }
}

fn wrong<T>(what: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Unexpected(what.into()))
}

/// Opens the queue as a restart does and compares. Then it must work as ever, and be empty at last.
/// Damage that is reported is given back.
async fn check(ledger: &Ledger, queue: &Path) -> Result<Vec<String>, Fault> {
    let Opened { spool, quarantined } = LocalSpool::open(&driver::settings(queue))
        .map_err(|error| Fault::Unexpected(format!("does not open: {}", driver::chain(&error))))?;
    let damage = ledger.quarantined.iter().cloned();
    let damage: Vec<String> = damage
        .chain(quarantined.iter().map(ToString::to_string))
        .collect();
    let found = list(&spool).await?;
    compare(ledger, &found, Trust::after(&damage))
        .map_err(|fault| Fault::Unexpected(format!("{fault}; damage: {damage:?}")))?;
    for message in found.values().filter(|message| message.hold.is_some()) {
        spool.release(message.id).await.map_err(unexpected)?;
    }
    drain(ledger, &spool, &found).await?;
    drop(spool);
    let again = LocalSpool::open(&driver::settings(queue)).map_err(unexpected)?;
    if !again.quarantined.is_empty() {
        return wrong(format!("the second start reports {:?}", again.quarantined));
    }
    let left = list(&again.spool).await?;
    if !left.is_empty() {
        return wrong(format!("delivered and back: {:?}", left.keys()));
    }
    drop(again);
    for name in ["content", "incoming"] {
        let directory = queue.join(name);
        let files = fs::read_dir(&directory).map_err(Fault::at(&directory))?;
        if files.count() > 0 {
            return wrong(format!("{name}/ is not empty"));
        }
    }
    Ok(damage)
}

/// How far the queue's state is to be as it was last told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// In everything.
    Whole,
    /// Damage was reported: what has left may be back, and what may have left is on hold. Lost is
    /// nothing all the same.
    Damaged,
}

impl Trust {
    fn after(damage: &[String]) -> Self {
        match damage {
            [] => Self::Whole,
            _ => Self::Damaged,
        }
    }
}

async fn list(spool: &LocalSpool) -> Result<BTreeMap<QueueId, QueuedMessage>, Fault> {
    let mut found = BTreeMap::new();
    let mut after = None;
    loop {
        let page = spool.list(&Filter::default(), after, 1000).await;
        let page = page.map_err(unexpected)?;
        found.extend(page.messages.into_iter().map(|it| (it.id, it)));
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(found),
        }
    }
}

/// What is in the queue against what must be.
fn compare(
    ledger: &Ledger,
    found: &BTreeMap<QueueId, QueuedMessage>,
    trust: Trust,
) -> Result<(), Fault> {
    for (id, promise) in &ledger.messages {
        match (found.get(id), promise.presence) {
            (None, Presence::Must) => return wrong(format!("{id} is lost: {promise:?}")),
            (Some(_), Presence::Never) if trust == Trust::Whole => {
                return wrong(format!("{id} is there and must not be: {promise:?}"));
            }
            (Some(message), _) => as_promised(promise, message, trust)?,
            (None, Presence::May | Presence::Never) => {}
        }
    }
    let mut noticed = BTreeSet::new();
    for message in found.values() {
        let cause = cause(message);
        if let Some(cause) = cause
            && !noticed.insert(cause)
        {
            return wrong(format!("two notices about {cause}"));
        }
        let foreseen = ledger.messages.contains_key(&message.id)
            || cause.is_some_and(|cause| ledger.maybe_noticed.contains(&cause));
        if !foreseen {
            return wrong(format!("{} was never given to the queue", message.id));
        }
    }
    // A settlement and its notice are there together or not at all.
    for cause in &ledger.maybe_noticed {
        let told = found.get(cause).is_some_and(|message| {
            let mut progress = message.progress.iter();
            progress.any(|it| it.delay_notice == DelayNotice::Sent)
        });
        let undone = found.contains_key(cause) && !told;
        if undone && noticed.contains(cause) && trust == Trust::Whole {
            return wrong(format!("a notice about {cause} without its cause"));
        }
        // A later driver may have delivered the notice.
        let delivered = ledger.messages.values().any(|it| it.number == 0);
        if told && !noticed.contains(cause) && !delivered {
            return wrong(format!("no notice about {cause}, which says there is one"));
        }
    }
    Ok(())
}

fn as_promised(promise: &Promise, message: &QueuedMessage, trust: Trust) -> Result<(), Fault> {
    let id = message.id;
    for (place, (fate, progress)) in promise.recipients.iter().zip(&message.progress).enumerate() {
        let waits = matches!(progress.state, RecipientState::Waiting { .. });
        match fate {
            Fate::Waits if !waits => return wrong(format!("{id}: recipient {place} is lost")),
            Fate::Settled if waits && trust == Trust::Whole => {
                return wrong(format!("{id}: recipient {place} is back"));
            }
            Fate::Waits | Fate::Settled | Fate::Unknown => {}
        }
    }
    match promise.held {
        Some(held) if held != message.hold.is_some() && trust == Trust::Whole => {
            wrong(format!("{id}: its hold is {:?}", message.hold))
        }
        _ => Ok(()),
    }
}

/// The message that a notice is about.
fn cause(message: &QueuedMessage) -> Option<QueueId> {
    let recipient = message.envelope.recipients.first()?;
    let mailbox = recipient.forward_path.mailbox()?;
    mailbox.local_part().as_str().parse().ok()
}

/// Delivers everything; each content must be whole and that of its message.
async fn drain(
    ledger: &Ledger,
    spool: &LocalSpool,
    found: &BTreeMap<QueueId, QueuedMessage>,
) -> Result<(), Fault> {
    let claims = spool.claim(driver::later(), usize::MAX).await;
    let claims = claims.map_err(unexpected)?;
    if claims.len() != found.len() {
        return wrong(format!("{} of {} are due", claims.len(), found.len()));
    }
    for claim in claims {
        let id = claim.id();
        let content = driver::read(claim.content()).await.map_err(unexpected)?;
        let expected = ledger.messages.get(&id).map_or(0, |it| it.number);
        if driver::number_of(&content) != Some(expected) {
            return wrong(format!("{id} would be delivered torn"));
        }
        let outcomes = claim
            .recipients()
            .iter()
            .map(|due| (due.index, Outcome::Delivered));
        let settlement = Settlement {
            outcomes: outcomes.collect(),
            ..Settlement::default()
        };
        let settled = spool.settle(&claim, settlement).await;
        settled.map_err(unexpected)?;
    }
    Ok(())
}

fn unexpected(error: impl std::error::Error) -> Fault {
    Fault::Unexpected(driver::chain(&error))
}
