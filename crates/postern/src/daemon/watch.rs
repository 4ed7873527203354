//! Watching over the parts until something ends them.

use std::{fmt, io, time::Duration};

use postern_spool::{Filter, Health};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    time::{self, Instant, MissedTickBehavior},
};

use super::{
    parts::Parts,
    reload::{Reloader, Request},
    systemd,
};

/// How often the queue's health is looked at, and whether there is something to be told again.
const LOOK: Duration = Duration::from_secs(1);

/// Why the daemon ends.
#[derive(Debug)]
pub(super) enum End {
    /// A signal asked for it.
    Asked,
    /// The queue has stopped after a failed write. Only a restart reads back what is on disk.
    Poisoned(String),
    /// A part has ended that should not.
    Ended(&'static str),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("asked to end"),
            Self::Poisoned(reason) => write!(f, "the queue has stopped: {reason}"),
            Self::Ended(part) => write!(f, "{part} has ended by itself"),
        }
    }
}

/// The signals that mean something to us.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// From now on none of them ends the process by itself.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits until SIGTERM or SIGINT comes.
    pub(super) async fn asked_to_end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Watches until there is a reason to end. Reloads come one after the other, however many ask.
pub(super) async fn watch(
    parts: &mut Parts,
    mut reloader: Reloader,
    signals: &mut Signals,
    mut requests: mpsc::Receiver<Request>,
) -> End {
    let mut watchdog = Watchdog::new();
    let mut looks = time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let Signals {
            terminate,
            interrupt,
            hang_up,
        } = signals;
        tokio::select! {
            biased;
            _ = terminate.recv() => return End::Asked,
            _ = interrupt.recv() => return End::Asked,
            part = parts.ended() => return End::Ended(part),
            _ = looks.tick() => {
                if let Health::Poisoned(reason) = parts.core.queue.health() {
                    return End::Poisoned(reason);
                }
                reloader.look(parts);
                watchdog.feed(parts).await;
            }
            _ = hang_up.recv() => drop(reloader.reload(parts).await),
            Some(answer) = requests.recv() => {
                let reloaded = reloader.reload(parts).await;
                // Who asked may have gone.
                let _ = answer.send(reloaded);
            }
        }
    }
}

/// Tells systemd that work is being done, when it is: this very loop comes round, the threads
/// that may block do so and come back, and the queue can be read.
#[derive(Debug)]
struct Watchdog {
    /// How often it is fed; nothing where nobody asks.
    interval: Option<Duration>,
    due: Instant,
}

impl Watchdog {
    fn new() -> Self {
        Self {
            // sd_watchdog_enabled(3) advises half of the time; a third leaves room for one miss.
            interval: systemd::watchdog().map(|time| time / 3),
            due: Instant::now(),
        }
    }

    async fn feed(&mut self, parts: &Parts) {
        let Some(interval) = self.interval else {
            return;
        };
        if Instant::now() < self.due {
            return;
        }
        let filter = Filter::default();
        let read = parts.core.queue.list(&filter, None, 1);
        match time::timeout(interval, read).await {
            Ok(Ok(_)) => {
                systemd::alive();
                self.due = Instant::now() + interval;
            }
            Ok(Err(error)) => tracing::error!(%error, "the queue cannot be read"),
            Err(_elapsed) => tracing::error!("the queue does not answer"),
        }
    }
}
