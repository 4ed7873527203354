//! A part of a message: those of its recipients that go one way.

use std::{collections::HashSet, sync::Arc};

use postern_mail::{
    Envelope, Notify, NotifyEvent, OriginalRecipient, Recipient, ReversePath, TlsWish,
};
use postern_spool::{Claim, ClaimedRecipient};

use crate::{attempt::Outcome, pace::Pace, route::Way, situation::Situation};

/// Whether a message may be given to those only who offer REQUIRETLS. A notice may go without, as
/// long as its channel is what REQUIRETLS demands (RFC 8689 §5).
pub(crate) fn needs_requiretls(envelope: &Envelope) -> bool {
    envelope.tls_wish == TlsWish::Required && envelope.reverse_path != ReversePath::Null
}

/// The recipients of a message that are served by one connection.
#[derive(Debug)]
pub(crate) struct Part {
    /// The message.
    pub(crate) claim: Arc<Claim>,
    /// Who of it.
    pub(crate) recipients: Vec<ClaimedRecipient>,
    /// Which way.
    pub(crate) way: Way,
    /// How fast that way may be gone.
    pub(crate) pace: Pace,
    /// In whose name: what `MAIL` says. Who hears of a failure is a matter of the claim alone.
    pub(crate) reverse_path: ReversePath,
    /// Under which situation they were found to go one way.
    pub(crate) situation: Arc<Situation>,
}

impl Part {
    /// The envelope of the transaction.
    pub(crate) fn envelope(&self) -> Envelope {
        let several = self.originals_of_several();
        let recipients = self.recipients.iter().map(|claimed| {
            let mut recipient = claimed.recipient.clone();
            if is_one_of(&several, &recipient) {
                recipient.notify = recipient.notify.map(without_success);
            }
            recipient
        });
        let whole = self.claim.envelope();
        Envelope {
            reverse_path: self.reverse_path.clone(),
            recipients: recipients.collect(),
            body: whole.body,
            smtputf8: whole.smtputf8,
            ret: whole.ret,
            envelope_id: whole.envelope_id.clone(),
            tls_wish: whole.tls_wish,
        }
    }

    /// Whose success is reported by us even where the next hop could do it, in the order of the
    /// recipients: those that stand for one original recipient together. The sender of a message to
    /// an alias of a thousand is not to get a thousand reports (RFC 3461 §5.2.7).
    pub(crate) fn reported_by_us(&self) -> impl Iterator<Item = bool> {
        let several = self.originals_of_several();
        let recipients = self.recipients.iter();
        recipients.map(move |claimed| is_one_of(&several, &claimed.recipient))
    }

    /// The original recipients that several recipients of the message stand for, where the sender
    /// wants to hear of success.
    fn originals_of_several(&self) -> HashSet<&OriginalRecipient> {
        let (mut known, mut several) = (HashSet::new(), HashSet::new());
        if self
            .recipients
            .iter()
            .any(|it| wants_success(&it.recipient))
        {
            let recipients = self.claim.envelope().recipients.iter();
            let originals = recipients.filter_map(|recipient| recipient.original.as_ref());
            several.extend(originals.filter(|original| !known.insert(*original)));
        }
        several
    }

    /// What the sender wishes of TLS.
    pub(crate) fn tls_wish(&self) -> TlsWish {
        self.claim.envelope().tls_wish
    }

    /// Whether the next hop must offer REQUIRETLS.
    pub(crate) fn needs_requiretls(&self) -> bool {
        needs_requiretls(self.claim.envelope())
    }

    /// Whether this is a notice, so that there is nobody to be told what became of it
    /// (RFC 5321 §4.5.5).
    pub(crate) fn is_notice(&self) -> bool {
        self.claim.envelope().reverse_path == ReversePath::Null
    }

    /// The same part for some of its recipients, by their places in it.
    pub(crate) fn only(&self, places: &[usize]) -> Self {
        let recipients = places.iter().filter_map(|at| self.recipients.get(*at));
        Self {
            claim: Arc::clone(&self.claim),
            recipients: recipients.cloned().collect(),
            way: self.way.clone(),
            pace: self.pace,
            reverse_path: self.reverse_path.clone(),
            situation: Arc::clone(&self.situation),
        }
    }

    /// The same outcome for each recipient.
    pub(crate) fn all(&self, outcome: &Outcome) -> Vec<Outcome> {
        vec![outcome.clone(); self.recipients.len()]
    }
}

fn wants_success(recipient: &Recipient) -> bool {
    let notify = recipient.notify;
    notify.is_some_and(|notify| notify.asks_for(NotifyEvent::Success))
}

fn is_one_of(several: &HashSet<&OriginalRecipient>, recipient: &Recipient) -> bool {
    let original = recipient.original.as_ref();
    wants_success(recipient) && original.is_some_and(|original| several.contains(original))
}

fn without_success(notify: Notify) -> Notify {
    match notify {
        Notify::On { failure, delay, .. } if failure || delay => Notify::On {
            success: false,
            failure,
            delay,
        },
        Notify::On { .. } | Notify::Never => Notify::Never,
    }
}
