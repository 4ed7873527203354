//! What has been sent, on disk.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, SystemTime},
};

use postern_mail::Domain;
use serde::{Deserialize, Serialize};
use tokio::sync;
use xxhash_rust::xxh3::xxh3_64;

use super::{PATIENCE, ReportKey, ReportKind, SPREAD};
use crate::journal::{
    Counts, Kept, Lines,
    book::Book,
    day::{Day, moment, whole_second},
    error::{LedgerError, Problem},
    files::{FileKind, Files, Name},
};

/// How many days of progress are kept: those whose reports may still be sent, and a week for
/// whoever wants to know what became of them.
const KEPT_DAYS: usize = 9;

/// The first pause after a failed attempt; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(10 * 60);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(4 * 60 * 60);

/// How far a report has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "progress")]
pub enum Progress {
    /// It is to be tried again.
    Waiting {
        /// Not before then.
        #[serde(with = "moment")]
        until: SystemTime,
        /// How often it was tried.
        attempts: u32,
        /// What went wrong.
        why: String,
    },
    /// Every destination has it.
    Sent {
        /// Since when.
        #[serde(with = "moment")]
        at: SystemTime,
    },
    /// Nobody wants it, or nobody who may have it.
    Unwanted {
        /// Why.
        why: String,
    },
    /// It was tried for long enough.
    GivenUp {
        /// What went wrong last.
        why: String,
    },
}

/// What is on disk about a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    kind: ReportKind,
    domain: Domain,
    /// The parts that have been handed over, each with its destination.
    #[serde(default)]
    handed_over: Vec<String>,
    #[serde(flatten)]
    progress: Progress,
}

/// A report that is to be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Which.
    pub key: ReportKey,
    /// How often it was tried.
    pub attempts: u32,
    /// What has been handed over already.
    pub handed_over: Vec<String>,
    pub(super) wanted_by: WantedBy,
}

/// Why a report is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WantedBy {
    /// It is time, and not everybody has it.
    Schedule,
    /// Somebody asks for it, whoever has it.
    Order,
}

/// What has been sent, and what is to be tried again. Cloning gives another handle.
#[derive(Debug, Clone)]
pub struct Outgoing {
    kept: Arc<Kept<Days>>,
    turns: Arc<Mutex<HashMap<ReportKey, Weak<Turn>>>>,
}

/// Held by whoever is sending a report: of two who would do so at the same time, the second has
/// to see what became of it.
pub(super) type Turn = sync::Mutex<()>;

#[derive(Debug, Default)]
struct Days(BTreeMap<Day, Book<(ReportKind, Domain), Entry>>);

impl Outgoing {
    /// Opens the directory, which is made where it is missing and is for this alone.
    pub fn open(directory: &Path) -> Result<(Self, Vec<Problem>), LedgerError> {
        let mut files = Files::open(directory, FileKind::SentReports)?;
        let mut days = Days::default();
        let mut problems = Vec::new();
        for day in files.days()? {
            let book = days.0.entry(day).or_default();
            for entry in files.read::<Entry>(Name::Day(day), &mut problems) {
                book.load((entry.kind, entry.domain.clone()), entry);
            }
        }
        let kept = Kept::new("record of sent reports", days, files);
        let outgoing = Self {
            kept: Arc::new(kept),
            turns: Arc::default(),
        };
        Ok((outgoing, problems))
    }

