//! Reading from a socket in larger pieces than rustls asks for.
//!
//! rustls takes 4 KiB at a time, which would be five system calls for each record of content. What
//! is read beyond that waits here, and only as long as there is something: while a session is
//! idle, or says commands, nothing is kept.

use std::{
    io,
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much is read at once: two records.
const AT_ONCE: usize = 32 * 1024;

/// A stream with what was read from it and not yet asked for.
pub(crate) struct ReadAhead<S> {
    stream: S,
    ahead: BytesMut,
}

impl<S> ReadAhead<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            ahead: BytesMut::new(),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ReadAhead<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ahead.is_empty() {
            let mut octets = [const { MaybeUninit::uninit() }; AT_ONCE];
            let mut read = ReadBuf::uninit(&mut octets);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut read))?;
            let (wanted, ahead) = split(read.filled(), into.remaining());
            into.put_slice(wanted);
            this.ahead.extend_from_slice(ahead);
            return Poll::Ready(Ok(()));
        }
        let (wanted, _) = split(&this.ahead, into.remaining());
        into.put_slice(wanted);
        let taken = wanted.len();
        this.ahead.advance(taken);
        if this.ahead.is_empty() {
            this.ahead = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

fn split(octets: &[u8], at: usize) -> (&[u8], &[u8]) {
    octets.split_at_checked(at).unwrap_or((octets, &[]))
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ReadAhead<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, octets)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, octets)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn all_octets_come_in_their_order_in_whatever_pieces() {
        for (sent, piece) in [(10, 4096), (100_000, 4096), (100_000, 1), (70_000, 50_000)] {
            let content: Vec<u8> = (0_u32..sent).map(|at| at.to_le_bytes()[0]).collect();
            let (near, mut far) = tokio::io::duplex(40_000);
            let mut ahead = ReadAhead::new(near);
            let send = async {
                far.write_all(&content).await.unwrap();
                drop(far);
            };
            let receive = async {
                let (mut received, mut octets) = (Vec::new(), vec![0; piece]);
                loop {
                    match ahead.read(&mut octets).await.unwrap() {
                        0 => break received,
                        read => received.extend_from_slice(&octets[..read]),
                    }
                }
            };
            let ((), received) = tokio::join!(send, receive);
            assert!(received == content, "{sent} in pieces of {piece}");
            assert_eq!(ahead.ahead.capacity(), 0, "nothing is kept");
        }
    }
}
