//! Connections to peers, and what may be said over them by whom.
//!
//! **Outbound.** A [`PlainChannel`] becomes a [`TlsChannel`] by [`PlainChannel::upgrade`], which
//! consumes it: after a failed handshake there is no plain channel left to fall back to. Either
//! can only write an [`OpeningCommand`] until `postern-policy` has judged it and, by
//! [`Channel::release`], put it into a permit. So no envelope and no content can travel over a
//! channel that nobody judged.
//!
//! **Inbound.** A server receives content rather than gives it away, so [`PlainServerChannel`]
//! and [`TlsServerChannel`] can be read and written from the start. The upgrade consumes the
//! plain one just the same (RFC 3207 §4.2).
//!
//! Nothing is buffered in clear: what was read before a handshake was read into a buffer of the caller,
//! which is to be empty when the handshake begins. End of file without the alert close_notify is
//! an error of kind `UnexpectedEof`, since anyone could have cut the connection there
//! (RFC 8446 §6.1).

mod read_ahead;
mod released;
mod server;
mod transport;

use std::{fmt, io};

use bytes::BytesMut;
use postern_mail::Reply;
use postern_smtp::client::{GoAhead, OpeningCommand};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::client::TlsStream;

use crate::{Attempt, Evidence, HandshakeError, TlsClient};

pub use released::Released;
pub use server::{PlainServerChannel, ServerChannel, TlsServerChannel};
pub use transport::Transport;

/// How much room is made for a read where the caller left none. Replies to opening commands
/// are a few hundred octets.
const ROOM: usize = 4096;

/// A connection that we made, without TLS so far.
pub struct PlainChannel<S> {
    stream: S,
}

impl<S: AsyncRead + AsyncWrite + Unpin> PlainChannel<S> {
    /// A channel over a new connection.
    pub fn new(stream: S) -> Self {
        Self { stream }
    }

    /// Says one of the few things that may be said before the channel is judged.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn write_command(&mut self, command: &OpeningCommand) -> io::Result<()> {
        write_command(&mut self.stream, command).await
    }

    /// Reads what there is to read, appending it; 0 is the end of the connection.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn read(&mut self, into: &mut BytesMut) -> io::Result<usize> {
        read(&mut self.stream, into).await
    }

    /// Begins TLS. That the peer awaits it, and has sent nothing that could pass for what
    /// follows, is what a [`GoAhead`] says; the session core makes it from the 220 to STARTTLS
    /// and refuses octets behind that, which somebody injected (RFC 3207 §6).
    ///
    /// # Errors
    /// Says how the handshake failed. The connection is closed.
    pub async fn upgrade(
        self,
        agreed: GoAhead,
        client: &TlsClient,
        attempt: &Attempt,
    ) -> Result<TlsChannel<S>, HandshakeError> {
        drop(agreed);
        let (stream, evidence) = client.handshake(self.stream, attempt).await?;
        Ok(TlsChannel {
            stream: Box::new(stream),
            evidence,
        })
    }

    /// Closes the connection.
    ///
    /// # Errors
    /// The connection failed before that.
    pub async fn close(mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }
}

/// A connection that we made, after a handshake.
pub struct TlsChannel<S> {
    stream: Box<TlsStream<S>>,
    evidence: Evidence,
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsChannel<S> {
    /// What the handshake proved.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// Says one of the few things that may be said before the channel is judged.
    ///
    /// # Errors
    /// The connection failed, or the handshake after all; see [`HandshakeError::late`].
    pub async fn write_command(&mut self, command: &OpeningCommand) -> io::Result<()> {
        write_command(&mut self.stream, command).await
    }

    /// Reads what there is to read, appending it; 0 is the end of the connection.
    ///
    /// # Errors
    /// The connection failed, or the handshake after all; see [`HandshakeError::late`].
    pub async fn read(&mut self, into: &mut BytesMut) -> io::Result<usize> {
        read(&mut self.stream, into).await
    }

    /// Closes the connection, with close_notify.
    ///
    /// # Errors
    /// The connection failed before that.
    pub async fn close(mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }
}

/// Why a channel has no TLS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSecured {
    /// The peer does not offer STARTTLS, or somebody on the way took the offer out.
    #[error("the peer does not offer STARTTLS")]
    NotOffered,
    /// Nobody wants TLS on this route.
    #[error("TLS is not asked for on this route")]
    NotRequired,
    /// The connection was made to us, and the client sends in clear.
    #[error("the client did not use TLS")]
    NotUsed,
    /// The peer offered STARTTLS and then refused it.
    #[error("the peer refused STARTTLS: {0}")]
    Refused(Reply),
    /// The handshake failed on an earlier connection for the same delivery.
    #[error("{0}")]
    HandshakeFailed(HandshakeError),
}

/// A connection that we made, for the policy to judge.
#[derive(Debug)]
pub enum Channel<S> {
    /// With TLS.
    Tls(TlsChannel<S>),
    /// Without TLS, for a reason.
    Plain(PlainChannel<S>, NotSecured),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Channel<S> {
    /// What a handshake proved, or why there was none.
    ///
    /// # Errors
    /// Not a failure: the reason for which the channel is plain.
    pub fn security(&self) -> Result<&Evidence, &NotSecured> {
        match self {
            Self::Tls(channel) => Ok(&channel.evidence),
            Self::Plain(_, reason) => Err(reason),
        }
    }

    /// Gives the channel free for reading and writing anything.
    ///
    /// Only `postern-policy` calls this, after it judged the channel and before it puts it into
    /// a permit; a test over the sources of all crates holds everybody else to it.
    pub fn release(self) -> Released<S> {
        match self {
            Self::Tls(channel) => Released::tls(channel.stream, channel.evidence),
            Self::Plain(channel, reason) => Released::plain(channel.stream, reason),
        }
    }

    /// Says one of the few things that may be said before the channel is judged, such as QUIT
    /// after a refusal.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn write_command(&mut self, command: &OpeningCommand) -> io::Result<()> {
        match self {
            Self::Tls(channel) => channel.write_command(command).await,
            Self::Plain(channel, _) => channel.write_command(command).await,
        }
    }

    /// Reads what there is to read, appending it; 0 is the end of the connection.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn read(&mut self, into: &mut BytesMut) -> io::Result<usize> {
        match self {
            Self::Tls(channel) => channel.read(into).await,
            Self::Plain(channel, _) => channel.read(into).await,
        }
    }

    /// Closes the connection.
    ///
    /// # Errors
    /// The connection failed before that.
    pub async fn close(self) -> io::Result<()> {
        match self {
            Self::Tls(channel) => channel.close().await,
            Self::Plain(channel, _) => channel.close().await,
        }
    }
}

async fn write_command(
    stream: &mut (impl AsyncWrite + Unpin),
    command: &OpeningCommand,
) -> io::Result<()> {
    stream.write_all(&command.encode()).await?;
    stream.flush().await
}

async fn read(stream: &mut (impl AsyncRead + Unpin), into: &mut BytesMut) -> io::Result<usize> {
    into.reserve(ROOM);
    stream.read_buf(into).await
}

impl<S> fmt::Debug for PlainChannel<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainChannel")
    }
}

impl<S> fmt::Debug for TlsChannel<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsChannel({})", self.evidence)
    }
}

#[cfg(test)]
mod tests;
