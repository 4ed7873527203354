//! `postern check`: everything that loading a configuration finds out, and no more.

mod summary;

use std::path::Path;

use postern_config::{Errors, Loaded, Problem};
use serde::Serialize;

use self::summary::Summary;
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
    if format.json {
        output::print_json(&Report {
            file: config.display().to_string(),
            errors: Vec::new(),
            warnings: loaded.warnings.iter().map(Found::of).collect(),
            means: Some(summary),
        })?;
    } else {
        let mut text = String::new();
        for warning in &loaded.warnings {
            text.push_str(&format!("warning: {warning}\n"));
        }
        let warnings = match loaded.warnings.len() {
            0 => "no warnings".to_owned(),
            1 => "1 warning".to_owned(),
            many => format!("{many} warnings"),
        };
        let file = config.display();
        output::print(format_args!(
            "{text}{file}: no errors, {warnings}\n{summary}"
        ))?;
    }
    Ok(Exit::Fine)
}

impl<'a> Found<'a> {
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
