//! The daemon, from start to end.
//!
//! ```text
//! start    the queue and what is held beside it are opened, listeners and the control socket
//!          are bound, parts begin
//! ready    one line for whoever started it, READY=1 to systemd
//! watch    SIGHUP and the control interface reload; the queue's health is looked at, and whether
//!          a partner's rule is out of force
//! drain    SIGTERM, SIGINT or trouble: reception ends, then delivery, then the control interface
//!          and our policy on the web, then what fetches, and what was measured is written
//! end      the queue is closed
//! ```
//!
//! Each part is a task that this module owns. A panic in one of the many tasks below them ends
//! that task alone: it is logged and counted, and what the task held of the queue is due again.
//! A part that ends by itself ends the daemon, in good order and with status 1, so that systemd
//! starts it anew; so does a queue that has stopped after a failed write.

mod alarm;
mod dns_test;
mod figures;
mod freezing;
mod holdings;
mod key_watch;
pub(crate) mod log;
pub(crate) mod panics;
mod parts;
mod reload;
mod reporting;
mod sockets;
mod status;
mod systemd;
mod view;
mod watch;
mod website;

use std::{path::Path, sync::Arc};

use postern_outbound::Outbound;
use tokio::sync::mpsc;

pub(crate) use self::log::Log;
use self::{
    freezing::Freezing,
    parts::{Core, Outside, Parts},
    reload::Reloader,
    status::Face,
    watch::{End, Signals},
    website::Web,
};
use crate::{
    failure::{Exit, Failure},
    wiring::{self, Wiring},
};

/// Runs until a signal or trouble ends it. When every part runs, `announce` is given the line
/// that says so.
pub(crate) async fn run(
    config: &Path,
    wiring: Wiring,
    log: Log,
    announce: impl FnOnce(&str) -> Result<(), Failure>,
) -> Result<Exit, Failure> {
    let mut signals = Signals::listen().map_err(|error| Failure::new("signals", &error))?;
    // One request to reload at a time; who asks meanwhile waits.
    let (requests, requested) = mpsc::channel(1);
    let (mut parts, reloader) = start(config, wiring, log, requests).await?;
    announce(&parts.ready_line())?;
    systemd::ready();
    let end = watch::watch(&mut parts, reloader, &mut signals, requested).await;
    tracing::info!(reason = %end, "postern is stopping");
    systemd::stopping();
    tokio::select! {
        () = parts.drain() => {}
        () = signals.asked_to_end() => {
            tracing::warn!("asked to end a second time: what is under way is cut off");
            // Messages that were accepted are on disk; nothing else was promised.
            log::flush();
            std::process::exit(1);
        }
    }
    match end {
        End::Asked => Ok(Exit::Fine),
        End::Poisoned(_) | End::Ended(_) => Err(Failure::plain(end).negative()),
    }
}

/// Starts every part. If one cannot be started none is left running.
async fn start(
    config: &Path,
    wiring: Wiring,
    log: Log,
    requests: mpsc::Sender<reload::Request>,
) -> Result<(Parts, Reloader), Failure> {
    let wiring = Arc::new(wiring);
    let queue = parts::open_queue(wiring.spool.clone()).await?;
    let resolver = wiring::resolver(&wiring.dns)?;
    let holdings = parts::open_holdings(&wiring, &queue, &resolver).await?;
    let mut inherited = sockets::inherited()?;
    let outside = Outside {
        reception: parts::bind(
            &wiring.judging(Arc::clone(&resolver) as _),
            &queue,
            holdings.books(),
            &mut inherited,
        )?,
        socket: parts::bind_control(&wiring.control_socket).await?,
        web: Web::bind(wiring.serving.as_ref(), &mut inherited)?,
        watched: parts::bind_watched(wiring.watch, &mut inherited)?,
    };
    sockets::refuse_rest(&inherited)?;
    let addresses = outside.reception.local_addresses().to_vec();
    let sts = holdings.sts();
    let situation = reload::situation(&wiring, &addresses, resolver, &holdings, sts);
    let outbound = Outbound::new(Arc::clone(&queue), situation);
    let freezing = Freezing::begin(&wiring.spool.path, outbound.clone());
    let core = Core {
        outbound,
        queue,
        holdings,
        freezing: Arc::new(freezing),
    };
    let mut reloader = Reloader::new(config, Arc::clone(&wiring), log, addresses);
    let control = outside.reception.control();
    let face = Face::new(&wiring, &reloader, (core.clone(), control), requests);
    let parts = Parts::begin(&wiring, core, outside, face)?;
    reloader.begin(&parts);
    Ok((parts, reloader))
}
