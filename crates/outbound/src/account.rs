//! The log of deliveries: one line for each recipient of each attempt.

use postern_policy::Shadow;
use postern_spool::{Claim, ClaimedRecipient};
use tracing::{info, warn};

use crate::attempt::{FailedAttempt, Handover, Permanence, text_of};

/// A recipient was delivered.
pub(crate) fn delivered(claim: &Claim, recipient: &ClaimedRecipient, handover: &Handover) {
    info!(
        queue_id = %claim.id(),
        reverse_path = %claim.envelope().reverse_path,
        forward_path = %recipient.recipient.forward_path,
        next_hop = %handover.peer,
        basis = %handover.channel,
        reply_code = handover.reply.code().as_u16(),
        reply = %handover.reply,
        "delivered"
    );
    if let Some(Shadow {
        partner: Some((partner, stage)),
        outcome: Err(refusal),
    }) = &handover.shadow
    {
        let queue_id = claim.id();
        if stage.warns() {
            warn!(%queue_id, %partner, %stage, refused_because = %refusal, "enforcing would stop this mail");
        } else {
            info!(%queue_id, %partner, %stage, refused_because = %refusal, "enforcing would stop this mail");
        }
    }
}

/// An attempt for a recipient has failed.
pub(crate) fn failed(claim: &Claim, recipient: &ClaimedRecipient, attempt: &FailedAttempt) {
    let outcome = match attempt.permanence {
        Permanence::Transient => "deferred",
        Permanence::Permanent => "failed",
    };
    warn!(
        queue_id = %claim.id(),
        reverse_path = %claim.envelope().reverse_path,
        forward_path = %recipient.recipient.forward_path,
        enhanced_status = %attempt.failure.status(),
        refused_because = %text_of(&attempt.failure),
        attempts = recipient.attempts + 1,
        outcome,
        "not delivered"
    );
}
