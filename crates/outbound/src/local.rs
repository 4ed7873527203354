//! Mail for this mail system itself: reports that others send to us.

use std::{
    collections::HashMap,
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
    engine::Engine,
    job::{CameTo, Job},
};

/// How long taking a message in may last. It is read, understood and put on a disk of ours.
const LONGEST: Duration = Duration::from_secs(120);

/// How many messages are taken in at a time. Each may be a large one that unpacks to a larger one,
/// and is all in memory then; who sends them decides how many come at once.
pub(crate) const AT_ONCE: usize = 2;

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

/// Has a part taken in here, one recipient after the other, once there is room. An address that
/// stands among them in several spellings is one, and gets one copy.
pub(crate) async fn take_in(local: Arc<dyn LocalDelivery>, engine: Arc<Engine>, job: Job) {
    let _room = tokio::select! {
        room = engine.local.acquire() => room,
        () = engine.stopping.cancelled() => return job.finish(CameTo::Withdrawn),
    };
    let (mut known, mut outcomes) = (HashMap::new(), Vec::new());
    for claimed in &job.part().recipients {
        let recipient = &claimed.recipient.forward_path;
        let address = recipient.to_string().to_ascii_lowercase();
        let outcome = match known.get(&address) {
            Some(outcome) => Outcome::clone(outcome),
            None => one(&*local, recipient, &job.part().claim).await,
        };
        known.insert(address, outcome.clone());
        outcomes.push(outcome);
    }
    job.finish(CameTo::Tried(outcomes));
}

async fn one(local: &dyn LocalDelivery, recipient: &ForwardPath, message: &Claim) -> Outcome {
    let taking = local.deliver(recipient, message);
    let taken = timeout(LONGEST, taking).await.unwrap_or_else(|_elapsed| {
        let text = "taking the message in took too long";
        Err(LocalError::Transient(text.to_owned()))
    });
    match taken {
        Ok(()) => Outcome::TakenIn,
        Err(error) => Outcome::Failed(failed(&error)),
    }
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
