//! Puts the same work on Postern and its peers, and tells what it cost them.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use postern_bench::comparison::Plan;
use postern_bench::growth::{Finding, Row, Size};
use postern_bench::subject::SubjectName;
use postern_bench::workload::{Activity, Workload, WorkloadName};
use postern_bench::{document, instructions, run, subject};
use postern_tests::fault::Fault;
use serde::Serialize;

#[derive(Parser)]
#[command(name = "postern-bench", about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Does all workloads with all subjects, and prints the table of medians.
    Compare {
        /// Who takes part.
        #[arg(long, value_delimiter = ',', default_values_t = SubjectName::ALL)]
        subjects: Vec<SubjectName>,
        /// What is done.
        #[arg(long, value_delimiter = ',', default_values_t = WorkloadName::ALL)]
        workloads: Vec<WorkloadName>,
        /// How often.
        #[arg(long, default_value_t = 3)]
        runs: usize,
        /// The share of each workload's messages that is sent.
        #[arg(long, default_value_t = 1.0)]
        scale: f64,
        /// Where the figures of every run are written to, as JSON.
        #[arg(long)]
        json: Option<PathBuf>,
    },
    /// Does one workload with one subject and prints all its figures as JSON.
    Run {
        /// W1 to W6.
        workload: WorkloadName,
        /// Who does it; `nothing` for load and sink alone.
        #[arg(long, default_value = "postern")]
        subject: SubjectName,
        /// The share of the workload's messages that is sent.
        #[arg(long, default_value_t = 1.0)]
        scale: f64,
        /// How often, each time afresh.
        #[arg(long, default_value_t = 1)]
        runs: usize,
    },
    /// Measures how cost grows, with figures beside what they should be at most.
    Growth {
        /// queue, sessions, octets, partners, dead; all of them where none is named.
        rows: Vec<Row>,
        /// With small numbers, to see that it works.
        #[arg(long)]
        short: bool,
        /// Messages that wait in the queue, instead of a million.
        #[arg(long)]
        messages: Option<usize>,
        /// Where the figures are written to, as JSON.
        #[arg(long)]
        json: Option<PathBuf>,
    },
    /// Writes figures into docs/performance.md, and the plot beside it.
    Document {
        /// What `compare --json` has written.
        results: PathBuf,
        /// What `growth --json` has written.
        #[arg(long)]
        growth: Option<PathBuf>,
    },
    /// Counts the instructions that a message takes Postern, by callgrind.
    Instructions {
        /// Of which workloads; those with messages.
        #[arg(default_values_t = [WorkloadName::W1, WorkloadName::W2, WorkloadName::W3])]
        workloads: Vec<WorkloadName>,
    },
}

fn main() -> ExitCode {
    match perform(Arguments::parse().command) {
        Ok(code) => code,
        Err(fault) => {
            remark(&format!("postern-bench: {fault}"));
            ExitCode::FAILURE
        }
    }
}

fn perform(command: Command) -> Result<ExitCode, Fault> {
    match command {
        Command::Compare {
            subjects,
            workloads,
            runs,
            scale,
            json,
        } => {
            let workload = |name| Workload::named(name).scaled(scale);
            let subjects = subjects.into_iter().map(subject);
            let plan = Plan {
                subjects: subjects.collect::<Result<_, _>>()?,
                workloads: workloads.into_iter().map(workload).collect(),
                runs,
            };
            let comparison = plan.perform(remark)?;
            if let Some(file) = json {
                keep(&comparison, &file)?;
            }
            tell(comparison.to_string().trim_end());
            Ok(if comparison.failures.is_empty() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        Command::Run {
            workload,
            subject: name,
            scale,
            runs,
        } => {
            let subject = subject(name)?;
            let workload = Workload::named(workload).scaled(scale);
            for _ in 0..runs {
                let figures = run::run(workload, &*subject)?;
                tell(&serde_json::to_string(&figures).unwrap_or_default());
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Growth {
            rows,
            short,
            messages,
            json,
        } => {
            let size = if short { Size::short() } else { Size::full() };
            let messages = messages.unwrap_or(size.messages);
            grow(&rows, &Size { messages, ..size }, json.as_deref())
        }
        Command::Document { results, growth } => {
            document::write(&results, growth.as_deref())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Instructions { workloads } => count(&workloads),
    }
}

fn count(workloads: &[WorkloadName]) -> Result<ExitCode, Fault> {
    let postern = subject(SubjectName::Postern)?;
    for name in workloads {
        let workload = Workload::named(*name);
        if workload.activity == Activity::Idle {
            return Err(Fault::Unexpected(format!("{name} has no messages")));
        }
        let instructions = instructions::for_a_message(workload, &*postern)?;
        tell(&format!("{name} {instructions:.0} instructions a message"));
    }
    Ok(ExitCode::SUCCESS)
}

fn grow(rows: &[Row], size: &Size, json: Option<&Path>) -> Result<ExitCode, Fault> {
    let rows = if rows.is_empty() { &Row::ALL } else { rows };
    let mut findings = Vec::new();
    for row in rows {
        for finding in row.measure(size)? {
            tell(&finding.to_string());
            findings.push(finding);
        }
    }
    if let Some(file) = json {
        keep(&findings, file)?;
    }
    Ok(if findings.iter().all(Finding::is_met) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn keep(figures: &impl Serialize, file: &Path) -> Result<(), Fault> {
    let text = serde_json::to_string_pretty(figures)
        .map_err(|error| Fault::Unexpected(error.to_string()))?;
    fs::write(file, text).map_err(Fault::at(file))
}

// Who does not read is not told.

fn tell(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

fn remark(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
