//! A next hop that says what a script tells it to say, and remembers every octet it hears in clear.
//!
//! It is for hosts that no real mail system would be: those that strip STARTTLS, answer before they
//! are asked, or go on in clear where a handshake should begin.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::fault::Fault;
use crate::wait::{self, PATIENCE};

/// What the host says, each with all its CRLFs.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// When a client connects.
    pub greeting: &'static str,
    /// To EHLO.
    pub ehlo: &'static str,
    /// To STARTTLS.
    pub starttls: &'static [u8],
    /// What it does then, if the first digit of that was a 2.
    pub then: Then,
}

/// What takes the place of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The connection ends in order, with everything read that had come.
    Closes,
    /// The connection is reset, with octets of the client unread.
    Resets,
    /// Commands are answered in clear.
    GoesOn,
}

impl Script {
    /// A host that offers STARTTLS and consents to it, with no handshake to follow.
    pub const fn offering() -> Self {
        Self {
            greeting: "220 scripted.example ESMTP\r\n",
            ehlo: "250-scripted.example\r\n250-PIPELINING\r\n250 STARTTLS\r\n",
            starttls: b"220 go ahead\r\n",
            then: Then::Closes,
        }
    }
}

/// A running host; stopped when dropped.
#[derive(Debug)]
pub struct Scripted {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    script: Script,
    heard: Mutex<Vec<String>>,
    /// How many clients have come.
    clients: AtomicUsize,
    /// Those that are there, each with its place among all that have come.
    connections: Mutex<Vec<(usize, TcpStream)>>,
    stopping: AtomicBool,
}

impl Scripted {
    /// Starts a host that follows `script`.
    pub fn start(script: Script) -> Result<Self, Fault> {
        let doing = "bind a scripted host";
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Fault::doing(doing))?;
        let address = listener.local_addr().map_err(Fault::doing(doing))?;
        let shared = Arc::new(Shared {
            script,
            heard: Mutex::default(),
            clients: AtomicUsize::new(0),
            connections: Mutex::default(),
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

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The lines that came in clear so far, on all connections. A handshake is not among them.
    pub fn heard(&self) -> Vec<String> {
        lock(&self.shared.heard).clone()
    }

    /// Waits until so many clients have connected.
    pub fn wait_for_connections(&self, count: usize) -> Result<(), Fault> {
        let look = || Ok((self.shared.clients.load(Ordering::Relaxed) >= count).then_some(()));
        let what = format!("{count} connections to a scripted host");
        wait::until(&what, PATIENCE, look, || format!("{:?}", self.heard()))
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        for (_, connection) in lock(&self.shared.connections).drain(..) {
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    loop {
        let accepted = listener.accept();
        if shared.stopping.load(Ordering::Relaxed) {
            return;
        }
        let Ok((stream, _)) = accepted else { continue };
        let place = shared.clients.fetch_add(1, Ordering::Relaxed);
        if let Ok(copy) = stream.try_clone() {
            lock(&shared.connections).push((place, copy));
        }
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // The client may leave whenever it wants; what it said before is kept.
            let _ = serve(stream, &shared);
            // A connection is closed with its last copy, and not before.
            lock(&shared.connections).retain(|(its, _)| *its != place);
        });
    }
}

fn serve(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let script = &shared.script;
    stream.write_all(script.greeting.as_bytes())?;
    let mut input = BufReader::new(stream.try_clone()?);
    loop {
        let mut line = Vec::new();
        input.read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(());
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let verb = line.split(' ').next().unwrap_or_default().to_uppercase();
        lock(&shared.heard).push(line);
        let reply: &[u8] = match verb.as_str() {
            "EHLO" => script.ehlo.as_bytes(),
            "STARTTLS" => script.starttls,
            "DATA" => b"354 go ahead\r\n",
            "QUIT" => b"221 2.0.0 bye\r\n",
            _ => b"250 2.0.0 fine\r\n",
        };
        stream.write_all(reply)?;
        if verb == "STARTTLS" && reply.starts_with(b"2") {
            match script.then {
                Then::GoesOn => {}
                Then::Closes => return drain(&stream, &mut input),
                // What is closed with octets unread is reset.
                Then::Resets => return stream.peek(&mut [0]).map(drop),
            }
        }
    }
}

/// Says that no more will come, and reads until the client leaves.
fn drain(stream: &TcpStream, input: &mut impl Read) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    io::copy(input, &mut io::sink()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp_dialogue::Dialogue;

    #[test]
    fn the_script_is_followed_and_what_is_said_is_kept() {
        let host = Scripted::start(Script {
            starttls: b"220 go ahead\r\n250 taken already\r\n",
            then: Then::GoesOn,
            ..Script::offering()
        })
        .unwrap();
        let mut dialogue = Dialogue::open(host.address()).unwrap();
        assert!(
            dialogue
                .command("EHLO a.example")
                .unwrap()
                .offers("STARTTLS")
        );
        dialogue.expect("STARTTLS", 220).unwrap();
        assert_eq!(dialogue.reply().unwrap().lines, ["taken already"]);
        dialogue.expect("MAIL FROM:<>", 250).unwrap();
        assert_eq!(host.heard(), ["EHLO a.example", "STARTTLS", "MAIL FROM:<>"]);
    }
}
