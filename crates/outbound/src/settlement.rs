//! From outcomes to what the queue records and what the sender is told.

use std::{mem, sync::Arc, time::SystemTime};

use postern_mail::{EnhancedStatusCode, Notify, NotifyEvent};
use postern_policy::Shadow;
use postern_spool::{
    Claim, ClaimedRecipient, DelayNotice, Outcome as Recorded, Settlement, SpoolError,
};
use tracing::{info, warn};

use crate::{
    attempt::{FailedAttempt, Handover, Outcome, Permanence, Reporter, text_of},
    engine::Engine,
    notice::{self, Event, Told},
    part::Part,
    situation::Situation,
};

/// The status of a domain that seems not to exist (RFC 3463 §3.2: bad destination system
/// address).
const NO_SUCH_DOMAIN: (u16, u16) = (1, 2);

/// What is known so far of the recipients of a claim.
#[derive(Debug)]
pub(crate) struct Tally {
    claim: Arc<Claim>,
    delivered: Vec<(ClaimedRecipient, Handover)>,
    failed: Vec<(ClaimedRecipient, FailedAttempt)>,
}

impl Tally {
    pub(crate) fn new(claim: Arc<Claim>) -> Self {
        Self {
            claim,
            delivered: Vec::new(),
            failed: Vec::new(),
        }
    }

    /// Takes the outcomes of a part, which are in the order of its recipients.
    pub(crate) fn record(&mut self, part: &Part, outcomes: Vec<Outcome>) {
        for (recipient, outcome) in part.recipients.iter().zip(outcomes) {
            self.record_one(recipient, outcome);
        }
    }

    /// Takes the outcome of one recipient, and logs it.
    pub(crate) fn record_one(&mut self, recipient: &ClaimedRecipient, outcome: Outcome) {
        match outcome {
            Outcome::Delivered(handover) => {
                log_delivered(&self.claim, recipient, &handover);
                self.delivered.push((recipient.clone(), handover));
            }
            Outcome::Failed(attempt) => {
                let attempt = confirm_missing_domain(recipient, attempt);
                log_failed(&self.claim, recipient, &attempt);
                self.failed.push((recipient.clone(), attempt));
            }
        }
    }

    /// Settles what was delivered so far, and nothing else.
    pub(crate) async fn settle_delivered(
        &mut self,
        engine: &Engine,
        situation: &Situation,
    ) -> Result<(), SpoolError> {
        let delivered = mem::take(&mut self.delivered);
        if delivered.is_empty() {
            return Ok(());
        }
        let now = SystemTime::now();
        let mut settlement = Settlement::default();
        self.add_delivered(&mut settlement, &delivered, situation, now)
            .await;
        engine.spool.settle(&self.claim, settlement).await.map(drop)
    }

    /// Settles everything, with one notice for all that was given up and one for all that is
    /// late.
    pub(crate) async fn settle(
        mut self,
        engine: &Engine,
        situation: &Situation,
    ) -> Result<(), SpoolError> {
        let now = SystemTime::now();
        let mut settlement = Settlement::default();
        let delivered = mem::take(&mut self.delivered);
        self.add_delivered(&mut settlement, &delivered, situation, now)
            .await;
        self.add_failed(&mut settlement, situation, now).await;
        let settled = engine.spool.settle(&self.claim, settlement).await?;
        if settled.waiting == 0 {
            info!(queue_id = %self.claim.id(), "message done");
        }
        for id in settled.submitted {
            info!(queue_id = %id, about = %self.claim.id(), "notice to the sender queued");
        }
        Ok(())
    }

    async fn add_delivered(
        &self,
        settlement: &mut Settlement,
        delivered: &[(ClaimedRecipient, Handover)],
        situation: &Situation,
        now: SystemTime,
    ) {
        let recorded =
            |(recipient, _): &(ClaimedRecipient, _)| (recipient.index, Recorded::Delivered);
        settlement.outcomes.extend(delivered.iter().map(recorded));
        let relayed: Vec<_> = delivered
            .iter()
            .filter(|(recipient, handover)| {
                let asked = Notify::or_default(recipient.recipient.notify);
                handover.reporter == Reporter::Postern && asked.asks_for(NotifyEvent::Success)
            })
            .map(|(recipient, handover)| Told {
                recipient,
                event: Event::Relayed(handover),
            })
            .collect();
        let hostname = &situation.settings.hostname;
        settlement
            .submissions
            .extend(notice::write(&self.claim, hostname, &relayed, now).await);
    }

