//! The load: many connections on one thread, each handing over messages as fast as it is answered.

mod connection;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use postern_tests::fault::Fault;
use rustls::pki_types::ServerName;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::ends;
use crate::ledger::Ledger;
use connection::{Connection, GREETED_AT_A_TIME, Target};

/// No run whose figures are of interest takes longer.
const LIMIT: Duration = Duration::from_secs(600);

/// A generator of load for one subject.
pub struct Generator {
    runtime: Runtime,
    target: Target,
    ledger: Arc<Ledger>,
}

/// How handing over went.
#[derive(Clone, Debug)]
pub struct Handed {
    /// When the first connection was begun.
    pub begun: Instant,
    /// When the last message was answered.
    pub ended: Instant,
    /// From MAIL to the 250 at the end of content, of each message, the shortest first.
    pub latencies: Vec<Duration>,
}

/// Connections on which nothing happens; closed when dropped.
pub struct Held(#[expect(dead_code, reason = "held open, not used")] Vec<Connection>);

impl std::fmt::Debug for Generator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Generator")
            .field("address", &self.target.address)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}

impl Generator {
    /// A generator that speaks to `name` at `address` and sends the messages of `ledger`. With the
    /// certificate of an authority it uses STARTTLS and trusts that authority alone.
    pub fn new(
        address: SocketAddr,
        name: &str,
        authority: Option<&Path>,
        ledger: Arc<Ledger>,
    ) -> Result<Self, Fault> {
        let failed = || Fault::doing("start a generator");
        let name = ServerName::try_from(name.to_owned())
            .map_err(|error| failed()(io::Error::other(error)))?;
        let envelope = [
            "MAIL FROM:<alice@sender.example>\r\n".to_owned(),
            format!("RCPT TO:<{}>\r\n", ledger.corpus().forward_path()),
            "DATA\r\n".to_owned(),
        ];
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed())?;
        Ok(Self {
            runtime,
            target: Target {
                address,
                name,
                tls: authority.map(ends::client).transpose()?,
                turns: Arc::new(Semaphore::new(GREETED_AT_A_TIME)),
                envelope,
            },
            ledger,
        })
    }

    /// Sends the messages with these numbers over `connections` connections, which each carry one
    /// message after the other.
    pub fn send_many(
        &self,
        numbers: std::ops::Range<usize>,
        connections: usize,
    ) -> Result<Handed, Fault> {
        self.spread(numbers, connections, Worker::many)
    }

    /// Sends the messages with these numbers, each over a connection of its own, `connections` at
    /// the same time.
    pub fn send_singly(
        &self,
        numbers: std::ops::Range<usize>,
        connections: usize,
    ) -> Result<Handed, Fault> {
        self.spread(numbers, connections, Worker::singly)
    }

    /// Opens `count` connections, some at a time, and says EHLO on each.
    pub fn hold(&self, count: usize) -> Result<Held, Fault> {
        const AT_A_TIME: usize = 16;
        let open = async {
            let mut held = Vec::with_capacity(count);
            while held.len() < count {
                let mut opening = JoinSet::new();
                for _ in 0..AT_A_TIME.min(count - held.len()) {
                    let target = self.target.clone();
                    opening.spawn(async move { target.open().await });
                }
                for opened in opening.join_all().await {
                    held.push(opened?);
                }
            }
            io::Result::Ok(held)
        };
        self.within_limit(open).map(Held)
    }

    fn spread<F, W>(
        &self,
        numbers: std::ops::Range<usize>,
        connections: usize,
        work: W,
    ) -> Result<Handed, Fault>
    where
        F: Future<Output = io::Result<Vec<Duration>>> + Send + 'static,
        W: Fn(Worker) -> F,
    {
        let next = Arc::new(AtomicUsize::new(numbers.start));
        let begun = Instant::now();
        let all = async {
            let mut workers = JoinSet::new();
            for _ in 0..connections {
                workers.spawn(work(Worker {
                    target: self.target.clone(),
                    ledger: Arc::clone(&self.ledger),
                    next: Arc::clone(&next),
                    end: numbers.end,
                }));
            }
            let mut latencies = Vec::with_capacity(numbers.len());
            while let Some(ended) = workers.join_next().await {
                latencies.extend(ended.map_err(io::Error::other)??);
            }
            io::Result::Ok(latencies)
        };
        let mut latencies = self.within_limit(all)?;
        let ended = Instant::now();
        latencies.sort_unstable();
        Ok(Handed {
            begun,
            ended,
            latencies,
        })
    }

    fn within_limit<T>(&self, work: impl Future<Output = io::Result<T>>) -> Result<T, Fault> {
        let limited = async { timeout(LIMIT, work).await };
        let ended = self.runtime.block_on(limited);
        let result = ended.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        result.map_err(Fault::doing("put a load on the subject"))
    }
}

/// What one connection after the other does, or one connection all the time.
struct Worker {
    target: Target,
    ledger: Arc<Ledger>,
    next: Arc<AtomicUsize>,
    end: usize,
}

impl Worker {
    async fn many(self) -> io::Result<Vec<Duration>> {
        let mut latencies = Vec::new();
        let mut connection = self.target.open().await?;
        while let Some(number) = self.take() {
            latencies.push(self.send(&mut connection, number).await?);
        }
        connection.quit().await?;
        Ok(latencies)
    }

    async fn singly(self) -> io::Result<Vec<Duration>> {
        let mut latencies = Vec::new();
        while let Some(number) = self.take() {
            let mut connection = self.target.open().await?;
            latencies.push(self.send(&mut connection, number).await?);
            connection.quit().await?;
        }
        Ok(latencies)
    }

    fn take(&self) -> Option<usize> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number < self.end).then_some(number)
    }

    async fn send(&self, connection: &mut Connection, number: usize) -> io::Result<Duration> {
        let message = self.ledger.corpus().outgoing(number);
        let begun = Instant::now();
        connection.send(&self.target, &message).await?;
        let latency = begun.elapsed();
        self.ledger.accept(number);
        Ok(latency)
    }
}
