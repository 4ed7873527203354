//! Which points are tried, and what they come to.

use std::collections::BTreeMap;
use std::fmt;

use super::Dice;
use super::driver::Script;
use super::injector::{How, Point};
use super::queue::{self, Verdict};
use crate::fault::Fault;

/// What many points came to.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Points at which the fault happened, by fault and call.
    pub points: BTreeMap<(How, &'static str), u64>,
    /// Messages that were acknowledged.
    pub acknowledged: u64,
    /// Points after which the queue stopped until the restart.
    pub poisoned: u64,
    /// Points after which damage was reported though nothing was lost, with one of the reports.
    pub alarms: BTreeMap<(How, &'static str), (u64, String)>,
    /// What went wrong, each with the command line that does it again.
    pub failures: Vec<String>,
}

impl Tally {
    /// Points at which the fault happened.
    pub fn total(&self) -> u64 {
        self.points.values().sum()
    }

    /// Enters what a point came to, and says whether its fault happened.
    pub(super) fn enter(&mut self, point: Point, verdict: Result<Verdict, Fault>) -> bool {
        match verdict {
            Ok(verdict) => {
                self.acknowledged += verdict.acknowledged;
                self.poisoned += u64::from(verdict.poisoned);
                let Some((call, _)) = verdict.met.fired else {
                    return false;
                };
                *self.points.entry((point.how, call)).or_default() += 1;
                if let Some(alarm) = verdict.alarms.into_iter().next() {
                    let example = format!("{point}: {alarm}");
                    let alarms = self.alarms.entry((point.how, call));
                    alarms.or_insert((0, example)).0 += 1;
                }
            }
            Err(fault) => self.failures.push(fault.to_string()),
        }
        true
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((how, call), count) in &self.points {
            write!(f, "{how:>9} at {call:<9} {count:>7}")?;
            match self.alarms.get(&(*how, *call)) {
                Some((alarms, example)) => {
                    writeln!(f, "   {alarms} with damage reported, such as {example}")?;
                }
                None => writeln!(f)?,
            }
        }
        writeln!(
            f,
            "{} points, {} messages acknowledged, {} times stopped until the restart, {} failures",
            self.total(),
            self.acknowledged,
            self.poisoned,
            self.failures.len()
        )?;
        for failure in &self.failures {
            writeln!(f, "{failure}")?;
        }
        Ok(())
    }
}

/// Every call with each of `faults`.
pub fn every(
    script: Script,
    faults: &[How],
    mut progress: impl FnMut(&Tally),
) -> Result<Tally, Fault> {
    let mut tally = Tally::default();
    for &how in faults {
        for at in 1.. {
            let point = Point { how, at };
            if !tally.enter(point, queue::run(script, &[point])) {
                break;
            }
            progress(&tally);
            if tally.failures.len() >= MANY {
                return Ok(tally);
            }
        }
    }
    Ok(tally)
}

/// After so many failures it is clear that something is wrong.
pub(super) const MANY: usize = 20;

/// So many points that the seed chooses. Every other one strikes a queue that has just been
/// killed: what is tried at its opening as well is the recovery.
pub fn sample(
    script: Script,
    seed: u64,
    points: u64,
    mut progress: impl FnMut(&Tally),
) -> Result<Tally, Fault> {
    let mut dice = Dice::new(seed);
    let mut calls = BTreeMap::new();
    for how in How::ALL {
        let undisturbed = queue::run(script, &[Point { how, at: 0 }])?;
        calls.insert(how, undisturbed.met.calls.max(1));
    }
    let mut tally = Tally::default();
    for number in 0..points {
        let mut roll = |faults: &[How]| {
            let place = usize::try_from(dice.below(faults.len() as u64)).unwrap_or_default();
            let how = faults.get(place).copied().unwrap_or(How::Kill);
            let at = 1 + dice.below(calls.get(&how).copied().unwrap_or(1));
            Point { how, at }
        };
        let point = roll(&How::ALL);
        let lives = match number % 2 {
            0 => vec![point],
            _ => vec![roll(&[How::Kill, How::Torn]), point],
        };
        tally.enter(point, queue::run(script, &lives));
        progress(&tally);
        if tally.failures.len() >= MANY {
            break;
        }
    }
    Ok(tally)
}
