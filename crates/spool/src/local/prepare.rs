//! Making a submission ready for the disk.

use std::{path::PathBuf, sync::Arc};

use bytes::Bytes;
use postern_mail::{Foreign, QueueId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    engine::{Change, Table},
    home::sync_directory,
    record::{self, HEADER},
    shared::Shared,
    writes::Arrival,
};
use crate::{
    BounceTo, Content, ContentWriter, ReservedId, Settings, SpoolError, Submission,
    content::{PartFile, Storage, failed, is_full},
    message::{Accepted, ContentPlace, Message, StoredContent},
    time,
};

/// A submission with everything done that can be done before the commit.
pub(crate) struct Prepared {
    pub(crate) changes: Vec<Change>,
    pub(crate) arrival: Arrival,
    /// The content's file, deleted unless the commit is begun.
    file: Option<PlacedFile>,
}

impl Prepared {
    /// The commit begins: from here on the content's file may belong to a message.
    pub(crate) fn begin(mut self) -> (Vec<Change>, Arrival) {
        if let Some(file) = &mut self.file {
            file.keep = true;
        }
        (self.changes, self.arrival)
    }
}

/// A file at its place in `content/`.
struct PlacedFile {
    path: PathBuf,
    keep: bool,
}

impl Drop for PlacedFile {
    fn drop(&mut self) {
        if !self.keep {
            // If it stays, the next start sweeps it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Shared {
    /// Gives content its place and makes the records of a message.
    pub(crate) async fn prepare(
        &self,
        ReservedId(id): ReservedId,
        submission: Submission,
    ) -> Result<Prepared, SpoolError> {
        if submission.envelope.recipients.is_empty() {
            return Err(SpoolError::NoRecipients);
        }
        let content = self.at_hand(submission.content).await?;
        let (stored, record, file) = match content.for_storage() {
            Storage::Pieces(pieces) => {
                let stored = content.description(ContentPlace::Record);
                let record = record::content(id, pieces, stored.checksum, self.seed);
                (stored, Some(record), None)
            }
            Storage::Part(part) => {
                let placed = self.place(Arc::clone(part), id).await?;
                (content.description(ContentPlace::File), None, Some(placed))
            }
            // `at_hand` has made pieces or a file of it.
            Storage::Elsewhere => return Err(SpoolError::Closed),
        };
        let accepted = Accepted {
            envelope: submission.envelope,
            origin: submission.origin,
            received_at: time::whole_millis(submission.received_at),
            content: stored,
            bounce_to: match submission.bounce_to {
                BounceTo::Sender => BounceTo::Sender,
                BounceTo::Nobody(why) => BounceTo::Nobody(shown(why)),
            },
            quarantined: submission.quarantined.map(shown),
        };
        let message = Message::new(accepted, submission.hold.map(shown), self.clock.now());
        Ok(self.records(id, message, record, file))
    }

    fn records(
        &self,
        id: QueueId,
        message: Message,
        content: Option<Bytes>,
        file: Option<PlacedFile>,
    ) -> Prepared {
        let record = record::message(id, &message, self.seed);
        let mut changes = vec![Change::Put(Table::Messages, id, record)];
        // The record that goes to the disk is what the first delivery reads: one copy for both.
        let fresh = content.as_ref().map(|record| record.slice(HEADER..));
        changes.extend(content.map(|record| Change::Put(Table::Contents, id, record)));
        Prepared {
            changes,
            arrival: Arrival {
                id,
                message,
                content: fresh,
            },
            file,
        }
    }

    /// Content as pieces that fit into a record, or as a file.
    async fn at_hand(&self, content: Content) -> Result<Content, SpoolError> {
        match content.for_storage() {
            Storage::Pieces(_) if content.octets() <= Settings::LARGEST_RECORD => Ok(content),
            Storage::Part(_) => Ok(content),
            Storage::Pieces(_) | Storage::Elsewhere => {
                let mut copy = ContentWriter::new(self.room.clone());
                let mut reader = content.reader();
                while let Some(piece) = reader.next().await? {
                    copy.write(piece).await?;
                }
                copy.finish().await
            }
        }
    }

    /// Syncs a content file and moves it to its place. A failed sync poisons the queue, like
    /// any other; a full disk is this message's trouble alone.
    async fn place(&self, part: Arc<PartFile>, id: QueueId) -> Result<PlacedFile, SpoolError> {
        let path = self.home.content_of(id);
        let moved = self.blocking(move |shared| {
            let placed = PlacedFile { path, keep: false };
            let moved = part
                .move_to(&placed.path)
                .and_then(|()| sync_directory(&shared.home.content()));
            match moved {
                Ok(()) => Ok(placed),
                Err(error) if is_full(&error) => Err(shared.space.full()),
                Err(error) => {
                    shared.poison(&format!("cannot sync {}: {error}", placed.path.display()));
                    Err(failed("sync", &placed.path, error))
                }
            }
        });
        moved.await?
    }

    /// Waits until records of `octets` may wait for the disk.
    pub(crate) async fn reserve_write(
        &self,
        octets: u64,
    ) -> Result<OwnedSemaphorePermit, SpoolError> {
        let permits = u32::try_from(octets / 1024 + 1).unwrap_or(u32::MAX);
        let memory: Arc<Semaphore> = Arc::clone(&self.memory);
        memory
            .acquire_many_owned(permits.min(self.memory_permits))
            .await
            .map_err(|_| SpoolError::Closed)
    }

    /// What is known of a stored content, for a claim.
    pub(crate) fn content_of(&self, id: QueueId, stored: StoredContent) -> Content {
        Content::stored(self.this.clone(), id, stored)
    }
}

/// A reason as a record keeps it: it may quote what others wrote.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it is what `Option::map` gives"
)]
fn shown(reason: String) -> String {
    Foreign::new(&reason).to_string()
}
