//! A session before its channel has been judged: greeting, EHLO, STARTTLS.
//!
//! Nothing of a message is known here, so none of it can leak. The only octets that this part
//! of a session can bring forth are [`OpeningCommand`]s.

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use postern_mail::{Domain, Reply, ReplyCode, Severity};

use super::{Capabilities, Extension, SessionFault, Stage, exchange::Exchange};

/// All that may be said over a channel that nobody has judged yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpeningCommand {
    /// `EHLO` with our name (RFC 5321 §4.1.1.1).
    Ehlo(Domain),
    /// `HELO` with our name, to a server that refused EHLO.
    Helo(Domain),
    /// `STARTTLS` (RFC 3207 §4).
    StartTls,
    /// `QUIT` (RFC 5321 §4.1.1.10), also the way out where TLS proved too little
    /// (RFC 3207 §4.1).
    Quit,
}

impl OpeningCommand {
    /// The octets of the command, CRLF included.
    pub fn encode(&self) -> Bytes {
        match self {
            Self::Ehlo(name) => Bytes::from(format!("EHLO {name}\r\n")),
            Self::Helo(name) => Bytes::from(format!("HELO {name}\r\n")),
            Self::StartTls => Bytes::from_static(b"STARTTLS\r\n"),
            Self::Quit => Bytes::from_static(b"QUIT\r\n"),
        }
    }
}

/// A session from the connection to the reply to EHLO.
///
/// The shell keeps the input, an empty buffer at first, and appends to it what it reads.
///
/// ```
/// use std::time::Instant;
///
/// use bytes::BytesMut;
/// use postern_smtp::client::{Extension, Opening, OpeningAction, OpeningCommand};
///
/// let (now, mut input) = (Instant::now(), BytesMut::new());
/// let mut opening = Opening::new("mx1.example.org".parse()?, now);
/// assert!(matches!(opening.advance(&mut input, now)?, OpeningAction::Read));
/// input.extend_from_slice(b"220 mx.example ESMTP\r\n");
/// let OpeningAction::Send(command) = opening.advance(&mut input, now)? else { panic!() };
/// assert_eq!(command.encode(), "EHLO mx1.example.org\r\n");
/// input.extend_from_slice(b"250-mx.example\r\n250 STARTTLS\r\n");
/// let OpeningAction::Opened(opened) = opening.advance(&mut input, now)? else { panic!() };
/// assert!(opened.capabilities().offers(Extension::StartTls));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Opening {
    name: Domain,
    exchange: Exchange,
    state: State,
}

#[derive(Debug)]
enum State {
    AwaitReply,
    SayEhlo,
    SayHelo,
    Open(Capabilities),
}

/// What the shell does next.
#[derive(Debug)]
pub enum OpeningAction {
    /// Write this command.
    Send(OpeningCommand),
    /// Read more octets into the input, until [`Opening::deadline`].
    Read,
    /// The peer introduced itself; decide between STARTTLS, a judgement of the plain channel,
    /// and QUIT.
    Opened(Opened),
}

impl Opening {
    /// A session over a connection made `now`, in which we go by `name`.
    pub fn new(name: Domain, now: Instant) -> Self {
        Self {
            name,
            exchange: Exchange::new(Stage::Greeting, now),
            state: State::AwaitReply,
        }
    }

    /// What to do next, given all that was read so far.
    ///
    /// # Errors
    /// Says how the session ended.
    pub fn advance(
        &mut self,
        input: &mut BytesMut,
        now: Instant,
    ) -> Result<OpeningAction, SessionFault> {
        loop {
            match &self.state {
                State::AwaitReply => {
                    let Some(reply) = self.exchange.answer(input, now)? else {
                        return Ok(OpeningAction::Read);
                    };
                    self.state = self.after(reply)?;
                }
                State::SayEhlo => {
                    self.exchange.ask(Stage::Ehlo, input, now)?;
                    self.state = State::AwaitReply;
                    return Ok(OpeningAction::Send(OpeningCommand::Ehlo(self.name.clone())));
                }
                State::SayHelo => {
                    self.exchange.ask(Stage::Helo, input, now)?;
                    self.state = State::AwaitReply;
                    return Ok(OpeningAction::Send(OpeningCommand::Helo(self.name.clone())));
                }
                State::Open(capabilities) => {
                    let capabilities = capabilities.clone();
                    return Ok(OpeningAction::Opened(Opened { capabilities }));
                }
            }
        }
    }

