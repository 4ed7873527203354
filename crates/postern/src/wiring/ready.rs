//! What has to be made before anything can run: keys that are read from files, and addresses that
//! stand for others. What is wrong with them is told all at once, by `postern check`, at the start
//! and at a reload.

use std::fmt;

use postern_config::Settings;
use postern_rewriting::Rewriting;

use super::{keys::Keys, rewriting::rewriting};

/// What was made, and is right.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    pub(crate) keys: Keys,
    pub(super) rewriting: Rewriting,
}

/// What a daemon cannot start with, and what it does not take up when it runs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.0))]
pub(crate) struct Unusable(pub(crate) Vec<Fault>);

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The key of the configuration that it comes from.
    pub(crate) key: &'static str,
    /// What is wrong.
    pub(crate) wrong: String,
    /// What would be right.
    pub(crate) right: &'static str,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, wrong, right } = self;
        write!(f, "{key}: {wrong}; {right}")
    }
}

/// Each fault on a line of its own.
fn lines(faults: &[Fault]) -> String {
    let lines: Vec<_> = faults.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

impl Ready {
    /// What these settings need. Reads files, and so blocks.
    pub(crate) fn of(settings: &Settings) -> Result<Self, Unusable> {
        let mut faults = Vec::new();
        let keys = Keys::read(settings, &mut faults);
        let rewriting = rewriting(settings, keys.srs.as_ref());
        faults.extend(rewriting.faults().into_iter().map(|(path, error)| Fault {
            key: "alias.to",
            wrong: format!("mail for {path} reaches nobody: {error}"),
            right: "name other addresses",
        }));
        if faults.is_empty() {
            Ok(Self { keys, rewriting })
        } else {
            Err(Unusable(faults))
        }
    }
}
