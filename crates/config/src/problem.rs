//! What is wrong in a configuration, said so that it can be mended at once.

use std::{fmt, path::PathBuf};

use postern_mail::Foreign;

/// A place in a file: line and column, both counted from one, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character within the line.
    pub column: usize,
}

/// One thing that is wrong (an error) or unwise (a warning).
///
/// It prints on one line as `FILE:LINE:COLUMN: key.path: what is wrong; what would be right`.
/// Whatever it quotes is escaped first: a configuration is often made by a program from what
/// others supplied, and a partner's name must not be able to forge a line of output (CWE-117).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    file: PathBuf,
    position: Option<Position>,
    key: String,
    wrong: String,
    right: String,
}

impl Problem {
    pub(crate) fn new(
        file: PathBuf,
        position: Option<Position>,
        key: &str,
        wrong: &dyn fmt::Display,
        right: &dyn fmt::Display,
    ) -> Self {
        Self {
            file,
            position,
            key: key.to_owned(),
            wrong: wrong.to_string(),
            right: right.to_string(),
        }
    }

    /// Where it stands, unless the file could not be read at all.
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// The key in dotted form, such as `partner.outbound.names`; empty where the fault is not
    /// one of a key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What is wrong.
    pub fn wrong(&self) -> &str {
        &self.wrong
    }

    /// What would be right.
    pub fn right(&self) -> &str {
        &self.right
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display().to_string();
        write!(f, "{}:", Foreign::new(&file))?;
        if let Some(Position { line, column }) = self.position {
            write!(f, "{line}:{column}:")?;
        }
        if !self.key.is_empty() {
            write!(f, " {}:", Foreign::new(&self.key))?;
        }
        let (wrong, right) = (Foreign::new(&self.wrong), Foreign::new(&self.right));
        write!(f, " {wrong}; {right}")
    }
}

/// Everything that is wrong in a configuration, in the order of the file; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errors(Vec<Problem>);

impl Errors {
    /// The problems in the order of the file.
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }

    /// The errors, when there are any.
    pub(crate) fn from_problems(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Self(problems))
        }
    }
}

impl From<Problem> for Errors {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}
