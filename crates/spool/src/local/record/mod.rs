//! The form of a record: a header that finds and proves it, and a body.
//!
//! ```text
//!  0      4    5       6            16         24       28         36     44
//!  +------+----+-------+------------+----------+--------+----------+------+------ - -
//!  |PST\0 |kind|version| queue id   | revision | length | checksum | seal | body
//!  +------+----+-------+------------+----------+--------+----------+------+------ - -
//!   4      1    1       10           8 LE       4 LE     8 LE       8 LE   length octets
//! ```
//!
//! - `kind` is 1 for a message and 2 for its content. The body of a message is a [`Summary`] and
//!   a [`Message`], both in postcard's form; the body of content is the content.
//! - `version` is 3. Those of versions 1 and 2 are read as well: messages of version 1 say nothing
//!   of TLS, neither does say who hears of a failure, and content is the same in all. A message is
//!   written anew with its next change, in the version of then. What a later version wrote is set
//!   aside rather than guessed at.
//! - `checksum` is the XXH3-64 of octets 0 to 28 followed by the XXH3-64 of the body. It finds
//!   rot. The hash of the body stands apart so that content is hashed once, on arrival.
//! - `seal` is the XXH3-64 of octets 0 to 36 under the seed of this queue. It is looked at only
//!   when a damaged file is searched for records: anybody can send a message whose content looks
//!   like a record with a right checksum, nobody outside knows the seed.
//! - `revision` grows with every change, so that the newest of several copies is known.
//!
//! The engine checks its own blocks as well. This check is ours because it goes from the memory
//! of the process that accepted the message to the memory of the one that delivers it, and
//! because it outlives the engine's files.

mod v1;
mod v2;

use bytes::Bytes;
use postern_mail::QueueId;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::{message::Message, time::Millis};
use v1::MessageV1;
use v2::MessageV2;

/// Octets before the body.
pub(crate) const HEADER: usize = 44;

/// The version that is written.
pub(crate) const VERSION: u8 = 3;

/// The oldest version that is still read.
const OLDEST: u8 = 1;

const MAGIC: [u8; 4] = *b"PST\0";
const CHECKED: usize = 28;
const SEALED: usize = 36;

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Message = 1,
    Content = 2,
}

/// The secret of this queue that makes its records recognisable to itself alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seed(pub(crate) u64);

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// When a message is due, in front of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Summary {
    /// When the first recipient is due; never, where the message is held.
    pub(crate) due: Millis,
    pub(crate) held: bool,
}

/// A record that was found whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) id: QueueId,
    pub(crate) revision: u32,
    version: u8,
    pub(crate) body: Bytes,
    /// Header and body.
    pub(crate) whole: Bytes,
}

/// Why a record cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RecordError {
    #[error("the record is damaged")]
    Damaged,
    #[error("the record has the unknown version {0}")]
    Version(u8),
}

/// The record of a content, of which `checksum` is the XXH3-64.
pub(crate) fn content(id: QueueId, pieces: &[Bytes], checksum: u64, seed: Seed) -> Bytes {
    let length = pieces.iter().map(Bytes::len).sum();
    let mut record = Vec::with_capacity(HEADER + length);
    record.extend_from_slice(&header(Kind::Content, id, 0, length, checksum, seed));
    for piece in pieces {
        record.extend_from_slice(piece);
    }
    record.into()
}

/// The record of a message.
pub(crate) fn message(id: QueueId, message: &Message, seed: Seed) -> Bytes {
    /// What a message for one recipient takes as a rule.
    const USUAL: usize = 512;
    let summary = Summary {
        due: message.next_due(),
        held: message.hold.is_some(),
    };
    let mut record = Vec::with_capacity(USUAL);
    record.extend_from_slice(&[0; HEADER]);
    // Serialising fails only where a `Serialize` says so or memory is short; ours never do. An
    // empty record would be found damaged when read, which loses nothing silently.
    record = postcard::to_extend(&summary, record).unwrap_or_default();
    record = postcard::to_extend(message, record).unwrap_or_default();
    if let Some((head, body)) = record.split_first_chunk_mut::<HEADER>() {
        let checksum = xxh3_64(body);
        let revision = message.revision;
        *head = header(Kind::Message, id, revision, body.len(), checksum, seed);
    }
    record.into()
}

fn header(
    kind: Kind,
    id: QueueId,
    revision: u32,
    length: usize,
    body_checksum: u64,
    seed: Seed,
) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    let mut rest = header.as_mut_slice();
    put(&mut rest, &MAGIC);
    put(&mut rest, &[kind as u8, VERSION]);
    put(&mut rest, &id.to_octets());
    put(&mut rest, &u64::from(revision).to_le_bytes());
    // Settings bound a record to 16 MiB, and an envelope is far below 4 GiB.
    put(
        &mut rest,
        &u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes(),
    );
    let (checked, mut rest) = header.split_at_mut(CHECKED);
    put(&mut rest, &checksum(checked, body_checksum).to_le_bytes());
    let (sealed, mut rest) = header.split_at_mut(SEALED);
    put(&mut rest, &xxh3_64_with_seed(sealed, seed.0).to_le_bytes());
    header
}

