//! What programs that watch ask over TCP: metrics, and whether the daemon is well.
//!
//! | request | answer |
//! |---|---|
//! | `GET /metrics` | everything that is counted, as Prometheus reads it ([`metrics`]) |
//! | `GET /health` | 200 while the process and its parts run |
//! | `GET /ready` | 200 while mail is taken, else 503 and why not |
//!
//! Nothing can be changed here and nothing is told of a single message, so nobody has to say who
//! he is; but it is for this host alone. A web page that got its own name to lead here is refused
//! by that name.

mod metrics;

use std::{
    io,
    net::{self, IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use postern_spool::Spool;
use tokio::{net::TcpListener, task::JoinSet, time};

use crate::{
    Daemon, QueueHealth,
    server::{AFTER_TROUBLE, CONNECTIONS, answer},
};

/// The type of the text that Prometheus reads (OpenMetrics 1.0).
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Where programs that watch ask.
#[derive(Debug)]
pub struct WatchSocket {
    listener: TcpListener,
    address: SocketAddr,
}

/// Of what is told.
#[derive(Debug, Clone)]
struct Watched {
    spool: Arc<dyn Spool>,
    daemon: Arc<dyn Daemon>,
}

impl WatchSocket {
    /// Takes the socket that is there already, or binds one. It must be called within a tokio
    /// runtime.
    ///
    /// # Errors
    /// The address cannot be had.
    pub fn bind(address: SocketAddr, inherited: Option<net::TcpListener>) -> io::Result<Self> {
        let listener = match inherited {
            Some(listener) => listener,
            None => net::TcpListener::bind(address)?,
        };
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` comes to its end.
    pub async fn serve(
        self,
        spool: Arc<dyn Spool>,
        daemon: Arc<dyn Daemon>,
        stop: impl Future<Output = ()>,
    ) {
        let router = router(Watched { spool, daemon });
        let mut connections = JoinSet::new();
        let mut stop = pin!(stop);
        loop {
            let room = connections.len() < CONNECTIONS;
            tokio::select! {
                () = &mut stop => return,
                Some(_) = connections.join_next() => {}
                accepted = self.listener.accept(), if room => match accepted {
                    Ok((stream, _)) => drop(connections.spawn(answer(stream, router.clone()))),
                    Err(cause) => {
                        tracing::warn!(%cause, "nobody who asks for metrics can be accepted");
                        time::sleep(AFTER_TROUBLE).await;
                    }
                },
            }
        }
    }
}

fn router(watched: Watched) -> Router {
    Router::new()
        .route("/metrics", get(all_metrics))
        .route("/health", get(|| async { "well\n" }))
        .route("/ready", get(ready))
        .layer(middleware::from_fn(refuse_other_names))
        .with_state(watched)
}

async fn all_metrics(State(watched): State<Watched>) -> Response {
    match metrics::text(&*watched.daemon, &watched.spool.figures()) {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn ready(State(watched): State<Watched>) -> (StatusCode, String) {
    let health = QueueHealth::from(watched.spool.health());
    match why_not(&health, watched.daemon.is_stopping()) {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

/// Why no mail is taken.
fn why_not(health: &QueueHealth, is_stopping: bool) -> Option<String> {
    match health {
        _ if is_stopping => Some("postern is stopping".to_owned()),
        QueueHealth::Good => None,
        QueueHealth::Full { available, reserve } => Some(format!(
            "the disk is too full: {available} octets are free, {reserve} are kept back"
        )),
        QueueHealth::Poisoned { reason } => Some(format!("the queue has stopped: {reason}")),
    }
}

/// A browser names the host that it believes to speak to (DNS rebinding).
async fn refuse_other_names(headers: HeaderMap, request: Request, next: Next) -> Response {
    let host = headers.get(header::HOST).and_then(|it| it.to_str().ok());
    match host {
        Some(host) if is_here(host) => next.run(request).await,
        Some(_) | None => (
            StatusCode::MISDIRECTED_REQUEST,
            "ask by an address of this host or by the name localhost\n",
        )
            .into_response(),
    }
}

/// Whether a `Host` is the loopback interface, with any port.
fn is_here(host: &str) -> bool {
    let without_port = match host.parse::<SocketAddr>() {
        Ok(address) => return address.ip().is_loopback(),
        Err(_) => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    without_port.eq_ignore_ascii_case("localhost")
        || host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_host_are_answered() {
        for host in [
            "127.0.0.1:8025",
            "127.0.0.1",
            "localhost:8025",
            "LOCALHOST",
            "[::1]:8025",
            "[::1]",
        ] {
            assert!(is_here(host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8025",
            "192.0.2.1:8025",
            "localhost.evil.example",
            "",
        ] {
            assert!(!is_here(host), "{host}");
        }
    }

    #[test]
    fn what_keeps_mail_out_is_said() {
        assert_eq!(why_not(&QueueHealth::Good, false), None);
        let full = QueueHealth::Full {
            available: 7,
            reserve: 9,
        };
        assert_eq!(
            why_not(&full, false).unwrap_or_default(),
            "the disk is too full: 7 octets are free, 9 are kept back"
        );
        assert_eq!(
            why_not(&QueueHealth::Good, true).unwrap_or_default(),
            "postern is stopping"
        );
    }
}
