//! From the outcomes of an attempt to what the queue records and what the sender is told.
//!
//! The schedule and the words of notices are production's; that they are put together as in
//! `postern-outbound` is this file's claim, since that part of the daemon is async over its tasks.

use std::time::{Duration, SystemTime};

use postern_mail::{BodyType, EnhancedStatusCode};
use postern_outbound::Schedule;
use postern_reports::{self as reports, Action, Facts, MOST_RETURNED, RecipientFact};
use postern_spool::{
    BounceTo, Cause, Claim, ClaimedRecipient, Content, DelayNotice, Outcome, Settlement, Submission,
};

use super::{
    host::{Attempt, Failed, at_once},
    ledger::Final,
    mutation::Mutation,
};

/// What an attempt comes to, and who of its recipients is settled by it for good.
pub(crate) fn settlement(
    attempt: &Attempt,
    schedule: &Schedule,
    (now, doubt): (SystemTime, Option<Duration>),
    spread: f64,
    mutation: Option<Mutation>,
) -> (Settlement, Vec<(String, Final)>) {
    let mut settlement = Settlement::default();
    let mut finals = Vec::new();
    let mut told = Vec::new();
    for recipient in &attempt.delivered {
        finals.push((name(recipient), Final::Delivered));
        settlement
            .outcomes
            .push((recipient.index, Outcome::Delivered));
    }
    for (recipient, failed) in &attempt.failed {
        let failure = failed.failure.clone();
        let failures = recipient.attempts.saturating_add(1);
        let received = attempt.claim.received_at();
        let next = schedule.after_failure(received, failures, now, spread);
        let is_late = next.delay_notice_due && recipient.delay_notice == DelayNotice::NotSent;
        let doubt = doubt.filter(|_| is_late || next.at.is_none());
        let in_doubt = doubt.map(|doubt| now + doubt.min(schedule.retry[0]));
        let outcome = match in_doubt.or(next.at).filter(|_| !failed.permanent) {
            Some(until) => {
                if is_late && in_doubt.is_none() {
                    settlement.delay_notices.push(recipient.index);
                    let until = received + schedule.lifetime;
                    told.push((recipient, failed, Action::Delayed { until }));
                }
                let until = match mutation {
                    Some(Mutation::NeverTriedAgain) => {
                        now + Duration::from_secs(10 * 365 * 24 * 60 * 60)
                    }
                    Some(_) | None => until,
                };
                Outcome::Deferred {
                    until,
                    failure: failure.noted_at(now),
                }
            }
            None => {
                finals.push((name(recipient), Final::Bounced));
                told.push((recipient, failed, Action::Failed));
                Outcome::Bounced { failure }
            }
        };
        settlement.outcomes.push((recipient.index, outcome));
    }
    if mutation != Some(Mutation::NoticeForgotten) {
        settlement
            .submissions
            .extend(notice(&attempt.claim, &told, now));
    }
    (settlement, finals)
}

pub(crate) fn name(recipient: &ClaimedRecipient) -> String {
    let mailbox = recipient.recipient.forward_path.mailbox();
    mailbox.map(ToString::to_string).unwrap_or_default()
}

fn notice(
    claim: &Claim,
    told: &[(&ClaimedRecipient, &Failed, Action)],
    now: SystemTime,
) -> Option<Submission> {
    let start = at_once(claim.content().head(MOST_RETURNED)).unwrap_or_default();
    let reporter = "mx.postern.example".parse().ok()?;
    let facts = Facts {
        reporter: &reporter,
        id: claim.id(),
        envelope: claim.envelope(),
        arrived: claim.received_at(),
        now,
        content: reports::Content::Whole(&start),
    };
    let recipients: Vec<_> = told
        .iter()
        .map(|(recipient, failed, action)| RecipientFact {
            recipient: &recipient.recipient,
            action: *action,
            status: status(failed, *action),
            cause: cause(failed),
            last_attempt: Some(failed.failure.at()),
        })
        .collect();
    let notice = reports::notice(&facts, &recipients)?;
    debug_assert_ne!(notice.envelope.body, BodyType::BinaryMime);
    Some(Submission {
        envelope: notice.envelope,
        origin: postern_spool::Origin::Ourselves,
        received_at: now,
        content: Content::from_pieces([notice.content.into()]),
        bounce_to: BounceTo::Sender,
        quarantined: None,
        hold: None,
    })
}

fn status(failed: &Failed, action: Action) -> EnhancedStatusCode {
    let status = failed.failure.status();
    match action {
        Action::Failed => EnhancedStatusCode::permanent(status.subject(), status.detail()),
        Action::Delayed { .. } | Action::Relayed | Action::Delivered => status,
    }
}

fn cause(failed: &Failed) -> reports::Cause<'_> {
    match failed.failure.cause() {
        Cause::Reply { host, reply } => reports::Cause::Reply { host, reply },
        Cause::Here(text) => reports::Cause::Here(text),
    }
}
