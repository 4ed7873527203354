//! All neighbours together, on a thread of their own.
//!
//! What they log goes nowhere: the log of the demonstration is the relay's alone.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::Arc,
    thread::{self, JoinHandle},
};

use postern_spool::{LocalSpool, Settings as SpoolSettings, Spool};
use tokio::{
    runtime,
    sync::{mpsc, oneshot},
};
use tracing::subscriber::NoSubscriber;

use super::{
    home::Home,
    mailbox::{Arrival, Mailbox},
    neighbours::{ANY_PORT, NEIGHBOURS, Who, cannot_start},
};
use crate::failure::Failure;

/// How many arrivals may wait to be told to the user.
const BELL: usize = 100;

/// All neighbours.
#[derive(Debug)]
pub(super) struct Neighbourhood {
    settled: Settled,
    bell: mpsc::Receiver<Arrival>,
    _life: Life,
}

/// The thread on which they live. It ends when this is dropped, and the files that it has open
/// are closed then.
#[derive(Debug)]
struct Life {
    thread: Option<JoinHandle<()>>,
    end: Option<oneshot::Sender<()>>,
}

impl Drop for Life {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // If it panicked, there is nothing left of it to end.
            let _ = thread.join();
        }
    }
}

type Settled = BTreeMap<Who, (SocketAddr, Mailbox)>;

impl Neighbourhood {
    /// Starts every neighbour at a free port of its own.
    pub(super) async fn settle(home: &Arc<Home>) -> Result<Self, Failure> {
        let (bell, rings) = mpsc::channel(BELL);
        let (tell, told) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let home = Arc::clone(home);
        let live = move || {
            tracing::subscriber::with_default(NoSubscriber::default(), || {
                live(&home, &bell, tell, ended);
            });
        };
        let thread = thread::Builder::new()
            .name("neighbours".to_owned())
            .spawn(live);
        let thread = thread.map_err(|error| Failure::new("cannot start a thread", &error))?;
        let life = Life {
            thread: Some(thread),
            end: Some(end),
        };
        let settled = told.await.map_err(|error| cannot_start(&error))??;
        Ok(Self {
            settled,
            bell: rings,
            _life: life,
        })
    }

    /// What any of them has received that fits.
    pub(super) fn having(&self, fits: impl Fn(&Arrival) -> bool) -> Vec<Arrival> {
        let mailboxes = self.settled.values().map(|(_, mailbox)| mailbox);
        mailboxes
            .flat_map(|mailbox| mailbox.having(&fits))
            .collect()
    }

    /// Where the relay reaches a neighbour. All of them are settled, so nobody is given the
    /// address at which there is nobody.
    pub(super) fn address(&self, who: Who) -> SocketAddr {
        self.settled
            .get(&who)
            .map_or(ANY_PORT, |(address, _)| *address)
    }

    /// What a neighbour has received.
    pub(super) fn mailbox(&self, who: Who) -> Option<&Mailbox> {
        self.settled.get(&who).map(|(_, mailbox)| mailbox)
    }

    /// The next message that arrives anywhere.
    pub(super) async fn next_arrival(&mut self) -> Option<Arrival> {
        self.bell.recv().await
    }

    /// Passes over what has arrived so far.
    pub(super) fn pass_over_arrivals(&mut self) {
        while self.bell.try_recv().is_ok() {}
    }
}

/// The whole life of the neighbours.
fn live(
    home: &Home,
    bell: &mpsc::Sender<Arrival>,
    tell: oneshot::Sender<Result<Settled, Failure>>,
    ended: oneshot::Receiver<()>,
) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else {
        return; // and nobody is told anything, which is told as what it is
    };
    runtime.block_on(async {
        let settled = settle(home, bell).await;
        if tell.send(settled).is_ok() {
            let _ = ended.await;
        }
    });
}

async fn settle(home: &Home, bell: &mpsc::Sender<Arrival>) -> Result<Settled, Failure> {
    let queue = LocalSpool::open(&SpoolSettings {
        reserve: 0,
        ..SpoolSettings::at(home.file("neighbours"))
    });
    let queue: Arc<dyn Spool> = Arc::new(queue.map_err(|error| cannot_start(&error))?.spool);
    let mut settled = Settled::new();
    for neighbour in &NEIGHBOURS {
        let mailbox = Mailbox::new(neighbour.who, Arc::clone(&queue), bell.clone());
        let address = neighbour.start(home, mailbox.clone()).await?;
        settled.insert(neighbour.who, (address, mailbox));
    }
    Ok(settled)
}
