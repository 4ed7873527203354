//! A session over a channel that was judged: transactions one after the other.

use std::{
    mem,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use postern_mail::{Domain, Envelope, ReplyCode, Severity};

use super::{
    Capabilities, Extension, Opened, OpeningCommand, RecipientOutcome, SessionFault, Stage,
    exchange::Exchange,
    transaction::{Aftermath, Step, Transaction},
};

/// How long everything before the content may take, whatever the number of recipients.
const ENVELOPE_LIMIT: Duration = Duration::from_secs(60 * 60);

/// Hands messages to a peer.
///
/// The shell calls [`Delivery::advance`], does what the [`Action`] says, and calls it again.
/// When a wait reaches [`Delivery::deadline`], it calls `advance` once more and is told what
/// that means; when reading or writing fails, it calls [`Delivery::connection_lost`] first.
///
/// ```
/// use std::time::Instant;
///
/// use bytes::BytesMut;
/// use postern_smtp::client::{Action, Delivery};
///
/// let (now, mut input) = (Instant::now(), BytesMut::new());
/// let mut delivery = Delivery::after_tls("mx1.example.org".parse()?, now);
/// let Action::Send(octets) = delivery.advance(&mut input, now) else { panic!() };
/// assert_eq!(octets, "EHLO mx1.example.org\r\n");
/// assert!(matches!(delivery.advance(&mut input, now), Action::Read));
/// input.extend_from_slice(b"250 mx.example\r\n");
/// assert!(matches!(delivery.advance(&mut input, now), Action::Idle));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Delivery {
    peer: Capabilities,
    layer: Layer,
    exchange: Exchange,
    state: State,
    aftermath: Aftermath,
    transactions: u32,
}

/// What carries the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    Clear,
    Tls,
}

/// What the shell does next.
#[derive(Debug)]
#[must_use]
pub enum Action {
    /// Write all of these octets, until [`Delivery::deadline`]. They may lie in a buffer as
    /// long as it is flushed before the next [`Action::Read`].
    Send(Bytes),
    /// Read more octets into the input, until [`Delivery::deadline`].
    Read,
    /// Give the next piece of content, or its end: [`Delivery::content`],
    /// [`Delivery::content_end`].
    Content,
    /// Begin again with the content: the next [`Action::Content`] asks for its first piece. The
    /// peer offered CHUNKING, did not know BDAT when it came, and is given the message by DATA.
    Rewind,
    /// The transaction is over, with an outcome for each recipient in the order of the
    /// envelope. What becomes of the session is the next action.
    Settled(Vec<RecipientOutcome>),
    /// The session waits for [`Delivery::begin`] or [`Delivery::quit`].
    Idle,
    /// The session was ended in good order: close the connection.
    Closed,
    /// The session broke off: close the connection.
    Ended(SessionFault),
}

#[derive(Debug)]
enum State {
    SayEhlo(Domain),
    AwaitEhlo,
    Idle,
    Transaction(Box<Transaction>),
    SayQuit,
    AwaitQuit,
    Closed,
    Ended(SessionFault),
}

/// A call that does not belong where the session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session does not stand where this is possible")]
pub struct OutOfTurn;

impl Delivery {
    /// A session after a TLS handshake that ended `now`: it begins again with EHLO, whatever
    /// was learnt in clear (RFC 3207 §4.2).
    pub fn after_tls(name: Domain, now: Instant) -> Self {
        Self::new(
            State::SayEhlo(name),
            Capabilities::default(),
            Layer::Tls,
            Stage::Ehlo,
            now,
        )
    }

    /// The session that was opened in clear, going on in clear.
    pub fn in_clear(opened: Opened, now: Instant) -> Self {
        Self::new(
            State::Idle,
            opened.into_capabilities(),
            Layer::Clear,
            Stage::Mail,
            now,
        )
    }

    fn new(state: State, peer: Capabilities, layer: Layer, stage: Stage, now: Instant) -> Self {
        Self {
            peer,
            layer,
            exchange: Exchange::new(stage, now),
            state,
            aftermath: Aftermath::Clean,
            transactions: 0,
        }
    }

