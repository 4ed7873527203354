//! Changing messages, one or a million.

use std::{
    io::{self, IsTerminal as _, Write as _},
    pin::pin,
    time::SystemTime,
};

use postern_admin::{Change, ChangeOrder, Changed, Hold, Listing};
use postern_mail::QueueId;
use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{access::Access, which::Meant};
use crate::{
    cli::Format,
    failure::{Exit, Failure},
    output,
};

/// What is done, and how.
#[derive(Debug)]
pub(super) struct Doing {
    pub(super) change: Change,
    pub(super) dry_run: bool,
    pub(super) format: Format,
}

/// How far it came, for programs.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Tally {
    change: &'static str,
    dry_run: bool,
    /// Messages that were meant.
    matched: usize,
    /// Of these, changed.
    changed: usize,
    /// Whether that is all.
    complete: bool,
}

/// Changes what is meant.
pub(super) async fn change(queue: &Access, meant: Meant, doing: &Doing) -> Result<Exit, Failure> {
    match meant {
        Meant::Ids(ids) => change_these(queue, &ids, doing).await,
        Meant::Like(listing) => {
            let listing = as_meant(listing, &doing.change);
            let (tally, ended) = change_all(queue, listing, doing).await;
            tell(&tally, doing)?;
            ended
        }
    }
}

/// Removes what is meant, after asking unless `yes` was said beforehand.
pub(super) async fn remove(
    queue: &Access,
    meant: Meant,
    yes: bool,
    doing: &Doing,
) -> Result<Exit, Failure> {
    let Meant::Like(listing) = &meant else {
        return change(queue, meant, doing).await;
    };
    if yes || doing.dry_run {
        return change(queue, meant, doing).await;
    }
    // What is counted is what is removed: nothing that comes while somebody thinks.
    let listing = as_meant(listing.clone(), &doing.change);
    let looking = Doing {
        dry_run: true,
        ..doing.clone()
    };
    let (tally, ended) = change_all(queue, listing.clone(), &looking).await;
    if ended? != Exit::Fine || tally.matched == 0 {
        tell(&tally, &looking)?;
        return Ok(Exit::Fine);
    }
    if !agreed(tally.matched)? {
        output::print("nothing is removed\n")?;
        return Ok(Exit::Fine);
    }
    change(queue, Meant::Like(listing), doing).await
}

/// Asks who sits there.
fn agreed(messages: usize) -> Result<bool, Failure> {
    let what = format!(
        "{}: nobody is notified",
        counted(messages, "would be removed")
    );
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        let text = format!("{what}; say --yes to remove them, or --dry-run to look only");
        return Err(Failure::plain(text).usage());
    }
    let mut answer = String::new();
    let asked = write!(io::stderr(), "{what}. Remove? [y/N] ");
    let read = asked.and_then(|()| io::stdin().read_line(&mut answer));
    read.map_err(|error| Failure::new("the answer", &error))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Leaves out what the change would not change, and what comes from now on: otherwise a busy
/// queue might never come to an end.
fn as_meant(mut listing: Listing, change: &Change) -> Listing {
    let hold = match change {
        Change::Retry | Change::Hold { .. } => Some(Hold::Free),
        Change::Release => Some(Hold::Held),
        Change::Remove => None,
    };
    listing.hold = listing.hold.or(hold);
    let now = SystemTime::now().into();
    listing.received_before = listing.received_before.or(Some(now));
    listing
}

/// Changes each of these. The first that is not there ends it.
async fn change_these(queue: &Access, ids: &[QueueId], doing: &Doing) -> Result<Exit, Failure> {
    for id in ids {
        if doing.dry_run {
            queue.show(*id, 0).await?;
        } else {
            queue.change(*id, &doing.change).await?;
        }
        if !doing.format.json {
            let would = if doing.dry_run { "would be " } else { "" };
            output::print(format_args!("{id} {would}{}\n", done(&doing.change)))?;
        }
    }
    if doing.format.json {
        let changed = if doing.dry_run { 0 } else { ids.len() };
        output::print_json(&Tally {
            matched: ids.len(),
            changed,
            complete: true,
            ..doing.tally()
        })?;
    }
    Ok(Exit::Fine)
}

