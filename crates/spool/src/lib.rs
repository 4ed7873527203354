//! The durable queue: what waits, until when, for whom.
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

pub use claim::{Claim, ClaimedRecipient};
pub use content::{Content, ContentReader, ContentWriter};
pub use error::{OpenError, SpoolError};
pub use health::{Figures, Health};
pub use list::{Filter, HoldState, Page};
pub use local::{LocalSpool, Opened};
pub use message::QueuedMessage;
pub use progress::{
    Cause, DelayNotice, Failure, Outcome, Progress, RecipientIndex, RecipientState, Settled,
    Settlement,
};
pub use quarantine::{Fault, Quarantined};
pub use settings::Settings;
pub use spool::Spool;
pub use submission::{Origin, PeerOrigin, ReservedId, Submission};
