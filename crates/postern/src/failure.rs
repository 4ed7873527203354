//! How the program ends, and what it says when it could not do what it was asked.

use std::{
    error::Error,
    fmt,
    io::{self, Write},
    process::ExitCode,
};

use postern_mail::Foreign;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what it was asked, and found nothing wrong.
    Fine,
    /// It found something wrong, or nothing where there should be something.
    Negative,
    /// What was asked makes no sense. Clap tells most of it, with the same status.
    Usage,
    /// It could not do it, or could not find out.
    NotKnown,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::Negative => 1,
            Exit::Usage => 2,
            Exit::NotKnown => 3,
        })
    }
}

/// Something could not be done.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    text: String,
}

impl Failure {
    /// `what` could not be done, because of `why` and its causes.
    pub(crate) fn new(what: impl fmt::Display, why: &dyn Error) -> Self {
        Self::plain(format_args!("{what}: {}", chain(why)))
    }

    /// This went wrong, and there is no more to say.
    pub(crate) fn plain(text: impl fmt::Display) -> Self {
        Self {
            exit: Exit::NotKnown,
            text: text.to_string(),
        }
    }

    /// The same, after something else had failed.
    pub(crate) fn after(self, before: &dyn Error) -> Self {
        let text = format!("{}\n{}", chain(before), self.text);
        Self { text, ..self }
    }

    /// The same, as a negative finding.
    pub(crate) fn negative(self) -> Self {
        let exit = Exit::Negative;
        Self { exit, ..self }
    }

    /// Whether it is a negative finding, rather than that nothing was found out.
    pub(crate) fn is_negative(&self) -> bool {
        self.exit == Exit::Negative
    }

    /// The same, as a fault of the question.
    pub(crate) fn usage(self) -> Self {
        let exit = Exit::Usage;
        Self { exit, ..self }
    }

    /// What went wrong, on one line or several.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Tells it on standard error, one line for each of its own.
    pub(crate) fn tell(&self) -> Exit {
        for line in self.text.lines() {
            // There is nobody left to tell that telling failed.
            let _ = writeln!(io::stderr(), "postern: {}", Foreign::new(line));
        }
        self.exit
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        // Some errors repeat their cause.
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("inner")]
    struct Inner;

    #[test]
    fn a_failure_says_what_and_why() {
        let failure = Failure::new("this failed", &Outer(Inner));
        assert_eq!(failure.text, "this failed: outer: inner");
    }
}
