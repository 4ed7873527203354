//! Postern's queue as its command line shows it to programs.

use serde::Deserialize;

use crate::fault::Fault;
use crate::postern::Installation;
use crate::wait::{self, PATIENCE};

/// A message in the queue.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub struct Queued {
    /// Its name.
    pub id: String,
    /// The reverse-path in angle brackets.
    pub reverse_path: String,
    /// Why it is held, if it is.
    #[serde(default)]
    pub hold: Option<String>,
    /// How many recipients wait.
    pub waiting: usize,
    /// The recipients.
    pub recipients: Vec<Recipient>,
}

/// How far a message has come with one recipient.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub struct Recipient {
    /// The forward-path in angle brackets.
    pub forward_path: String,
    /// `waiting`, `delivered` or `bounced`.
    pub state: String,
    /// How many attempts have had an outcome.
    pub attempts: u32,
    /// Why the last attempt that failed did.
    pub last_failure: Option<Failure>,
    /// Whether the sender has been told of the delay.
    pub sender_told_of_delay: bool,
}

/// Why an attempt failed.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Failure {
    /// The enhanced status code.
    pub status: String,
    /// The host that answered, where it came to that.
    pub host: Option<String>,
    /// What it answered, or what went wrong here.
    pub text: String,
}

impl Queued {
    /// Why the last attempt failed, of a message that has one recipient.
    pub fn failure(&self) -> Option<&Failure> {
        match self.recipients.as_slice() {
            [recipient] => recipient.last_failure.as_ref(),
            _ => None,
        }
    }

    /// How many attempts there were for any recipient.
    pub fn attempts(&self) -> u32 {
        let attempts = self.recipients.iter().map(|it| it.attempts);
        attempts.max().unwrap_or_default()
    }
}

#[derive(Deserialize)]
struct Page {
    messages: Vec<Queued>,
}

impl Installation {
    /// `postern queue list --json`.
    pub fn queue(&self) -> Result<Vec<Queued>, Fault> {
        let page: Page = self.json(&["queue", "list", "--json"])?;
        Ok(page.messages)
    }

    /// `postern queue show ID --json`.
    pub fn queued(&self, id: &str) -> Result<Queued, Fault> {
        self.json(&["queue", "show", id, "--json"])
    }

    /// Waits until the queue lists what `wanted` takes for right, and gives it.
    pub fn wait_for_queue(
        &self,
        what: &str,
        wanted: impl Fn(&[Queued]) -> bool,
    ) -> Result<Vec<Queued>, Fault> {
        let look = || Ok(Some(self.queue()?).filter(|messages| wanted(messages)));
        wait::until(what, PATIENCE, look, || format!("{:#?}", self.queue()))
    }

    /// Waits until nothing is in the queue any more.
    pub fn wait_for_empty_queue(&self) -> Result<(), Fault> {
        self.wait_for_queue("an empty queue", <[_]>::is_empty)
            .map(drop)
    }
}
