//! The durable queue: what waits, until when, for whom.
//!
//! Responsibility for a message passes to us with the `250` behind its content (RFC 5321 §6.1),
//! so [`Spool::accept`] returns when the message is on disk and not before; and it passes on
//! with the next hop's `250`, so [`Spool::settle`] returns when *that* is on disk. In between a
//! message may be claimed, deferred, held and looked at. [`Spool`] is the trait that the rest of
//! the program knows; [`LocalSpool`] is the queue of one machine, on the embedded engine fjall.
//!
//! ```
//! use std::time::SystemTime;
//!
//! use bytes::Bytes;
//! use postern_spool::{BounceTo, LocalSpool, Origin, Outcome, Settings, Settlement, Spool, Submission};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path();
//! # let recipient = postern_mail::ForwardPath::parse_prefix("<jo@example.org>")?.0.into();
//! # let envelope = postern_mail::Envelope {
//! #     reverse_path: postern_mail::ReversePath::Null,
//! #     recipients: vec![recipient],
//! #     body: postern_mail::BodyType::SevenBit,
//! #     smtputf8: false,
//! #     ret: None,
//! #     envelope_id: None,
//! #     tls_wish: Default::default(),
//! # };
//! # let settings = Settings { reserve: 0, ..Settings::at(path) };
//! let opened = LocalSpool::open(&settings)?;
//! assert!(opened.quarantined.is_empty(), "nothing on the disk is damaged");
//! let spool = opened.spool;
//!
//! // Reception: content comes in pieces.
//! let mut content = spool.content();
//! content.write(Bytes::from("Subject: hello\r\n\r\nhello\r\n")).await?;
//! let content = content.finish().await?;
//! let received_at = SystemTime::now();
//! let submission = Submission {
//!     envelope,
//!     origin: Origin::Ourselves,
//!     received_at,
//!     content,
//!     bounce_to: BounceTo::Sender,
//!     quarantined: None,
//!     hold: None,
//! };
//! let id = spool.accept(submission).await?; // from here on it is ours
//!
//! // Delivery: due recipients are leased, and settled one by one or together.
//! for claim in spool.claim(SystemTime::now(), 100).await? {
//!     assert_eq!(claim.id(), id);
//!     let outcomes = claim.recipients().iter().map(|due| (due.index, Outcome::Delivered));
//!     let settlement = Settlement { outcomes: outcomes.collect(), ..Settlement::default() };
//!     let settled = spool.settle(&claim, settlement).await?;
//!     assert_eq!(settled.waiting, 0);
//! }
//! assert_eq!(spool.get(id).await?, None);
//! # Ok(())
//! # }
//! ```
//!
//! # What holds
//! - **No false `250`.** A message is acknowledged after one `fdatasync` that covers it. Those
//!   that come while one sync runs share the next.
//! - **Nothing is trusted after a failed write or sync.** The queue stops
//!   ([`SpoolError::Poisoned`]), tries nothing again, and the next start reads everything back
//!   and checks it. [`SpoolError::Full`] comes before that as a rule: a reserve is kept free, out of
//!   which what is queued can still be settled.
//! - **A notification and its cause are one commit** ([`Settlement::submissions`]).
//! - **Damage is contained.** Every record carries a checksum, large content too; a message
//!   that is not what was accepted is delivered to nobody. Damage never keeps the queue from
//!   opening, and is reported ([`Opened::quarantined`]).
//! - **Duplicates** arise only where a crash came between the next hop's `250` and the settling
//!   (RFC 5321 §4.5.3.2.6), or where a removal itself was damaged on disk.
//! - **Memory is bounded by [`Settings`]** and by some 150 octets for each message that waits.
//! - **Nobody takes all.** Recipient domains take turns in [`Spool::claim`], new mail goes before
//!   retries, and one of five is a retry all the same.
//! - **A large queue opens at once** and is read while it works ([`Figures::loading`]); what has not
//!   been read yet is found by name and in lists all the same.
//!
//! # What does not
//! - A journal that lost its end, as opposed to having it damaged, looks like one that was
//!   written only so far. A file system that loses what it has synced is beyond us.
//! - Content is not read at the start, so damage in it is found when it is delivered; the message
//!   is then held. Only after a failed write everything is read.
//! - One queue has one process. Several machines need another engine behind the trait.

mod blocking;
mod census;
mod claim;
mod content;
mod error;
mod health;
mod list;
mod local;
mod message;
mod progress;
mod quarantine;
mod settings;
mod spool;
mod submission;
mod time;

pub use census::{AGES, DomainCensus};
pub use claim::{Claim, ClaimedRecipient};
pub use content::{Content, ContentReader, ContentWriter};
pub use error::{OpenError, SpoolError};
pub use health::{Figures, Health, Loading};
pub use list::{Attempts, Filter, HoldState, Page, SenderFilter};
#[cfg(feature = "simulation")]
pub use local::simulated;
pub use local::{LocalSpool, Opened};
pub use message::QueuedMessage;
pub use progress::{
    Cause, DelayNotice, Failure, Outcome, Progress, RecipientIndex, RecipientState, Settled,
    Settlement,
};
pub use quarantine::{Fault, Quarantined};
pub use settings::Settings;
pub use spool::Spool;
pub use submission::{BounceTo, Origin, PeerOrigin, ReservedId, Submission};
