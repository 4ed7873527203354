//! `postern man` and `postern completions`: made of what the command line says of itself.

use std::{fs, path::Path};

use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::{
    cli::CommandLine,
    failure::{Exit, Failure},
    output,
};

/// The section of the manual for what administrators use (man(1)).
const SECTION: &str = "8";

/// Writes a page for the program and one for each of its commands.
pub(crate) fn pages(into: &Path) -> Result<Exit, Failure> {
    let failed = |error: std::io::Error| Failure::new(into.display(), &error);
    fs::create_dir_all(into).map_err(failed)?;
    let mut program = CommandLine::command().disable_help_subcommand(true);
    program.build();
    let mut waiting = vec![program];
    let mut written = 0;
    while let Some(command) = waiting.pop() {
        waiting.extend(command.get_subcommands().cloned());
        let page = Man::new(command).section(SECTION);
        let mut text = Vec::new();
        page.render(&mut text).map_err(failed)?;
        fs::write(into.join(page.get_filename()), text).map_err(failed)?;
        written += 1;
    }
    output::print(format_args!("{written} pages are in {}\n", into.display()))?;
    Ok(Exit::Fine)
}

/// Prints what a shell completes.
pub(crate) fn completions(shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut CommandLine::command(), "postern", &mut script);
    output::print(String::from_utf8_lossy(&script))?;
    Ok(Exit::Fine)
}
