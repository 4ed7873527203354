//! What the sender is told: from what became of recipients to a message in the queue.

use std::{slice, time::SystemTime};

use bytes::Bytes;
use postern_authentication::{Signer, Unsigned};
use postern_mail::{EnhancedStatusCode, Mailbox, Notify, NotifyEvent};
use postern_reports::{self as reports, Action, Facts, MOST_RETURNED, RecipientFact};
use postern_spool::{
    BounceTo, Cause, Claim, ClaimedRecipient, Content, Failure, Origin, Submission,
};
use tracing::warn;

use crate::{
    attempt::{Handover, chain},
    settings::Settings,
};

/// What the sender is to hear of one recipient.
#[derive(Debug)]
pub(crate) struct Told<'a> {
    /// Who it is.
    pub(crate) recipient: &'a ClaimedRecipient,
    /// What became of it.
    pub(crate) event: Event<'a>,
}

/// What became of a recipient.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// It was given up.
    GivenUp(&'a Failure, EnhancedStatusCode),
    /// It takes longer, and is tried until then.
    Late(&'a Failure, SystemTime),
    /// It was handed to a host that will not report success itself.
    Relayed(&'a Handover),
    /// It was taken in here.
    Delivered,
}

impl Event<'_> {
    fn kind(&self) -> NotifyEvent {
        match self {
            Self::GivenUp(..) => NotifyEvent::Failure,
            Self::Late(..) => NotifyEvent::Delay,
            Self::Relayed(_) | Self::Delivered => NotifyEvent::Success,
        }
    }
}

/// Who wants to hear of any of this: the sender, if there is one (RFC 5321 §4.5.5) and something
/// happened that he wants to hear of (RFC 3461 §4.1).
pub(crate) fn wanted_by<'a>(claim: &'a Claim, told: &[Told<'_>]) -> Option<&'a Mailbox> {
    let sender = claim.envelope().reverse_path.mailbox()?;
    let is_wanted = told.iter().any(|told| {
        let notify = Notify::or_default(told.recipient.recipient.notify);
        notify.asks_for(told.event.kind())
    });
    is_wanted.then_some(sender)
}

/// The notice about these recipients, ready for the queue.
pub(crate) async fn write(
    claim: &Claim,
    settings: &Settings,
    told: &[Told<'_>],
    now: SystemTime,
) -> Option<Submission> {
    let start = start_of_content(claim).await;
    let content = if (start.len() as u64) < claim.content().octets() {
        reports::Content::Start(&start)
    } else {
        reports::Content::Whole(&start)
    };
    let facts = Facts {
        reporter: &settings.hostname,
        id: claim.id(),
        envelope: claim.envelope(),
        arrived: claim.received_at(),
        now,
        content,
    };
    let recipients: Vec<_> = told.iter().map(|told| fact(told, now)).collect();
    let notice = reports::notice(&facts, &recipients)?;
    Some(Submission {
        envelope: notice.envelope,
        origin: Origin::Ourselves,
        received_at: now,
        content: signed(notice.content.into(), settings.signer.as_deref(), now),
        bounce_to: BounceTo::Sender,
        quarantined: None,
        hold: None,
    })
}

/// The notice with our signatures. Without them it is better than none.
fn signed(content: Bytes, signer: Option<&Signer>, now: SystemTime) -> Content {
    let signatures = signer.map(|signer| signer.sign_whole(slice::from_ref(&content), now));
    match signatures {
        Some(Ok(fields)) => Content::from_pieces([fields, content]),
        Some(Err(Unsigned::NoKey(_))) | None => Content::from_pieces([content]),
        Some(Err(cause)) => {
            warn!(%cause, "a notice goes without a signature");
            Content::from_pieces([content])
        }
    }
}

/// As much of the message as a notice may return. A notice without it is better than none.
async fn start_of_content(claim: &Claim) -> Bytes {
    claim.content().head(MOST_RETURNED).await.unwrap_or_else(|error| {
        warn!(queue_id = %claim.id(), cause = %chain(&error), "a notice goes without the message");
        Bytes::new()
    })
}

fn fact<'a>(told: &'a Told<'a>, now: SystemTime) -> RecipientFact<'a> {
    let recipient = &told.recipient.recipient;
    match &told.event {
        Event::GivenUp(failure, status) => RecipientFact {
            recipient,
            action: Action::Failed,
            status: *status,
            cause: cause(failure),
            last_attempt: Some(failure.at()),
        },
        Event::Late(failure, until) => RecipientFact {
            recipient,
            action: Action::Delayed { until: *until },
            status: failure.status(),
            cause: cause(failure),
            last_attempt: Some(failure.at()),
        },
        Event::Relayed(handover) => RecipientFact {
            recipient,
            action: Action::Relayed,
            status: EnhancedStatusCode::success(0, 0),
            cause: reports::Cause::Reply {
                host: &handover.peer.host,
                reply: &handover.reply,
            },
            last_attempt: Some(now),
        },
        Event::Delivered => RecipientFact {
            recipient,
            action: Action::Delivered,
            status: EnhancedStatusCode::success(0, 0),
            cause: reports::Cause::Here(""),
            last_attempt: Some(now),
        },
    }
}

fn cause(failure: &Failure) -> reports::Cause<'_> {
    match failure.cause() {
        Cause::Reply { host, reply } => reports::Cause::Reply { host, reply },
        Cause::Here(text) => reports::Cause::Here(text),
    }
}
