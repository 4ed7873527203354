//! Shows that nothing is ever lost, for as long as one likes.
//!
//! ```text
//! cargo run --release -p postern-tests --example torture -- faults [--seed S] [--points N]
//! cargo run --release -p postern-tests --example torture -- wire [--seed S] [--points N]
//! cargo run --release -p postern-tests --example torture -- kills [--seed S] [--kills N]
//! ```
//! `kills` ends the daemon 1,000 times under load, or as often as it is told, and a third of its starts.
//! `wire` runs it with 900 faults, or as many as it is told.
//!
//! `faults` without `--points` tries every call with every fault; with it, so many that the seed
//! chooses, half of them on a queue that was killed before. `--script tables` makes the engine write
//! tables. `--only FAULT` restricts it to a fault, and `--at POINT,POINT` does a single run again.

use std::env;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

use postern_tests::fault::Fault;
use postern_tests::torture::driver::{self, Script};
use postern_tests::torture::faults::{self, Tally};
use postern_tests::torture::injector::{How, Point};
use postern_tests::torture::{kills, queue, wire};

fn main() -> ExitCode {
    if let Some(code) = driver::requested() {
        return code;
    }
    match Arguments::read().and_then(|it| torture(&it).map_err(|fault| fault.to_string())) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(fault) => {
            tell(&fault);
            ExitCode::FAILURE
        }
    }
}

/// What was asked for.
struct Arguments {
    what: String,
    seed: u64,
    points: Option<u64>,
    kills: u64,
    script: Script,
    only: Option<How>,
    at: Vec<Point>,
}

impl Arguments {
    fn read() -> Result<Self, String> {
        let mut words = env::args().skip(1);
        let now = SystemTime::UNIX_EPOCH.elapsed();
        let mut arguments = Self {
            what: words.next().unwrap_or_default(),
            seed: now.map_err(|error| error.to_string())?.as_secs(),
            points: None,
            kills: 1000,
            script: Script::Life,
            only: None,
            at: Vec::new(),
        };
        while let Some(name) = words.next() {
            let value = words.next().ok_or(format!("{name} needs a value"))?;
            let number = || value.parse::<u64>().map_err(|error| error.to_string());
            match name.as_str() {
                "--seed" => arguments.seed = number()?,
                "--points" => arguments.points = Some(number()?),
                "--kills" => arguments.kills = number()?,
                "--script" if value == "tables" => arguments.script = Script::Tables,
                "--script" if value == "life" => {}
                "--only" => arguments.only = Some(value.parse()?),
                "--at" => {
                    let points = value.split(',').map(str::parse);
                    arguments.at = points.collect::<Result<_, _>>()?;
                }
                _ => return Err(format!("{name} {value}: not understood")),
            }
        }
        Ok(arguments)
    }
}

/// Whether nothing went wrong.
fn torture(arguments: &Arguments) -> Result<bool, Fault> {
    match arguments.what.as_str() {
        "faults" if !arguments.at.is_empty() => {
            let verdict = queue::run(arguments.script, &arguments.at)?;
            tell(&format!("{verdict:#?}"));
            Ok(true)
        }
        "faults" => faults(arguments),
        "wire" if !arguments.at.is_empty() => {
            for point in &arguments.at {
                tell(&format!("{:#?}", wire::run(*point)?));
            }
            Ok(true)
        }
        "wire" => {
            tell(&format!("seed {}", arguments.seed));
            let progress = |tally: &Tally| {
                if tally.total().is_multiple_of(20) {
                    let failures = tally.failures.len();
                    tell(&format!("{} points, {failures} failures", tally.total()));
                }
            };
            let points = arguments.points.unwrap_or(900);
            let tally = wire::sample(arguments.seed, points, progress)?;
            tell(&tally.to_string());
            Ok(tally.failures.is_empty())
        }
        "kills" => {
            tell(&format!("seed {}", arguments.seed));
            let progress = |number: u64| {
                if number.is_multiple_of(20) {
                    tell(&format!("{number} kills"));
                }
            };
            let outcome = kills::run(arguments.seed, arguments.kills, progress)?;
            tell(&outcome.to_string());
            Ok(outcome.wrong.is_empty())
        }
        other => Err(Fault::Unexpected(format!(
            "faults, wire or kills, not {other:?}"
        ))),
    }
}

fn faults(arguments: &Arguments) -> Result<bool, Fault> {
    let begun = Instant::now();
    let progress = |tally: &Tally| {
        if tally.total().is_multiple_of(200) {
            tell(&format!(
                "{} points, {} failures, {:.1} points/s",
                tally.total(),
                tally.failures.len(),
                tally.total() as f64 / begun.elapsed().as_secs_f64()
            ));
        }
    };
    let tally = match arguments.points {
        Some(points) => {
            tell(&format!("seed {}", arguments.seed));
            faults::sample(arguments.script, arguments.seed, points, progress)?
        }
        None => {
            let only = arguments.only.map(|how| vec![how]);
            let faults = only.unwrap_or_else(|| How::ALL.to_vec());
            faults::every(arguments.script, &faults, progress)?
        }
    };
    tell(&tally.to_string());
    Ok(tally.failures.is_empty())
}

fn tell(line: &str) {
    // Who does not read is not told.
    let _ = writeln!(io::stdout(), "{line}");
}
