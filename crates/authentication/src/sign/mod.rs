//! DKIM signatures for our own mail (RFC 6376 §5, RFC 8301, RFC 8463).
//!
//! Every key that is in its time signs, `relaxed/relaxed`, the fields that matter once more than
//! they are there, and always the whole body: there is no `l=`.
//!
//! mail-auth signs: one of its signers for each key, fed with the header once that is complete
//! and with the body while it streams. Decided here is who signs what, and whether at all:
//! mail-auth 0.13.3 has canonical forms of its own for a few things that mail should not have
//! (see [`Unsigned`] and `body.rs`), and a signature that only mail-auth holds for good is worse
//! than none. It reads the clock for `t=` itself.

mod field;
mod message;
mod run;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use postern_mail::Domain;
use tokio::{sync::mpsc, task::JoinSet};

use self::run::Beginning;
pub(crate) use self::{
    field::signed_names,
    message::{Gathered, HeaderSoFar, is_well_formed},
};
use crate::{Author, DkimCryptoError, DkimKey};

/// How many pieces of content wait for their hash. Pieces are as large as one read from the
/// network, so this bounds what a message holds while it streams.
const PIECES: usize = 8;

/// A key with the place it is published at and the time it signs.
#[derive(Debug, Clone)]
pub struct SigningKey {
    /// Whose mail it signs: `d=`.
    pub domain: Domain,
    /// Where below `_domainkey` it is published: `s=`.
    pub selector: String,
    /// The key.
    pub key: Arc<DkimKey>,
    /// When it begins to sign; at once where nothing is said.
    pub from: Option<SystemTime>,
    /// From when on it signs no more.
    pub until: Option<SystemTime>,
}

impl SigningKey {
    /// Whether it signs at `now`. The moment of `until` is no longer its own, so of two keys that
    /// follow one another exactly one signs at any time.
    fn signs(&self, now: SystemTime) -> bool {
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }
}

/// Signs the mail of our domains.
#[derive(Debug, Default)]
pub struct Signer {
    keys: HashMap<Domain, Vec<SigningKey>>,
    lifetime: Option<Duration>,
}

impl Signer {
    /// A signer with these keys, in the order in which their signatures are to stand.
    pub fn new(keys: Vec<SigningKey>) -> Self {
        let mut signer = Self::default();
        for key in keys {
            let of_domain = signer.keys.entry(key.domain.clone()).or_default();
            of_domain.push(key);
        }
        signer
    }

    /// Lets signatures expire: `x=` (RFC 6376 §3.5). Mail waits in queues for days, so `lifetime`
    /// should be longer than that.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Whether it has a key at all, be it in its time or not.
    pub fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// The keys that sign for `author` at `now`: those of the domain itself, or else of the
    /// nearest domain above it that has any, which DMARC takes as aligned unless it is told to be
    /// strict (RFC 9989 §4.4).
    pub fn keys_for(&self, author: &Domain, now: SystemTime) -> Vec<&SigningKey> {
        std::iter::successors(Some(author.clone()), Domain::parent)
            .filter_map(|domain| self.keys.get(&domain))
            .map(|keys| keys.iter().filter(|key| key.signs(now)).collect::<Vec<_>>())
            .find(|keys| !keys.is_empty())
            .unwrap_or_default()
    }

    /// Begins to sign a message whose content is to come in pieces.
    ///
    /// Must be called within a Tokio runtime.
    pub fn begin(self: &Arc<Self>, now: SystemTime) -> Signing {
        let (pieces, content) = mpsc::channel(PIECES);
        let mut task = JoinSet::new();
        task.spawn(Arc::clone(self).sign_stream(content, now));
        Signing { pieces, task }
    }

    async fn sign_stream(
        self: Arc<Self>,
        mut content: mpsc::Receiver<Bytes>,
        now: SystemTime,
    ) -> Result<Bytes, Unsigned> {
        // A message that is not to be signed is not received any further.
        let mut beginning = Beginning::new(&self, now);
        let plan = loop {
            let Some(piece) = content.recv().await else {
                break beginning.finish()?;
            };
            if let Some(plan) = beginning.write(&piece)? {
                break plan;
            }
        };
        let mut run = plan.begin();
        while let Some(piece) = content.recv().await {
            run.write(&piece);
        }
        run.finish()
    }

    /// The signatures of a message that is there as a whole.
    ///
    /// # Errors
    /// Says why there are none.
    pub fn sign_whole(&self, pieces: &[Bytes], now: SystemTime) -> Result<Bytes, Unsigned> {
        let mut pieces = pieces.iter();
        let mut beginning = Beginning::new(self, now);
        let plan = loop {
            let Some(piece) = pieces.next() else {
                break beginning.finish()?;
            };
            if let Some(plan) = beginning.write(piece)? {
                break plan;
            }
        };
        let mut run = plan.begin();
        for piece in pieces {
            run.write(piece);
        }
        run.finish()
    }
}

/// A message on its way to be signed. Its content is hashed by a task of its own while more of it
/// comes in; that task ends with this value.
#[derive(Debug)]
pub struct Signing {
    pieces: mpsc::Sender<Bytes>,
    task: JoinSet<Result<Bytes, Unsigned>>,
}

impl Signing {
    /// Hands over the next octets of content. Waits while too many are waiting for their hash.
    pub async fn write(&mut self, piece: Bytes) {
        // It fails where the message is not to be signed; `finish` says why.
        let _ = self.pieces.send(piece).await;
    }

    /// The `DKIM-Signature` fields, now that the content is complete.
    ///
    /// # Errors
    /// Says why there are none.
    pub async fn finish(self) -> Result<Bytes, Unsigned> {
        let Self { pieces, mut task } = self;
        drop(pieces);
        match task.join_next().await {
            Some(Ok(signed)) => signed,
            Some(Err(_)) | None => Err(Unsigned::Interrupted),
        }
    }
}

/// Why a message goes without a signature of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    /// None of our keys is for the author, now.
    #[error("no key signs for {0}")]
    NoKey(Domain),
    /// There is no single author domain.
    #[error("{0}")]
    Author(Author),
    /// Readers would differ about where the header ends.
    #[error("the header holds a line that is no field")]
    BrokenHeader,
    /// The header is out of all proportion.
    #[error("the header is larger than 1 MiB")]
    HeaderTooLarge,
    /// The signature would be as long as the header.
    #[error("too many fields would have to be signed")]
    TooManyFields,
    /// Verifiers differ about the canonical form of a field.
    #[error("{0} has octets of which verifiers make different things")]
    Disputed(&'static str),
    /// Verifiers differ about the canonical form of the body.
    #[error("the body has a CR or LF that ends no line")]
    StrayLineEnd,
    /// The cryptographic library failed.
    #[error(transparent)]
    Crypto(#[from] DkimCryptoError),
    /// The task that signs came to an early end.
    #[error("signing was interrupted")]
    Interrupted,
}
