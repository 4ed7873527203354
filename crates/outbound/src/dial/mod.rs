//! One address: dial it, have it prove what it can, be permitted.
//!
//! A handshake that fails takes its connection with it. Another connection to the same address
//! is then made with a smaller ClientHello, where what failed may have been the size or the
//! novelty of the first; and where nothing at all is demanded of the channel, a last one in clear
//! (RFC 7435 §1.2): to a host whose TLS is broken, mail travels as it would to a host without
//! TLS. Where anything is demanded, no connection in clear is made. Nothing of this is
//! remembered: the next connection begins with TLS again.
//!
//! In TLS 1.3 a server may refuse our certificate, or the lack of one, after the handshake has
//! ended for us. That is a failed handshake too, and not a delivery gone wrong.

mod opening;

use std::time::{Instant, SystemTime};

use bytes::BytesMut;
use postern_mail::{Domain, EnhancedStatusCode};
use postern_policy::{HostPlan, Refusal};
use postern_smtp::client::{Delivery, Extension, Opened, SessionFault, Stage};
use postern_tls::{Channel, HandshakeError, Hello, NotSecured};
use tokio::net::TcpStream;
use tracing::{debug, info};

use crate::{
    attempt::{FailedAttempt, Peer, Weight},
    clock,
    connection::{Connection, NotOpened},
    prospect::Known,
    situation::Situation,
    trace::Trace,
};

/// An attempt at one address.
#[derive(Debug)]
pub(crate) struct Dial<'a> {
    pub(crate) plan: &'a HostPlan,
    /// What the plan stands on.
    pub(crate) known: &'a Known,
    pub(crate) situation: &'a Situation,
    pub(crate) peer: Peer,
    /// Whether the peer must offer REQUIRETLS (RFC 8689 §4.2.1).
    pub(crate) needs_requiretls: bool,
}

/// Why an address did not serve.
#[derive(Debug)]
pub(crate) struct Undelivered {
    /// What its recipients are told.
    pub(crate) failed: FailedAttempt,
    /// What the policy had against it, where it was the policy.
    pub(crate) refusal: Option<Refusal>,
}

impl From<FailedAttempt> for Undelivered {
    fn from(failed: FailedAttempt) -> Self {
        Self {
            failed,
            refusal: None,
        }
    }
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
    Failed(Undelivered),
    /// The handshake failed, and took the connection with it.
    Handshake(HandshakeError),
    /// The handshake was over for us, and the peer refused it after all.
    Rejected(HandshakeError),
    /// The peer broke the protocol where a handshake was due. It may be somebody on the way who
    /// speaks there (CVE-2021-38371), so nothing more is said to it.
    Violation(SessionFault),
}

/// Whether STARTTLS is asked for, and with what.
#[derive(Debug, Clone)]
enum Upgrade {
    /// Where it is offered, with this ClientHello.
    IfOffered(Hello),
    /// Not again, for this reason.
    FailedBefore(NotSecured),
}

