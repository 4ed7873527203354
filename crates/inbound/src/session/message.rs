//! What becomes of a message whose content has come in.
//!
//! It is weighed and then kept, in two steps. While it is weighed nothing is promised: the session
//! gives it up if the client leaves meanwhile, and nothing stays behind. Once it is being kept it
//! is kept, since nobody can tell a write to the disk half way that it is not wanted.

use std::{net::IpAddr, time::SystemTime};

use bytes::Bytes;
use postern_authentication::{Signing, Unsigned};
use postern_mail::{QueueId, Recipient, Reply, TlsWish};
use postern_smtp::server::{Answer, Message};
use postern_spool::{BounceTo, Content, Origin, PeerOrigin, ReservedId, SpoolError, Submission};

use super::{
    author::{self, Author},
    journal,
    judgement::{self, Case, Judged},
    reception::{Reception, out_of_order},
    transaction::{Intake, Transaction},
};
use crate::{JudgedMail, settings::Reach};

/// A message that was found worth keeping, and its transaction.
#[derive(Debug)]
pub(super) struct Weighed {
    transaction: Transaction,
    ready: Ready,
}

/// A message that is ready for the queue.
#[derive(Debug)]
struct Ready {
    id: ReservedId,
    submission: Submission,
    authors: Vec<Author>,
    judged: Option<Judged>,
    /// Its recipients as the client named them.
    named: Vec<Recipient>,
    /// Octets of content as it came.
    octets: u64,
}

