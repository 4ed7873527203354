//! What a driver was promised, and what it may find after a fault.

use std::collections::{BTreeMap, BTreeSet};
use std::str::SplitAsciiWhitespace;

use postern_mail::QueueId;

/// What the lines of one or several drivers on the same queue come to.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pub(super) messages: BTreeMap<QueueId, Promise>,
    /// Messages about which a notice may or may not be in the queue.
    pub(super) maybe_noticed: BTreeSet<QueueId>,
    /// What must never happen and was seen by the driver itself.
    pub(super) wrong: Vec<String>,
    /// Damage that the driver was told of when it opened the queue.
    pub(super) quarantined: Vec<String>,
    /// Whether a message was refused twice by a queue that said it was well.
    pub(super) refused_twice: bool,
    /// How the last driver ended.
    pub(super) end: End,
    pub(super) acknowledged: u64,
}

/// How a driver ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum End {
    /// Without a word.
    #[default]
    Suddenly,
    /// At the end of its script.
    Done,
    /// The queue was poisoned, for this reason.
    Poisoned(String),
    /// The queue could not be opened, for this reason.
    NotOpened(String),
}

/// A message that was given to the queue.
#[derive(Clone, Debug)]
pub(super) struct Promise {
    pub(super) number: u64,
    pub(super) presence: Presence,
    pub(super) recipients: Vec<Fate>,
    /// `None` while it is not known.
    pub(super) held: Option<bool>,
}

/// Whether a message is in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// It was acknowledged and nothing has become of it.
    Must,
    /// A step was begun and its end is not known.
    May,
    /// It was refused, or has left the queue.
    Never,
}

/// Whether a recipient waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Waits,
    Unknown,
    Settled,
}

impl Ledger {
    /// Enters all that a driver said.
    pub(super) fn enter(&mut self, lines: &str) {
        self.end = End::Suddenly;
        for line in lines.lines() {
            if self.line(line).is_none() {
                self.wrong.push(format!("the driver said {line:?}"));
            }
        }
    }

    fn line(&mut self, line: &str) -> Option<()> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let mut words = rest.split_ascii_whitespace();
        match word {
            "done" => self.end = End::Done,
            "poisoned" => self.end = End::Poisoned(rest.to_owned()),
            "open-failed" => self.end = End::NotOpened(rest.to_owned()),
            "wrong" => self.wrong.push(rest.to_owned()),
            "quarantined" => self.quarantined.push(rest.to_owned()),
            "refused-twice" => self.refused_twice = true,
            "unreadable" => self.promise(words.next()?)?.held = None,
            "accepting" => {
                let id = words.next()?.parse().ok()?;
                let number = words.next()?.parse().ok()?;
                let recipients = words.next()?.parse().ok()?;
                let held = words.next()? == "held";
                self.messages
                    .insert(id, Promise::begun(number, recipients, held));
            }
            "accepted" => {
                self.acknowledged += 1;
                self.promise(words.next()?)?.presence = Presence::Must;
            }
            "refused" => {
                let promise = self.promise(words.next()?)?;
                if words.next()? == "alive" {
                    promise.presence = Presence::Never;
                }
            }
            "settling" => self.settling(words)?,
            "settled" => self.settled(words)?,
            "changing" => {
                let promise = self.promise(words.next()?)?;
                match words.next()? {
                    "remove" => promise.presence = Presence::May,
                    "hold" | "release" => promise.held = None,
                    _ => {}
                }
            }
            "changed" => {
                let promise = self.promise(words.next()?)?;
                match words.next()? {
                    "remove" => promise.presence = Presence::Never,
                    "hold" => promise.held = Some(true),
                    "release" => promise.held = Some(false),
                    _ => {}
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn settling(&mut self, mut words: SplitAsciiWhitespace<'_>) -> Option<()> {
        let id = words.next()?;
        let mut notice = false;
        let promise = self.promise(id)?;
        for word in words {
            let (place, outcome) = word.split_once('=')?;
            let fate = promise.recipients.get_mut(place.parse::<usize>().ok()?)?;
            match outcome {
                "done" => *fate = Fate::Unknown,
                _ => notice = true,
            }
        }
        if !promise.recipients.contains(&Fate::Waits) {
            promise.presence = Presence::May;
        }
        if notice {
            self.maybe_noticed.insert(id.parse().ok()?);
        }
        Some(())
    }

    fn settled(&mut self, mut words: SplitAsciiWhitespace<'_>) -> Option<()> {
        let id = words.next()?;
        let promise = self.promise(id)?;
        for fate in &mut promise.recipients {
            if *fate == Fate::Unknown {
                *fate = Fate::Settled;
            }
        }
        if promise.recipients.iter().all(|fate| *fate == Fate::Settled) {
            promise.presence = Presence::Never;
        }
        self.maybe_noticed.remove(&id.parse().ok()?);
        for notice in words {
            self.acknowledged += 1;
            let promise = Promise {
                presence: Presence::Must,
                ..Promise::begun(0, 1, false)
            };
            self.messages.insert(notice.parse().ok()?, promise);
        }
        Some(())
    }

    fn promise(&mut self, id: &str) -> Option<&mut Promise> {
        self.find_notice(id);
        self.messages.get_mut(&id.parse().ok()?)
    }

    /// A notice whose settlement was not seen to end may turn up in the next driver.
    fn find_notice(&mut self, id: &str) {
        if let Ok(id) = id.parse::<QueueId>()
            && !self.maybe_noticed.is_empty()
        {
            let notice = Promise::begun(0, 1, false);
            self.messages.entry(id).or_insert(notice);
        }
    }
}

impl Promise {
    fn begun(number: u64, recipients: usize, held: bool) -> Self {
        Self {
            number,
            presence: Presence::May,
            recipients: vec![Fate::Waits; recipients],
            held: Some(held),
        }
    }
}
