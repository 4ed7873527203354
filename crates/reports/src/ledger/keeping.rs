//! Recording, reading, and the task that writes.

use std::{
    path::Path,
    sync::{Arc, MutexGuard},
    time::{Duration, SystemTime},
};

use postern_mail::Domain;
use tokio_util::sync::CancellationToken;

use crate::journal::{self, Counts as _, Kept};

use super::{
    day::Day,
    error::{LedgerError, Problem},
    files::{FileKind, Files, Name},
    partner::PartnerAttempt,
    readiness::PartnerStanding,
    session::{PlaintextMessage, TlsSession},
    state::{KEPT_DAYS, State},
    tally::{Destination, DestinationTally, PlaintextReport, TlsReport},
};

/// How often what has changed is written, and so the counts that a crash costs.
pub const FLUSH_EVERY: Duration = journal::FLUSH_EVERY;

/// What is measured about TLS. Cloning gives another handle to the same ledger.
#[derive(Debug, Clone)]
pub struct Ledger(Arc<Kept<State>>);

impl Ledger {
    /// Opens the ledger in `directory`, which is made where it is missing. Of the days there are
    /// the last [`KEPT_DAYS`] are kept, of partners those that were attempted in the
    /// [`MEASUREMENT_AGES`](super::MEASUREMENT_AGES) before `now`.
    pub fn open(directory: &Path, now: SystemTime) -> Result<(Self, Vec<Problem>), LedgerError> {
        let mut files = Files::open(directory, FileKind::Ledger)?;
        let mut state = State::default();
        let mut problems = Vec::new();
        let days = files.days()?;
        let surplus = days.len().saturating_sub(KEPT_DAYS);
        for (at, day) in days.into_iter().enumerate() {
            if at < surplus {
                // Where it fails, the next start tries again.
                let _ = files.remove_day(day);
            } else {
                state.load_day(day, files.read(Name::Day(day), &mut problems));
            }
        }
        state.load_partners(files.read(Name::Partners, &mut problems), now);
        let kept = Kept::new("ledger", state, files);
        Ok((Self(Arc::new(kept)), problems))
    }

    /// Counts a session for each policy that applied to it.
    pub fn record_session(&self, session: &TlsSession) {
        self.state().record_session(session);
    }

    /// Counts a message that travelled in clear.
    pub fn record_plaintext(&self, message: &PlaintextMessage) {
        self.state().record_plaintext(message);
    }

    /// Counts an attempt under a partner's rule.
    pub fn record_attempt(&self, attempt: &PartnerAttempt) {
        self.state().record_attempt(attempt);
    }

    /// The days on which something was counted, the first first.
    pub fn days(&self) -> Vec<Day> {
        self.state().days()
    }

    /// All that was counted on a day, by destination.
    pub fn day(&self, day: Day) -> Vec<DestinationTally> {
        self.state().tallies(day).cloned().collect()
    }

    /// The domains to which there were sessions on a day.
    pub fn domains(&self, day: Day) -> Vec<Domain> {
        let state = self.state();
        let reported = state.tallies(day).filter(|it| !it.policies.is_empty());
        reported
            .filter_map(|tally| match &tally.destination {
                Destination::Host(host) => host.domain().cloned(),
                Destination::Other => None,
            })
            .collect()
    }

    /// What is to be reported to a domain about a day.
    pub fn tls_report(&self, day: Day, domain: &Domain) -> Option<TlsReport> {
        let destination = Destination::Host(domain.clone().into());
        let state = self.state();
        let tally = state.tally(day, &destination)?;
        (!tally.policies.is_empty()).then(|| TlsReport {
            day,
            domain: domain.clone(),
            policies: tally.policies.clone(),
        })
    }

    /// The destinations to which messages went in clear on a day.
    pub fn plaintext(&self, day: Day) -> Vec<PlaintextReport> {
        let state = self.state();
        let clear = state.tallies(day).filter(|it| !it.plaintext.is_empty());
        clear
            .map(|tally| PlaintextReport {
                destination: tally.destination.clone(),
                plaintext: tally.plaintext.clone(),
            })
            .collect()
    }

    /// All partners that were measured, by name, each direction by itself.
    pub fn partners(&self, now: SystemTime) -> Vec<PartnerStanding> {
        let state = self.state();
        state
            .partners()
            .map(|it| it.clone().standing(now))
            .collect()
    }

    /// One partner, each direction by itself; nothing if it was not measured.
    pub fn partner(&self, name: &str, now: SystemTime) -> Vec<PartnerStanding> {
        let state = self.state();
        let records = state.partner(name);
        records.map(|it| it.clone().standing(now)).collect()
    }

    /// Writes what has changed. Waits for the disk, so no task of a runtime may call it.
    pub fn flush_blocking(&self) -> Result<(), LedgerError> {
        self.0.flush_blocking()
    }

    /// Writes what has changed.
    pub async fn flush(&self) -> Result<(), LedgerError> {
        Arc::clone(&self.0).flush().await
    }

    /// Writes what has changed every few seconds ([`FLUSH_EVERY`]), and a last time once
    /// `cancellation` comes. It should come after everything that records has ended.
    pub async fn run(self, cancellation: CancellationToken) {
        self.0.run(cancellation).await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.counts()
    }
}
