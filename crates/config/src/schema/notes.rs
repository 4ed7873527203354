//! Where problems are noted down while the file is read, so that all are told at once.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
};

use super::Located;
use crate::{CrlRegistry, Errors, Position, Problem};

/// The problem has been noted; whoever receives this only has to give up what needed the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reported;

/// The results when none of them is missing; unlike `collect`, it comes to the last of them
/// whatever the first is, so that all problems are noted.
pub(crate) fn all<T>(
    results: impl Iterator<Item = Result<T, Reported>>,
) -> Result<Vec<T>, Reported> {
    let results: Vec<_> = results.collect();
    results.into_iter().collect()
}

/// What a problem is about: a key, and the octet of the file where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) key: String,
    pub(crate) offset: usize,
}

/// The file's text and the problems found in it so far.
#[derive(Debug)]
pub(crate) struct Notes<'t> {
    file: PathBuf,
    text: &'t str,
    /// Where each line begins.
    lines: Vec<usize>,
    errors: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
    named: RefCell<BTreeSet<PathBuf>>,
    purpose: Purpose<'t>,
}

/// What the configuration is read for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose<'p> {
    /// To be right.
    Check,
    /// To start a daemon, which has no earlier configuration to go on with.
    Start,
    /// To take the place of one that is in force, with these revocation lists.
    Reload(&'p CrlRegistry),
}

impl<'t> Notes<'t> {
    pub(crate) fn new(file: &Path, text: &'t str, purpose: Purpose<'t>) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            file: file.to_owned(),
            text,
            lines: std::iter::once(0).chain(after_breaks).collect(),
            errors: RefCell::default(),
            warnings: RefCell::default(),
            named: RefCell::default(),
            purpose,
        }
    }

    /// What the file is read for.
    pub(crate) fn purpose(&self) -> Purpose<'t> {
        self.purpose
    }

    /// The path of the file.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// The text of the file.
    pub(crate) fn text(&self) -> &'t str {
        self.text
    }

    /// A path of the configuration, which is relative to the folder of the file.
    pub(crate) fn resolve(&self, path: &Path) -> PathBuf {
        let resolved = match self.file.parent() {
            Some(folder) => folder.join(path),
            None => path.to_owned(),
        };
        self.named.borrow_mut().insert(resolved.clone());
        resolved
    }

    /// The paths that the configuration names.
    pub(crate) fn named(&self) -> BTreeSet<PathBuf> {
        self.named.borrow().clone()
    }

    /// Notes an error: what is wrong, and what would be right.
    pub(crate) fn error(
        &self,
        spot: &Spot,
        wrong: impl fmt::Display,
        right: impl fmt::Display,
    ) -> Reported {
        let problem = self.problem(spot, &wrong, &right);
        self.errors.borrow_mut().push(problem);
        Reported
    }

    /// Notes a warning: what is unwise, and what would be better.
    pub(crate) fn warn(&self, spot: &Spot, wrong: impl fmt::Display, right: impl fmt::Display) {
        let problem = self.problem(spot, &wrong, &right);
        self.warnings.borrow_mut().push(problem);
    }

    /// Notes the values that stand there twice.
    pub(crate) fn refuse_repetition<'w, T: Ord + fmt::Display + 'w>(
        &self,
        values: impl Iterator<Item = &'w Located<T>>,
        right: &str,
    ) {
        let mut seen = BTreeMap::new();
        for value in values {
            let line = self.position(value.spot.offset).line;
            if let Some(line) = seen.insert(&value.value, line) {
                let wrong = format_args!("{} stands in line {line} already", value.value);
                self.error(&value.spot, wrong, right);
            }
        }
    }

    fn problem(&self, spot: &Spot, wrong: &dyn fmt::Display, right: &dyn fmt::Display) -> Problem {
        let position = Some(self.position(spot.offset));
        Problem::new(self.file.clone(), position, &spot.key, wrong, right)
    }

    /// The line and column of an octet of the text.
    pub(crate) fn position(&self, offset: usize) -> Position {
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let before = self.text.as_bytes().get(start..offset).unwrap_or_default();
        // Characters begin at octets that are not UTF-8 continuations (RFC 3629 §3).
        let column = 1 + before.iter().filter(|octet| **octet & 0xc0 != 0x80).count();
        Position { line, column }
    }

    /// The warnings when there was no error, else the errors; each in the order of the file.
    pub(crate) fn finish(&self) -> Result<Vec<Problem>, Errors> {
        let in_order = |problems: &RefCell<Vec<Problem>>| {
            let mut problems = problems.take();
            problems.sort_by_key(Problem::position);
            problems.dedup();
            problems
        };
        Errors::from_problems(in_order(&self.errors))?;
        Ok(in_order(&self.warnings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, offset: usize, line: usize, column: usize) {
        let notes = Notes::new(Path::new("postern.toml"), text, Purpose::Check);
        assert_eq!(notes.position(offset), Position { line, column });
    }

    #[test]
    fn positions_are_counted_from_one_in_characters() {
        check("", 0, 1, 1);
        check("ab\ncd", 1, 1, 2);
        check("ab\ncd", 3, 2, 1);
        check("é = é", 5, 1, 5);
        check("ab\n", 3, 2, 1);
        check("ab", 99, 1, 1);
    }
}
