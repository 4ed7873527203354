//! The queue, through the running daemon or, where none runs, directly.

use std::{os::unix::fs::MetadataExt as _, path::Path, sync::Arc};

use postern_admin::{Change, Client, ClientError, Listing, Message, Page, Queue};
use postern_config::Whereabouts;
use postern_mail::QueueId;
use postern_spool::{LocalSpool, SpoolError};

use crate::{failure::Failure, wiring};

/// A way to the queue.
#[derive(Debug)]
pub(super) enum Access {
    /// The daemon has it.
    Daemon(Client),
    /// Nobody else has it; we do until we are done.
    Directly(Queue),
}

impl Access {
    /// Asks the daemon, and opens the queue when there is none. The queue's lock makes sure that
    /// there really is none.
    pub(super) async fn open(whereabouts: &Whereabouts) -> Result<Self, Failure> {
        let client = Client::new(&whereabouts.admin.socket);
        match client.status().await {
            Ok(_) => Ok(Self::Daemon(client)),
            Err(error @ ClientError::NotRunning { .. }) => {
                open_directly(whereabouts).map_err(|failure| failure.after(&error))
            }
            Err(error) => Err(Failure::new("the queue", &error)),
        }
    }

    pub(super) async fn list(&self, listing: &Listing) -> Result<Page, Failure> {
        match self {
            Self::Daemon(client) => client.list(listing).await.map_err(|error| refused(&error)),
            Self::Directly(queue) => queue.list(listing).await.map_err(|error| failed(&error)),
        }
    }

    pub(super) async fn show(&self, id: QueueId, from: usize) -> Result<Message, Failure> {
        match self {
            Self::Daemon(client) => client.show(id, from).await.map_err(|error| refused(&error)),
            Self::Directly(queue) => queue.show(id, from).await.map_err(|error| failed(&error)),
        }
    }

    pub(super) async fn change(&self, id: QueueId, change: &Change) -> Result<(), Failure> {
        match self {
            Self::Daemon(client) => client
                .change(id, change)
                .await
                .map_err(|error| refused(&error)),
            Self::Directly(queue) => queue
                .change(id, change)
                .await
                .map_err(|error| failed(&error)),
        }
    }

    /// Whether there was something to change: a listed message may have left the queue since.
    pub(super) async fn change_if_there(
        &self,
        id: QueueId,
        change: &Change,
    ) -> Result<bool, Failure> {
        match self.change(id, change).await {
            Ok(()) => Ok(true),
            Err(failure) if failure.is_negative() => Ok(false),
            Err(failure) => Err(failure),
        }
    }
}

fn open_directly(whereabouts: &Whereabouts) -> Result<Access, Failure> {
    let path = &whereabouts.spool.path;
    check_owner(path)?;
    let opened = LocalSpool::open(&wiring::spool(&whereabouts.spool));
    let opened = opened.map_err(|error| Failure::new("the queue", &error))?;
    Ok(Access::Directly(Queue::new(Arc::new(opened.spool))))
}

/// Opening a queue may write files. Those of another user would keep the daemon out, and a queue
/// that was never there should not appear because somebody looked.
fn check_owner(path: &Path) -> Result<(), Failure> {
    let metadata = path.metadata();
    let metadata = metadata.map_err(|error| {
        Failure::new(
            format_args!("there is no queue at {}", path.display()),
            &error,
        )
    })?;
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner == user {
        return Ok(());
    }
    Err(Failure::plain(format_args!(
        "the queue {} belongs to user {owner}, and this is user {user}: run it as that user",
        path.display()
    )))
}

fn refused(error: &ClientError) -> Failure {
    let failure = Failure::new("the queue", error);
    match error {
        ClientError::NoSuchMessage(_) => failure.negative(),
        ClientError::NotRunning { .. }
        | ClientError::NotPermitted(_)
        | ClientError::Connection { .. }
        | ClientError::TimedOut(_)
        | ClientError::NotUnderstood { .. }
        | ClientError::NoSuchPartner(_)
        | ClientError::NoSuchReport(_)
        | ClientError::Refused(_) => failure,
    }
}

fn failed(error: &SpoolError) -> Failure {
    let failure = Failure::new("the queue", error);
    match error {
        SpoolError::Unknown(_) => failure.negative(),
        SpoolError::Full { .. }
        | SpoolError::Poisoned(_)
        | SpoolError::File { .. }
        | SpoolError::Damaged(_)
        | SpoolError::NoRecipients
        | SpoolError::Closed => failure,
    }
}
