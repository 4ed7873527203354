//! A channel that was judged.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use super::NotSecured;
use crate::Evidence;

/// A connection over which anything may be said. It keeps what was judged, so that it can be
/// judged again for the next message.
pub struct Released<S> {
    stream: Stream<S>,
}

enum Stream<S> {
    Tls(Box<TlsStream<S>>, Evidence),
    Plain(S, NotSecured),
}

impl<S> Released<S> {
    pub(super) fn tls(stream: Box<TlsStream<S>>, evidence: Evidence) -> Self {
        Self {
            stream: Stream::Tls(stream, evidence),
        }
    }

    pub(super) fn plain(stream: S, reason: NotSecured) -> Self {
        Self {
            stream: Stream::Plain(stream, reason),
        }
    }

    /// What a handshake proved, or why there was none.
    ///
    /// # Errors
    /// Not a failure: the reason for which the channel is plain.
    pub fn security(&self) -> Result<&Evidence, &NotSecured> {
        match &self.stream {
            Stream::Tls(_, evidence) => Ok(evidence),
            Stream::Plain(_, reason) => Err(reason),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Released<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Tls(stream, _) => Pin::new(stream).poll_read(cx, into),
            Stream::Plain(stream, _) => Pin::new(stream).poll_read(cx, into),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Released<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            Stream::Tls(stream, _) => Pin::new(stream).poll_write(cx, octets),
            Stream::Plain(stream, _) => Pin::new(stream).poll_write(cx, octets),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            Stream::Tls(stream, _) => Pin::new(stream).poll_write_vectored(cx, octets),
            Stream::Plain(stream, _) => Pin::new(stream).poll_write_vectored(cx, octets),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Tls(stream, _) => stream.is_write_vectored(),
            Stream::Plain(stream, _) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Tls(stream, _) => Pin::new(stream).poll_flush(cx),
            Stream::Plain(stream, _) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Tls(stream, _) => Pin::new(stream).poll_shutdown(cx),
            Stream::Plain(stream, _) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

impl<S> fmt::Debug for Released<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.stream {
            Stream::Tls(_, evidence) => write!(f, "Released({evidence})"),
            Stream::Plain(_, reason) => write!(f, "Released(plain: {reason})"),
        }
    }
}
