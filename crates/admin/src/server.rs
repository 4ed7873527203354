//! The server's side: connections, each with one request.

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use postern_spool::Spool;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinSet,
    time,
};
use tracing::{debug, warn};

use crate::{
    ControlSocket, Daemon, Queue,
    routes::{self, Subject},
};

/// The most connections at a time; more wait in the socket's backlog.
pub(crate) const CONNECTIONS: usize = 32;

/// How long a client has to send the head of its request.
const HEAD: Duration = Duration::from_secs(10);

/// How much of a head is read before the client is refused: a head has a path and three lines.
const HEAD_OCTETS: usize = 16 * 1024;

/// How long a connection lasts: the head, what was asked for, and reading the answer.
const CONNECTION: Duration = Duration::from_secs(90);

/// How long requests under way may go on once the daemon stops.
const DRAIN: Duration = Duration::from_secs(5);

/// How long to wait when the system has no resources for a connection.
pub(crate) const AFTER_TROUBLE: Duration = Duration::from_millis(200);

impl ControlSocket {
    /// Answers requests about `spool` and `daemon` until `stop` comes to its end, and then for
    /// those under way. The socket is removed at the end.
    pub async fn serve(
        self,
        spool: Arc<dyn Spool>,
        daemon: Arc<dyn Daemon>,
        stop: impl Future<Output = ()>,
    ) {
        let queue = Queue::new(spool);
        let router = routes::router(Subject { queue, daemon });
        let mut connections = JoinSet::new();
        let mut stop = pin!(stop);
        loop {
            let room = connections.len() < CONNECTIONS;
            tokio::select! {
                () = &mut stop => break,
                Some(_) = connections.join_next() => {}
                accepted = self.listener.accept(), if room => match accepted {
                    Ok((stream, _)) => drop(connections.spawn(answer(stream, router.clone()))),
                    Err(cause) => {
                        warn!(%cause, "no connection to the control socket can be accepted");
                        time::sleep(AFTER_TROUBLE).await;
                    }
                },
            }
        }
        drop(self);
        let drained = async { while connections.join_next().await.is_some() {} };
        // What is left is cut off when the set is dropped.
        let _ = time::timeout(DRAIN, drained).await;
    }
}

/// Answers one request on a connection.
pub(crate) async fn answer<S>(stream: S, router: Router)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_OCTETS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    match time::timeout(CONNECTION, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(cause)) => debug!(%cause, "a connection of an administrator failed"),
        Err(_elapsed) => debug!("a connection of an administrator took too long"),
    }
}
