//! `postern check`: everything that loading a configuration finds out, and no more.

mod spool;
mod summary;

use std::path::Path;

use postern_config::{Errors, Loaded, Problem};
use serde::Serialize;

use self::{spool::Unusable, summary::Summary};
use crate::{
    cli::Format,
    failure::{Exit, Failure},
    output,
};

/// What is printed for programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report<'a> {
    file: String,
    errors: Vec<Found<'a>>,
    warnings: Vec<Found<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    means: Option<Summary>,
}

/// An error or a warning.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Found<'a> {
    line: Option<usize>,
    column: Option<usize>,
    key: &'a str,
    wrong: &'a str,
    right: &'a str,
}

pub(crate) fn run(config: &Path, format: Format) -> Result<Exit, Failure> {
    match postern_config::load(config) {
        Err(errors) => tell_errors(config, &errors, format),
        Ok(loaded) => tell_meaning(config, &loaded, format),
    }
}

fn tell_errors(config: &Path, errors: &Errors, format: Format) -> Result<Exit, Failure> {
    if format.json {
        output::print_json(&Report {
            file: config.display().to_string(),
            errors: errors.problems().iter().map(Found::of).collect(),
            warnings: Vec::new(),
            means: None,
        })?;
    } else {
        output::print(format_args!("{errors}\n"))?;
    }
    // What has no place in the file is that there is no file to be read.
    let read = errors.problems().iter().any(|it| it.position().is_some());
    Ok(if read { Exit::Negative } else { Exit::NotKnown })
}

fn tell_meaning(config: &Path, loaded: &Loaded, format: Format) -> Result<Exit, Failure> {
    let summary = Summary::of(&loaded.settings);
    let unusable = spool::look(&loaded.settings.spool.path);
    let exit = match unusable {
        None | Some(Unusable::ByThisUser(_)) => Exit::Fine,
        Some(Unusable::ByAnybody(_)) => Exit::Negative,
    };
    if format.json {
        let mut report = Report {
            file: config.display().to_string(),
            errors: Vec::new(),
            warnings: loaded.warnings.iter().map(Found::of).collect(),
            means: Some(summary),
        };
        match &unusable {
            None => {}
            Some(Unusable::ByThisUser(wrong)) => report.warnings.push(Found::spool(wrong)),
            Some(Unusable::ByAnybody(wrong)) => report.errors.push(Found::spool(wrong)),
        }
        output::print_json(&report)?;
    } else {
        let mut text = String::new();
        for warning in &loaded.warnings {
            text.push_str(&format!("warning: {warning}\n"));
        }
        let spool = match &unusable {
            None => (0, 0),
            Some(Unusable::ByThisUser(wrong)) => {
                text.push_str(&format!("warning: spool.path: {wrong}\n"));
                (0, 1)
            }
            Some(Unusable::ByAnybody(wrong)) => {
                text.push_str(&format!("spool.path: {wrong}\n"));
                (1, 0)
            }
        };
        let errors = number(spool.0, "error");
        let warnings = number(loaded.warnings.len() + spool.1, "warning");
        let file = config.display();
        output::print(format_args!(
            "{text}{file}: {errors}, {warnings}\n{summary}"
        ))?;
    }
    Ok(exit)
}

/// `no errors`, `1 error`, `2 errors`.
fn number(number: usize, what: &str) -> String {
    match number {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        many => format!("{many} {what}s"),
    }
}

impl<'a> Found<'a> {
    /// That the queue cannot be kept where it is to be kept.
    fn spool(wrong: &'a str) -> Self {
        Self {
            line: None,
            column: None,
            key: "spool.path",
            wrong,
            right: "give a directory that belongs to the user that postern runs as",
        }
    }

    fn of(problem: &'a Problem) -> Self {
        Self {
            line: problem.position().map(|position| position.line),
            column: problem.position().map(|position| position.column),
            key: problem.key(),
            wrong: problem.wrong(),
            right: problem.right(),
        }
    }
}
