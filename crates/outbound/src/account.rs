//! The log of deliveries: one line for each recipient of each attempt.

use postern_mail::ReversePath;
use postern_policy::{DeliveryPlan, Shadow, Stage};
use postern_spool::{Claim, ClaimedRecipient};
use postern_tls::Date;
use tracing::{info, warn};

use crate::{
    attempt::{FailedAttempt, Handover, Permanence, text_of},
    notice::Told,
};

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

/// What is logged of one recipient of an attempt.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    claim: &'a Claim,
    recipient: &'a ClaimedRecipient,
    /// What `MAIL` said, where that is not what it had said to us.
    sent_as: Option<&'a ReversePath>,
}

impl<'a> Line<'a> {
    /// A line about a recipient of a message that was sent on in this name, or not sent.
    pub(crate) fn new(
        claim: &'a Claim,
        recipient: &'a ClaimedRecipient,
        sent_as: Option<&'a ReversePath>,
    ) -> Self {
        let own = &claim.envelope().reverse_path;
        Self {
            claim,
            recipient,
            sent_as: sent_as.filter(|sent_as| *sent_as != own),
        }
    }

    /// It was delivered.
    pub(crate) fn delivered(&self, handover: &Handover) {
        info!(
            queue_id = %self.claim.id(),
            reverse_path = %self.claim.envelope().reverse_path,
            sent_as = self.sent_as.map(tracing::field::display),
            forward_path = %self.recipient.recipient.forward_path,
            next_hop = %handover.peer,
            partner = handover.partner.as_ref().map(tracing::field::display),
            basis = %handover.basis,
            reply_code = handover.reply.code().as_u16(),
            reply = %handover.reply,
            "delivered"
        );
        told_of_shadow(self.claim, handover);
    }

    /// It is an address of ours, and the message was taken in.
    pub(crate) fn taken_in(&self) {
        info!(
            queue_id = %self.claim.id(),
            reverse_path = %self.claim.envelope().reverse_path,
            forward_path = %self.recipient.recipient.forward_path,
            "taken in"
        );
    }

    /// The attempt has failed.
    pub(crate) fn failed(&self, attempt: &FailedAttempt) {
        let outcome = match attempt.permanence {
            Permanence::Transient => "deferred",
            Permanence::Permanent => "failed",
        };
        warn!(
            queue_id = %self.claim.id(),
            reverse_path = %self.claim.envelope().reverse_path,
            sent_as = self.sent_as.map(tracing::field::display),
            forward_path = %self.recipient.recipient.forward_path,
            enhanced_status = %attempt.failure.status(),
            refused_because = %text_of(&attempt.failure),
            attempts = self.recipient.attempts + 1,
            outcome,
            "not delivered"
        );
    }
}

/// The sender would be sent a notice, and is not.
pub(crate) fn untold(claim: &Claim, told: &[Told<'_>], reason: &str) {
    warn!(
        queue_id = %claim.id(),
        reverse_path = %claim.envelope().reverse_path,
        recipients = told.len(),
        reason,
        "no notice is sent"
    );
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
