//! One address: dial it, have it prove what it can, be permitted.
//!
//! Where nothing is demanded of the channel, a failed handshake is followed by one more
//! connection to the same address in clear (RFC 7435 §1.2): to a host whose TLS is broken, mail
//! travels as it would to a host without TLS. Where anything is demanded, no such connection is
//! made.

use std::{
    io,
    net::SocketAddr,
    time::{Instant, SystemTime},
};

use bytes::BytesMut;
use postern_mail::{Domain, EnhancedStatusCode};
use postern_policy::{HostPlan, Refusal};
use postern_smtp::client::{
    Delivery, Extension, GoAhead, Opened, Opening, OpeningAction, OpeningCommand, SessionFault,
    Stage, StartTlsAnswer,
};
use postern_tls::{
    Attempt, Authentication, Channel, HandshakeError, Hello, NotSecured, PlainChannel, Resumption,
};
use tokio::net::TcpStream;
use tracing::info;

use crate::{
    attempt::{FailedAttempt, Peer, Weight},
    clock,
    connection::{Connection, NotOpened},
    situation::Situation,
};

/// An attempt at one address.
pub(crate) struct Dial<'a> {
    pub(crate) plan: &'a HostPlan,
    pub(crate) situation: &'a Situation,
    pub(crate) peer: Peer,
}

/// A channel that is ready to be judged, and the session that goes with it.
struct Ready {
    channel: Channel<TcpStream>,
    session: Session,
}

/// How the session goes on once the channel is permitted.
enum Session {
    /// It begins again, over TLS.
    AfterTls,
    /// It goes on where it stands, in clear, with what was read already.
    InClear(Opened, BytesMut),
}

/// Why there is no channel to be judged.
enum NoChannel {
    /// The session failed, or there was none.
    Failed(FailedAttempt),
    /// The handshake failed, and took the connection with it.
    Handshake(HandshakeError),
}

/// Whether STARTTLS is asked for.
enum Upgrade {
    /// Where it is offered.
    IfOffered,
    /// Not again, for this reason.
    FailedBefore(NotSecured),
}

