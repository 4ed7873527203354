//! The command line's side.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    time::Duration,
};

use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, StatusCode,
    body::Bytes,
    client::conn::http1,
    header::{CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use postern_mail::{Domain, QueueId};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{net::UnixStream, time};

use crate::{
    Change, ChangeOrder, Changed, Delay, Destinations, FreezeOrder, Freezer, Listing, Message,
    Page, Partner, PartnerPage, Reloaded, Report, ReportOrder, ReportPage, ReportsSent, Status,
    Summary, Whose, WhoseOrder,
    partner::escaped,
    problem::{Code, Problem},
    routes::{Nothing, PATIENCE, WhyHold},
};

/// The longest answer. See [`crate::queue`] for what a page comes to at most.
const LONGEST_ANSWER: usize = 32 * 1024 * 1024;

/// How long the daemon has for an answer; it gives itself less.
const ANSWER: Duration = PATIENCE.saturating_add(Duration::from_secs(10));

/// Speaks to a running daemon, one connection for each call.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
}

/// Why the daemon did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no daemon at the other end.
    #[error("postern is not running or listens elsewhere: no answer on {}", socket.display())]
    NotRunning {
        /// Where it was looked for.
        socket: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The socket is somebody else's.
    #[error(
        "you may not use {}: run this as root, or as the user that postern runs as",
        .0.display()
    )]
    NotPermitted(PathBuf),
    /// The connection failed.
    #[error("the connection to postern on {} failed", socket.display())]
    Connection {
        /// Where it was.
        socket: PathBuf,
        /// What was said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Postern did not answer in time. What was asked for may yet happen.
    #[error("postern on {} does not answer; what was asked for may yet happen", .0.display())]
    TimedOut(PathBuf),
    /// The answer is none that this program understands.
    #[error(
        "the answer on {} makes no sense ({reason}): does postern there have this version?",
        socket.display()
    )]
    NotUnderstood {
        /// Where it came from.
        socket: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no such message; the text names it.
    #[error("{0}")]
    NoSuchMessage(String),
    /// There is no such partner; the text names it, and those that may be meant.
    #[error("{0}")]
    NoSuchPartner(String),
    /// There is no such report; the text names it.
    #[error("{0}")]
    NoSuchReport(String),
    /// What was asked for makes no sense; the text says why.
    #[error("{0}")]
    BadRequest(String),
    /// Postern refused, and says why.
    #[error("{0}")]
    Refused(String),
}

