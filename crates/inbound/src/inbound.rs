//! From settings to listening sockets, and from there to the end of reception.

use std::{
    collections::HashMap,
    io,
    net::{self, SocketAddr},
    sync::Arc,
};

use postern_spool::Spool;
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::task::TaskTracker;

use crate::{
    Accounts, Listener, Replaced, Settings, TlsFault, accept,
    shared::Shared,
    situation::{self, Situation},
};

/// How many connections the kernel keeps for us while we are busy.
const BACKLOG: u32 = 1024;

/// Listeners that are bound, and what is needed to serve them.
#[derive(Debug)]
pub struct Inbound {
    shared: Arc<Shared>,
    listeners: Arc<[Listener]>,
    sockets: Vec<TcpListener>,
    local_addresses: Vec<SocketAddr>,
}

/// Sockets that listen already, by their addresses: a service manager has made them.
pub type Inherited = HashMap<SocketAddr, net::TcpListener>;

/// Replaces the settings of an [`Inbound`] that is being served.
#[derive(Debug, Clone)]
pub struct Control {
    shared: Arc<Shared>,
    listeners: Arc<[Listener]>,
}

/// Numbers of reception since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceptionTotals {
    /// Connections that were let in.
    pub connections: u64,
    /// Connections that were turned away.
    pub turned_away: u64,
    /// Handshakes that failed.
    pub failed_handshakes: u64,
    /// Messages that were accepted.
    pub accepted: u64,
    /// Commands and messages that were refused.
    pub refused: u64,
    /// Sessions that the shutdown cut off.
    pub cut: u64,
}

/// How reception ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Messages that were accepted since the start.
    pub accepted: u64,
    /// Sessions that were not done in time and were cut off. Nothing was promised to them.
    pub cut: u64,
}

/// A listener that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Its address cannot be bound.
    #[error("cannot listen on {address}")]
    Address {
        /// The address, as it was configured.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It cannot offer TLS.
    #[error(transparent)]
    Tls(#[from] TlsFault),
}

impl Inbound {
    /// Binds every listener. Clients can connect from here on; they are greeted by
    /// [`Inbound::serve`]. It must be called within a tokio runtime. Messages go to `spool`, and
    /// what becomes of partners' rules to `accounts`.
    ///
    /// # Errors
    /// Every listener that cannot be served. None is bound then.
    pub fn bind(
        settings: &Settings,
        spool: Arc<dyn Spool>,
        accounts: Arc<dyn Accounts>,
    ) -> Result<Self, Vec<BindError>> {
        Self::bind_or_inherit(settings, spool, accounts, &mut Inherited::new())
    }

    /// The same, but a listener whose address has a socket already takes that one out of
    /// `inherited`.
    ///
    /// # Errors
    /// As for [`Inbound::bind`].
    pub fn bind_or_inherit(
        settings: &Settings,
        spool: Arc<dyn Spool>,
        accounts: Arc<dyn Accounts>,
        inherited: &mut Inherited,
    ) -> Result<Self, Vec<BindError>> {
        let mut errors = Vec::new();
        let situation = Situation::new(settings, &settings.listeners);
        let mut sockets = Vec::new();
        let mut local_addresses = Vec::new();
        for listener in &settings.listeners {
            let bound = match inherited.remove(&listener.address) {
                Some(socket) => take_over(socket),
                None => bind(listener.address),
            };
            match bound.and_then(|socket| Ok((socket.local_addr()?, socket))) {
                Ok((address, socket)) => {
                    local_addresses.push(address);
                    sockets.push(socket);
                }
                Err(source) => errors.push(BindError::Address {
                    address: listener.address,
                    source,
                }),
            }
        }
        let situation = match situation {
            Ok(situation) if errors.is_empty() => situation,
            Ok(_) => return Err(errors),
            Err(faults) => {
                errors.extend(faults.into_iter().map(BindError::from));
                return Err(errors);
            }
        };
        Ok(Self {
            shared: Shared::new(situation, spool, accounts, sockets.len()),
            listeners: settings.listeners.clone().into(),
            sockets,
            local_addresses,
        })
    }

    /// Where the listeners are, in the order of the settings.
    pub fn local_addresses(&self) -> &[SocketAddr] {
        &self.local_addresses
    }

    /// What replaces the settings later on.
    pub fn control(&self) -> Control {
        Control {
            shared: Arc::clone(&self.shared),
            listeners: Arc::clone(&self.listeners),
        }
    }

    /// Receives mail until `stop` is done, and then lets what is on its way come to its end.
    /// Dropped before, it cuts off every session.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Drained {
        let Self {
            shared,
            sockets,
            listeners,
            local_addresses,
        } = self;
        let _guard = shared.drain.guard();
        let sessions = TaskTracker::new();
        let acceptors = TaskTracker::new();
        for (number, socket) in sockets.into_iter().enumerate() {
            let (shared, sessions) = (Arc::clone(&shared), sessions.clone());
            acceptors.spawn(accept::run(shared, sessions, socket, number));
        }
        for (listener, address) in listeners.iter().zip(&local_addresses) {
            tracing::info!(%address, role = %listener.role, tls = %listener.tls, "listening");
        }
        stop.await;
        shared.drain.stop();
        acceptors.close();
        acceptors.wait().await;
        drain(&shared, &sessions).await;
        shared.drained()
    }
}

