//! The smallest SMTP client: exact octets out, replies in, without TLS and without opinions.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::fault::Fault;
use crate::message::Message;
use crate::wait::PATIENCE;

/// Longest reply that is read: no server under test has a reason to say more.
const REPLY_LIMIT: usize = 64 * 1024;

/// A reply with all its lines (RFC 5321 §4.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The three digits.
    pub code: u16,
    /// What follows them, line by line.
    pub lines: Vec<String>,
}

impl Reply {
    /// Whether an EHLO reply offers the extension `keyword`.
    pub fn offers(&self, keyword: &str) -> bool {
        let keyword_of = |line: &String| line.split(' ').next().unwrap_or_default().to_owned();
        self.lines
            .iter()
            .skip(1)
            .any(|line| keyword_of(line).eq_ignore_ascii_case(keyword))
    }

    /// Whether the first line begins with the enhanced status code `code` (RFC 2034 §4).
    pub fn has_status(&self, code: &str) -> bool {
        self.lines.first().and_then(|line| line.split(' ').next()) == Some(code)
    }
}

/// A connection to an SMTP server.
#[derive(Debug)]
pub struct Dialogue {
    stream: TcpStream,
    input: Vec<u8>,
    patience: Duration,
}

impl Dialogue {
    /// Connects and reads the greeting, which must be 220.
    pub fn open(server: SocketAddr) -> Result<Self, Fault> {
        let (dialogue, greeting) = Self::connect(server, PATIENCE)?;
        match greeting.code {
            220 => Ok(dialogue),
            _ => Err(Fault::Unexpected(format!("greeted with {greeting:?}"))),
        }
    }

    /// Connects and reads the greeting, whatever it is; no wait is longer than `patience`.
    pub fn connect(server: SocketAddr, patience: Duration) -> Result<(Self, Reply), Fault> {
        let stream = TcpStream::connect_timeout(&server, patience).map_err(Fault::doing(server))?;
        stream
            .set_write_timeout(Some(patience))
            .map_err(Fault::doing(server))?;
        let mut dialogue = Self {
            stream,
            input: Vec::new(),
            patience,
        };
        let greeting = dialogue.reply()?;
        Ok((dialogue, greeting))
    }

    /// Sends octets as they are.
    pub fn send(&mut self, octets: &[u8]) -> Result<(), Fault> {
        self.stream.write_all(octets).map_err(Fault::doing("send"))
    }

    /// Sends one command line and reads the reply.
    pub fn command(&mut self, line: &str) -> Result<Reply, Fault> {
        self.send(format!("{line}\r\n").as_bytes())?;
        self.reply()
    }

    /// Sends one command line; the reply must have the code `code`.
    pub fn expect(&mut self, line: &str, code: u16) -> Result<Reply, Fault> {
        let reply = self.command(line)?;
        if reply.code == code {
            return Ok(reply);
        }
        Err(Fault::Unexpected(format!(
            "{line:?} was answered by {reply:?}, not {code}"
        )))
    }

    /// Carries out a whole mail transaction after EHLO and gives the reply to the content.
    pub fn transact(
        &mut self,
        reverse_path: &str,
        forward_path: &str,
        message: &Message,
    ) -> Result<Reply, Fault> {
        self.expect(&format!("MAIL FROM:<{reverse_path}>"), 250)?;
        self.expect(&format!("RCPT TO:<{forward_path}>"), 250)?;
        self.expect("DATA", 354)?;
        self.send(&message.dot_stuffed())?;
        self.reply()
    }

    /// Reads one whole reply.
    pub fn reply(&mut self) -> Result<Reply, Fault> {
        let mut lines = Vec::new();
        loop {
            let line = self.line()?;
            let (code, rest) = line
                .split_at_checked(3)
                .and_then(|(code, rest)| Some((code.parse().ok()?, rest)))
                .ok_or_else(|| Fault::Unexpected(format!("no reply line: {line:?}")))?;
            lines.push(rest.get(1..).unwrap_or_default().to_owned());
            if !rest.starts_with('-') {
                return Ok(Reply { code, lines });
            }
        }
    }

