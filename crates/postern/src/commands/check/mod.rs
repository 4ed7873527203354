//! `postern check`: everything that loading a configuration finds out, and no more.

mod authenticity;
mod spool;
mod summary;

use std::{fmt, path::Path, time::SystemTime};

use postern_config::{Errors, Loaded, Problem};
use serde::Serialize;

use self::{spool::Unfit, summary::Summary};
use crate::{
    cli::Format,
    failure::{Exit, Failure},
    output, signing_keys,
    wiring::{Fault, Ready, Unusable},
};

/// What is printed for programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report {
    file: String,
    errors: Vec<Found>,
    warnings: Vec<Found>,
    #[serde(skip_serializing_if = "Option::is_none")]
    means: Option<Summary>,
}

/// An error or a warning.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Found {
    line: Option<usize>,
    column: Option<usize>,
    key: String,
    wrong: String,
    right: String,
    /// All of it in one line, for people.
    #[serde(skip)]
    text: String,
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
    let report = report(config, loaded);
    let exit = if report.errors.is_empty() {
        Exit::Fine
    } else {
        Exit::Negative
    };
    if format.json {
        output::print_json(&report)?;
    } else {
        output::print(report)?;
    }
    Ok(exit)
}

/// What the configuration means, and what else is found out by looking at what it names.
fn report(config: &Path, loaded: &Loaded) -> Report {
    let settings = &loaded.settings;
    let mut errors = Vec::new();
    let mut warnings: Vec<_> = loaded.warnings.iter().map(Found::of).collect();
    let keys = match Ready::of(settings) {
        Ok(ready) => ready.keys.describe(SystemTime::now()),
        Err(Unusable(faults)) => {
            errors.extend(faults.iter().map(Found::fault));
            Vec::new()
        }
    };
    let troubles = signing_keys::troubles(&keys);
    warnings.extend(troubles.iter().map(|it| Found::of_keys(it)));
    match spool::look(&settings.spool.path) {
        None => {}
        Some(Unfit::ForThisUser(wrong)) => warnings.push(Found::spool(&wrong)),
        Some(Unfit::ForAnybody(wrong)) => errors.push(Found::spool(&wrong)),
    }
    Report {
        file: config.display().to_string(),
        errors,
        warnings,
        means: Some(Summary::of(settings, keys)),
    }
}

/// For people.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for warning in &self.warnings {
            writeln!(f, "warning: {}", warning.text)?;
        }
        for error in &self.errors {
            writeln!(f, "{}", error.text)?;
        }
        let errors = number(self.errors.len(), "error");
        let warnings = number(self.warnings.len(), "warning");
        writeln!(f, "{}: {errors}, {warnings}", self.file)?;
        self.means.iter().try_for_each(|means| write!(f, "{means}"))
    }
}

/// `no errors`, `1 error`, `2 errors`.
fn number(number: usize, what: &str) -> String {
    match number {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        many => format!("{many} {what}s"),
    }
}

impl Found {
    fn of(problem: &Problem) -> Self {
        Self {
            line: problem.position().map(|position| position.line),
            column: problem.position().map(|position| position.column),
            key: problem.key().to_owned(),
            wrong: problem.wrong().to_owned(),
            right: problem.right().to_owned(),
            text: problem.to_string(),
        }
    }

    /// That something cannot be made which the configuration names.
    fn fault(fault: &Fault) -> Self {
        Self {
            text: fault.to_string(),
            ..Self::nowhere(fault.key, &fault.wrong, fault.right)
        }
    }

    /// That a key has to be exchanged.
    fn of_keys(trouble: &str) -> Self {
        let key = "domain.dkim";
        Self {
            text: format!("{key}: {trouble}"),
            ..Self::nowhere(key, trouble, "have a key for every moment")
        }
    }

    /// That the queue cannot be kept where it is to be kept.
    fn spool(wrong: &str) -> Self {
        let key = "spool.path";
        let right = "give a directory that belongs to the user that postern runs as";
        Self {
            text: format!("{key}: {wrong}"),
            ..Self::nowhere(key, wrong, right)
        }
    }

    /// What has no place in the file.
    fn nowhere(key: &str, wrong: &str, right: &str) -> Self {
        Self {
            line: None,
            column: None,
            key: key.to_owned(),
            wrong: wrong.to_owned(),
            right: right.to_owned(),
            text: String::new(),
        }
    }
}