/// Waits for the sessions, first with patience.
async fn drain(shared: &Shared, sessions: &TaskTracker) {
    sessions.close();
    let limit = shared.situation.load().limits.drain;
    if tokio::time::timeout(limit, sessions.wait()).await.is_err() {
        shared.drain.cut();
        sessions.wait().await;
    }
}

impl Shared {
    fn drained(&self) -> Drained {
        let figures = &self.figures;
        let drained = Drained {
            accepted: figures.accepted.total(),
            cut: figures.cut.total(),
        };
        tracing::info!(
            connections = figures.connections.total(),
            turned_away = figures.turned_away.total(),
            failed_handshakes = figures.failed_handshakes.total(),
            accepted = drained.accepted,
            refused = figures.refused.total(),
            cut = drained.cut,
            "reception has ended"
        );
        drained
    }
}

impl Control {
    /// Lets other settings decide from the next MAIL and the next connection on. No session is
    /// dropped. If there is anything wrong with the settings the old ones stay.
    ///
    /// # Errors
    /// Every listener that could not offer TLS.
    pub fn replace(&self, settings: &Settings) -> Result<Replaced, Vec<TlsFault>> {
        let (listeners, replaced) = situation::carry_over(&self.listeners, &settings.listeners);
        let situation = Situation::new(settings, &listeners)?;
        self.shared.situation.store(Arc::new(situation));
        Ok(replaced)
    }

    /// Numbers since the start.
    pub fn figures(&self) -> ReceptionTotals {
        let figures = &self.shared.figures;
        ReceptionTotals {
            connections: figures.connections.total(),
            turned_away: figures.turned_away.total(),
            failed_handshakes: figures.failed_handshakes.total(),
            accepted: figures.accepted.total(),
            refused: figures.refused.total(),
            cut: figures.cut.total(),
        }
    }

    /// How many connections there are at this moment.
    pub fn connections(&self) -> usize {
        self.shared.census.connections()
    }
}

fn take_over(socket: net::TcpListener) -> io::Result<TcpListener> {
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket)
}

/// Binds an address for one family: `[::]:25` leaves the IPv4 addresses to `0.0.0.0:25`,
/// whatever the system's default is.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => {
            let socket = TcpSocket::new_v6()?;
            rustix::net::sockopt::set_ipv6_v6only(&socket, true)?;
            socket
        }
    };
    // Otherwise the address is taken for minutes after a restart.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
