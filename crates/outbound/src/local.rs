//! Mail for this mail system itself: reports that others send to us.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use postern_mail::{EnhancedStatusCode, ForwardPath};
use postern_spool::Claim;
use tokio::time::timeout;

use crate::{
    attempt::{FailedAttempt, Outcome, Weight},
    job::{CameTo, Job},
};

/// How long taking a message in may last. It is read, understood and put on a disk of ours.
const LONGEST: Duration = Duration::from_secs(120);

/// Whoever takes in the mail for addresses of this mail system itself.
#[async_trait]
pub trait LocalDelivery: fmt::Debug + Send + Sync {
    /// Takes responsibility for the message on behalf of `recipient`. It may come again, when
    /// what became of it could not be recorded.
    ///
    /// # Errors
    /// It has not. What is no use to anybody need not be refused: its sender would only be told
    /// what he cannot mend.
    async fn deliver(&self, recipient: &ForwardPath, message: &Claim) -> Result<(), LocalError>;
}

/// Why a message was not taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocalError {
    /// It may be later.
    #[error("{0}")]
    Transient(String),
    /// It will not be, and goes back to its sender.
    #[error("{0}")]
    Permanent(String),
}

/// Has a part taken in here, one recipient after the other.
pub(crate) async fn take_in(local: Arc<dyn LocalDelivery>, job: Job) {
    let mut outcomes = Vec::new();
    for claimed in &job.part().recipients {
        let recipient = &claimed.recipient.forward_path;
        let taking = local.deliver(recipient, &job.part().claim);
        let taken = timeout(LONGEST, taking).await.unwrap_or_else(|_elapsed| {
            let text = "taking the message in took too long";
            Err(LocalError::Transient(text.to_owned()))
        });
        outcomes.push(match taken {
            Ok(()) => Outcome::TakenIn,
            Err(error) => Outcome::Failed(failed(&error)),
        });
    }
    job.finish(CameTo::Tried(outcomes));
}

/// X.2.0: other or undefined mailbox status (RFC 3463 §3.3).
fn failed(error: &LocalError) -> FailedAttempt {
    let status = match error {
        LocalError::Transient(_) => EnhancedStatusCode::transient(2, 0),
        LocalError::Permanent(_) => EnhancedStatusCode::permanent(2, 0),
    };
    let text = error.to_string();
    FailedAttempt::here(status, &text, Weight::Session, SystemTime::now())
}
