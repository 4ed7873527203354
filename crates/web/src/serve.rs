//! Listeners and connections.

use std::{convert::Infallible, future::Future, pin::pin, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use postern_tls::{WebServer, WebStream};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time,
};
use tracing::{debug, warn};

use crate::{
    Site,
    answer::{Way, answer},
};

/// The most connections of a listener at a time; more wait in the socket's backlog. Each takes
/// some tens of kibibytes.
const CONNECTIONS: usize = 256;

/// How long a client has for the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long it has to send the head of its request.
const HEAD: Duration = Duration::from_secs(10);

/// How much of a head is read.
const HEAD_OCTETS: usize = 16 * 1024;

/// The most header fields of a request.
const HEAD_FIELDS: usize = 64;

/// How long a connection lasts in all.
const CONNECTION: Duration = Duration::from_secs(30);

/// How long connections under way may go on once the listener stops.
const DRAIN: Duration = Duration::from_secs(5);

/// How long to wait when the system has no resources for a connection.
const AFTER_TROUBLE: Duration = Duration::from_millis(200);

/// A site, as it is now, and how it is reached.
#[derive(Debug)]
pub struct Website {
    site: ArcSwap<Site>,
}

impl Website {
    /// Begins with this site.
    pub fn new(site: Site) -> Self {
        Self {
            site: ArcSwap::from_pointee(site),
        }
    }

    /// Has the next request answered by this site.
    pub fn replace(&self, site: Site) {
        self.site.store(Arc::new(site));
    }

    /// The site as it is now.
    pub fn site(&self) -> Arc<Site> {
        self.site.load_full()
    }

    /// Serves the site over HTTPS until `stop` comes to its end, and then those under way.
    pub async fn serve_https(
        self: Arc<Self>,
        listener: TcpListener,
        tls: WebServer,
        stop: impl Future<Output = ()>,
    ) {
        let connection = |stream| Arc::clone(&self).secured(stream, tls.clone());
        accept(&listener, connection, stop).await;
    }

    /// Sends whoever comes over HTTP to HTTPS, until `stop` comes to its end.
    pub async fn serve_http(
        self: Arc<Self>,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) {
        let connection = |stream| Arc::clone(&self).exchange(stream, Way::Http);
        accept(&listener, connection, stop).await;
    }

    async fn secured(self: Arc<Self>, stream: TcpStream, tls: WebServer) {
        match tls.accept(stream, HANDSHAKE).await {
            Ok((stream, server_name)) => self.exchange(stream, Way::Https { server_name }).await,
            Err(cause) => debug!(%cause, "a web client did not get as far as a request"),
        }
    }

    /// One request and its answer.
    async fn exchange(self: Arc<Self>, stream: impl WebStream, way: Way) {
        let service = service_fn(|request: Request<Incoming>| {
            let site = self.site();
            let (method, uri) = (request.method(), request.uri());
            let response = answer(&site, &way, method, uri, request.headers());
            debug!(%method, %uri, status = response.status().as_u16(), "a web request");
            std::future::ready(Ok::<_, Infallible>(response))
        });
        let ended = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_buf_size(HEAD_OCTETS)
            .max_headers(HEAD_FIELDS)
            .keep_alive(false)
            .serve_connection(TokioIo::new(stream), service)
            .await;
        if let Err(cause) = ended {
            debug!(%cause, "a web connection failed");
        }
    }
}

/// Accepts connections until `stop` comes to its end, and then waits a little for those that are
/// under way.
async fn accept<C: Future<Output = ()> + Send + 'static>(
    listener: &TcpListener,
    connection: impl Fn(TcpStream) -> C,
    stop: impl Future<Output = ()>,
) {
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let room = connections.len() < CONNECTIONS;
        tokio::select! {
            () = &mut stop => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if room => match accepted {
                Ok((stream, _)) => {
                    let bounded = time::timeout(CONNECTION, connection(stream));
                    connections.spawn(async { drop(bounded.await) });
                }
                Err(cause) => {
                    warn!(%cause, "no web connection can be accepted");
                    time::sleep(AFTER_TROUBLE).await;
                }
            },
        }
    }
    let drained = async { while connections.join_next().await.is_some() {} };
    // What is left is cut off when the set is dropped.
    let _ = time::timeout(DRAIN, drained).await;
}

#[cfg(test)]
mod tests {
    use postern_policy::{StsMode, StsPolicy};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        time::Instant,
    };

    use super::*;

    fn website() -> Arc<Website> {
        let policy = StsPolicy::new(StsMode::None, Vec::new(), HEAD).unwrap();
        Arc::new(Website::new(Site::new([], &policy)))
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_finish_its_head_is_not_waited_for() {
        for begun in ["", "GET / HTTP/1.1\r\nHost: a.example\r\n"] {
            let (mut near, far) = tokio::io::duplex(1024);
            near.write_all(begun.as_bytes()).await.unwrap();
            let began = Instant::now();
            website().exchange(far, Way::Http).await;
            assert_eq!(began.elapsed().as_secs(), HEAD.as_secs());
        }
    }

    /// Each octet comes before its time is up, and the end never does.
    #[tokio::test(start_paused = true)]
    async fn a_client_that_drips_is_not_waited_for() {
        let (mut near, far) = tokio::io::duplex(1024);
        let began = Instant::now();
        let drip = async {
            while near.write_all(b"G").await.is_ok() {
                time::sleep(HEAD / 2).await;
            }
        };
        tokio::join!(website().exchange(far, Way::Http), drip);
        assert!(began.elapsed() <= HEAD * 2);
        let mut rest = Vec::new();
        near.read_to_end(&mut rest).await.unwrap();
    }
}