impl Reception<'_> {
    /// Finds out about a message what there is to find out, and makes it ready to be kept.
    ///
    /// # Errors
    /// The reply to a message that is not taken.
    pub(super) async fn weigh(&mut self, message: Message) -> Result<Weighed, Reply> {
        let transaction = self.transaction.as_mut();
        let intake = transaction.and_then(|transaction| transaction.intake.take());
        let ready = match (&self.transaction, intake) {
            (Some(transaction), Some(intake)) => self.prepare(transaction, intake, message).await,
            (None, _) | (_, None) => Err(out_of_order()),
        };
        // Until here it stayed in its place, so that a session that ends tells what it leaves.
        let transaction = self.transaction.take().ok_or_else(out_of_order);
        match transaction.and_then(|transaction| Ok((transaction, ready?))) {
            Ok((transaction, ready)) => Ok(Weighed { transaction, ready }),
            Err(reply) => Err(self.refusal(reply)),
        }
    }

    async fn prepare(
        &self,
        transaction: &Transaction,
        intake: Intake,
        message: Message,
    ) -> Result<Ready, Reply> {
        let authors = self.authors(transaction, &intake.header);
        if let Some(reply) = author::object(transaction, &authors) {
            self.account_for_all(transaction, &authors);
            return Err(reply);
        }
        let mut envelope = message.envelope;
        if envelope.tls_wish == TlsWish::Unstated {
            // REQUIRETLS stands above the field (RFC 8689 §4.1).
            envelope.tls_wish = intake.header.tls_wish();
        }
        let Intake {
            id,
            writer,
            received,
            signing,
            ..
        } = intake;
        let trouble = |error| self.content_trouble(transaction, &error);
        let content = writer.finish().await.map_err(trouble)?;
        let content = signed(content, signing).await.map_err(trouble)?;
        let named = envelope.recipients.clone();
        let case = self.case(transaction, &authors, &received);
        let judged = self.judged(case, content, &named);
        let (content, judged) = judged.await?;
        let (hold, quarantined) = judged.as_ref().map_or((None, None), Judged::suspicion);
        let submission = Submission {
            envelope: transaction.stand_ins.expand(envelope),
            origin: Origin::Peer(self.origin(transaction)),
            received_at: SystemTime::now(),
            content,
            bounce_to: bounce_to(transaction, judged.as_ref()),
            quarantined,
            hold,
        };
        Ok(Ready {
            id,
            submission,
            authors,
            judged,
            named,
            octets: message.octets,
        })
    }

    /// What a stranger's message is found to be, and its content with what is said of that.
    async fn judged(
        &self,
        case: Option<Case<'_>>,
        content: Content,
        named: &[Recipient],
    ) -> Result<(Content, Option<Judged>), Reply> {
        let Some(case) = case else {
            return Ok((content, None));
        };
        let transaction = case.transaction;
        let trouble = |error| self.content_trouble(transaction, &error);
        if !judgement::asks(transaction.door.listener.judgement) {
            let content = case.without_forged(content).await.map_err(trouble)?;
            return Ok((content, None));
        }
        let judged = case.judge(&content).await.map_err(trouble)?;
        if let Some(reply) = judged.objection() {
            journal::judged_refused(transaction, &judged, &reply);
            self.tell_judged(transaction, &judged, named, None);
            return Err(reply);
        }
        let content = case.with_head(content, &judged).await.map_err(trouble)?;
        Ok((content, Some(judged)))
    }

    /// The message of a stranger. Our own hosts are believed.
    fn case<'c>(
        &'c self,
        transaction: &'c Transaction,
        authors: &'c [Author],
        received: &'c Bytes,
    ) -> Option<Case<'c>> {
        let authentication = match (&transaction.situation.authentication, transaction.reach) {
            (Some(authentication), Reach::OwnDomains) => authentication,
            (None, _) | (Some(_), Reach::Anywhere) => return None,
        };
        Some(Case {
            shared: &self.visit.shared,
            client: self.client(),
            transaction,
            authors,
            authentication,
            received,
        })
    }

    fn client(&self) -> IpAddr {
        self.visit.peer.ip().to_canonical()
    }

    fn origin(&self, transaction: &Transaction) -> PeerOrigin {
        PeerOrigin {
            address: self.visit.peer,
            helo: transaction.helo.to_string(),
            channel: transaction.verdict.basis().to_string(),
            partner: transaction.partner().map(ToString::to_string),
        }
    }

    /// Makes a weighed message durable. Only then is 250 said.
    pub(super) async fn keep(&mut self, weighed: Result<Weighed, Reply>) -> Answer {
        let Weighed { transaction, ready } = match weighed {
            Ok(weighed) => weighed,
            Err(reply) => return Answer::Refuse(reply),
        };
        let Ready {
            id,
            submission,
            authors,
            judged,
            named,
            octets,
        } = ready;
        let envelope = submission.envelope.clone();
        let bounce_to = submission.bounce_to.clone();
        let id = match self.visit.shared.spool.accept_as(id, submission).await {
            Ok(id) => id,
            Err(error) => {
                let reply = self.content_trouble(&transaction, &error);
                return Answer::Refuse(self.refusal(reply));
            }
        };
        journal::accepted(&transaction, &envelope, octets, id, judged.as_ref());
        if let BounceTo::Nobody(why) = &bounce_to {
            journal::not_bounced(id, why);
        }
        let of_authors = authors.iter().map(|author| &author.verdict);
        for verdict in [&transaction.verdict].into_iter().chain(of_authors) {
            journal::broken_glass(id, verdict);
        }
        self.account_for_all(&transaction, &authors);
        if let Some(judged) = &judged {
            self.tell_judged(&transaction, judged, &named, Some(id));
        }
        self.messages += 1;
        self.visit.shared.figures.accepted.up();
        Answer::AcceptSaying(format!("queued as {id}"))
    }

    fn tell_judged(
        &self,
        transaction: &Transaction,
        judged: &Judged,
        recipients: &[Recipient],
        queue_id: Option<QueueId>,
    ) {
        self.visit.shared.accounts.judged(&JudgedMail {
            verdict: &judged.verdict,
            done: judged.decision.done(),
            reverse_path: &transaction.mail.reverse_path,
            recipients,
            header: &judged.header,
            queue_id,
            at: SystemTime::now(),
        });
    }

    fn content_trouble(&self, transaction: &Transaction, error: &SpoolError) -> Reply {
        let reply = self.queue_trouble(error);
        journal::content_refused(transaction, &reply);
        reply
    }
}

/// The content with our signatures on top, where it is ours to sign.
async fn signed(content: Content, signing: Option<Signing>) -> Result<Content, SpoolError> {
    let Some(signing) = signing else {
        return Ok(content);
    };
    match signing.finish().await {
        Ok(signatures) => content.with_head(signatures, 0).await,
        // Mail of others passes through our own hosts as well.
        Err(Unsigned::NoKey(_)) => Ok(content),
        Err(why) => {
            journal::not_signed(&why);
            Ok(content)
        }
    }
}

/// Who hears of a failure. What the client's certificate proves stands above what the DNS says: a
/// partner that claims a domain of its own is who it says it is.
fn bounce_to(transaction: &Transaction, judged: Option<&Judged>) -> BounceTo {
    match judged {
        Some(judged) if !transaction.proves_its_sender() => judged.bounce_to(),
        Some(_) | None => BounceTo::Sender,
    }
}