    /// A server that knows no EHLO answers it with 5yz, and is greeted with HELO
    /// (RFC 5321 §3.2). It offers nothing then, TLS least of all.
    fn after(&self, reply: Reply) -> Result<State, SessionFault> {
        let stage = self.exchange.stage();
        match (stage, reply.code(), reply.severity()) {
            (Stage::Greeting, ReplyCode::READY, _) => Ok(State::SayEhlo),
            (Stage::Ehlo, ReplyCode::OK, _) => Ok(State::Open(Capabilities::from_ehlo(&reply))),
            (Stage::Ehlo, _, Severity::PermanentNegative) => Ok(State::SayHelo),
            (Stage::Helo, ReplyCode::OK, _) => Ok(State::Open(Capabilities::default())),
            (_, _, Severity::TransientNegative | Severity::PermanentNegative) => {
                Err(SessionFault::Refused { stage, reply })
            }
            (_, _, Severity::PositiveCompletion | Severity::PositiveIntermediate) => {
                Err(SessionFault::UnexpectedReply { stage, reply })
            }
        }
    }

    /// Until when the shell may wait.
    pub fn deadline(&self) -> Instant {
        self.exchange.deadline()
    }

    /// What it means that the connection ended, failed or was given up `now`.
    pub fn connection_lost(&self, now: Instant) -> SessionFault {
        self.exchange.connection_lost(now)
    }
}

/// A session whose peer has introduced itself in clear.
///
/// It is used up by whatever comes next, so that what was learnt in clear cannot be carried
/// over a TLS handshake (RFC 3207 §4.2).
#[derive(Debug)]
pub struct Opened {
    capabilities: Capabilities,
}

impl Opened {
    /// What the peer offers, or what somebody on the way made of it.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Asks for TLS. The shell writes [`OpeningCommand::StartTls`] next.
    ///
    /// # Errors
    /// Ends the session where STARTTLS was not offered, and where octets of the peer are
    /// waiting already: they would pass for the answer.
    pub fn starttls(self, input: &BytesMut, now: Instant) -> Result<StartTls, SessionFault> {
        if !self.capabilities.offers(Extension::StartTls) {
            return Err(SessionFault::StartTlsNotOffered);
        }
        let mut exchange = Exchange::new(Stage::StartTls, now);
        exchange.ask(Stage::StartTls, input, now)?;
        Ok(StartTls {
            opened: self,
            exchange,
        })
    }

    pub(super) fn into_capabilities(self) -> Capabilities {
        self.capabilities
    }
}

/// A session in which STARTTLS was said and not yet answered.
#[derive(Debug)]
pub struct StartTls {
    opened: Opened,
    exchange: Exchange,
}

/// What became of STARTTLS.
#[derive(Debug)]
pub enum StartTlsAnswer {
    /// Nothing yet: read more octets into the input, until [`StartTls::deadline`].
    Read(StartTls),
    /// The handshake comes next. Nothing of the session in clear is left.
    GoAhead(GoAhead),
    /// The peer declined, and the session in clear stands where it stood (RFC 3207 §4.1). Its
    /// channel can still be judged for what it is.
    Declined(Reply, Opened),
}

/// The peer awaits a TLS handshake, and has sent nothing that could pass for part of what
/// follows it. Only [`StartTls::advance`] makes this value.
#[derive(Debug)]
#[must_use = "the peer waits for a handshake"]
pub struct GoAhead {
    _made_by_the_answer_220: (),
}

impl StartTls {
    /// What became of it, given all that was read so far.
    ///
    /// # Errors
    /// Says how the session ended; with [`SessionFault::OctetsBehindStartTls`] where a single
    /// octet stands behind the 220.
    pub fn advance(
        mut self,
        input: &mut BytesMut,
        now: Instant,
    ) -> Result<StartTlsAnswer, SessionFault> {
        let stage = Stage::StartTls;
        let Some(reply) = self.exchange.answer(input, now)? else {
            return Ok(StartTlsAnswer::Read(self));
        };
        match (reply.code(), reply.severity()) {
            (ReplyCode::READY, _) if !input.is_empty() => Err(SessionFault::OctetsBehindStartTls),
            (ReplyCode::READY, _) => Ok(StartTlsAnswer::GoAhead(GoAhead {
                _made_by_the_answer_220: (),
            })),
            (_, Severity::TransientNegative | Severity::PermanentNegative) => {
                Ok(StartTlsAnswer::Declined(reply, self.opened))
            }
            (_, Severity::PositiveCompletion | Severity::PositiveIntermediate) => {
                Err(SessionFault::UnexpectedReply { stage, reply })
            }
        }
    }

    /// Until when the shell may wait.
    pub fn deadline(&self) -> Instant {
        self.exchange.deadline()
    }

    /// What it means that the connection ended, failed or was given up `now`.
    pub fn connection_lost(&self, now: Instant) -> SessionFault {
        self.exchange.connection_lost(now)
    }
}