/// Changes all that are like this, about a second's work at a time. Ctrl-C ends it behind the
/// part that is under way, a second one at once.
async fn change_all(
    queue: &Access,
    which: Listing,
    doing: &Doing,
) -> (Tally, Result<Exit, Failure>) {
    let mut tally = doing.tally();
    let mut progress = Progress::default();
    let ended = carry_out(queue, which, doing, &mut tally, &mut progress).await;
    progress.clear();
    (tally, ended)
}

async fn carry_out(
    queue: &Access,
    which: Listing,
    doing: &Doing,
    tally: &mut Tally,
    progress: &mut Progress,
) -> Result<Exit, Failure> {
    let interrupts = signal(SignalKind::interrupt());
    let mut interrupts = interrupts.map_err(|error| Failure::new("signals", &error))?;
    let mut order = ChangeOrder {
        change: doing.change.clone(),
        which,
        dry_run: doing.dry_run,
    };
    loop {
        let (part, stopped) = part(queue, &order, &mut interrupts).await?;
        tally.matched += part.matched;
        tally.changed += part.changed;
        order.which.after = part.next;
        tally.complete = part.next.is_none();
        if tally.complete {
            return Ok(Exit::Fine);
        }
        if stopped {
            return Err(Failure::plain("stopped, and not all is done"));
        }
        progress.show(&sentence(tally, doing));
    }
}

/// One part of an order, and whether somebody wants no more.
async fn part(
    queue: &Access,
    order: &ChangeOrder,
    interrupts: &mut Signal,
) -> Result<(Changed, bool), Failure> {
    let mut part = pin!(queue.change_all(order));
    tokio::select! {
        part = &mut part => return Ok((part?, false)),
        _ = interrupts.recv() => {}
    }
    tokio::select! {
        part = part => Ok((part?, true)),
        _ = interrupts.recv() => Err(Failure::plain("ended at once: what was under way may yet happen")),
    }
}

impl Clone for Doing {
    fn clone(&self) -> Self {
        Self {
            change: self.change.clone(),
            ..*self
        }
    }
}

impl Doing {
    fn tally(&self) -> Tally {
        Tally {
            change: match self.change {
                Change::Retry => "retry",
                Change::Hold { .. } => "hold",
                Change::Release => "release",
                Change::Remove => "remove",
            },
            dry_run: self.dry_run,
            ..Tally::default()
        }
    }
}

fn tell(tally: &Tally, doing: &Doing) -> Result<(), Failure> {
    if doing.format.json {
        output::print_json(tally)
    } else {
        output::print(format_args!("{}\n", sentence(tally, doing)))
    }
}

/// `7 messages held`
fn sentence(tally: &Tally, doing: &Doing) -> String {
    if doing.dry_run {
        return counted(tally.matched, &format!("would be {}", done(&doing.change)));
    }
    match &doing.change {
        Change::Retry if tally.changed == 1 => counted(1, "is due now"),
        Change::Retry => counted(tally.changed, "are due now"),
        change => counted(tally.changed, done(change)),
    }
}

fn counted(messages: usize, what: &str) -> String {
    match messages {
        1 => format!("1 message {what}"),
        many => format!("{many} messages {what}"),
    }
}

fn done(change: &Change) -> &'static str {
    match change {
        Change::Retry => "due now",
        Change::Hold { .. } => "held",
        Change::Release => "released",
        Change::Remove => "removed",
    }
}

/// How far it is, on a line of the terminal that is written over.
#[derive(Debug, Default)]
struct Progress {
    shown: bool,
}

impl Progress {
    fn show(&mut self, text: &str) {
        let mut err = io::stderr();
        if err.is_terminal() {
            // Whoever does not see it misses nothing but this.
            let _ = write!(err, "\r\u{1b}[K{text} so far").and_then(|()| err.flush());
            self.shown = true;
        }
    }

    fn clear(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }
}
