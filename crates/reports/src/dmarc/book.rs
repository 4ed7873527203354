//! Recording, reading, and the task that writes.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, MutexGuard},
};

use postern_mail::Domain;
use tokio_util::sync::CancellationToken;

use super::{
    day::{Account, DayBook, KEPT_DAYS},
    facts::JudgedMail,
};
use crate::journal::{
    Counts, Kept, Lines,
    day::Day,
    error::{LedgerError, Problem},
    files::{FileKind, Files, Name},
};

/// Judged mail, counted. Cloning gives another handle to the same book.
#[derive(Debug, Clone)]
pub struct AggregateBook(Arc<Kept<Days>>);

#[derive(Debug, Default)]
struct Days(BTreeMap<Day, DayBook>);

impl AggregateBook {
    /// Opens the book in `directory`, which is made where it is missing, and which must not be the
    /// ledger's. Of the days there are the last [`KEPT_DAYS`] are kept.
    pub fn open(directory: &Path) -> Result<(Self, Vec<Problem>), LedgerError> {
        let mut files = Files::open(directory, FileKind::JudgedMail)?;
        let mut counts = Days::default();
        let mut problems = Vec::new();
        let days = files.days()?;
        let surplus = days.len().saturating_sub(KEPT_DAYS);
        for (at, day) in days.into_iter().enumerate() {
            if at < surplus {
                // Where it fails, the next start tries again.
                let _ = files.remove_day(day);
            } else {
                let entries = files.read(Name::Day(day), &mut problems);
                counts.0.entry(day).or_default().load(entries);
            }
        }
        let kept = Kept::new("book of judged mail", counts, files);
        Ok((Self(Arc::new(kept)), problems))
    }

    /// Counts a message, unless its domain wants no reports.
    pub fn record(&self, mail: &JudgedMail) {
        if !mail.rua.is_empty() {
            self.days_mut().day_mut(Day::of(mail.at)).record(mail);
        }
    }

    /// The days on which something was counted, the first first.
    pub fn days(&self) -> Vec<Day> {
        self.days_mut().days()
    }

    /// The domains of which something was counted on a day.
    pub fn domains(&self, day: Day) -> Vec<Domain> {
        let days = self.days_mut();
        days.0.get(&day).map(DayBook::domains).unwrap_or_default()
    }

    /// All that was counted of a domain on a day.
    pub fn account(&self, day: Day, domain: &Domain) -> Option<Account> {
        self.days_mut().0.get(&day)?.account(domain)
    }

    /// How many messages of a day were of domains that there was no room for.
    pub fn left_out(&self, day: Day) -> u64 {
        self.days_mut().0.get(&day).map_or(0, DayBook::left_out)
    }

    /// Writes what has changed. Waits for the disk, so no task of a runtime may call it.
    pub fn flush_blocking(&self) -> Result<(), LedgerError> {
        self.0.flush_blocking()
    }

    /// Writes what has changed.
    pub async fn flush(&self) -> Result<(), LedgerError> {
        Arc::clone(&self.0).flush().await
    }

    /// Writes what has changed every few seconds, and a last time once `cancellation` comes. It
    /// should come after everything that records has ended.
    pub async fn run(self, cancellation: CancellationToken) {
        self.0.run(cancellation).await;
    }

    fn days_mut(&self) -> MutexGuard<'_, Days> {
        self.0.counts()
    }
}

impl Days {
    /// The book of a day. As in the ledger, days are pruned by their number and not by a clock.
    fn day_mut(&mut self, mut day: Day) -> &mut DayBook {
        if !self.0.contains_key(&day) && self.0.len() >= KEPT_DAYS {
            match self.0.first_key_value() {
                Some((first, _)) if day < *first => day = *first,
                _ => {
                    self.0.pop_first();
                }
            }
        }
        self.0.entry(day).or_default()
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
