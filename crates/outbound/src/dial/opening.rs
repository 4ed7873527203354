//! From an address to a channel: the connection, the greeting, STARTTLS, the handshake.

use std::{
    io,
    net::SocketAddr,
    time::{Instant, SystemTime},
};

use bytes::BytesMut;
use postern_smtp::client::{
    Extension, GoAhead, Opened, Opening, OpeningAction, OpeningCommand, SessionFault, Stage,
    StartTlsAnswer,
};
use postern_tls::{
    Attempt, Authentication, Channel, HandshakeError, Hello, NotSecured, PlainChannel, Resumption,
};
use tokio::net::TcpStream;

use super::{Dial, NoChannel, Ready, Session, Upgrade};
use crate::{
    attempt::FailedAttempt,
    clock,
    trace::{Link, Trace},
};

impl Dial<'_> {
    /// Dials, greets, and upgrades the channel as far as it goes.
    pub(super) async fn channel(
        &self,
        upgrade: &Upgrade,
        trace: &mut Trace,
    ) -> Result<Ready, NoChannel> {
        let stream = self.dial().await?;
        let from = stream.local_addr().ok().map(|address| address.ip());
        let mut channel = PlainChannel::new(stream);
        let mut input = BytesMut::new();
        let opened = self.greet(&mut channel, &mut input).await?;
        let offered_in_clear = opened.capabilities().clone();
        let (hello, ready) = match upgrade {
            Upgrade::IfOffered(hello) if offered_in_clear.offers(Extension::StartTls) => {
                let ready = self.starttls(channel, input, opened, *hello).await;
                (Some(*hello), ready)
            }
            Upgrade::IfOffered(hello) => {
                let ready = in_clear(channel, NotSecured::NotOffered, opened, input);
                (Some(*hello), Ok(ready))
            }
            Upgrade::FailedBefore(reason) => {
                let ready = in_clear(channel, reason.clone(), opened, input);
                (None, Ok(ready))
            }
        };
        let security = match &ready {
            Ok(ready) => ready.channel.security().cloned().map_err(Clone::clone),
            Err(NoChannel::Handshake(error)) => Err(NotSecured::HandshakeFailed(error.clone())),
            Err(NoChannel::Violation(fault)) => {
                let error = HandshakeError::Misbehaved(fault.to_string());
                Err(NotSecured::HandshakeFailed(error))
            }
            // A session that breaks off before says nothing about TLS.
            Err(NoChannel::Failed(_) | NoChannel::Rejected(_)) => return ready,
        };
        trace.connections.push(Link {
            from,
            hello,
            security,
            offered_in_clear,
            offered: None,
        });
        ready
    }

    async fn dial(&self) -> Result<TcpStream, NoChannel> {
        let limit = self.situation.settings.connect_timeout;
        let address: SocketAddr = self.peer.address;
        let connected = tokio::time::timeout(limit, TcpStream::connect(address)).await;
        let trouble = match connected {
            Ok(Ok(stream)) => match stream.set_nodelay(true) {
                Ok(()) => return Ok(stream),
                Err(error) => error.to_string(),
            },
            Ok(Err(error)) => error.to_string(),
            Err(_elapsed) => format!("no answer within {} s", limit.as_secs()),
        };
        let text = format!("cannot connect to {}: {trouble}", self.peer);
        let failed = FailedAttempt::not_connected(&text, SystemTime::now());
        Err(NoChannel::Failed(failed.into()))
    }

    /// Greeting, EHLO, and what the peer offers.
    async fn greet(
        &self,
        channel: &mut PlainChannel<TcpStream>,
        input: &mut BytesMut,
    ) -> Result<Opened, NoChannel> {
        let mut opening = Opening::new(self.hostname(), Instant::now());
        loop {
            let done = match opening.advance(input, Instant::now()) {
                Ok(OpeningAction::Opened(opened)) => return Ok(opened),
                Ok(OpeningAction::Send(command)) => {
                    say(channel, &command, opening.deadline()).await
                }
                Ok(OpeningAction::Read) => listen(channel, input, opening.deadline()).await,
                Err(fault) => return Err(NoChannel::Failed(self.failed(&fault))),
            };
            if done.is_err() {
                let fault = opening.connection_lost(Instant::now());
                return Err(NoChannel::Failed(self.failed(&fault)));
            }
        }
    }

    /// STARTTLS and the handshake, or the channel as it is where the peer declines.
    async fn starttls(
        &self,
        mut channel: PlainChannel<TcpStream>,
        mut input: BytesMut,
        opened: Opened,
        hello: Hello,
    ) -> Result<Ready, NoChannel> {
        let begun = opened.starttls(&input, Instant::now());
        let mut waiting = begun.map_err(|fault| self.broken_off(fault))?;
        let deadline = waiting.deadline();
        let mut done = say(&mut channel, &OpeningCommand::StartTls, deadline).await;
        loop {
            if done.is_err() {
                return Err(self.broken_off(waiting.connection_lost(Instant::now())));
            }
            match waiting.advance(&mut input, Instant::now()) {
                Ok(StartTlsAnswer::Read(still)) => {
                    waiting = still;
                    done = listen(&mut channel, &mut input, waiting.deadline()).await;
                }
                Ok(StartTlsAnswer::GoAhead(agreed)) => {
                    return self.handshake(channel, agreed, hello).await;
                }
                Ok(StartTlsAnswer::Declined(reply, opened)) => {
                    let reason = NotSecured::Refused(reply);
                    return Ok(in_clear(channel, reason, opened, input));
                }
                Err(fault) => return Err(self.broken_off(fault)),
            }
        }
    }

    /// What it means that the session ended where STARTTLS was to be answered. A peer that goes
    /// away or falls silent there fails at TLS, as it would a moment later.
    fn broken_off(&self, fault: SessionFault) -> NoChannel {
        match fault {
            SessionFault::ConnectionLost { .. } => NoChannel::Handshake(HandshakeError::Closed),
            SessionFault::TimedOut { .. } => {
                NoChannel::Handshake(HandshakeError::TimedOut(Stage::StartTls.patience()))
            }
            SessionFault::Refused { .. } | SessionFault::ShutDown { .. } => {
                NoChannel::Failed(self.failed(&fault))
            }
            SessionFault::IllFormedReply { .. }
            | SessionFault::UnexpectedReply { .. }
            | SessionFault::AnswerBeforeQuestion { .. }
            | SessionFault::OctetsBehindStartTls
            | SessionFault::StartTlsNotOffered
            | SessionFault::Content(_) => NoChannel::Violation(fault),
        }
    }

    async fn handshake(
        &self,
        channel: PlainChannel<TcpStream>,
        agreed: GoAhead,
        hello: Hello,
    ) -> Result<Ready, NoChannel> {
        let requirement = self.plan.enforced();
        let client = self
            .situation
            .tls_client(requirement.bounds())
            .map_err(|contradiction| {
                NoChannel::Handshake(HandshakeError::Ours(contradiction.to_string()))
            })?;
        let authentication = if requirement.level().requires_authenticated_peer() {
            Authentication::Demanded
        } else {
            Authentication::NotDemanded
        };
        let certificates = &self.situation.certificates;
        let attempt = Attempt {
            authentication,
            server_name: self.plan.server_name().cloned(),
            present: self
                .plan
                .delivery()
                .present()
                .and_then(|name| certificates.identity(name.as_str())),
            hello,
            resumption: self.resumption(),
            limit: self.situation.settings.handshake_timeout,
        };
        let secured = channel.upgrade(agreed, &client, &attempt).await;
        let channel = secured.map_err(NoChannel::Handshake)?;
        Ok(Ready {
            channel: Channel::Tls(channel),
            session: Session::AfterTls,
        })
    }

    /// A session is resumed only where nobody asks who the peer is, not even to measure it: it
    /// would prove nothing.
    fn resumption(&self) -> Resumption {
        if self.plan.full().identity().is_none() {
            Resumption::Allowed
        } else {
            Resumption::Forbidden
        }
    }
}

async fn say(
    channel: &mut PlainChannel<TcpStream>,
    command: &OpeningCommand,
    deadline: Instant,
) -> io::Result<()> {
    clock::until(Some(deadline), channel.write_command(command)).await?
}

/// Reads what there is. That nothing came in time is no error here: the session knows its
/// deadline, and says what missing it means.
async fn listen(
    channel: &mut PlainChannel<TcpStream>,
    input: &mut BytesMut,
    deadline: Instant,
) -> io::Result<()> {
    match clock::until(Some(deadline), channel.read(input)).await {
        Err(_too_late) => Ok(()),
        Ok(Ok(0)) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error),
    }
}

fn in_clear(
    channel: PlainChannel<TcpStream>,
    reason: NotSecured,
    opened: Opened,
    input: BytesMut,
) -> Ready {
    Ready {
        channel: Channel::Plain(channel, reason),
        session: Session::InClear(opened, input),
    }
}
