//! Those who bring mail to the relay: a small client over real sockets.
//!
//! It delivers as the relay does, by the sending half of `postern-smtp` over a channel that was
//! judged. Its policy demands nothing: it is for the relay to be choosy.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use postern_mail::{
    AddressLiteral, BodyType, Domain, Envelope, ForwardPath, Host, Recipient, Reply, ReversePath,
    TlsWish,
};
use postern_policy::{Defaults, DeliveryRequest, HostFacts, Permit, Policy};
use postern_smtp::client::{
    Action, Delivery, Opened, Opening, OpeningAction, OpeningCommand, RecipientOutcome,
    SessionFault, StartTlsAnswer,
};
use postern_tls::{
    Attempt, Authentication, CertificateStore, Channel, HandshakeError, Hello, NotSecured,
    PlainChannel, Profile, ProfileName, Resumption, TlsClient, TrustAnchors,
};
use rustls_pki_types::UnixTime;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    certificates,
    home::Home,
    neighbours::parse,
    story::{Caller, Dress, Letter},
};
use crate::failure::Failure;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// What all callers have in common.
#[derive(Debug)]
pub(super) struct Callers {
    certificates: CertificateStore,
    tls: TlsClient,
    policy: Policy,
}

/// Why the relay gave no answer to a letter.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// What is to be sent is not right.
    #[error("the letter is not right: {0}")]
    Letter(String),
    /// The connection failed.
    #[error("the connection failed")]
    Connection(#[from] io::Error),
    /// The handshake failed.
    #[error("the handshake failed")]
    Handshake(#[from] HandshakeError),
    /// The session ended before there was an answer.
    #[error("the session failed")]
    Session(#[from] SessionFault),
    /// The session came to a point where it should not be.
    #[error("the session ended without an answer")]
    NoAnswer,
}

impl Callers {
    pub(super) fn new(home: &Home) -> Result<Self, Failure> {
        let pairs: Vec<_> = certificates::OF_CALLERS.map(|stem| home.pair(stem)).into();
        let certificates = CertificateStore::load(&pairs, UnixTime::now());
        let profile = Profile::named(ProfileName::Intermediate);
        let defaults = Defaults {
            profile,
            trust: TrustAnchors::union([]),
        };
        Ok(Self {
            certificates: certificates.map_err(|errors| several(&errors))?,
            tls: TlsClient::new(profile.bounds())
                .map_err(|error| Failure::new("a client of the demonstration", &error))?,
            policy: Policy::new(defaults, Vec::new()).map_err(|errors| several(&errors))?,
        })
    }

    /// Brings a letter to `server`, and returns the reply that decided on it.
    pub(super) async fn bring(
        &self,
        letter: Letter,
        caller: Caller,
        server: SocketAddr,
        content: &Bytes,
    ) -> Result<Reply, CallError> {
        let name = domain(caller.name)?;
        let envelope = envelope(letter)?;
        let mut plain = PlainChannel::new(TcpStream::connect(server).await?);
        let opened = open(&mut plain, name.clone()).await?;
        let (channel, delivery) = match caller.dress {
            Dress::InClear => {
                let channel = Channel::Plain(plain, NotSecured::NotRequired);
                (channel, Delivery::in_clear(opened, Instant::now()))
            }
            Dress::Anonymous => (self.secure(plain, opened, None).await?, after_tls(name)),
            Dress::Showing(stem) => (
                self.secure(plain, opened, Some(stem)).await?,
                after_tls(name),
            ),
        };
        let permit = self.permit(channel, server)?;
        hand_over(permit, delivery, envelope, content).await
    }

    /// STARTTLS and the handshake.
    async fn secure(
        &self,
        mut channel: PlainChannel<TcpStream>,
        opened: Opened,
        shows: Option<&str>,
    ) -> Result<Channel<TcpStream>, CallError> {
        let mut input = BytesMut::new();
        let mut waiting = opened.starttls(&input, Instant::now())?;
        channel.write_command(&OpeningCommand::StartTls).await?;
        let go_ahead = loop {
            match waiting.advance(&mut input, Instant::now())? {
                StartTlsAnswer::Read(still) => {
                    waiting = still;
                    if channel.read(&mut input).await? == 0 {
                        return Err(waiting.connection_lost(Instant::now()).into());
                    }
                }
                StartTlsAnswer::GoAhead(go_ahead) => break go_ahead,
                StartTlsAnswer::Declined(..) => return Err(CallError::NoAnswer),
            }
        };
        let attempt = Attempt {
            authentication: Authentication::NotDemanded,
            server_name: None,
            present: shows.and_then(|stem| self.certificates.identity(stem)),
            hello: Hello::Full,
            resumption: Resumption::Forbidden,
            limit: HANDSHAKE,
        };
        let secured = channel.upgrade(go_ahead, &self.tls, &attempt).await;
        Ok(Channel::Tls(secured?))
    }

    fn permit(
        &self,
        channel: Channel<TcpStream>,
        server: SocketAddr,
    ) -> Result<Permit<TcpStream>, CallError> {
        let host = Host::Literal(AddressLiteral::new(server.ip()));
        let plan = self
            .policy
            .plan_delivery(&DeliveryRequest::to(&host), UnixTime::now());
        let plan = plan.for_host(&HostFacts::configured(host.clone()));
        let permit = self.policy.authorize(&plan, channel, UnixTime::now());
        permit.map_err(|refused| CallError::Letter(refused.refusal().to_string()))
    }
}

fn after_tls(name: Domain) -> Delivery {
    Delivery::after_tls(name, Instant::now())
}

/// Greeting and EHLO.
async fn open(channel: &mut PlainChannel<TcpStream>, name: Domain) -> Result<Opened, CallError> {
    let mut input = BytesMut::new();
    let mut opening = Opening::new(name, Instant::now());
    loop {
        match opening.advance(&mut input, Instant::now())? {
            OpeningAction::Opened(opened) => return Ok(opened),
            OpeningAction::Send(command) => channel.write_command(&command).await?,
            OpeningAction::Read => {
                if channel.read(&mut input).await? == 0 {
                    return Err(opening.connection_lost(Instant::now()).into());
                }
            }
        }
    }
}

/// One transaction, and QUIT.
async fn hand_over(
    mut permit: Permit<TcpStream>,
    mut delivery: Delivery,
    envelope: Envelope,
    content: &Bytes,
) -> Result<Reply, CallError> {
    let mut input = BytesMut::new();
    let mut envelope = Some(envelope);
    let mut to_send = Some(content.clone());
    let mut decided = None;
    loop {
        let turn = match delivery.advance(&mut input, Instant::now()) {
            Action::Send(octets) => {
                permit.write_all(&octets).await?;
                permit.flush().await?;
                Ok(())
            }
            Action::Read => {
                if permit.read_buf(&mut input).await? == 0 {
                    delivery.connection_lost(Instant::now());
                }
                Ok(())
            }
            Action::Idle => match envelope.take() {
                Some(envelope) => delivery.begin(envelope, content.len() as u64, Instant::now()),
                None => delivery.quit(),
            },
            Action::Content => match to_send.take() {
                Some(content) => delivery.content(content),
                None => delivery.content_end(),
            },
            // The demonstration's own listener knows what it offers.
            Action::Rewind => return Err(CallError::NoAnswer),
            Action::Settled(outcomes) => {
                decided = outcomes.into_iter().next().map(reply);
                Ok(())
            }
            Action::Closed => return decided.ok_or(CallError::NoAnswer),
            Action::Ended(fault) => return decided.ok_or(fault.into()),
        };
        turn.map_err(|_out_of_turn| CallError::NoAnswer)?;
    }
}

fn reply(outcome: RecipientOutcome) -> Reply {
    match outcome {
        RecipientOutcome::Delivered(reply) => reply,
        RecipientOutcome::Transient(failure) | RecipientOutcome::Permanent(failure) => {
            failure.reply
        }
    }
}

fn envelope(letter: Letter) -> Result<Envelope, CallError> {
    let wrong = |error: &dyn std::error::Error| CallError::Letter(error.to_string());
    let from = format!("<{}>", letter.from);
    let to = format!("<{}>", letter.to);
    let (reverse_path, _) = ReversePath::parse_prefix(&from).map_err(|error| wrong(&error))?;
    let (forward_path, _) = ForwardPath::parse_prefix(&to).map_err(|error| wrong(&error))?;
    Ok(Envelope {
        reverse_path,
        recipients: vec![Recipient::from(forward_path)],
        body: BodyType::SevenBit,
        smtputf8: false,
        ret: None,
        envelope_id: None,
        tls_wish: TlsWish::Unstated,
    })
}

fn domain(name: &str) -> Result<Domain, CallError> {
    parse(name).map_err(|_| CallError::Letter(format!("{name:?} is no name")))
}

fn several(errors: &[impl std::fmt::Display]) -> Failure {
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    Failure::plain(errors.join("\n"))
}
