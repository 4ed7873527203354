//! What was acknowledged, held against what has arrived.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use super::house::{name_of, sender};
use crate::sink::{Sink, Taken};

/// What a daemon under load came to.
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

/// What was acknowledged against what the sink has.
pub(super) fn hold_against(
    acknowledged: &[(u64, u64)],
    sink: &Sink,
    moments: &[Instant],
) -> Outcome {
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
    for name in acknowledged {
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
