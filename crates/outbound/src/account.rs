//! The log of deliveries: one line for each recipient of each attempt.

use postern_policy::{DeliveryPlan, Shadow, Stage};
use postern_spool::{Claim, ClaimedRecipient};
use postern_tls::Date;
use tracing::{info, warn};

use crate::attempt::{FailedAttempt, Handover, Permanence, text_of};

/// A message is about to be delivered while the glass is broken: whoever reads the log is to see
/// each of them, with who answers for it.
pub(crate) fn planned(claim: &Claim, plan: &DeliveryPlan) {
    if let Some(broken) = plan.broken_glass() {
        warn!(
            queue_id = %claim.id(),
            partner = %broken.partner,
            reason = %broken.reason,
            approved_by = %broken.approved_by,
            until = %Date(broken.until),
            "the partner's rule is out of force: the glass is broken"
        );
    }
}

/// A recipient was delivered.
pub(crate) fn delivered(claim: &Claim, recipient: &ClaimedRecipient, handover: &Handover) {
    info!(
        queue_id = %claim.id(),
        reverse_path = %claim.envelope().reverse_path,
        forward_path = %recipient.recipient.forward_path,
        next_hop = %handover.peer,
        partner = handover.partner.as_ref().map(tracing::field::display),
        basis = %handover.basis,
        reply_code = handover.reply.code().as_u16(),
        reply = %handover.reply,
        "delivered"
    );
    told_of_shadow(claim, handover);
}

/// What is only measured would have stopped this mail.
fn told_of_shadow(claim: &Claim, handover: &Handover) {
    let Some(Shadow {
        partner,
        outcome: Err(refusal),
    }) = &handover.shadow
    else {
        return;
    };
    let queue_id = claim.id();
    let Some((partner, stage)) = partner else {
        info!(%queue_id, refused_because = %refusal, "enforcing would stop this mail");
        return;
    };
    match stage {
        Stage::Observe => {
            info!(%queue_id, %partner, %stage, refused_because = %refusal, "enforcing would stop this mail");
        }
        Stage::Warn => {
            warn!(%queue_id, %partner, %stage, refused_because = %refusal, "enforcing would stop this mail");
        }
        // It is enforced, but for the broken glass.
        Stage::Enforce => {
            warn!(%queue_id, %partner, %stage, refused_because = %refusal, "the rule that is out of force would stop this mail");
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
