//! Fetching one document from a host that may be anybody's, and posting one to it.
//!
//! The host decides about its name, its addresses, and every octet of the answer, and it may
//! have been chosen by whoever sends mail. So nothing is followed, nothing is unpacked, and
//! everything is bounded: addresses, heads, bodies, and the time of it all together, which is
//! what a host that drips an octet now and then runs into.

mod error;
mod exchange;
#[cfg(test)]
mod tests;
mod url;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use hyper::body::Bytes;
use postern_dns::{Dns, Name};
use postern_mail::is_public_address;
use postern_tls::{WebClient, WebStream};
use tokio::{net::TcpStream, time};

pub use error::FetchError;
use exchange::Ask;
pub(crate) use url::{Scheme, WebHost};
pub use url::{WebUrl, WebUrlError};

/// The most addresses of one host that are tried.
const MOST_ADDRESSES: usize = 4;

/// How long one address has to take a connection, so that a dead one leaves time for others.
const CONNECT: Duration = Duration::from_secs(10);

/// How long one address has for the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(15);

/// Where names may lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Targets {
    /// To the public internet alone. A stranger's zone must not make us knock at the doors of
    /// our own network.
    Public,
    /// Anywhere: the administrator wrote the name down, or policy hosts are inside.
    Any,
}

/// What an answer must call itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Media {
    PlainText,
    Any,
}

/// What is wanted of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The document (200).
    Document,
    /// Any success (200 to 299), whatever comes with it.
    Success,
}

/// What a document may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) time: Duration,
    pub(crate) octets: usize,
    pub(crate) media: Media,
    pub(crate) answer: Wanted,
    pub(crate) targets: Targets,
}

/// How long a host has to take what is posted to it, and to answer.
const POST: Duration = Duration::from_secs(60);

/// Fetches documents; cloning is cheap.
#[derive(Debug, Clone)]
pub struct HttpClient {
    dns: Arc<dyn Dns>,
    tls: WebClient,
}

impl HttpClient {
    /// A client that finds hosts through `dns` and, behind `https`, holds them to what `tls`
    /// trusts.
    pub fn new(dns: Arc<dyn Dns>, tls: WebClient) -> Self {
        Self { dns, tls }
    }

    pub(crate) fn dns(&self) -> &dyn Dns {
        &*self.dns
    }

    /// Fetches what is at `url`.
    pub(crate) async fn get(&self, url: &WebUrl, terms: &Terms) -> Result<Bytes, FetchError> {
        self.ask(url, Ask::Get, terms).await
    }

    /// Posts `body` to an `https` address that a stranger chose, such as the one that a domain
    /// wants its TLS reports at (RFC 8460 §5.4). Any success is one (200 to 299); what is said
    /// with it is not read.
    ///
    /// The bounds are those of fetching: nothing is followed, the host's certificate must be good,
    /// all of it ends within a minute, and with [`Targets::Public`] it goes to the public internet
    /// alone.
    pub async fn post(
        &self,
        url: &WebUrl,
        media_type: &str,
        body: Vec<u8>,
        targets: Targets,
    ) -> Result<(), FetchError> {
        if url.scheme() != Scheme::Https {
            return Err(FetchError::NotSecure);
        }
        let terms = Terms {
            time: POST,
            octets: 0,
            media: Media::Any,
            answer: Wanted::Success,
            targets,
        };
        let body = body.into();
        self.ask(url, Ask::Post { media_type, body }, &terms)
            .await
            .map(drop)
    }

    async fn ask(&self, url: &WebUrl, ask: Ask<'_>, terms: &Terms) -> Result<Bytes, FetchError> {
        let asked = async {
            let stream = self.reach(url, terms.targets).await?;
            exchange::exchange(stream, url, ask, terms).await
        };
        time::timeout(terms.time, asked)
            .await
            .unwrap_or(Err(FetchError::TimedOut(terms.time)))
    }

    /// Connects to the first address that takes part in all that belongs to a connection.
    async fn reach(
        &self,
        url: &WebUrl,
        targets: Targets,
    ) -> Result<Box<dyn WebStream>, FetchError> {
        let mut outcome = Err(FetchError::Broken("the host has no address".to_owned()));
        for address in self.addresses(url.host(), targets).await? {
            outcome = self.connect(url, address).await;
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    async fn addresses(&self, host: &WebHost, targets: Targets) -> Result<Vec<IpAddr>, FetchError> {
        let mut found = match host {
            WebHost::Address(address) => vec![*address],
            WebHost::Name(name) => self.resolve(name.as_str()).await?,
        };
        if targets == Targets::Public {
            let private = found.iter().copied().find(|it| !is_public_address(*it));
            found.retain(|address| is_public_address(*address));
            if let (true, Some(private)) = (found.is_empty(), private) {
                return Err(FetchError::PrivateTarget(private));
            }
        }
        found.truncate(MOST_ADDRESSES);
        Ok(found)
    }

    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, FetchError> {
        let name: Name = name
            .parse()
            .map_err(|_| FetchError::Broken("the host's name is not for DNS".to_owned()))?;
        let answer = self.dns.addresses(&name).await.combined();
        answer
            .map(|answer| answer.records)
            .map_err(|error| FetchError::Lookup(error.to_string()))
    }

    async fn connect(
        &self,
        url: &WebUrl,
        address: IpAddr,
    ) -> Result<Box<dyn WebStream>, FetchError> {
        let port = url.port();
        let refused = |error: String| FetchError::Connection {
            address,
            port,
            error,
        };
        let dialled = TcpStream::connect(SocketAddr::new(address, port));
        let stream = time::timeout(CONNECT, dialled)
            .await
            .map_err(|_elapsed| refused(format!("nobody answers within {} s", CONNECT.as_secs())))?
            .map_err(|error| refused(error.to_string()))?;
        match (url.scheme(), url.host()) {
            (Scheme::Https, WebHost::Name(name)) => {
                let stream = self.tls.connect(name, stream, HANDSHAKE).await?;
                Ok(Box::new(stream))
            }
            (Scheme::Https, WebHost::Address(_)) => {
                Err(refused("no certificate can be held against it".to_owned()))
            }
            (Scheme::Http, _) => Ok(Box::new(stream)),
        }
    }
}
