//! Puts the same work on Postern and its peers, and tells what it cost them.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use postern_bench::run::{self, Figures};
use postern_bench::subject::SubjectName;
use postern_bench::workload::{Workload, WorkloadName};
use postern_tests::fault::Fault;

#[derive(Parser)]
#[command(name = "postern-bench", about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Does one workload with one subject and tells all its figures.
    Run {
        /// W1 to W6.
        workload: WorkloadName,
        /// Who does it.
        #[arg(long, default_value = "postern")]
        subject: SubjectName,
        /// The share of the workload's messages that is sent.
        #[arg(long, default_value_t = 1.0)]
        scale: f64,
        /// How often, each time afresh.
        #[arg(long, default_value_t = 1)]
        runs: usize,
    },
}

fn main() -> ExitCode {
    match perform(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            // Who does not read is not told.
            let _ = writeln!(io::stderr(), "postern-bench: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn perform(command: Command) -> Result<(), Fault> {
    match command {
        Command::Run {
            workload,
            subject,
            scale,
            runs,
        } => {
            let subject = postern_bench::subject(subject)?;
            let workload = Workload::named(workload).scaled(scale);
            for _ in 0..runs {
                tell(&run::run(workload, &*subject)?);
            }
            Ok(())
        }
    }
}

fn tell(figures: &Figures) {
    let text = serde_json::to_string_pretty(figures).unwrap_or_default();
    let _ = writeln!(io::stdout(), "{text}");
}
