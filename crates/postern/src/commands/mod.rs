//! The commands, one file each.

mod check;
mod csr;
mod dns;
mod explain;
mod key;
mod live;
mod manual;
mod new_file;
mod partner;
mod probe;
mod queue;
mod reload;
mod report;
mod serve;
mod status;
mod surveyed;
mod version;

use crate::{
    cli::{Command, CommandLine},
    demo,
    failure::{Exit, Failure},
};

/// Does what was asked for.
pub(crate) fn run(line: CommandLine) -> Result<Exit, Failure> {
    let config = line.config.as_path();
    match line.command {
        Command::Serve => serve::run(config),
        Command::Check(format) => check::run(config, format),
        Command::Explain(question) => explain::run(config, &question),
        Command::Probe(probe) => probe::run(config, &probe),
        Command::Queue { action } => queue::run(config, &action),
        Command::Partner { action } => partner::run(config, &action),
        Command::Dns { action } => dns::run(config, &action),
        Command::Key { kind } => key::run(&kind),
        Command::Csr(request) => csr::run(&request),
        Command::Report { action } => report::run(config, &action),
        Command::Status(format) => status::run(config, format),
        Command::Reload(format) => reload::run(config, format),
        Command::Version(format) => version::run(format),
        Command::Demo(demo) => demo::run(demo),
        Command::Man { out } => manual::pages(&out),
        Command::Completions { shell } => manual::completions(shell),
    }
}

/// Runs what waits for the daemon's answers.
fn wait_for<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new("no runtime", &error))?;
    runtime.block_on(work)
}
