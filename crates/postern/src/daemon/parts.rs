//! The parts of the daemon: what runs, and how it ends.

use std::{fmt::Write as _, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use postern_admin::{ControlSocket, WatchSocket};
use postern_dns::Resolver;
use postern_inbound::{Accounts, BindError, Control, Drained, Inbound, Inherited};
use postern_outbound::{Outbound, Stopped};
use postern_spool::{LocalSpool, Spool};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    freezing::Freezing,
    holdings::{Holdings, Keepers},
    status::Face,
    website::Web,
};
use crate::{
    failure::{Failure, chain},
    output,
    wiring::Wiring,
};

/// How long deliveries under way may go on once reception has ended.
const DRAIN: Duration = Duration::from_secs(30);

/// What works with mail, whoever brings it and whoever asks.
#[derive(Debug, Clone)]
pub(super) struct Core {
    pub(super) queue: Arc<dyn Spool>,
    pub(super) outbound: Outbound,
    pub(super) holdings: Arc<Holdings>,
    pub(super) freezing: Arc<Freezing>,
}

/// What the world speaks to, bound and not begun.
#[derive(Debug)]
pub(super) struct Outside {
    pub(super) reception: Inbound,
    pub(super) socket: ControlSocket,
    pub(super) web: Option<Web>,
    pub(super) watched: Option<WatchSocket>,
}

/// Everything that runs.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) core: Core,
    pub(super) reception: Control,
    pub(super) web: Option<Web>,
    pub(super) face: Arc<Face>,
    keepers: Keepers,
    stop_reception: CancellationToken,
    stop_control: CancellationToken,
    receiving: JoinHandle<Drained>,
    delivering: JoinHandle<()>,
    controlling: JoinHandle<()>,
    /// Where metrics and health are told.
    watched: Option<JoinHandle<()>>,
}

/// Opens the queue, which blocks while it reads all that waits.
pub(super) async fn open_queue(
    settings: postern_spool::Settings,
) -> Result<Arc<dyn Spool>, Failure> {
    let opened = tokio::task::spawn_blocking(move || LocalSpool::open(&settings)).await;
    let opened = opened.map_err(|error| Failure::new("opening the queue", &error))?;
    let opened = opened.map_err(|error| Failure::new("cannot start", &error))?;
    let waiting = opened.spool.figures().messages;
    tracing::info!(waiting, "the queue is open");
    Ok(Arc::new(opened.spool))
}

/// Opens what is held beside the queue, which blocks while files are read.
pub(super) async fn open_holdings(
    wiring: &Arc<Wiring>,
    queue: &Arc<dyn Spool>,
    resolver: &Arc<Resolver>,
) -> Result<Arc<Holdings>, Failure> {
    let (wiring, resolver) = (Arc::clone(wiring), Arc::clone(resolver));
    let queue = Arc::clone(queue);
    let open = move || Holdings::open(&wiring, queue, resolver);
    let opened = tokio::task::spawn_blocking(open).await;
    let opened = opened.map_err(|error| Failure::new("what is held beside the queue", &error))?;
    Ok(Arc::new(opened?))
}

/// Binds every listener, or tells of all that cannot be bound.
pub(super) fn bind(
    settings: &postern_inbound::Settings,
    queue: &Arc<dyn Spool>,
    accounts: Arc<dyn Accounts>,
    inherited: &mut Inherited,
) -> Result<Inbound, Failure> {
    let bound = Inbound::bind_or_inherit(settings, Arc::clone(queue), accounts, inherited);
    bound.map_err(|errors: Vec<BindError>| {
        let lines: Vec<_> = errors.iter().map(|error| chain(error)).collect();
        Failure::plain(lines.join("\n"))
    })
}

pub(super) async fn bind_control(path: &Path) -> Result<ControlSocket, Failure> {
    let socket = ControlSocket::bind(path).await;
    socket.map_err(|error| Failure::new("the control socket", &error))
}

/// Binds where metrics and health are told, if that is anywhere.
pub(super) fn bind_watched(
    address: Option<SocketAddr>,
    inherited: &mut Inherited,
) -> Result<Option<WatchSocket>, Failure> {
    let bound = address.map(|address| {
        let inherited = inherited.remove(&address);
        WatchSocket::bind(address, inherited).map_err(|error| {
            Failure::plain(format_args!(
                "cannot listen on {address} for metrics: {}",
                chain(&error)
            ))
        })
    });
    let bound = bound.transpose()?;
    if let Some(socket) = &bound {
        tracing::info!(address = %socket.address(), "metrics and health are told");
    }
    Ok(bound)
}

impl Parts {
    pub(super) fn begin(
        wiring: &Wiring,
        core: Core,
        outside: Outside,
        face: Arc<Face>,
    ) -> Result<Self, Failure> {
        let Outside {
            reception,
            socket,
            web,
            watched,
        } = outside;
        if let Some(web) = &web {
            web.begin(wiring)?;
        }
        let (stop_reception, stop_control) = (CancellationToken::new(), CancellationToken::new());
        let control = reception.control();
        let receiving = reception.serve(stop_reception.clone().cancelled_owned());
        let controlling = socket.serve(
            Arc::clone(&core.queue),
            Arc::clone(&face) as _,
            stop_control.clone().cancelled_owned(),
        );
        let watched = watched.map(|socket| {
            let stop = stop_control.clone().cancelled_owned();
            let queue = Arc::clone(&core.queue);
            tokio::spawn(socket.serve(queue, Arc::clone(&face) as _, stop))
        });
        Ok(Self {
            watched,
            delivering: tokio::spawn(core.outbound.clone().run()),
            receiving: tokio::spawn(receiving),
            controlling: tokio::spawn(controlling),
            keepers: core.holdings.keep(),
            reception: control,
            web,
            core,
            face,
            stop_reception,
            stop_control,
        })
    }

    /// The line that says that everything runs.
    pub(super) fn ready_line(&self) -> String {
        let listeners = self.face.listeners();
        let listeners = listeners
            .iter()
            .map(|it| format!("{} ({})", it.address, it.role));
        let mut line = format!("postern {} ready", env!("CARGO_PKG_VERSION"));
        // Writing to a string does not fail.
        let _ = write!(
            line,
            ": listening on {}",
            output::list(listeners, "nothing")
        );
        line
    }

    /// Waits until a part ends that should not, and names it.
    pub(super) async fn ended(&mut self) -> &'static str {
        tokio::select! {
            _ = &mut self.receiving => "reception",
            _ = &mut self.delivering => "delivery",
            _ = &mut self.controlling => "the control interface",
            part = self.keepers.ended() => part,
        }
    }

    /// Ends reception, then delivery, then what else is spoken to, each within its limit; then
    /// writes what was measured.
    pub(super) async fn drain(&mut self) {
        self.face.stopping();
        self.stop_reception.cancel();
        finish(&mut self.receiving).await;
        if self.core.outbound.stop(DRAIN).await == Stopped::CutOff {
            tracing::warn!("deliveries were cut off; their messages stay in the queue");
        }
        finish(&mut self.delivering).await;
        self.stop_control.cancel();
        finish(&mut self.controlling).await;
        if let Some(watched) = &mut self.watched {
            finish(watched).await;
        }
        if let Some(web) = &self.web {
            web.finish().await;
        }
        self.keepers.finish().await;
        let waiting = self.core.queue.figures().messages;
        tracing::info!(waiting, "postern has stopped");
    }
}

/// Waits for a part, unless it has been waited for before. That it panicked was told.
pub(super) async fn finish<T>(part: &mut JoinHandle<T>) {
    if !part.is_finished() {
        let _ = part.await;
    }
}
