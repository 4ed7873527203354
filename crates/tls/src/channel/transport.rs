//! What TLS and plain SMTP run over.

use std::{io, os::fd::AsFd};

use rustix::net::{RecvFlags, recv};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream},
    net::{TcpStream, UnixStream},
};

/// A byte stream to a peer.
pub trait Transport: AsyncRead + AsyncWrite + Unpin + Send {
    /// Whether octets have arrived that nobody has read yet.
    ///
    /// A server asks this before it answers STARTTLS: a client waits for the 220, so whatever
    /// came behind the command was put there by somebody else, or by a client that pipelines
    /// where it must not (RFC 2920 §3.1, CVE-2011-0411). What arrives after the answer is either
    /// a handshake or fails as one.
    ///
    /// A stream that cannot tell says no, as in-memory streams do. Nothing leaks then: such
    /// octets meet the handshake, and it fails.
    ///
    /// # Errors
    /// The connection failed.
    fn octets_pending(&self) -> io::Result<bool> {
        Ok(false)
    }
}

impl Transport for TcpStream {
    fn octets_pending(&self) -> io::Result<bool> {
        socket_pending(self)
    }
}

impl Transport for UnixStream {
    fn octets_pending(&self) -> io::Result<bool> {
        socket_pending(self)
    }
}

impl Transport for DuplexStream {}

/// Asks the kernel, not the runtime, whose idea of readiness may be a turn old.
fn socket_pending(socket: impl AsFd) -> io::Result<bool> {
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    match recv(socket, &mut [0_u8; 1], flags) {
        Ok((_, 0)) => Ok(false), // the end of the connection
        Ok(_) => Ok(true),
        Err(rustix::io::Errno::AGAIN) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncWriteExt as _, net::TcpListener};

    use super::*;

    #[tokio::test]
    async fn what_waits_in_a_socket_is_seen_and_left_there() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut client = TcpStream::connect(address).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        assert!(!server.octets_pending().unwrap());
        client.write_all(b"NOOP\r\n").await.unwrap();
        server.readable().await.unwrap();
        assert!(server.octets_pending().unwrap());
        let mut octets = [0; 6];
        assert_eq!(server.try_read(&mut octets).unwrap(), 6);
        assert_eq!(&octets, b"NOOP\r\n");
        assert!(!server.octets_pending().unwrap());
        drop(client);
        server.readable().await.unwrap();
        assert!(!server.octets_pending().unwrap());
    }
}
