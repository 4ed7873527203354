//! A judged connection: message after message goes through its permit.

use std::{
    future::poll_fn,
    io,
    pin::pin,
    task::{Context, Poll},
    time::{Instant, SystemTime},
};

use bytes::{Buf as _, Bytes, BytesMut};
use postern_mail::EnhancedStatusCode;
use postern_policy::{DeliveryPlan, Permit, Refusal};
use postern_smtp::client::{
    Action, Capabilities, Delivery, Extension, RecipientOutcome, SessionFault, Stage,
};
use postern_spool::{Content, ContentReader, SpoolError};
use postern_tls::HandshakeError;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tracing::debug;

use crate::{
    attempt::{FailedAttempt, Handover, Outcome, Peer, Permanence, Reporter, Weight, chain},
    clock,
    part::Part,
    prospect::Known,
    unsent::Unsent,
};

/// How much is read from a connection at once. Replies are short.
const READ_SIZE: usize = 4096;

/// How much of what is said goes out together. A message of usual size leaves in one write with its
/// end.
const GATHERED: usize = 64 * 1024;

/// A connection that may carry mail, because it owns a permit.
#[derive(Debug)]
pub(crate) struct Connection {
    permit: Permit<TcpStream>,
    delivery: Delivery,
    input: BytesMut,
    /// What the session has said and the peer was not sent so far.
    unsent: Unsent,
    peer: Peer,
    known: Known,
    messages: u32,
    trouble: Option<io::Error>,
}

/// Why a session did not begin on a channel that was permitted.
#[derive(Debug)]
pub(crate) enum NotOpened {
    /// The peer refused the handshake after all.
    Handshake(HandshakeError),
    /// The session broke off.
    Session(SessionFault),
}

/// Why a kept connection is not used for another message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotReused {
    /// It does not meet what is in force for that message.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What DNS said of the host when the connection was made has to be asked for again.
    #[error("what is known of the host is too old")]
    FactsAreOld,
    /// The peer does not offer what that message needs.
    #[error("the host does not offer REQUIRETLS")]
    NoRequireTls,
}

/// What sending a message over a connection came to.
#[derive(Debug)]
pub(crate) enum Sent {
    /// There is an outcome for each recipient; the connection is left if it is good for more.
    Settled(Vec<Outcome>, Option<Box<Connection>>),
    /// The connection had been kept, and was closed by the peer before this message began:
    /// nothing was handed over, and a new connection may be made for it.
    Stale,
}

impl Connection {
    /// A connection on which `peer` is ready for a first message. What `input` holds was read
    /// before, and answers nothing that is still to be said.
    pub(crate) async fn open(
        permit: Permit<TcpStream>,
        delivery: Delivery,
        input: BytesMut,
        peer: Peer,
        known: Known,
    ) -> Result<Self, NotOpened> {
        let mut connection = Self {
            permit,
            delivery,
            input,
            unsent: Unsent::default(),
            peer,
            known,
            messages: 0,
            trouble: None,
        };
        match connection.converse(None).await {
            Ended::Ready => Ok(connection),
            Ended::Closed(fault) => Err(connection.not_opened(fault)),
        }
    }

    /// In TLS 1.3 a server may refuse our certificate, or the lack of one, after the handshake
    /// has ended for us: its alert is what we read in place of the answer to EHLO.
    fn not_opened(&self, fault: SessionFault) -> NotOpened {
        let trouble = self.permit.evidence().and(self.trouble.as_ref());
        trouble
            .and_then(HandshakeError::late)
            .map_or(NotOpened::Session(fault), NotOpened::Handshake)
    }

    /// The host at the other end.
    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// What the peer offers over this channel.
    pub(crate) fn capabilities(&self) -> &Capabilities {
        self.delivery.capabilities()
    }

    /// What the handshake proved and what that was found good for.
    pub(crate) fn permit(&self) -> &Permit<TcpStream> {
        &self.permit
    }

    /// Judges the connection for another message, in full. What was known of its host when it
    /// was made may be too old by now; then it carries nothing more.
    pub(crate) fn rejudge(self, part: &Part, plan: &DeliveryPlan) -> Result<Self, NotReused> {
        if part.needs_requiretls() && !self.capabilities().offers(Extension::RequireTls) {
            return Err(NotReused::NoRequireTls);
        }
        let policy = &part.situation.policy;
        let plan = self
            .known
            .plan_for(plan, Instant::now())
            .ok_or(NotReused::FactsAreOld)?;
        match self.permit.rejudge(policy, &plan, clock::unix_time()) {
            Ok(permit) => Ok(Self { permit, ..self }),
            Err(refused) => Err(refused.refusal().clone().into()),
        }
    }

