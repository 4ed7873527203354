//! One session of the sink: just enough SMTP to be given messages, by DATA or by BDAT.

use std::io;
use std::sync::Arc;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::content::{Content, Lines};
use crate::ledger::Ledger;

/// What is read at once: a whole TLS record and more. Under TLS the library itself asks the system
/// for 4 KiB at a time, so this lies below it too.
pub(super) const PIECE: usize = 32 * 1024;

/// The longest command line that is waited for.
const LONGEST_LINE: usize = 4096;

/// What a session may do.
#[derive(Clone)]
pub(super) struct Terms {
    pub(super) ledger: Arc<Ledger>,
    /// With TLS no mail is taken before it.
    pub(super) tls: Option<TlsAcceptor>,
}

/// Whether the channel is what the sink asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// STARTTLS is offered, and nothing but that gives leave to send mail.
    BeforeTls,
    /// Mail is taken.
    Ready,
}

/// Why the reading of commands ended.
enum End {
    Quit,
    StartTls,
}

pub(super) async fn serve(stream: TcpStream, terms: Terms) -> io::Result<()> {
    stream.set_nodelay(true)?;
    terms.ledger.connect();
    let mut session = Session::new(&terms.ledger, &terms.tls);
    let mut stream = BufReader::with_capacity(PIECE, stream);
    stream.write_all(b"220 sink.example ESMTP\r\n").await?;
    let end = session.run(&mut stream).await?;
    let (End::StartTls, Some(acceptor)) = (end, terms.tls) else {
        return Ok(());
    };
    let mut secured = acceptor.accept(stream).await?;
    let mut session = Session::new(&terms.ledger, &None);
    session.run(&mut secured).await?;
    secured.shutdown().await
}

struct Session<'a> {
    ledger: &'a Ledger,
    standing: Standing,
    buffer: BytesMut,
    replies: Vec<u8>,
    /// What BDAT has brought so far (RFC 3030 §2).
    chunks: Option<Content>,
}

impl<'a> Session<'a> {
    fn new(ledger: &'a Ledger, tls: &Option<TlsAcceptor>) -> Self {
        Self {
            ledger,
            standing: if tls.is_some() {
                Standing::BeforeTls
            } else {
                Standing::Ready
            },
            buffer: BytesMut::with_capacity(PIECE),
            replies: Vec::with_capacity(256),
            chunks: None,
        }
    }

    async fn run<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S) -> io::Result<End> {
        loop {
            while let Some(line) = self.line()? {
                let end = self.command(&line, stream).await?;
                if let Some(end) = end {
                    self.flush(stream).await?;
                    return Ok(end);
                }
            }
            self.flush(stream).await?;
            self.read(stream).await?;
        }
    }

    async fn command<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        line: &[u8],
        stream: &mut S,
    ) -> io::Result<Option<End>> {
        let verb = line.get(..4).unwrap_or(line).to_ascii_uppercase();
        match verb.as_slice() {
            b"EHLO" => self.reply(match self.standing {
                Standing::BeforeTls => BEFORE_TLS,
                Standing::Ready => READY,
            }),
            b"HELO" | b"NOOP" => self.reply("250 2.0.0 Ok\r\n"),
            b"RSET" => {
                self.chunks = None;
                self.reply("250 2.0.0 Ok\r\n");
            }
            b"QUIT" => {
                self.reply("221 2.0.0 Bye\r\n");
                return Ok(Some(End::Quit));
            }
            b"STAR" if self.standing == Standing::BeforeTls => {
                self.reply("220 2.0.0 Go ahead\r\n");
                // Octets behind the command would be taken for the beginning of the handshake, and
                // break it.
                return Ok(Some(End::StartTls));
            }
            b"MAIL" | b"RCPT" | b"DATA" | b"BDAT" if self.standing == Standing::BeforeTls => {
                if verb == b"MAIL" {
                    self.ledger.refuse_clear();
                }
                self.reply("530 5.7.0 Must issue a STARTTLS command first\r\n");
            }
            b"MAIL" => self.reply("250 2.1.0 Ok\r\n"),
            b"RCPT" => self.reply("250 2.1.5 Ok\r\n"),
            b"DATA" => self.data(stream).await?,
            b"BDAT" => self.chunk(line, stream).await?,
            _ => self.reply("502 5.5.1 Not implemented\r\n"),
        }
        Ok(None)
    }

    async fn data<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S) -> io::Result<()> {
        self.reply("354 Go ahead\r\n");
        self.flush(stream).await?;
        let (mut lines, mut content) = (Lines::new(), Content::default());
        while !lines.take(&mut self.buffer, &mut content) {
            self.read(stream).await?;
        }
        content.finish(self.ledger);
        self.reply("250 2.0.0 Taken\r\n");
        Ok(())
    }

    async fn chunk<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        line: &[u8],
        stream: &mut S,
    ) -> io::Result<()> {
        let text = String::from_utf8_lossy(line).to_ascii_uppercase();
        let mut words = text.split_ascii_whitespace().skip(1);
        let size = words.next().and_then(|it| it.parse::<usize>().ok());
        let mut left = size.ok_or_else(|| protocol("BDAT without a size"))?;
        let mut content = self.chunks.take().unwrap_or_default();
        loop {
            let take = left.min(self.buffer.len());
            content.feed(self.buffer.get(..take).unwrap_or_default());
            self.buffer.advance(take);
            left -= take;
            if left == 0 {
                break;
            }
            self.read(stream).await?;
        }
        if words.next() == Some("LAST") {
            content.finish(self.ledger);
        } else {
            self.chunks = Some(content);
        }
        self.reply("250 2.0.0 Taken\r\n");
        Ok(())
    }

    /// The next command without its line end.
    fn line(&mut self) -> io::Result<Option<BytesMut>> {
        let Some(end) = memchr::memchr(b'\n', &self.buffer) else {
            if self.buffer.len() > LONGEST_LINE {
                return Err(protocol("a line without an end"));
            }
            return Ok(None);
        };
        let mut line = self.buffer.split_to(end + 1);
        line.truncate(end.saturating_sub(1));
        Ok(Some(line))
    }

    fn reply(&mut self, text: &str) {
        self.replies.extend_from_slice(text.as_bytes());
    }

    async fn flush<S: AsyncWrite + Unpin>(&mut self, stream: &mut S) -> io::Result<()> {
        if !self.replies.is_empty() {
            stream.write_all(&self.replies).await?;
            stream.flush().await?;
            self.replies.clear();
        }
        Ok(())
    }

    async fn read<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> io::Result<()> {
        self.buffer.reserve(PIECE);
        match stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

fn protocol(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

const BEFORE_TLS: &str = "250-sink.example\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n\
    250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n250 STARTTLS\r\n";
const READY: &str = "250-sink.example\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n\
    250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 CHUNKING\r\n";