/// Writes `octets` to the front of `rest`, which then begins behind them.
fn put(rest: &mut &mut [u8], octets: &[u8]) {
    if let Some((front, behind)) = std::mem::take(rest).split_at_mut_checked(octets.len()) {
        front.copy_from_slice(octets);
        *rest = behind;
    }
}

fn checksum(header: &[u8], body_checksum: u64) -> u64 {
    let mut checked = [0; CHECKED + 8];
    let both = header.iter().copied().chain(body_checksum.to_le_bytes());
    checked
        .iter_mut()
        .zip(both)
        .for_each(|(to, from)| *to = from);
    xxh3_64(&checked)
}

/// Opens what was stored under `id` as a record of `kind`.
pub(crate) fn open(kind: Kind, id: QueueId, stored: &Bytes) -> Result<Record, RecordError> {
    let header = Header::parse(stored)?;
    let record = header.check(stored)?;
    if record.id != id || header.kind != kind as u8 || stored.len() != HEADER + record.body.len() {
        return Err(RecordError::Damaged);
    }
    Ok(record)
}

/// Finds the records in octets of any kind, such as a damaged file: those that are whole and
/// carry our seal. Nothing is searched for inside a record that was found.
pub(crate) fn find(octets: &Bytes, seed: Seed) -> Vec<(Kind, Record)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = next_magic(octets, at) {
        let candidate = octets.slice(start..);
        match sealed(&candidate, seed) {
            Some((kind, record)) => {
                at = start + HEADER + record.body.len();
                found.push((kind, record));
            }
            None => at = start + 1,
        }
    }
    found
}

fn next_magic(octets: &[u8], from: usize) -> Option<usize> {
    let rest = octets.get(from..)?;
    let at = rest.windows(MAGIC.len()).position(|four| four == MAGIC)?;
    Some(from + at)
}

fn sealed(candidate: &Bytes, seed: Seed) -> Option<(Kind, Record)> {
    let header = Header::parse(candidate).ok()?;
    if xxh3_64_with_seed(candidate.get(..SEALED)?, seed.0) != header.seal {
        return None;
    }
    let kind = match header.kind {
        1 => Kind::Message,
        2 => Kind::Content,
        _ => return None,
    };
    Some((kind, header.check(candidate).ok()?))
}

struct Header {
    kind: u8,
    version: u8,
    id: QueueId,
    revision: u32,
    length: usize,
    checksum: u64,
    seal: u64,
}

impl Header {
    fn parse(stored: &[u8]) -> Result<Self, RecordError> {
        let (magic, rest) = take::<4>(stored)?;
        let ([kind, version], rest) = take::<2>(rest)?;
        let (id, rest) = take::<10>(rest)?;
        let (revision, rest) = take::<8>(rest)?;
        let (length, rest) = take::<4>(rest)?;
        let (checksum, rest) = take::<8>(rest)?;
        let (seal, _) = take::<8>(rest)?;
        if magic != MAGIC {
            return Err(RecordError::Damaged);
        }
        if !(OLDEST..=VERSION).contains(&version) {
            return Err(RecordError::Version(version));
        }
        Ok(Self {
            kind,
            version,
            id: QueueId::from_octets(id),
            revision: u32::try_from(u64::from_le_bytes(revision))
                .map_err(|_| RecordError::Damaged)?,
            length: usize::try_from(u32::from_le_bytes(length))
                .map_err(|_| RecordError::Damaged)?,
            checksum: u64::from_le_bytes(checksum),
            seal: u64::from_le_bytes(seal),
        })
    }

    fn check(&self, stored: &Bytes) -> Result<Record, RecordError> {
        let end = HEADER
            .checked_add(self.length)
            .filter(|end| *end <= stored.len())
            .ok_or(RecordError::Damaged)?;
        let body = stored.slice(HEADER..end);
        let header = stored.get(..CHECKED).ok_or(RecordError::Damaged)?;
        if checksum(header, xxh3_64(&body)) != self.checksum {
            return Err(RecordError::Damaged);
        }
        Ok(Record {
            id: self.id,
            revision: self.revision,
            version: self.version,
            body,
            whole: stored.slice(..end),
        })
    }
}

fn take<const N: usize>(octets: &[u8]) -> Result<([u8; N], &[u8]), RecordError> {
    octets
        .split_first_chunk::<N>()
        .map(|(taken, rest)| (*taken, rest))
        .ok_or(RecordError::Damaged)
}

/// The message of a message's record.
pub(crate) fn decode(record: &Record) -> Result<Message, RecordError> {
    let (_, rest) =
        postcard::take_from_bytes::<Summary>(&record.body).map_err(|_| RecordError::Damaged)?;
    let message = match record.version {
        1 => postcard::from_bytes::<MessageV1>(rest).map(Message::from),
        2 => postcard::from_bytes::<MessageV2>(rest).map(Message::from),
        _ => postcard::from_bytes(rest),
    };
    let mut message = message.map_err(|_| RecordError::Damaged)?;
    if message.progress.len() != message.accepted.envelope.recipients.len() {
        return Err(RecordError::Damaged);
    }
    message.revision = record.revision;
    Ok(message)
}

#[cfg(test)]
mod tests;
