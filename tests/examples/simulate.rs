//! Simulated worlds for as long as one likes: the long form of the test `simulation`.
//!
//! ```text
//! cargo run --release -p postern-tests --example simulate -- [--worlds N | --minutes M]
//!     [--seed S] [--mutation NAME]
//! ```
//! Worlds are numbered on from a seed, which is taken from the clock where none is given. With a
//! seed alone, that world is run. The first world in which an invariant does not hold ends the run:
//! its last steps are printed, and the command that shows them again.

#![expect(clippy::print_stdout, reason = "its output is what it is for")]
#![expect(
    clippy::expect_used,
    reason = "a mistake on the command line ends the run"
)]

#[path = "../tests/simulation/mod.rs"]
mod simulation;

use std::{
    env,
    process::ExitCode,
    time::{Duration, Instant, SystemTime},
};

use simulation::{Mutation, Report, run};

/// How often progress is shown.
const SHOWN: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
struct Arguments {
    seed: Option<u64>,
    worlds: Option<u64>,
    minutes: Option<u64>,
    mutation: Option<Mutation>,
}

impl Arguments {
    fn read() -> Self {
        let mut read = Self::default();
        let mut words = env::args().skip(1);
        while let Some(name) = words.next() {
            let value = words.next().expect("each option has a value");
            let number = || value.parse().expect("a number");
            match name.as_str() {
                "--seed" => read.seed = Some(number()),
                "--worlds" => read.worlds = Some(number()),
                "--minutes" => read.minutes = Some(number()),
                "--mutation" => read.mutation = Some(value.parse().expect("a mutation")),
                other => unreachable!("there is no option {other}"),
            }
        }
        read
    }

    fn first(&self) -> u64 {
        self.seed.unwrap_or_else(|| {
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            // Leaves room to count on, and is easy to copy.
            since.map_or(0, |since| since.as_secs()) * 1_000_000
        })
    }

    /// How many worlds, and for how long.
    fn bounds(&self) -> (u64, Duration) {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        match (self.worlds, self.minutes, self.seed) {
            (worlds, Some(limit), _) => (worlds.unwrap_or(u64::MAX), minutes(limit)),
            (Some(worlds), None, _) => (worlds, Duration::MAX),
            (None, None, Some(_)) => (1, Duration::MAX),
            (None, None, None) => (u64::MAX, minutes(1)),
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::read();
    let (worlds, limit) = arguments.bounds();
    let first = arguments.first();
    println!("worlds from seed {first}");
    let (began, mut shown) = (Instant::now(), Instant::now());
    let mut sum = Report::default();
    for seed in (first..).take(usize::try_from(worlds).unwrap_or(usize::MAX)) {
        match run(seed, arguments.mutation) {
            Ok(report) => sum.add(&report),
            Err(violation) => {
                println!("{violation}");
                return ExitCode::FAILURE;
            }
        }
        if shown.elapsed() > SHOWN {
            shown = Instant::now();
            tell(&sum, began.elapsed());
        }
        if began.elapsed() > limit {
            break;
        }
    }
    tell(&sum, began.elapsed());
    ExitCode::SUCCESS
}

fn tell(sum: &Report, took: Duration) {
    let seconds = took.as_secs_f64().max(0.001);
    let rate = sum.sessions as f64 / seconds * 3600.0;
    println!("{sum}; {seconds:.0} s, {rate:.0} sessions an hour");
}
