//! Everything that is counted, in memory.

use std::{collections::BTreeMap, time::SystemTime};

use postern_mail::Host;

use crate::journal::{Counts, Lines};

use super::{
    book::Book,
    day::Day,
    files::Name,
    partner::{Direction, PartnerAttempt, PartnerRecord},
    session::{PlaintextMessage, TlsSession},
    tally::{Destination, DestinationTally},
};

/// How many days are kept, of those on which something was counted: a report is tried for a day
/// or two (RFC 8460 §5.5), an operator looks back over a month.
pub const KEPT_DAYS: usize = 30;

/// How much memory the counts of one day may take, roughly: some ten thousand destinations
/// without a policy, or four thousand with DANE and MTA-STS both.
pub const DAY_OCTETS: usize = 4 << 20;

/// Days and partners.
#[derive(Debug, Default)]
pub(super) struct State {
    days: BTreeMap<Day, DayBook>,
    partners: Book<(String, Direction), PartnerRecord>,
}

/// The destinations of one day.
#[derive(Debug, Default)]
pub(super) struct DayBook {
    tallies: Book<Destination, DestinationTally>,
    octets: usize,
}

impl State {
    pub(super) fn load_day(&mut self, day: Day, tallies: Vec<DestinationTally>) {
        let book = self.days.entry(day).or_default();
        for tally in tallies {
            book.tallies.load(tally.destination.clone(), tally);
        }
        book.octets = book.tallies.values().map(DestinationTally::octets).sum();
    }

    pub(super) fn load_partners(&mut self, records: Vec<PartnerRecord>, now: SystemTime) {
        for record in records {
            let key = (record.partner.clone(), record.direction);
            self.partners.load(key, record);
        }
        self.partners.retain(|record| !record.is_aged(now));
    }

    pub(super) fn record_session(&mut self, session: &TlsSession) {
        self.day_mut(Day::of(session.at))
            .count(&session.domain.clone().into(), |tally, room| {
                tally.count_session(session, room)
            });
    }

    pub(super) fn record_plaintext(&mut self, message: &PlaintextMessage) {
        self.day_mut(Day::of(message.at))
            .count(&message.destination, |tally, room| {
                tally.count_plaintext(&message.cause, room)
            });
    }

    pub(super) fn record_attempt(&mut self, attempt: &PartnerAttempt) {
        let key = (attempt.partner.clone(), attempt.direction);
        let record = self.partners.change(key, || PartnerRecord::new(attempt));
        if record.is_aged(attempt.at) {
            *record = PartnerRecord::new(attempt);
        } else if !record.is_under(&attempt.rule) {
            record.begin_anew(attempt);
        }
        record.count(attempt);
    }

    /// The book of a day. Days are pruned by their number, not by a clock: one that is wrong
    /// for a moment must not cost everything that was counted before. So what comes before all
    /// days that are kept counts for the first of them, which is not reported any more.
    fn day_mut(&mut self, day: Day) -> &mut DayBook {
        let mut day = day;
        if !self.days.contains_key(&day) && self.days.len() >= KEPT_DAYS {
            match self.days.first_key_value() {
                Some((first, _)) if day < *first => day = *first,
                _ => {
                    self.days.pop_first();
                }
            }
        }
        self.days.entry(day).or_default()
    }

    pub(super) fn tallies(&self, day: Day) -> impl Iterator<Item = &DestinationTally> {
        let book = self.days.get(&day);
        book.into_iter().flat_map(|book| book.tallies.values())
    }

    pub(super) fn tally(&self, day: Day, destination: &Destination) -> Option<&DestinationTally> {
        self.days.get(&day)?.tallies.get(destination)
    }

    pub(super) fn partners(&self) -> impl Iterator<Item = &PartnerRecord> {
        self.partners.values()
    }

    /// One partner's records: found, not searched for, since every caller holds up those who
    /// record.
    pub(super) fn partner<'a>(
        &'a self,
        name: &str,
    ) -> impl Iterator<Item = &'a PartnerRecord> + use<'a> {
        let name = name.to_owned();
        let key = move |direction: &Direction| (name.clone(), *direction);
        Direction::ALL
            .iter()
            .filter_map(move |direction| self.partners.get(&key(direction)))
    }
}

impl Counts for State {
    fn days(&self) -> Vec<Day> {
        self.days.keys().copied().collect()
    }

    fn take_lines(
        &mut self,
        must: &dyn Fn(Name) -> bool,
        whole: &dyn Fn(Name) -> bool,
    ) -> Vec<Lines> {
        let mut lines = Vec::new();
        for (day, book) in &mut self.days {
            let name = Name::Day(*day);
            if book.tallies.is_dirty() || must(name) {
                lines.push((name, book.tallies.take_lines(whole(name))));
            }
        }
        if self.partners.is_dirty() || must(Name::Partners) {
            let whole = whole(Name::Partners);
            lines.push((Name::Partners, self.partners.take_lines(whole)));
        }
        lines
    }
}

impl DayBook {
    fn count(&mut self, host: &Host, count: impl FnOnce(&mut DestinationTally, usize) -> usize) {
        let key = self.place(Destination::Host(host.clone()));
        let room = DAY_OCTETS.saturating_sub(self.octets);
        let tally = self
            .tallies
            .change(key.clone(), || DestinationTally::new(key));
        self.octets += count(tally, room);
    }

    /// Where a destination is counted.
    fn place(&mut self, destination: Destination) -> Destination {
        if self.tallies.contains(&destination) {
            return destination;
        }
        let octets = DestinationTally::new(destination.clone()).octets();
        if self.octets + octets > DAY_OCTETS {
            return Destination::Other;
        }
        self.octets += octets;
        destination
    }
}
