//! Letting connections in, as many as there may be.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use postern_mail::Reply;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::{
    TlsMode, admission,
    census::{Crowded, Place},
    session::{self, Visit},
    shared::Shared,
    situation::Door,
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
) -> Result<(), Crowded> {
    let situation = shared.situation.load_full();
    // There is a door for every socket, whatever the settings.
    let Some(door) = situation.door(number) else {
        return Ok(());
    };
    let place = match shared
        .census
        .enter(number, peer.ip(), situation.capacity(door))
    {
        Ok(place) => place,
        Err(why) => {
            shared.figures.turned_away.up();
            tracing::debug!(%peer, %why, "turned away");
            turn_away(stream, door, &admission::crowded(&situation.hostname));
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
    Crowded(#[from] Crowded),
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
