//! A daemon between clients of ours and a sink of ours, and mail that is recognised when it arrives.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process;

use super::injector::{Injector, Met, Point};
use crate::certificates::{Authority, Key, Leaf};
use crate::configuration::Configuration;
use crate::fault::Fault;
use crate::message::Message;
use crate::ports;
use crate::postern::{Installation, Postern};
use crate::sink::Sink;
use crate::wait::{self, PATIENCE};

/// Of so many messages one is larger than 1 MiB: its content lies in a file of its own.
pub(super) const ONE_LARGE_IN: u64 = 500;
const LINES: usize = 16_000;

/// Where the daemon lives, and what is around it.
pub(super) struct House {
    pub(super) sink: Sink,
    pub(super) installation: Installation,
    /// Where it takes mail.
    pub(super) relay: SocketAddr,
}

impl House {
    /// A relay for everybody on this host, whose next hop is the sink.
    pub(super) fn new() -> Result<Self, Fault> {
        let sink = Sink::start()?;
        let installation = Installation::new()?;
        let relay = ports::free()?;
        let authority = Authority::new("Torture CA", Key::Ecdsa)?;
        let certificate = authority.issue(&Leaf::named("gateway.postern.example"))?;
        let (chain, key) = installation.keep("default", &certificate)?;
        let configuration = Configuration::of(&installation, "gateway.postern.example")
            .relay(relay, "127.0.0.0/8")
            .certificate("default", &chain, &key)
            .route("*", sink.address());
        installation.configure(&configuration.text())?;
        Ok(Self {
            sink,
            installation,
            relay,
        })
    }

    /// Starts the daemon, and lets `point` happen to what it does to its queue. It may never get ready.
    pub(super) fn begin_with(&self, point: Point) -> Result<Postern, Fault> {
        let injector = Injector::new()?;
        let queue = self.queue();
        let tell = self.tell();
        let arm = |command: &mut _| injector.arm(command, &queue, point, &tell);
        self.installation.begin(arm)
    }

    /// What the daemon of [`House::begin_with`] has met.
    pub(super) fn met(&self) -> Result<Met, Fault> {
        Met::read(&self.tell())
    }

    /// The directory of its queue.
    pub(super) fn queue(&self) -> PathBuf {
        self.installation.path().join("spool")
    }

    fn tell(&self) -> PathBuf {
        self.installation.path().join("tell")
    }

    /// Lets a running daemon deliver until nothing is left in its queue, or nothing that arrives.
    pub(super) fn drain(&self) -> Result<(), Fault> {
        let mut seen = usize::MAX;
        // As long as something arrives there is hope.
        let look = || {
            let before = std::mem::replace(&mut seen, self.sink.taken().len());
            // What found too many before it waits for minutes.
            self.installation.run(&["queue", "retry", "all"])?;
            let idle = before == seen && self.installation.queue()?.is_empty();
            Ok(idle.then_some(()))
        };
        wait::until("an empty queue", PATIENCE * 4, look, || {
            format!("{:#?}", self.installation.queue())
        })
    }
}

/// The line in which a daemon reports damage, where it has.
pub(super) fn alarm(postern: &Postern) -> Option<String> {
    let log = postern.stderr();
    let line = log
        .lines()
        .find(|line| line.contains("the queue is damaged"));
    line.map(|line| format!("damage is reported where there is none: {line}"))
}

/// Who writes: nobody else does.
pub(super) fn sender() -> String {
    format!("torture-{}@sender.example", process::id())
}

/// The message of a client with this number.
pub(super) fn message((client, number): (u64, u64)) -> Message {
    let message = Message::awkward(&format!("torture {client} {number}"));
    match number.is_multiple_of(ONE_LARGE_IN) {
        true => message.longer(LINES),
        false => message,
    }
}

/// Which message this is, if it is whole.
pub(super) fn name_of(content: &[u8]) -> Option<(u64, u64)> {
    // Our own field in front is folded; the first field of what was sent is `From`.
    let start = content.windows(7).position(|it| it == b"\r\nFrom:")? + 2;
    let sent = content.get(start..)?;
    let head = String::from_utf8_lossy(sent.get(..sent.len().min(1000))?);
    let (_, subject) = head.split_once("Subject: torture ")?;
    let (client, number) = subject.lines().next()?.split_once(' ')?;
    let name = (client.parse().ok()?, number.parse().ok()?);
    (message(name).octets() == sent).then_some(name)
}