impl Client {
    /// A client of the daemon that listens on `socket`.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self {
            socket: socket.into(),
        }
    }

    /// Where it looks for the daemon.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// How the daemon is.
    ///
    /// # Errors
    /// It cannot be asked.
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.look("/v1/status").await
    }

    /// Has the daemon read its configuration and certificates anew.
    ///
    /// # Errors
    /// It cannot be asked. That the new configuration is refused is no error.
    pub async fn reload(&self) -> Result<Reloaded, ClientError> {
        self.act("/v1/reload", &Nothing {}).await
    }

    /// The partners from the place `from` on.
    ///
    /// # Errors
    /// The daemon cannot be asked.
    pub async fn partners(&self, from: usize) -> Result<PartnerPage, ClientError> {
        self.look(&format!("/v1/partners?from={from}")).await
    }

    /// One partner.
    ///
    /// # Errors
    /// The daemon cannot be asked, or has no such partner.
    pub async fn partner(&self, name: &str) -> Result<Partner, ClientError> {
        self.look(&format!("/v1/partner?name={}", escaped(name)))
            .await
    }

    /// The reports from the place `from` on.
    ///
    /// # Errors
    /// The daemon cannot be asked, or cannot read them.
    pub async fn reports(&self, from: usize) -> Result<ReportPage, ClientError> {
        self.look(&format!("/v1/reports?from={from}")).await
    }

    /// One report.
    ///
    /// # Errors
    /// The daemon cannot be asked, or has no such report.
    pub async fn report(&self, id: &str) -> Result<Report, ClientError> {
        self.look(&format!("/v1/report?name={}", escaped(id))).await
    }

    /// Has the daemon send reports, or tell which it would send.
    ///
    /// # Errors
    /// The daemon cannot be asked, or sends none.
    pub async fn send_reports(&self, order: &ReportOrder) -> Result<ReportsSent, ClientError> {
        self.act("/v1/reports/send", order).await
    }

    /// The messages that `listing` asks for.
    ///
    /// # Errors
    /// The daemon cannot be asked, or cannot read its queue.
    pub async fn list(&self, listing: &Listing) -> Result<Page, ClientError> {
        self.look(&format!("/v1/queue?{}", listing.query())).await
    }

    /// One message, with its recipients from the place `from` on.
    ///
    /// # Errors
    /// The daemon cannot be asked, or has no such message.
    pub async fn show(&self, id: QueueId, from: usize) -> Result<Message, ClientError> {
        self.look(&format!("/v1/queue/{id}?from={from}")).await
    }

    /// Does something to a message. It is on disk when this returns.
    ///
    /// # Errors
    /// The daemon cannot be asked, has no such message, or could not do it.
    pub async fn change(&self, id: QueueId, change: &Change) -> Result<(), ClientError> {
        let path = format!("/v1/queue/{id}/{}", change.as_str());
        let Nothing {} = match change {
            Change::Hold { reason } => {
                let reason = reason.clone();
                self.act(&path, &WhyHold { reason }).await
            }
            Change::Retry | Change::Release | Change::Remove => self.act(&path, &Nothing {}).await,
        }?;
        Ok(())
    }

    /// Does a part of what an order says: see [`ChangeOrder`].
    ///
    /// # Errors
    /// The daemon cannot be asked, or could not do it. Some may have been changed.
    pub async fn change_all(&self, order: &ChangeOrder) -> Result<Changed, ClientError> {
        self.act("/v1/change", order).await
    }

    /// How much waits for whom.
    ///
    /// # Errors
    /// The daemon cannot be asked.
    pub async fn summary(&self) -> Result<Summary, ClientError> {
        self.look("/v1/summary").await
    }

    /// The destinations that are served or cannot be reached now.
    ///
    /// # Errors
    /// The daemon cannot be asked.
    pub async fn destinations(&self) -> Result<Destinations, ClientError> {
        self.look("/v1/destinations").await
    }

    /// What keeps mail for a domain from going.
    ///
    /// # Errors
    /// The daemon cannot be asked.
    pub async fn delay(&self, domain: &Domain) -> Result<Delay, ClientError> {
        let domain = escaped(domain.as_str());
        self.look(&format!("/v1/delay?domain={domain}")).await
    }

    /// All that is frozen.
    ///
    /// # Errors
    /// The daemon cannot be asked.
    pub async fn frozen(&self) -> Result<Freezer, ClientError> {
        self.look("/v1/frozen").await
    }

    /// Lets mail wait, until it thaws. What is frozen by this is answered.
    ///
    /// # Errors
    /// The daemon cannot be asked, or could not do it.
    pub async fn freeze(&self, order: &FreezeOrder) -> Result<Freezer, ClientError> {
        self.act("/v1/freeze", order).await
    }

    /// Lets mail go that was frozen. What thawed by this is answered.
    ///
    /// # Errors
    /// The daemon cannot be asked, or could not do it.
    pub async fn thaw(&self, whose: Whose) -> Result<Freezer, ClientError> {
        self.act("/v1/thaw", &WhoseOrder { whose }).await
    }

    /// Has all that waits tried now, and forgets which destinations could not be reached.
    ///
    /// # Errors
    /// The daemon cannot be asked.
    pub async fn flush(&self, whose: Whose) -> Result<(), ClientError> {
        let Nothing {} = self.act("/v1/flush", &WhoseOrder { whose }).await?;
        Ok(())
    }

    async fn look<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.call(Method::GET, path, Bytes::new()).await
    }

    async fn act<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| self.not_understood(error))?;
        self.call(Method::POST, path, body.into()).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, ClientError> {
        let exchange = time::timeout(ANSWER, self.exchange(method, path, body));
        let answer = exchange.await;
        let (status, body) = answer.map_err(|_| ClientError::TimedOut(self.socket.clone()))??;
        if status == StatusCode::OK {
            return serde_json::from_slice(&body).map_err(|error| self.not_understood(error));
        }
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => Err(problem.into()),
            Err(_) => Err(self.not_understood(status)),
        }
    }

    /// One request and its answer.
    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), ClientError> {
        let stream = UnixStream::connect(&self.socket).await;
        let stream = stream.map_err(|source| self.no_connection(source))?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "postern")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| self.not_understood(error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.broken(error.into()))?;
        let exchange = async move {
            let response = sender.send_request(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), LONGEST_ANSWER);
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>((
                status,
                body.collect().await?.to_bytes(),
            ))
        };
        // The connection must be driven until the answer is whole; how it ends after that does
        // not matter.
        let (answer, _) = tokio::join!(exchange, connection);
        answer.map_err(|source| self.broken(source))
    }

    fn no_connection(&self, source: io::Error) -> ClientError {
        let socket = self.socket.clone();
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                ClientError::NotRunning { socket, source }
            }
            io::ErrorKind::PermissionDenied => ClientError::NotPermitted(socket),
            _ => self.broken(source.into()),
        }
    }

    fn broken(&self, source: Box<dyn std::error::Error + Send + Sync>) -> ClientError {
        ClientError::Connection {
            socket: self.socket.clone(),
            source,
        }
    }

    fn not_understood(&self, reason: impl fmt::Display) -> ClientError {
        ClientError::NotUnderstood {
            socket: self.socket.clone(),
            reason: reason.to_string(),
        }
    }
}

impl From<Problem> for ClientError {
    fn from(problem: Problem) -> Self {
        match problem.code {
            Code::NoSuchMessage => Self::NoSuchMessage(problem.message),
            Code::NoSuchPartner => Self::NoSuchPartner(problem.message),
            Code::NoSuchReport => Self::NoSuchReport(problem.message),
            Code::BadRequest => Self::BadRequest(problem.message),
            Code::Forbidden
            | Code::NotFound
            | Code::MethodNotAllowed
            | Code::TooLarge
            | Code::NotJson
            | Code::QueueFailed
            | Code::ReportsFailed
            | Code::FreezerFailed
            | Code::TimedOut => Self::Refused(problem.message),
        }
    }
}
