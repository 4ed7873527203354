//! A next hop that keeps every octet of content as it came over the wire.
//!
//! The mailboxes of real mail systems keep LF for CRLF, and cannot tell afterwards what stood there.
//! This sink speaks just enough SMTP to be given a message, by DATA or by BDAT, and keeps the content
//! with every CR and LF in its place; only the dots that SMTP doubles are single again. It can also
//! withhold its answer to the end of content, so that a test can end the sender at that very moment.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::fault::Fault;
use crate::message::Message;
use crate::wait::{self, PATIENCE};

/// How a message was given over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried {
    /// By DATA.
    Data,
    /// By BDAT (RFC 3030).
    Bdat,
}

/// A message that was answered by 250.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The argument of MAIL.
    pub mail: String,
    /// The arguments of RCPT.
    pub rcpt: Vec<String>,
    /// The content, without the doubled dots and the last line of DATA.
    pub content: Vec<u8>,
    /// How it came.
    pub carried: Carried,
    /// When the client connected.
    pub connected: Instant,
    /// When it was whole, just before the answer.
    pub at: Instant,
}

/// What the sink does with content that has come in whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// It takes it: 250.
    Takes,
    /// It says nothing and waits for the connection to end. The message is not taken.
    Withholds,
}

/// A running sink; stopped when dropped.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    extensions: Vec<String>,
    state: Mutex<State>,
    stopping: AtomicBool,
}

#[derive(Debug)]
struct State {
    manner: Manner,
    taken: Vec<Taken>,
    withheld: usize,
    connections: Vec<TcpStream>,
}