impl Dial<'_> {
    /// A permitted connection to the address.
    pub(crate) async fn connection(&self) -> Result<Connection, FailedAttempt> {
        match self.channel(Upgrade::IfOffered).await {
            Ok(ready) => self.permitted(ready).await,
            Err(NoChannel::Failed(failed)) => Err(failed),
            Err(NoChannel::Handshake(error)) => self.after_failed_handshake(error).await,
        }
    }

    /// Goes on in clear if nothing stands against it, and says what does otherwise.
    async fn after_failed_handshake(
        &self,
        error: HandshakeError,
    ) -> Result<Connection, FailedAttempt> {
        let reason = NotSecured::HandshakeFailed(error);
        if let Err(refusal) = self.plan.judge(Err(&reason), clock::unix_time()) {
            return Err(self.refused(&refusal));
        }
        info!(
            next_hop = %self.peer,
            refused_because = %reason,
            "TLS failed and nothing demands it; trying in clear"
        );
        match self.channel(Upgrade::FailedBefore(reason)).await {
            Ok(ready) => self.permitted(ready).await,
            Err(NoChannel::Failed(failed)) => Err(failed),
            Err(NoChannel::Handshake(error)) => Err(self.handshake_failed(&error)),
        }
    }

    /// Has the channel judged, and begins the session on it.
    async fn permitted(&self, ready: Ready) -> Result<Connection, FailedAttempt> {
        let Ready { channel, session } = ready;
        let policy = &self.situation.policy;
        let permit = match policy.authorize(self.plan, channel, clock::unix_time()) {
            Ok(permit) => permit,
            Err(refused) => {
                let refusal = refused.refusal().clone();
                let deadline = Instant::now() + Stage::Quit.patience();
                let _the_refusal_counts = clock::until(Some(deadline), refused.quit()).await;
                return Err(self.refused(&refusal));
            }
        };
        let now = Instant::now();
        let (delivery, input) = match session {
            Session::AfterTls => (Delivery::after_tls(self.hostname(), now), BytesMut::new()),
            Session::InClear(opened, input) => (Delivery::in_clear(opened, now), input),
        };
        let opened = Connection::open(
            permit,
            delivery,
            input,
            self.peer.clone(),
            self.plan.facts(),
        )
        .await;
        opened.map_err(|not_opened| match not_opened {
            NotOpened::Session(fault) => self.failed(&fault),
            NotOpened::Handshake(error) => self.handshake_failed(&error),
        })
    }

    /// Dials, greets, and upgrades the channel as far as it goes.
    async fn channel(&self, upgrade: Upgrade) -> Result<Ready, NoChannel> {
        let mut channel = PlainChannel::new(self.dial().await?);
        let mut input = BytesMut::new();
        let opened = self.greet(&mut channel, &mut input).await?;
        let reason = match upgrade {
            Upgrade::IfOffered if opened.capabilities().offers(Extension::StartTls) => {
                return self.starttls(channel, input, opened).await;
            }
            Upgrade::IfOffered => NotSecured::NotOffered,
            Upgrade::FailedBefore(reason) => reason,
        };
        Ok(in_clear(channel, reason, opened, input))
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
        Err(NoChannel::Failed(FailedAttempt::not_connected(
            &text,
            SystemTime::now(),
        )))
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
    ) -> Result<Ready, NoChannel> {
        let failed = |fault: &SessionFault| NoChannel::Failed(self.failed(fault));
        let mut waiting = opened
            .starttls(&input, Instant::now())
            .map_err(|fault| failed(&fault))?;
        let deadline = waiting.deadline();
        let mut done = say(&mut channel, &OpeningCommand::StartTls, deadline).await;
        loop {
            if done.is_err() {
                return Err(failed(&waiting.connection_lost(Instant::now())));
            }
            match waiting.advance(&mut input, Instant::now()) {
                Ok(StartTlsAnswer::Read(still)) => {
                    waiting = still;
                    done = listen(&mut channel, &mut input, waiting.deadline()).await;
                }
                Ok(StartTlsAnswer::GoAhead(agreed)) => {
                    return self.handshake(channel, agreed).await;
                }
                Ok(StartTlsAnswer::Declined(reply, opened)) => {
                    let reason = NotSecured::Refused(reply);
                    return Ok(in_clear(channel, reason, opened, input));
                }
                Err(fault) => return Err(failed(&fault)),
            }
        }
    }

    async fn handshake(
        &self,
        channel: PlainChannel<TcpStream>,
        agreed: GoAhead,
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
            hello: Hello::Full,
            resumption: Resumption::Allowed,
            limit: self.situation.settings.handshake_timeout,
        };
        let secured = channel.upgrade(agreed, &client, &attempt).await;
        let channel = secured.map_err(NoChannel::Handshake)?;
        Ok(Ready {
            channel: Channel::Tls(channel),
            session: Session::AfterTls,
        })
    }

    fn hostname(&self) -> Domain {
        self.situation.settings.hostname.clone()
    }

    fn failed(&self, fault: &SessionFault) -> FailedAttempt {
        FailedAttempt::session(&self.peer, fault, SystemTime::now())
    }

    /// A failed handshake, in the policy's words where the policy minds.
    fn handshake_failed(&self, error: &HandshakeError) -> FailedAttempt {
        let reason = NotSecured::HandshakeFailed(error.clone());
        match self.plan.judge(Err(&reason), clock::unix_time()) {
            Err(refusal) => self.refused(&refusal),
            Ok(_) => {
                // X.7.5: cryptographic failure (RFC 3463 §3.8).
                let status = EnhancedStatusCode::transient(7, 5);
                let text = format!("{}: {error}", self.peer);
                FailedAttempt::here(status, &text, Weight::Session, SystemTime::now())
            }
        }
    }

    fn refused(&self, refusal: &Refusal) -> FailedAttempt {
        FailedAttempt::refused(&self.peer, refusal, SystemTime::now())
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