    /// Hands a message over.
    pub(crate) async fn send(mut self, part: &Part) -> Sent {
        if self.messages > 0 && self.was_closed_meanwhile().await {
            return Sent::Stale;
        }
        let content = part.claim.content();
        let began = self
            .delivery
            .begin(part.envelope(), content.octets(), Instant::now());
        if began.is_err() {
            return Sent::Stale;
        }
        let kept = self.messages > 0;
        self.messages = self.messages.saturating_add(1);
        let mut transfer = Transfer::of(content);
        let ended = self.converse(Some(&mut transfer)).await;
        let Transfer {
            outcomes, trouble, ..
        } = transfer;
        if let (true, Ended::Closed(fault)) = (kept, &ended)
            && closed_before_anything(fault)
        {
            return Sent::Stale;
        }
        let outcomes = match trouble {
            Some(error) => part.all(&Outcome::Failed(unreadable(&error))),
            None => self.outcomes(part, outcomes),
        };
        let still_good = match ended {
            Ended::Ready => Some(Box::new(self)),
            Ended::Closed(_) => None,
        };
        Sent::Settled(outcomes, still_good)
    }

    /// Looks whether the peer has ended the session while it was kept, with 421 or without a
    /// word (RFC 5321 §3.8).
    async fn was_closed_meanwhile(&mut self) -> bool {
        self.input.reserve(READ_SIZE);
        let mut reading = pin!(self.permit.read_buf(&mut self.input));
        let look = |context: &mut Context<'_>| Poll::Ready(reading.as_mut().poll(context));
        let nothing_to_read = poll_fn(look).await.is_pending();
        !nothing_to_read || !matches!(self.converse(None).await, Ended::Ready)
    }

    /// Takes leave.
    pub(crate) async fn quit(mut self) {
        if self.delivery.quit().is_ok() {
            let _the_answer_matters_to_nobody = self.converse(None).await;
        }
        let deadline = Instant::now() + Stage::Quit.patience();
        let _the_peer_may_be_gone = clock::until(Some(deadline), self.permit.shutdown()).await;
    }

    /// What a connection came to for each recipient.
    fn outcomes(&self, part: &Part, outcomes: Vec<RecipientOutcome>) -> Vec<Outcome> {
        let now = SystemTime::now();
        let missing = part.recipients.len().saturating_sub(outcomes.len());
        let unsettled = || {
            let fault = SessionFault::ConnectionLost { stage: Stage::Mail };
            Outcome::Failed(FailedAttempt::session(&self.peer, &fault, now))
        };
        outcomes
            .into_iter()
            .zip(part.reported_by_us())
            .map(|(outcome, by_us)| self.outcome(outcome, self.reporter(by_us), now))
            .chain(std::iter::repeat_with(unsettled).take(missing))
            .collect()
    }

    fn outcome(&self, outcome: RecipientOutcome, reporter: Reporter, now: SystemTime) -> Outcome {
        let failed = |refusal, permanence| {
            Outcome::Failed(FailedAttempt::recipient(
                &self.peer, refusal, permanence, now,
            ))
        };
        match outcome {
            RecipientOutcome::Delivered(reply) => Outcome::Delivered(Handover {
                peer: self.peer.clone(),
                reply,
                basis: self.permit.proven().clone(),
                partner: self.permit.partner().cloned(),
                reporter,
                shadow: self.permit.shadow().cloned(),
            }),
            RecipientOutcome::Transient(refusal) => failed(&refusal, Permanence::Transient),
            RecipientOutcome::Permanent(refusal) => failed(&refusal, Permanence::Permanent),
        }
    }

    fn reporter(&self, by_us: bool) -> Reporter {
        if !by_us && self.delivery.capabilities().offers(Extension::Dsn) {
            Reporter::NextHop
        } else {
            Reporter::Postern
        }
    }

