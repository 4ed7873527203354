//! A wall clock that somebody sets, by minutes or by a year, and sets right again.
//!
//! Ends, links and deadlines go by the time of the world, which cannot be set. Messages, their
//! retries and their age go by the wall clock, as in the daemon, and
//! [`Vigil`](postern_outbound::Vigil) watches over it.

use std::time::{Duration, SystemTime};

use postern_outbound::Step;
use postern_spool::Spool as _;

use super::{
    cast::{DESTINATIONS, domain},
    core::Core,
    host::Attempt,
    mutation::Mutation,
    timeline::Event,
};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// How long the clock must have shown a time before mail is returned by it: the daemon's figure,
/// known here so that it is held to it.
const SHOWN: u64 = 5 * MINUTE as u64;

/// The wall clock, held against the time of the world.
#[derive(Debug, Default)]
pub(crate) struct WallClock {
    /// By how many milliseconds it is wrong.
    pub(crate) wrong: i64,
    /// When it was set last.
    set_at: Option<u64>,
}

impl Core {
    /// Somebody sets the clock, and it is set right some time later.
    pub(crate) fn set_clock(&mut self) {
        let longest = self.random.pick(&[60 * MINUTE, DAY, 365 * DAY]);
        let by = self.random.between(10, (longest / MINUTE) as u64) as i64 * MINUTE;
        let wrong = if self.random.chance(60) { by } else { -by };
        self.wall_clock_is(wrong);
        let until = self.random.between(1_000, 100 * MINUTE as u64);
        self.after(until, Event::ClockSetRight);
    }

    /// The clock is wrong by this from now on.
    pub(crate) fn wall_clock_is(&mut self, wrong: i64) {
        if self.clock.wrong == wrong {
            return;
        }
        self.note(|| format!("the clock is set, and wrong by {wrong} ms"));
        self.clock = WallClock {
            wrong,
            set_at: Some(self.now),
        };
        self.set_time(self.now);
        let soon = self.random.below(60_000);
        let boots = self.boots;
        self.after(soon, Event::Look(boots));
    }

    /// Looks whether the clock was set, as the daemon does once a minute at least.
    pub(crate) fn look_at_clock(&mut self) {
        let (wall, now) = (self.wall(), self.instant());
        let Some(host) = &mut self.host else { return };
        let step = host.vigil.look(wall, now);
        if matches!(step, Some(Step::Back(_))) && self.mutation != Some(Mutation::StepBackMissed) {
            for destination in &DESTINATIONS {
                host.spool.hasten(&domain(destination.domain));
            }
        }
    }

    /// How long the age of a message is in doubt.
    pub(crate) fn doubts(&mut self, received: SystemTime) -> Option<Duration> {
        self.look_at_clock();
        if self.mutation == Some(Mutation::ClockBelieved) {
            return None;
        }
        let (lifetime, now) = (self.schedule.lifetime, self.instant());
        let host = self.host.as_ref()?;
        host.vigil.doubts(received, lifetime, now)
    }

    /// A message is given up for its age.
    pub(crate) fn too_old(&mut self, attempt: &Attempt) {
        let shown = self.clock.set_at.map_or(u64::MAX, |at| self.now - at);
        let kept = self.ledger.age(attempt.key, self.now);
        let lifetime = self.schedule.lifetime.as_millis() as u64;
        // A message that came while the clock was wrong has no age that anybody knows.
        if shown < SHOWN && kept.is_some_and(|age| age + 1_000 < lifetime) {
            let (key, age) = (attempt.key, kept.unwrap_or_default() / 1_000);
            self.ledger.violate(format!(
                "{key:?} is given up for its age, which is {age} seconds, by a clock that was set"
            ));
        }
    }
}