    /// What the peer offers; nothing before the first [`Action::Idle`].
    pub fn capabilities(&self) -> &Capabilities {
        &self.peer
    }

    /// Until when the shell may wait; `None` where there is nothing to wait for.
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::SayEhlo(_)
            | State::AwaitEhlo
            | State::Transaction(_)
            | State::SayQuit
            | State::AwaitQuit => Some(self.exchange.deadline()),
            State::Idle | State::Closed | State::Ended(_) => None,
        }
    }

    /// Begins a transaction: `size` octets of content that `envelope` describes, for the
    /// recipients of it who are reached over this connection.
    ///
    /// # Errors
    /// Refuses unless the last action was [`Action::Idle`].
    pub fn begin(&mut self, envelope: Envelope, size: u64, now: Instant) -> Result<(), OutOfTurn> {
        let State::Idle = self.state else {
            return Err(OutOfTurn);
        };
        self.take_up(envelope, size, now);
        Ok(())
    }

    fn take_up(&mut self, envelope: Envelope, size: u64, now: Instant) {
        let transaction = Transaction::new(envelope, size, &self.peer, self.layer, self.aftermath);
        self.exchange.limit(Some(now + ENVELOPE_LIMIT));
        self.transactions = self.transactions.saturating_add(1);
        self.state = State::Transaction(Box::new(transaction));
    }

    /// Gives a piece of content.
    ///
    /// # Errors
    /// Refuses unless the last action was [`Action::Content`]. Content that must not be sent is
    /// no error here: it ends the session, as the next actions will say.
    pub fn content(&mut self, chunk: Bytes) -> Result<(), OutOfTurn> {
        self.take_content(Some(chunk))
    }

    /// Says that all content was given.
    ///
    /// # Errors
    /// As [`Delivery::content`].
    pub fn content_end(&mut self) -> Result<(), OutOfTurn> {
        self.take_content(None)
    }

    fn take_content(&mut self, chunk: Option<Bytes>) -> Result<(), OutOfTurn> {
        match &mut self.state {
            State::Transaction(transaction) => transaction.content(chunk),
            State::SayEhlo(_)
            | State::AwaitEhlo
            | State::Idle
            | State::SayQuit
            | State::AwaitQuit
            | State::Closed
            | State::Ended(_) => Err(OutOfTurn),
        }
    }

    /// Ends the session in good order (RFC 5321 §4.1.1.10).
    ///
    /// # Errors
    /// Refuses unless the last action was [`Action::Idle`].
    pub fn quit(&mut self) -> Result<(), OutOfTurn> {
        let State::Idle = self.state else {
            return Err(OutOfTurn);
        };
        self.state = State::SayQuit;
        Ok(())
    }

    /// Says that reading or writing failed, that the peer closed the connection, or that it was
    /// given up `now`. The next actions tell what follows.
    pub fn connection_lost(&mut self, now: Instant) {
        let fault = self.exchange.connection_lost(now);
        match &mut self.state {
            State::Transaction(transaction) => transaction.break_off(fault),
            State::SayEhlo(_) | State::AwaitEhlo => self.state = State::Ended(fault),
            State::Idle => {
                let stage = Stage::Mail;
                self.state = State::Ended(SessionFault::ConnectionLost { stage });
            }
            // Nobody needs the answer to QUIT.
            State::SayQuit | State::AwaitQuit | State::Closed => self.state = State::Closed,
            State::Ended(_) => {}
        }
    }

    /// What to do next, given all that was read so far.
    pub fn advance(&mut self, input: &mut BytesMut, now: Instant) -> Action {
        let advanced = match &mut self.state {
            State::Transaction(transaction) => {
                let step = transaction.advance(&mut self.exchange, input, now);
                Ok(self.perform(step, now))
            }
            State::SayEhlo(name) => {
                let command = OpeningCommand::Ehlo(name.clone());
                self.say(Stage::Ehlo, &command, State::AwaitEhlo, input, now)
            }
            State::AwaitEhlo => self.hear_ehlo(input, now),
            State::Idle => self.listen_while_idle(input),
            State::SayQuit => self.say(
                Stage::Quit,
                &OpeningCommand::Quit,
                State::AwaitQuit,
                input,
                now,
            ),
            State::AwaitQuit => Ok(self.hear_quit(input, now)),
            State::Closed => Ok(Action::Closed),
            State::Ended(fault) => Ok(Action::Ended(fault.clone())),
        };
        advanced.unwrap_or_else(|fault| {
            self.state = State::Ended(fault.clone());
            Action::Ended(fault)
        })
    }

    /// A finished transaction is followed by another one, or by QUIT where the peer allows no
    /// more of them (`MAILMAX`, RFC 9422 §4.1). One that a peer did not understand is followed by
    /// itself in plainer words.
    fn perform(&mut self, step: Step, now: Instant) -> Action {
        let (outcomes, left) = match step {
            Step::Send(octets) => return Action::Send(octets),
            Step::Read => return Action::Read,
            Step::Content => return Action::Content,
            Step::Settled(outcomes, left) => (outcomes, left),
        };
        self.exchange.limit(None);
        let ended = mem::replace(&mut self.state, State::Idle);
        if let (State::Transaction(ended), Ok(aftermath)) = (ended, &left)
            && let Some((envelope, size)) = ended.not_understood()
        {
            self.aftermath = *aftermath;
            self.peer.withdraw(Extension::Chunking);
            self.take_up(envelope, size, now);
            return Action::Rewind;
        }
        self.state = match (left, self.peer.transaction_limit()) {
            (Err(fault), _) => State::Ended(fault),
            (Ok(_), Some(limit)) if self.transactions >= limit => State::SayQuit,
            (Ok(aftermath), _) => {
                self.aftermath = aftermath;
                State::Idle
            }
        };
        Action::Settled(outcomes)
    }

    fn say(
        &mut self,
        stage: Stage,
        command: &OpeningCommand,
        next: State,
        input: &BytesMut,
        now: Instant,
    ) -> Result<Action, SessionFault> {
        self.exchange.ask(stage, input, now)?;
        self.state = next;
        Ok(Action::Send(command.encode()))
    }

    /// No HELO follows a refusal here: a server that offered STARTTLS knows EHLO.
    fn hear_ehlo(&mut self, input: &mut BytesMut, now: Instant) -> Result<Action, SessionFault> {
        let stage = Stage::Ehlo;
        let Some(reply) = self.exchange.answer(input, now)? else {
            return Ok(Action::Read);
        };
        match (reply.code(), reply.severity()) {
            (ReplyCode::OK, _) => {
                self.peer = Capabilities::from_ehlo(&reply);
                self.state = State::Idle;
                self.listen_while_idle(input)
            }
            (_, Severity::TransientNegative | Severity::PermanentNegative) => {
                Err(SessionFault::Refused { stage, reply })
            }
            (_, Severity::PositiveCompletion | Severity::PositiveIntermediate) => {
                Err(SessionFault::UnexpectedReply { stage, reply })
            }
        }
    }

    /// A peer may close an idle session with 421. It has nothing else to say.
    fn listen_while_idle(&mut self, input: &mut BytesMut) -> Result<Action, SessionFault> {
        if input.is_empty() {
            return Ok(Action::Idle);
        }
        let stage = Stage::Mail;
        self.exchange.interjection(stage, input)?;
        Err(SessionFault::AnswerBeforeQuestion { stage })
    }

    /// Any answer to QUIT will do, and none as well.
    fn hear_quit(&mut self, input: &mut BytesMut, now: Instant) -> Action {
        match self.exchange.answer(input, now) {
            Ok(None) => Action::Read,
            Ok(Some(_)) | Err(_) => {
                self.state = State::Closed;
                Action::Closed
            }
        }
    }
}