    /// The connection, for what follows STARTTLS. Nothing may have been said that was not read.
    pub(crate) fn into_stream(self) -> Result<TcpStream, Fault> {
        if self.input.is_empty() {
            return Ok(self.stream);
        }
        Err(self.broken("more was said"))
    }

    /// Waits for the server to close the connection, and gives what it said before.
    pub fn rest(mut self) -> Result<Vec<u8>, Fault> {
        let end = Instant::now() + self.patience;
        while self.fill(end)? {}
        Ok(self.input)
    }

    fn line(&mut self) -> Result<String, Fault> {
        let end = Instant::now() + self.patience;
        loop {
            if let Some(place) = self.input.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.input.drain(..place + 2).take(place).collect();
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            if !self.fill(end)? {
                return Err(self.broken("connection closed"));
            }
        }
    }

    /// Reads more octets; false at the end of the stream.
    fn fill(&mut self, end: Instant) -> Result<bool, Fault> {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || self.input.len() > REPLY_LIMIT {
            return Err(self.timed_out());
        }
        self.stream
            .set_read_timeout(Some(left))
            .map_err(Fault::doing("receive"))?;
        let mut octets = [0; 4096];
        match self.stream.read(&mut octets) {
            Ok(0) => Ok(false),
            Ok(count) => {
                self.input.extend(octets.iter().take(count));
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(true),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err(self.timed_out())
            }
            Err(error) => Err(Fault::doing("receive")(error)),
        }
    }

    fn timed_out(&self) -> Fault {
        let what = "a whole reply".to_owned();
        Fault::TimedOut {
            what,
            limit: self.patience,
            seen: self.input.escape_ascii().to_string(),
        }
    }

    fn broken(&self, how: &str) -> Fault {
        Fault::Unexpected(format!("{how} after {}", self.input.escape_ascii()))
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread;

    use super::*;

    /// A dialogue with a server that says `octets` one by one and closes.
    fn told(octets: &'static [u8]) -> Result<(Dialogue, Reply), Fault> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let server = listener.local_addr().unwrap();
        let speaker = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_nodelay(true).unwrap();
            octets
                .iter()
                .for_each(|&octet| stream.write_all(&[octet]).unwrap());
        });
        let heard = Dialogue::connect(server, PATIENCE);
        speaker.join().unwrap();
        heard
    }

    #[test]
    fn a_reply_has_all_its_lines_and_no_more() {
        let (mut dialogue, reply) =
            told(b"250-mx.example\r\n250-SIZE 1000\r\n250 STARTTLS\r\n354\r\nrest").unwrap();
        assert_eq!(reply.code, 250);
        assert_eq!(reply.lines, ["mx.example", "SIZE 1000", "STARTTLS"]);
        assert!(reply.offers("size") && reply.offers("STARTTLS") && !reply.offers("mx.example"));
        assert_eq!(
            dialogue.reply().unwrap(),
            Reply {
                code: 354,
                lines: vec![String::new()]
            }
        );
        assert_eq!(dialogue.rest().unwrap(), b"rest");
    }

    #[test]
    fn what_is_no_reply_is_a_fault() {
        for octets in [
            b"".as_slice(),
            b"220",
            b"220 a\n",
            b"abc d\r\n",
            b"2\r\n",
            b"220-a\r\n",
        ] {
            assert!(told(octets).is_err(), "{}", octets.escape_ascii());
        }
    }

    #[test]
    fn silence_ends_with_patience() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let server = listener.local_addr().unwrap();
        let heard = Dialogue::connect(server, Duration::from_millis(50));
        assert!(matches!(heard, Err(Fault::TimedOut { .. })), "{heard:?}");
    }
}
