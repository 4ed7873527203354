//! Connections that were made to us.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use super::{Transport, read_ahead::ReadAhead};
use crate::{Evidence, HandshakeError, TlsServer};

/// A connection that was made to us, without TLS so far.
pub struct PlainServerChannel<S> {
    stream: S,
}

impl<S: Transport> PlainServerChannel<S> {
    /// A channel over an accepted connection.
    pub fn new(stream: S) -> Self {
        Self { stream }
    }

    /// Whether octets wait that nobody has read; see [`Transport::octets_pending`]. To be asked
    /// before STARTTLS is answered.
    ///
    /// # Errors
    /// The connection failed.
    pub fn octets_pending(&self) -> io::Result<bool> {
        self.stream.octets_pending()
    }

    /// Begins TLS. The caller has said 220 to STARTTLS, with nothing pending then, and has no
    /// octets of the plain session left.
    ///
    /// # Errors
    /// Says how the handshake failed. The connection is closed, after an alert at most; nothing
    /// is said in clear.
    pub async fn upgrade(
        self,
        server: &TlsServer,
        limit: Duration,
    ) -> Result<TlsServerChannel<S>, HandshakeError> {
        let (stream, evidence) = server.handshake(ReadAhead::new(self.stream), limit).await?;
        Ok(TlsServerChannel {
            stream: Box::new(stream),
            evidence,
        })
    }
}

/// A connection that was made to us, after a handshake.
pub struct TlsServerChannel<S> {
    stream: Box<TlsStream<ReadAhead<S>>>,
    evidence: Evidence,
}

impl<S> TlsServerChannel<S> {
    /// What the handshake proved.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }
}

/// A connection that was made to us, with TLS or without.
#[derive(Debug)]
pub enum ServerChannel<S> {
    /// Without.
    Plain(PlainServerChannel<S>),
    /// With.
    Tls(TlsServerChannel<S>),
}

impl<S> ServerChannel<S> {
    /// What a handshake proved, if there was one.
    pub fn evidence(&self) -> Option<&Evidence> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(channel) => Some(&channel.evidence),
        }
    }
}

/// Implements reading and writing for a type by that of what `$stream` reaches.
macro_rules! stream_by {
    ($type:ident, $self:ident => $stream:expr) => {
        impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for $type<S> {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                into: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                let $self = self.get_mut();
                Pin::new($stream).poll_read(cx, into)
            }
        }

        impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for $type<S> {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                octets: &[u8],
            ) -> Poll<io::Result<usize>> {
                let $self = self.get_mut();
                Pin::new($stream).poll_write(cx, octets)
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $self = self.get_mut();
                Pin::new($stream).poll_flush(cx)
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $self = self.get_mut();
                Pin::new($stream).poll_shutdown(cx)
            }
        }
    };
}

stream_by!(PlainServerChannel, this => &mut this.stream);
stream_by!(TlsServerChannel, this => &mut this.stream);

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for ServerChannel<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(channel) => Pin::new(channel).poll_read(cx, into),
            Self::Tls(channel) => Pin::new(channel).poll_read(cx, into),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ServerChannel<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(channel) => Pin::new(channel).poll_write(cx, octets),
            Self::Tls(channel) => Pin::new(channel).poll_write(cx, octets),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(channel) => Pin::new(channel).poll_flush(cx),
            Self::Tls(channel) => Pin::new(channel).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(channel) => Pin::new(channel).poll_shutdown(cx),
            Self::Tls(channel) => Pin::new(channel).poll_shutdown(cx),
        }
    }
}

impl<S> fmt::Debug for PlainServerChannel<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainServerChannel")
    }
}

impl<S> fmt::Debug for TlsServerChannel<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsServerChannel({})", self.evidence)
    }
}
