//! What can go wrong while a scenario is set up, run or looked at.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a step of a scenario could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The system refused an operation.
    #[error("{what}: {error}")]
    Io {
        /// What was being done.
        what: String,
        /// The system's answer.
        error: io::Error,
    },
    /// Something that had to happen did not happen in time.
    #[error("waited {limit:?} in vain for {what}\n{seen}")]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long.
        limit: Duration,
        /// What there was instead: the end of a log, a half read reply.
        seen: String,
    },
    /// A program is not there.
    #[error(transparent)]
    Missing(#[from] crate::programs::Missing),
    /// A program ended with a failure.
    #[error("{program} failed: {output}")]
    Failed {
        /// The program.
        program: PathBuf,
        /// All that it wrote.
        output: String,
    },
    /// The peer or a program said something that does not fit.
    #[error("{0}")]
    Unexpected(String),
    /// No certificate could be made.
    #[error("certificate not made: {0}")]
    Certificate(#[from] rcgen::Error),
}

impl Fault {
    /// An operation on `path` was refused.
    pub fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::doing(path.display())
    }

    /// `what` was refused.
    pub fn doing(what: impl ToString) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io {
            what: what.to_string(),
            error,
        }
    }
}