    /// The turn of a report.
    pub(super) fn turn(&self, key: &ReportKey) -> Arc<Turn> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = turns.get(key).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::default();
        turns.insert(key.clone(), Arc::downgrade(&turn));
        turn
    }

    /// What is known of a report; nothing if it was never tried.
    pub fn progress(&self, key: &ReportKey) -> Option<Progress> {
        let days = self.kept.counts();
        Some(days.get(key)?.progress.clone())
    }

    /// Whether a report is to be sent now. Which host we are decides over the moment.
    pub fn due(&self, key: &ReportKey, hostname: &Domain, now: SystemTime) -> Option<Due> {
        let end = key.day.end();
        if now < end + spread(key, hostname) || now >= end + PATIENCE {
            return None;
        }
        let days = self.kept.counts();
        let entry = days.get(key);
        match entry.map(|it| &it.progress) {
            None => {}
            Some(Progress::Waiting { until, .. }) if *until <= now => {}
            Some(_) => return None,
        }
        Some(due(key, entry))
    }

    /// The same whatever time it is and whatever was sent before, for whoever asks for it by hand.
    pub fn again(&self, key: &ReportKey) -> Due {
        Due {
            key: key.clone(),
            attempts: 0,
            handed_over: Vec::new(),
            wanted_by: WantedBy::Order,
        }
    }

    /// Notes that a part was handed over to a destination, and waits until that is on disk.
    pub async fn mark_handed_over(&self, key: &ReportKey, part: String) -> Result<(), LedgerError> {
        {
            let mut days = self.kept.counts();
            let entry = days.change(key);
            if !entry.handed_over.contains(&part) {
                entry.handed_over.push(part);
            }
        }
        Arc::clone(&self.kept).flush().await
    }

    /// Notes how far a report has come, and waits until that is on disk.
    pub async fn mark(&self, key: &ReportKey, progress: Progress) -> Result<(), LedgerError> {
        self.kept.counts().change(key).progress = progress;
        Arc::clone(&self.kept).flush().await
    }
}

fn due(key: &ReportKey, entry: Option<&Entry>) -> Due {
    let attempts = match entry.map(|it| &it.progress) {
        Some(Progress::Waiting { attempts, .. }) => *attempts,
        Some(_) | None => 0,
    };
    Due {
        key: key.clone(),
        attempts,
        handed_over: entry.map(|it| it.handed_over.clone()).unwrap_or_default(),
        wanted_by: WantedBy::Schedule,
    }
}

impl Due {
    /// What follows from a failed attempt.
    pub(super) fn failed(&self, why: String, now: SystemTime) -> Progress {
        let doublings = self.attempts.min(10);
        let pause = (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE);
        let until = whole_second(now) + pause;
        if until >= self.key.day.end() + PATIENCE {
            return Progress::GivenUp { why };
        }
        Progress::Waiting {
            until,
            attempts: self.attempts + 1,
            why,
        }
    }
}

/// How long after midnight a report is sent first: anywhere within [`SPREAD`], always the same for
/// the same report of the same host.
fn spread(key: &ReportKey, hostname: &Domain) -> Duration {
    let seed = xxh3_64(format!("{hostname} {} {}", key.kind, key.domain).as_bytes());
    Duration::from_secs(seed % SPREAD.as_secs())
}

impl Days {
    fn get(&self, key: &ReportKey) -> Option<&Entry> {
        self.0.get(&key.day)?.get(&(key.kind, key.domain.clone()))
    }

    fn change(&mut self, key: &ReportKey) -> &mut Entry {
        // An old day that somebody asks for by hand takes no newer one's place. How many of them
        // there can be, the counts bound.
        let is_older = |first: &Day| *first < key.day && !self.0.contains_key(&key.day);
        if self.0.len() >= KEPT_DAYS && self.0.keys().next().is_some_and(is_older) {
            self.0.pop_first();
        }
        let book = self.0.entry(key.day).or_default();
        book.change((key.kind, key.domain.clone()), || Entry {
            kind: key.kind,
            domain: key.domain.clone(),
            handed_over: Vec::new(),
            // Until its first attempt is over; after a crash it is tried anew at once.
            progress: Progress::Waiting {
                until: key.day.end(),
                attempts: 0,
                why: "the program was ended".to_owned(),
            },
        })
    }
}

impl Counts for Days {
    fn days(&self) -> Vec<Day> {
        self.0.keys().copied().collect()
    }

    fn take_lines(
        &mut self,
        must: &dyn Fn(Name) -> bool,
        whole: &dyn Fn(Name) -> bool,
    ) -> Vec<Lines> {
        let mut lines = Vec::new();
        for (day, book) in &mut self.0 {
            let name = Name::Day(*day);
            if book.is_dirty() || must(name) {
                lines.push((name, book.take_lines(whole(name))));
            }
        }
        lines
    }
}