impl Dial<'_> {
    /// A permitted connection to the address. What happened on the way is added to `trace`.
    pub(crate) async fn connection(&self, trace: &mut Trace) -> Result<Connection, Undelivered> {
        let mut upgrade = Upgrade::IfOffered(Hello::Full);
        loop {
            upgrade = match self.attempt(&upgrade, trace).await {
                Ok(connection) => return self.offering_enough(connection).await,
                Err(NoChannel::Failed(failed)) => return Err(failed),
                Err(NoChannel::Violation(fault)) => return Err(self.failed(&fault)),
                Err(NoChannel::Handshake(error)) if self.try_a_smaller_hello(&upgrade, &error) => {
                    Upgrade::IfOffered(Hello::Reduced)
                }
                Err(NoChannel::Handshake(error) | NoChannel::Rejected(error)) => {
                    self.without_tls(&upgrade, error)?
                }
            };
        }
    }

    async fn attempt(&self, upgrade: &Upgrade, trace: &mut Trace) -> Result<Connection, NoChannel> {
        let ready = self.channel(upgrade, trace).await?;
        let connection = self.permitted(ready).await;
        match (&connection, trace.last_mut()) {
            (Ok(connection), Some(link)) => {
                link.offered = Some(connection.capabilities().clone());
            }
            (Err(NoChannel::Rejected(error)), Some(link)) => {
                link.security = Err(NotSecured::HandshakeFailed(error.clone()));
            }
            (Ok(_) | Err(_), _) => {}
        }
        connection
    }

    /// The connection, if the peer offers what the message needs.
    async fn offering_enough(&self, connection: Connection) -> Result<Connection, Undelivered> {
        let offers = connection.capabilities().offers(Extension::RequireTls);
        if offers || !self.needs_requiretls {
            return Ok(connection);
        }
        connection.quit().await;
        Err(FailedAttempt::no_requiretls(&self.peer, SystemTime::now()).into())
    }

    /// Whether TLS is tried once more, with a smaller hello.
    fn try_a_smaller_hello(&self, tried: &Upgrade, error: &HandshakeError) -> bool {
        let full = matches!(tried, Upgrade::IfOffered(Hello::Full));
        let client = self.situation.tls_client(self.plan.enforced().bounds());
        let smaller = client.ok().and_then(|client| client.reduction().cloned());
        let Some(smaller) = smaller.filter(|_| full && a_smaller_hello_may_help(error)) else {
            return false;
        };
        debug!(next_hop = %self.peer, cause = %error, "TLS failed; trying {smaller}");
        true
    }

    /// Goes on in clear if nothing stands against that, and says what does otherwise.
    fn without_tls(&self, tried: &Upgrade, error: HandshakeError) -> Result<Upgrade, Undelivered> {
        let again = matches!(tried, Upgrade::FailedBefore(_));
        let reason = NotSecured::HandshakeFailed(error);
        match self.plan.judge(Err(&reason), clock::unix_time()) {
            Err(refusal) => Err(self.refused(&refusal)),
            Ok(_) if again => Err(self.handshake_failed(&reason)),
            Ok(_) => {
                info!(
                    next_hop = %self.peer,
                    refused_because = %reason,
                    "TLS failed and nothing demands it; trying in clear"
                );
                Ok(Upgrade::FailedBefore(reason))
            }
        }
    }

    /// Has the channel judged, and begins the session on it.
    async fn permitted(&self, ready: Ready) -> Result<Connection, NoChannel> {
        let Ready { channel, session } = ready;
        let policy = &self.situation.policy;
        let permit = match policy.authorize(self.plan, channel, clock::unix_time()) {
            Ok(permit) => permit,
            Err(refused) => {
                let refusal = refused.refusal().clone();
                let deadline = Instant::now() + Stage::Quit.patience();
                let _the_refusal_counts = clock::until(Some(deadline), refused.quit()).await;
                return Err(NoChannel::Failed(self.refused(&refusal)));
            }
        };
        let now = Instant::now();
        let (delivery, input) = match session {
            Session::AfterTls => (Delivery::after_tls(self.hostname(), now), BytesMut::new()),
            Session::InClear(opened, input) => (Delivery::in_clear(opened, now), input),
        };
        let (peer, known) = (self.peer.clone(), self.known.clone());
        let opened = Connection::open(permit, delivery, input, peer, known).await;
        opened.map_err(|not_opened| match not_opened {
            NotOpened::Session(fault) => NoChannel::Failed(self.failed(&fault)),
            NotOpened::Handshake(error) => NoChannel::Rejected(error),
        })
    }

    fn hostname(&self) -> Domain {
        self.situation.settings.hostname.clone()
    }

    fn failed(&self, fault: &SessionFault) -> Undelivered {
        FailedAttempt::session(&self.peer, fault, SystemTime::now()).into()
    }

    /// A failed handshake that the policy does not mind, and that nothing helps against.
    fn handshake_failed(&self, reason: &NotSecured) -> Undelivered {
        // X.7.5: cryptographic failure (RFC 3463 §3.8).
        let status = EnhancedStatusCode::transient(7, 5);
        let text = format!("{}: {reason}", self.peer);
        FailedAttempt::here(status, &text, Weight::Session, SystemTime::now()).into()
    }

    fn refused(&self, refusal: &Refusal) -> Undelivered {
        Undelivered {
            failed: FailedAttempt::refused(&self.peer, refusal, SystemTime::now()),
            refusal: Some(refusal.clone()),
        }
    }
}

/// Whether a handshake failed for what a smaller hello can mend. What the peer answered is taken
/// at its word: that there is nothing in common, or nothing that is TLS, stays so if less is
/// offered.
fn a_smaller_hello_may_help(error: &HandshakeError) -> bool {
    match error {
        HandshakeError::TimedOut(_)
        | HandshakeError::Closed
        | HandshakeError::Network(_)
        | HandshakeError::Alert(_)
        | HandshakeError::Misbehaved(_) => true,
        HandshakeError::Incompatible(_)
        | HandshakeError::NotTls
        | HandshakeError::NotProven(_)
        | HandshakeError::Ours(_) => false,
    }
}
