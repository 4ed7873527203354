//! Mailboxes of the foreign mail systems: one file per message (maildir).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::fault::Fault;
use crate::message::{Delivered, Message};
use crate::wait;

/// A maildir.
#[derive(Clone, Debug)]
pub struct Mailbox {
    directory: PathBuf,
}

impl Mailbox {
    /// The maildir at `directory`, which the mail system makes with its first message.
    pub(crate) fn at(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// All messages in it now, in the order of their file names (about that of arrival).
    pub fn messages(&self) -> Result<Vec<Delivered>, Fault> {
        // Messages under way lie in `tmp` and are moved to `new` whole.
        let directory = self.directory.join("new");
        if !directory.exists() {
            return Ok(Vec::new());
        }
        let mut files = Vec::new();
        for entry in fs::read_dir(&directory).map_err(Fault::at(&directory))? {
            files.push(entry.map_err(Fault::at(&directory))?.path());
        }
        files.sort();
        files.iter().map(|file| read(file)).collect()
    }

    /// Waits until `count` messages are there; `log` is the mail system's, for the report.
    pub(crate) fn wait_for(
        &self,
        count: usize,
        limit: Duration,
        log: impl FnOnce() -> String,
    ) -> Result<Vec<Delivered>, Fault> {
        let what = format!("{count} messages in {}", self.directory.display());
        let look = || Ok(Some(self.messages()?).filter(|messages| messages.len() >= count));
        wait::until(&what, limit, look, || wait::tail(&log()))
    }
}

/// The trace in front of the only message, which must be `sent`.
pub fn only(messages: &[Delivered], sent: &Message) -> Result<String, Fault> {
    match messages {
        [message] => message.trace_before(sent),
        _ => Err(Fault::Unexpected(format!(
            "{} messages instead of one",
            messages.len()
        ))),
    }
}

fn read(file: &Path) -> Result<Delivered, Fault> {
    let octets = fs::read(file).map_err(Fault::at(file))?;
    Ok(Delivered { octets })
}