impl Sink {
    /// Starts a sink that offers these extensions, each as a line of the EHLO reply.
    pub fn offering(extensions: &[&str]) -> Result<Self, Fault> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Fault::doing("bind a sink"))?;
        let address = listener.local_addr().map_err(Fault::doing("bind a sink"))?;
        let shared = Arc::new(Shared {
            extensions: extensions.iter().map(|&line| line.to_owned()).collect(),
            state: Mutex::new(State {
                manner: Manner::Takes,
                taken: Vec::new(),
                withheld: 0,
                connections: Vec::new(),
            }),
            stopping: AtomicBool::new(false),
        });
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Ok(Self {
            address,
            shared,
            acceptor: Some(acceptor),
        })
    }

    /// A sink with the extensions of an ordinary host.
    pub fn start() -> Result<Self, Fault> {
        Self::offering(&["PIPELINING", "8BITMIME", "SIZE 52428800"])
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it deals with content in this manner.
    pub fn behave(&self, manner: Manner) {
        self.shared.state().manner = manner;
    }

    /// All messages taken so far.
    pub fn taken(&self) -> Vec<Taken> {
        self.shared.state().taken.clone()
    }

    /// Waits until `count` messages are taken, and gives all.
    pub fn wait_for(&self, count: usize) -> Result<Vec<Taken>, Fault> {
        let look = || Ok(Some(self.taken()).filter(|taken| taken.len() >= count));
        let seen = || format!("{} messages", self.taken().len());
        wait::until(
            &format!("{count} messages in the sink"),
            PATIENCE,
            look,
            seen,
        )
    }

    /// Waits until `count` messages have come in whole without being answered.
    pub fn wait_for_withheld(&self, count: usize) -> Result<(), Fault> {
        let look = || Ok((self.shared.state().withheld >= count).then_some(()));
        let what = format!("{count} messages that the sink does not answer");
        wait::until(&what, PATIENCE, look, String::new)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        for connection in self.shared.state().connections.drain(..) {
            // Whoever has closed it already cannot be hurt.
            let _ = connection.shutdown(Shutdown::Both);
        }
        // Wakes the acceptor; if that fails it is not waiting.
        let _ = TcpStream::connect_timeout(&self.address, PATIENCE);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl Taken {
    /// Checks that the content is that of `sent` with complete header fields in front, octet by
    /// octet, and gives what stands in front.
    pub fn added_before(&self, sent: &Message) -> Result<String, Fault> {
        let differs = |how: &str| {
            Fault::Unexpected(format!(
                "the content taken {how}:\n{}",
                self.content.escape_ascii()
            ))
        };
        let added = self
            .content
            .strip_suffix(sent.octets())
            .ok_or_else(|| differs("does not end with the octets sent"))?;
        let added = String::from_utf8_lossy(added).into_owned();
        if !added.ends_with("\r\n") || added.replace("\r\n", "").contains(['\r', '\n']) {
            return Err(differs("has no complete lines in front"));
        }
        Ok(added)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lines in front of the only message, which must be `sent`.
pub fn only(taken: &[Taken], sent: &Message) -> Result<String, Fault> {
    match taken {
        [message] => message.added_before(sent),
        _ => Err(Fault::Unexpected(format!(
            "{} messages instead of one",
            taken.len()
        ))),
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    loop {
        let accepted = listener.accept();
        if shared.stopping.load(Ordering::Relaxed) {
            return;
        }
        let Ok((stream, _)) = accepted else { continue };
        if let Ok(copy) = stream.try_clone() {
            shared.state().connections.push(copy);
        }
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // A connection that breaks off leaves no message; the test sees that.
            let _ = Session::new(stream, &shared).and_then(Session::run);
        });
    }
}

/// Longest time without an octet from the client.
const SILENCE: Duration = PATIENCE;

struct Session<'a> {
    shared: &'a Shared,
    input: BufReader<TcpStream>,
    output: TcpStream,
    connected: Instant,
    mail: String,
    rcpt: Vec<String>,
    chunks: Vec<u8>,
}

impl<'a> Session<'a> {
    fn new(stream: TcpStream, shared: &'a Shared) -> io::Result<Self> {
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            shared,
            output: stream.try_clone()?,
            connected: Instant::now(),
            input: BufReader::new(stream),
            mail: String::new(),
            rcpt: Vec::new(),
            chunks: Vec::new(),
        })
    }

    fn run(mut self) -> io::Result<()> {
        self.say("220 sink.example ESMTP")?;
        loop {
            let line = self.line()?;
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            let (verb, argument) = line.split_once(' ').unwrap_or((&line, ""));
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" => self.greet()?,
                "MAIL" => self.begin(argument)?,
                "RCPT" => {
                    self.rcpt.push(argument.to_owned());
                    self.say("250 2.1.5 OK")?;
                }
                "DATA" => {
                    self.say("354 Go ahead")?;
                    let content = self.content()?;
                    self.end(content, Carried::Data)?;
                }
                "BDAT" => self.chunk(argument)?,
                "RSET" => self.begin("")?,
                "NOOP" => self.say("250 2.0.0 OK")?,
                "QUIT" => return self.say("221 2.0.0 Bye"),
                _ => self.say("500 5.5.1 What?")?,
            }
        }
    }

    fn greet(&mut self) -> io::Result<()> {
        let mut reply = String::from("250-sink.example\r\n");
        for line in &self.shared.extensions {
            reply.push_str(&format!("250-{line}\r\n"));
        }
        reply.push_str("250 ENHANCEDSTATUSCODES");
        self.say(&reply)
    }

    fn begin(&mut self, mail: &str) -> io::Result<()> {
        self.mail = mail.to_owned();
        self.rcpt.clear();
        self.chunks.clear();
        self.say("250 2.1.0 OK")
    }

    /// The lines of DATA up to the one that ends it (RFC 5321 §4.5.2).
    fn content(&mut self) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        loop {
            let line = self.line()?;
            // Exactly CRLF.CRLF: a lone dot counts only behind a line ended by CRLF.
            if line == b".\r\n" && (content.is_empty() || content.ends_with(b"\r\n")) {
                return Ok(content);
            }
            content.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
    }

    /// `BDAT size [LAST]` and the octets behind it (RFC 3030 §2).
    fn chunk(&mut self, argument: &str) -> io::Result<()> {
        let mut words = argument.split(' ');
        let size = words.next().and_then(|word| word.parse::<u64>().ok());
        let size = size.ok_or(io::ErrorKind::InvalidData)?;
        let mut chunk = Vec::new();
        (&mut self.input).take(size).read_to_end(&mut chunk)?;
        if chunk.len() as u64 != size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.chunks.append(&mut chunk);
        if words
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case("LAST"))
        {
            let content = std::mem::take(&mut self.chunks);
            self.end(content, Carried::Bdat)
        } else {
            self.say("250 2.0.0 OK")
        }
    }

    fn end(&mut self, content: Vec<u8>, carried: Carried) -> io::Result<()> {
        let taken = Taken {
            mail: std::mem::take(&mut self.mail),
            rcpt: std::mem::take(&mut self.rcpt),
            content,
            carried,
            connected: self.connected,
            at: Instant::now(),
        };
        {
            let mut state = self.shared.state();
            match state.manner {
                Manner::Takes => state.taken.push(taken),
                Manner::Withholds => {
                    state.withheld += 1;
                    drop(state);
                    // Until the client or the sink goes away, or the time-out of the socket.
                    return self.input.read(&mut [0]).map(drop);
                }
            }
        }
        self.say("250 2.0.0 Taken")
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.input.read_until(b'\n', &mut line)?;
        match line.last() {
            Some(b'\n') => Ok(line),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn say(&mut self, reply: &str) -> io::Result<()> {
        self.output.write_all(format!("{reply}\r\n").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp_dialogue::Dialogue;

    fn introduced(sink: &Sink) -> Dialogue {
        let mut dialogue = Dialogue::open(sink.address()).unwrap();
        dialogue.expect("EHLO client.example", 250).unwrap();
        dialogue
    }

    #[test]
    fn content_is_kept_to_the_octet() {
        let sink = Sink::start().unwrap();
        let sent = Message::awkward("kept");
        let mut dialogue = introduced(&sink);
        assert_eq!(
            dialogue
                .transact("a@b.example", "c@d.example", &sent)
                .unwrap()
                .code,
            250
        );
        let taken = sink.wait_for(1).unwrap();
        assert_eq!(taken[0].content, sent.octets());
        assert_eq!(taken[0].mail, "FROM:<a@b.example>");
        assert_eq!(taken[0].rcpt, ["TO:<c@d.example>"]);
        assert_eq!(taken[0].carried, Carried::Data);
        assert!(taken[0].added_before(&sent).is_err(), "nothing was added");
    }

    #[test]
    fn chunks_are_put_together() {
        let sink = Sink::offering(&["CHUNKING"]).unwrap();
        let mut dialogue = introduced(&sink);
        dialogue.expect("MAIL FROM:<>", 250).unwrap();
        dialogue.expect("RCPT TO:<c@d.example>", 250).unwrap();
        dialogue.send(b"BDAT 3\r\n.\r\n").unwrap();
        assert_eq!(dialogue.reply().unwrap().code, 250);
        dialogue.send(b"BDAT 1 LAST\r\nx").unwrap();
        assert_eq!(dialogue.reply().unwrap().code, 250);
        assert_eq!(sink.taken()[0].content, b".\r\nx");
        assert_eq!(sink.taken()[0].carried, Carried::Bdat);
    }

    #[test]
    fn what_is_withheld_is_not_taken() {
        let sink = Sink::start().unwrap();
        sink.behave(Manner::Withholds);
        let mut dialogue = introduced(&sink);
        dialogue.expect("MAIL FROM:<>", 250).unwrap();
        dialogue.expect("RCPT TO:<c@d.example>", 250).unwrap();
        dialogue.expect("DATA", 354).unwrap();
        dialogue.send(b".\r\n").unwrap();
        sink.wait_for_withheld(1).unwrap();
        drop(sink);
        assert_eq!(dialogue.rest().unwrap(), b"");
    }
}
