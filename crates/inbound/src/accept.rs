//! Letting connections in, as many as there may be.

use std::{
    io::{self, Write as _},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use postern_mail::{Domain, Reply};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::{
    TlsMode, admission,
    budget::{Good, Payer, Spent},
    census::{Crowded, Place},
    session::{self, Visit},
    shared::Shared,
    situation::{Door, Situation},
};

/// How long nobody is accepted after the system would not let us. It is out of descriptors or
/// memory as a rule, and to try again at once would only burn time that sessions need to end.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections to the listener of this number until reception stops.
pub(crate) async fn run(
    shared: Arc<Shared>,
    sessions: TaskTracker,
    socket: TcpListener,
    number: usize,
) {
    let mut mood = Mood::Fine;
    loop {
        let accepted = tokio::select! {
            biased;
            () = shared.drain.stopped() => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let welcomed = welcome(&shared, &sessions, stream, peer, number);
                mood.note(welcomed.err().map(Trouble::from));
            }
            Err(error) if is_of_one_connection(&error) => {
                tracing::debug!(%error, "a connection was gone before it was accepted");
            }
            Err(error) => {
                mood.note(Some(Trouble::System(error)));
                tokio::select! {
                    () = shared.drain.stopped() => return,
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
    }
}

/// Begins a session, or turns the client away.
fn welcome(
    shared: &Arc<Shared>,
    sessions: &TaskTracker,
    stream: TcpStream,
    peer: SocketAddr,
    number: usize,
) -> Result<(), TurnedAway> {
    let situation = shared.situation.load_full();
    // There is a door for every socket, whatever the settings.
    let Some(door) = situation.door(number) else {
        return Ok(());
    };
    let place = match find_place(shared, &situation, door, peer.ip(), number) {
        Ok(place) => place,
        Err(why) => {
            shared.figures.turned_away.up();
            tracing::debug!(%peer, refused_because = %why, "turned away");
            turn_away(stream, door, &why.reply(&situation.hostname));
            return Err(why);
        }
    };
    shared.figures.connections.up();
    let session = shared.new_session();
    let span = tracing::info_span!("session", %session, %peer);
    let visit = Visit {
        shared: Arc::clone(shared),
        door: Arc::clone(door),
        handshake: situation.limits.handshake,
        session,
        peer,
        number,
    };
    sessions.spawn(stay(visit, place, stream).instrument(span));
    Ok(())
}

/// Whether the client may come so often, and whether there is a place for it.
fn find_place(
    shared: &Shared,
    situation: &Situation,
    door: &Door,
    client: IpAddr,
    number: usize,
) -> Result<Place, TurnedAway> {
    let capacity = situation.capacity(door, client);
    let place = shared.census.enter(number, client, capacity)?;
    if !situation.has_reserve(client) {
        let (allowances, payers) = (&situation.limits.allowances, Payer::of(client));
        let now = Instant::now();
        let budgets = &shared.budgets;
        budgets.look(Good::Error, &payers, allowances, now)?;
        budgets.spend(Good::Connection, &payers, allowances, now)?;
    }
    Ok(place)
}

/// Why a client was turned away.
#[derive(Debug, thiserror::Error)]
enum TurnedAway {
    #[error(transparent)]
    Crowded(#[from] Crowded),
    #[error(transparent)]
    Spent(#[from] Spent),
}

impl TurnedAway {
    fn reply(&self, hostname: &Domain) -> Reply {
        match self {
            Self::Crowded(_) => admission::crowded(hostname),
            Self::Spent(spent) => admission::too_often(hostname, spent),
        }
    }
}

/// Serves a client until it is done, or until time is up for everybody.
async fn stay(visit: Visit, _place: Place, stream: TcpStream) {
    let shared = Arc::clone(&visit.shared);
    tokio::select! {
        () = session::serve(visit, stream) => {}
        () = shared.drain.time_is_up() => {
            shared.figures.cut.up();
            tracing::warn!("cut off, because it was not done in time for the shutdown");
        }
    }
}

/// Says why in one write, without waiting for anything: a flood must not cost a task each. A
/// client that begins with TLS could not read it and is told nothing.
fn turn_away(stream: TcpStream, door: &Door, reply: &Reply) {
    if door.listener.tls == TlsMode::Implicit {
        return;
    }
    if let Ok(mut stream) = stream.into_std() {
        // The buffer of a new connection has room; if not, the close says enough.
        let _ = stream.write(format!("{reply}\r\n").as_bytes());
    }
}

/// Whether accepting failed for reasons of that connection alone.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

/// Whether connections get in, so that trouble is told when it begins and not at each of
/// thousands of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Fine,
    Troubled,
}

/// Why a connection did not get in.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    TurnedAway(#[from] TurnedAway),
    #[error("{0}")]
    System(io::Error),
}

impl Mood {
    fn note(&mut self, trouble: Option<Trouble>) {
        match (*self, trouble) {
            (Self::Fine, Some(trouble)) => {
                *self = Self::Troubled;
                tracing::warn!(%trouble, "connections do not get in");
            }
            (Self::Troubled, None) => *self = Self::Fine,
            (Self::Fine, None) | (Self::Troubled, Some(_)) => {}
        }
    }
}