    /// Does what the session asks for, until it wants a message or has come to its end.
    async fn converse(&mut self, mut transfer: Option<&mut Transfer<'_>>) -> Ended {
        loop {
            let done = match self.delivery.advance(&mut self.input, Instant::now()) {
                Action::Send(octets) => self.say(octets).await,
                Action::Read => self.read().await,
                Action::Content => self.feed(transfer.as_deref_mut()).await,
                Action::Rewind => {
                    debug!(next_hop = %self.peer, "CHUNKING was offered, but BDAT is not known");
                    if let Some(transfer) = transfer.as_deref_mut() {
                        transfer.rewind();
                    }
                    Ok(())
                }
                Action::Settled(outcomes) => {
                    if let Some(transfer) = transfer.as_deref_mut() {
                        transfer.outcomes = outcomes;
                    }
                    Ok(())
                }
                Action::Idle => return Ended::Ready,
                Action::Closed => {
                    return Ended::Closed(SessionFault::ConnectionLost { stage: Stage::Quit });
                }
                Action::Ended(fault) => return Ended::Closed(fault),
            };
            if let Err(trouble) = done {
                self.trouble = Some(trouble);
                self.delivery.connection_lost(Instant::now());
            }
        }
    }

    /// Takes what is said. It goes out when there is much of it, or an answer is awaited.
    async fn say(&mut self, octets: Bytes) -> io::Result<()> {
        self.unsent.push(octets);
        if self.unsent.remaining() >= GATHERED {
            self.send_off().await?;
        }
        Ok(())
    }

    async fn send_off(&mut self) -> io::Result<()> {
        let deadline = self.delivery.deadline();
        let leaving = self.permit.write_all_buf(&mut self.unsent);
        clock::until(deadline, leaving).await?
    }

    /// Reads what there is. That nothing came in time is no error here: the session knows its
    /// deadline, and says what missing it means.
    async fn read(&mut self) -> io::Result<()> {
        self.send_off().await?;
        let deadline = self.delivery.deadline();
        self.input.reserve(READ_SIZE);
        let (permit, input) = (&mut self.permit, &mut self.input);
        let reading = async {
            permit.flush().await?;
            permit.read_buf(input).await
        };
        match clock::until(deadline, reading).await {
            Err(_too_late) => Ok(()),
            Ok(Ok(0)) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error),
        }
    }

    /// Gives the session the next piece of content. Content that cannot be read cuts the
    /// connection off, so that the peer never takes a part for the whole.
    async fn feed(&mut self, transfer: Option<&mut Transfer<'_>>) -> io::Result<()> {
        let Some(transfer) = transfer else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let given = match transfer.reader.next().await {
            Ok(Some(piece)) => self.delivery.content(piece),
            Ok(None) => self.delivery.content_end(),
            Err(error) => {
                transfer.trouble = Some(error);
                return Err(io::ErrorKind::InvalidData.into());
            }
        };
        given.map_err(io::Error::other)
    }
}

/// A message on its way over a connection.
struct Transfer<'a> {
    content: &'a Content,
    reader: ContentReader,
    outcomes: Vec<RecipientOutcome>,
    trouble: Option<SpoolError>,
}

impl<'a> Transfer<'a> {
    fn of(content: &'a Content) -> Self {
        Self {
            content,
            reader: content.reader(),
            outcomes: Vec::new(),
            trouble: None,
        }
    }

    /// Begins anew with the content.
    fn rewind(&mut self) {
        self.reader = self.content.reader();
    }
}

/// How a stretch of conversation ended.
enum Ended {
    /// The peer is ready for a message.
    Ready,
    /// The connection is good for nothing more.
    Closed(SessionFault),
}

/// Whether the peer had closed a kept connection before it could have taken responsibility for
/// any of this message. Peers do so without a word when they find us idle for too long.
fn closed_before_anything(fault: &SessionFault) -> bool {
    match fault {
        SessionFault::ConnectionLost { stage } | SessionFault::ShutDown { stage, .. } => {
            matches!(stage, Stage::Rset | Stage::Mail)
        }
        SessionFault::Refused { .. }
        | SessionFault::IllFormedReply { .. }
        | SessionFault::UnexpectedReply { .. }
        | SessionFault::AnswerBeforeQuestion { .. }
        | SessionFault::OctetsBehindStartTls
        | SessionFault::StartTlsNotOffered
        | SessionFault::TimedOut { .. }
        | SessionFault::Content(_) => false,
    }
}

fn unreadable(error: &SpoolError) -> FailedAttempt {
    // X.3.0: other or undefined mail system status (RFC 3463 §3.4).
    let status = EnhancedStatusCode::transient(3, 0);
    let text = format!(
        "the message could not be read from the queue: {}",
        chain(error)
    );
    FailedAttempt::here(status, &text, Weight::Policy, SystemTime::now())
}