    async fn add_failed(
        &self,
        settlement: &mut Settlement,
        situation: &Situation,
        now: SystemTime,
    ) {
        let (mut given_up, mut late) = (Vec::new(), Vec::new());
        for (recipient, attempt) in &self.failed {
            let failure = attempt.failure.clone();
            let recorded = match self.fate(recipient, attempt, situation, now) {
                Fate::GivenUp(status) => {
                    let event = Event::GivenUp(&attempt.failure, status);
                    given_up.push(Told { recipient, event });
                    Recorded::Bounced { failure }
                }
                Fate::TriedAgain {
                    next,
                    until,
                    delay_notice,
                } => {
                    if delay_notice == DelayNotice::NotSent {
                        settlement.delay_notices.push(recipient.index);
                        let event = Event::Late(&attempt.failure, until);
                        late.push(Told { recipient, event });
                    }
                    Recorded::Deferred {
                        until: next,
                        failure,
                    }
                }
            };
            settlement.outcomes.push((recipient.index, recorded));
        }
        let hostname = &situation.settings.hostname;
        for told in [given_up, late] {
            settlement
                .submissions
                .extend(notice::write(&self.claim, hostname, &told, now).await);
        }
    }

    fn fate(
        &self,
        recipient: &ClaimedRecipient,
        attempt: &FailedAttempt,
        situation: &Situation,
        now: SystemTime,
    ) -> Fate {
        let status = attempt.failure.status();
        let final_status = EnhancedStatusCode::permanent(status.subject(), status.detail());
        if attempt.permanence == Permanence::Permanent {
            return Fate::GivenUp(final_status);
        }
        let schedule = &situation.settings.schedule;
        let received = self.claim.received_at();
        let failures = recipient.attempts.saturating_add(1);
        let verdict = schedule.after_failure(received, failures, now, fastrand::f64());
        match verdict.next_attempt {
            None => Fate::GivenUp(final_status),
            Some(next) => Fate::TriedAgain {
                next,
                until: received + schedule.lifetime,
                delay_notice: if verdict.delay_notice_due {
                    recipient.delay_notice
                } else {
                    DelayNotice::Sent
                },
            },
        }
    }
}

/// What is to become of a recipient whose attempt failed.
enum Fate {
    /// Nothing more; the sender is told with this status.
    GivenUp(EnhancedStatusCode),
    /// Another attempt.
    TriedAgain {
        /// When.
        next: SystemTime,
        /// When the last one will be.
        until: SystemTime,
        /// Whether the sender has heard of the delay, or need not hear of it yet.
        delay_notice: DelayNotice,
    },
}

/// A domain that does not exist must be missing twice before mail for it is returned: a name
/// server that has lost its zone for an hour says the same.
fn confirm_missing_domain(recipient: &ClaimedRecipient, attempt: FailedAttempt) -> FailedAttempt {
    let is_missing =
        |status: EnhancedStatusCode| (status.subject(), status.detail()) == NO_SUCH_DOMAIN;
    let by_peer = matches!(attempt.failure.cause(), postern_spool::Cause::Reply { .. });
    let before = recipient.last_failure.as_ref();
    let confirmed = before.is_some_and(|failure| is_missing(failure.status()));
    let permanent = attempt.permanence == Permanence::Permanent;
    if permanent && !by_peer && is_missing(attempt.failure.status()) && !confirmed {
        attempt.for_now(attempt.failure.at())
    } else {
        attempt
    }
}

fn log_delivered(claim: &Claim, recipient: &ClaimedRecipient, handover: &Handover) {
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
        partner,
        stage,
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

fn log_failed(claim: &Claim, recipient: &ClaimedRecipient, attempt: &FailedAttempt) {
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
