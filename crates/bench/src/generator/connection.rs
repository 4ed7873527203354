//! One connection of the generator: a client that takes no detours.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Buf as _, BytesMut};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;

use crate::corpus::Outgoing;

/// What is read below TLS at once; replies are short.
const PIECE: usize = 4096;

/// What is written at once: one full TLS record.
const RECORD: usize = 16 * 1024;

/// The longest reply that is listened to.
const LONGEST_REPLY: usize = 64 * 1024;

/// How many connections wait for a greeting at the same time. OpenSMTPD lets the kernel keep five for
/// it (its `SMTPD_BACKLOG`): of more that come in one moment some are never greeted.
pub(super) const GREETED_AT_A_TIME: usize = 4;

/// A stream, secured or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// The server, and how it is spoken to.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    pub(super) name: ServerName<'static>,
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// Whose turn it is to be greeted.
    pub(super) turns: Arc<Semaphore>,
    /// MAIL, RCPT and DATA, each with its line end.
    pub(super) envelope: [String; 3],
}

/// An open session, ready for mail.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    buffer: BytesMut,
    pipelining: bool,
    scratch: Vec<u8>,
}

impl Target {
    /// Connects, says EHLO, and has TLS where it should.
    pub(super) async fn open(&self) -> io::Result<Connection> {
        let mut buffer = BytesMut::new();
        let mut stream = self.greeted(&mut buffer).await?;
        let reply = ask(&mut stream, &mut buffer, HELLO, "250").await?;
        let Some(config) = &self.tls else {
            return Ok(Connection::over(Box::new(stream), &reply));
        };
        ask(&mut stream, &mut buffer, "STARTTLS\r\n", "220").await?;
        let connector = TlsConnector::from(Arc::clone(config));
        let mut secured = connector.connect(self.name.clone(), stream).await?;
        let reply = ask(&mut secured, &mut buffer, HELLO, "250").await?;
        Ok(Connection::over(Box::new(secured), &reply))
    }

    async fn greeted(&self, buffer: &mut BytesMut) -> io::Result<BufReader<TcpStream>> {
        let _turn = self.turns.acquire().await.map_err(io::Error::other)?;
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let mut stream = BufReader::with_capacity(PIECE, stream);
        expect(&mut stream, buffer, "220").await?;
        Ok(stream)
    }
}

impl Connection {
    fn over(stream: Box<dyn Stream>, reply: &str) -> Self {
        Self {
            stream,
            buffer: BytesMut::with_capacity(PIECE),
            pipelining: reply
                .lines()
                .any(|line| line.get(4..) == Some("PIPELINING")),
            scratch: Vec::with_capacity(RECORD),
        }
    }

    /// Hands a message over; it was answered by 250 when this returns.
    pub(super) async fn send(&mut self, target: &Target, message: &Outgoing) -> io::Result<()> {
        let [mail, rcpt, data] = &target.envelope;
        let (stream, buffer) = (&mut self.stream, &mut self.buffer);
        if self.pipelining {
            self.scratch.clear();
            for command in &target.envelope {
                self.scratch.extend_from_slice(command.as_bytes());
            }
            write(stream, &self.scratch).await?;
            for code in ["250", "250", "354"] {
                expect(stream, buffer, code).await?;
            }
        } else {
            ask(stream, buffer, mail, "250").await?;
            ask(stream, buffer, rcpt, "250").await?;
            ask(stream, buffer, data, "354").await?;
        }
        // What fits is written together with the header; the rest is not copied.
        self.scratch.clear();
        self.scratch.extend_from_slice(&message.header);
        let room = RECORD.saturating_sub(self.scratch.len());
        let (first, rest) = message.body.split_at(room.min(message.body.len()));
        self.scratch.extend_from_slice(first);
        stream.write_all(&self.scratch).await?;
        write(stream, rest).await?;
        expect(stream, buffer, "250").await.map(drop)
    }

    /// Says QUIT and waits for the answer.
    pub(super) async fn quit(mut self) -> io::Result<()> {
        ask(&mut self.stream, &mut self.buffer, "QUIT\r\n", "221").await?;
        // The session is over by now, whether or not the other end waits for the end of TLS.
        let _ = self.stream.shutdown().await;
        Ok(())
    }
}

const HELLO: &str = "EHLO load.sender.example\r\n";

async fn ask<S: Stream>(
    stream: &mut S,
    buffer: &mut BytesMut,
    command: &str,
    code: &str,
) -> io::Result<String> {
    write(stream, command.as_bytes()).await?;
    expect(stream, buffer, code).await
}

async fn write<S: Stream>(stream: &mut S, octets: &[u8]) -> io::Result<()> {
    if !octets.is_empty() {
        stream.write_all(octets).await?;
    }
    stream.flush().await
}

/// Reads a reply, which must have this code.
async fn expect<S: Stream>(
    stream: &mut S,
    buffer: &mut BytesMut,
    code: &str,
) -> io::Result<String> {
    loop {
        if let Some(end) = end_of_reply(buffer) {
            let fine = buffer.starts_with(code.as_bytes());
            // The text matters only where somebody reads it.
            let wanted = !fine || code == "250" && buffer.get(3) == Some(&b'-');
            let text = buffer.get(..end).filter(|_| wanted).unwrap_or_default();
            let text = String::from_utf8_lossy(text).into_owned();
            buffer.advance(end);
            return if fine { Ok(text) } else { Err(refused(&text)) };
        }
        if buffer.len() > LONGEST_REPLY {
            return Err(refused("a reply without an end"));
        }
        buffer.reserve(PIECE);
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Where the first reply ends, all its lines included (RFC 5321 §4.2.1).
fn end_of_reply(buffer: &[u8]) -> Option<usize> {
    let mut start = 0;
    loop {
        let line = buffer.get(start..)?;
        let end = memchr::memchr(b'\n', line)? + 1;
        start += end;
        if line.get(3) != Some(&b'-') {
            return Some(start);
        }
    }
}

fn refused(text: &str) -> io::Error {
    io::Error::other(format!("the subject said: {}", text.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_ends_with_its_last_line() {
        let check = |text: &str, end| assert_eq!(end_of_reply(text.as_bytes()), end, "{text:?}");
        check("", None);
        check("250 Ok\r", None);
        check("250 Ok\r\n354", Some(8));
        check("250-a\r\n", None);
        check("250-a\r\n250 b\r\n250 c\r\n", Some(14));
    }
}
