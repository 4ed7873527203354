//! One connection from the handshake, where it begins with one, to its end.

mod author;
mod conversation;
mod journal;
mod judgement;
mod message;
mod reception;
mod recipients;
mod spending;
mod timer;
mod transaction;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use postern_smtp::server::{AwaitingTls, Ending, ServerSession};
use postern_tls::{HandshakeError, PlainServerChannel, ServerChannel, TlsServer, TlsServerChannel};
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    time::{Instant, timeout},
};

use self::{
    conversation::{Conversation, Next},
    reception::Reception,
};
use crate::{
    TlsMode,
    shared::{SessionId, Shared},
    situation::Door,
};

/// Who came, and to which listener.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) shared: Arc<Shared>,
    /// The listener as it was when the client came.
    pub(crate) door: Arc<Door>,
    /// How long a handshake may take.
    pub(crate) handshake: Duration,
    pub(crate) session: SessionId,
    pub(crate) peer: SocketAddr,
    /// The number of the listener.
    pub(crate) number: usize,
}

/// How a connection ended without the session's doing.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error("the client closed the connection")]
    Closed,
    #[error("the client did not read in time")]
    NotRead,
    #[error("the connection failed: {0}")]
    Network(io::Error),
    #[error("{0}")]
    Handshake(HandshakeError),
    #[error("this server shuts down")]
    Stopped,
}

impl From<io::Error> for Lost {
    /// Finds the refusal of a TLS 1.3 client, which comes when the handshake seems to be over.
    fn from(error: io::Error) -> Self {
        HandshakeError::late(&error).map_or(Self::Network(error), Self::Handshake)
    }
}

/// Serves a client to the end of its connection.
pub(crate) async fn serve(visit: Visit, stream: TcpStream) {
    let begun = Instant::now();
    let mut reception = Reception::new(&visit);
    tracing::debug!("connected");
    let ended = stay(&visit, &mut reception, stream).await;
    let messages = reception.end();
    let seconds = begun.elapsed().as_secs();
    match ended {
        Ok(ending) => tracing::info!(messages, seconds, %ending, "session ended"),
        Err(lost) => {
            if let Lost::Handshake(_) = &lost {
                visit.shared.figures.failed_handshakes.up();
            }
            tracing::info!(messages, seconds, ending = %lost, "session ended");
        }
    }
}

async fn stay(
    visit: &Visit,
    reception: &mut Reception<'_>,
    stream: TcpStream,
) -> Result<Ending, Lost> {
    // What is written is complete, so nothing is gained by waiting for more of it.
    let _ = stream.set_nodelay(true);
    // A handshake takes room that a session which is idle later need not keep.
    let (channel, session) = Box::pin(begin(visit, stream)).await?;
    let conversation = Conversation::new(visit, channel, session);
    match conversation.run(reception).await? {
        Next::Closed(ending) => Ok(ending),
        Next::StartTls(awaiting, channel) => {
            let (channel, session) = Box::pin(start_tls(visit, awaiting, channel)).await?;
            let conversation = Conversation::new(visit, channel, session);
            match conversation.run(reception).await? {
                Next::Closed(ending) => Ok(ending),
                // There is no plain channel left that could be upgraded.
                Next::StartTls(..) => Err(Lost::Closed),
            }
        }
    }
}

type Begun = (ServerChannel<TcpStream>, ServerSession);

async fn begin(visit: &Visit, stream: TcpStream) -> Result<Begun, Lost> {
    let door = &visit.door;
    let plain = PlainServerChannel::new(stream);
    let settings = Arc::clone(&door.session);
    match (&door.tls, door.listener.tls) {
        (Some(server), TlsMode::Implicit) => {
            let channel = secure(visit, plain, server).await?;
            let session = ServerSession::over_tls(settings);
            Ok((ServerChannel::Tls(channel), session))
        }
        (_, TlsMode::StartTls | TlsMode::Required | TlsMode::Implicit | TlsMode::None) => {
            Ok((ServerChannel::Plain(plain), ServerSession::new(settings)))
        }
    }
}

/// Says 220 to STARTTLS and makes the handshake. Whatever goes wrong ends the connection: there
/// is no plain session to return to.
async fn start_tls(
    visit: &Visit,
    awaiting: AwaitingTls,
    mut channel: PlainServerChannel<TcpStream>,
) -> Result<Begun, Lost> {
    // STARTTLS is offered only where there is someone to make the handshake.
    let server = visit.door.tls.as_ref().ok_or(Lost::Stopped)?;
    let reply = awaiting.reply();
    timeout(visit.handshake, channel.write_all(&reply))
        .await
        .map_err(|_| Lost::NotRead)??;
    let channel = secure(visit, channel, server).await?;
    Ok((ServerChannel::Tls(channel), awaiting.secured()))
}

/// A client in the middle of a handshake has nothing to lose, so the shutdown does not wait.
async fn secure(
    visit: &Visit,
    channel: PlainServerChannel<TcpStream>,
    server: &TlsServer,
) -> Result<TlsServerChannel<TcpStream>, Lost> {
    let channel = tokio::select! {
        upgraded = channel.upgrade(server, visit.handshake) => upgraded.map_err(Lost::Handshake)?,
        () = visit.shared.drain.stopped() => return Err(Lost::Stopped),
    };
    tracing::debug!(evidence = %channel.evidence(), "TLS is active");
    Ok(channel)
}
