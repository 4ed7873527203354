//! TLS as the web uses it, where the order of things is the web's: the server proves who it is
//! within the handshake, or there is no connection.
//!
//! Mail needs evidence first and a verdict later. A policy fetched over HTTPS (RFC 8461 §3.3)
//! needs neither: the host's name is known, nobody's rule is to be looked up, and a server that
//! is not this host has nothing to say.

use std::{fmt, sync::Arc, time::Duration};

use postern_mail::Domain;
use rustls::{
    ClientConfig, Error, RootCertStore, ServerConfig, client::Resumption,
    server::NoServerSessionStorage,
};
use rustls_pki_types::{DnsName, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::{
    CertificateStore, Contradiction, CryptoBounds, HandshakeError, TlsServerError, TrustAnchors,
    handshake::ByName, summary::shown,
};

/// The one application protocol that is spoken (RFC 7301 §6, with its registry).
const HTTP_1_1: &[u8] = b"http/1.1";

/// What a web connection reads and writes.
pub trait WebStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> WebStream for S {}

/// Connects to web servers that prove to be who they are asked to be, to these trust anchors
/// (RFC 5280 §6, RFC 9525: a DNS-ID, never a common name).
///
/// Revocation is not looked at: web servers of strangers give no list to look in.
#[derive(Clone)]
pub struct WebClient {
    config: Arc<ClientConfig>,
    label: Arc<str>,
}

impl WebClient {
    /// A client that trusts `anchors`, and negotiates nothing outside of the bounds.
    ///
    /// # Errors
    /// Nothing can be negotiated within them.
    pub fn new(anchors: &TrustAnchors, bounds: &CryptoBounds) -> Result<Self, Contradiction> {
        if let Some(contradiction) = bounds.contradiction() {
            return Err(contradiction);
        }
        let mut roots = RootCertStore::empty();
        roots.extend(anchors.anchors().iter().cloned());
        let mut config = ClientConfig::builder_with_provider(bounds.provider())
            .with_protocol_versions(&bounds.usable_versions())
            .map_err(|_| Contradiction::Together)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![HTTP_1_1.to_vec()];
        Ok(Self {
            config: Arc::new(config),
            label: anchors.label().into(),
        })
    }

    /// Begins TLS with the server of `host` over a fresh connection.
    ///
    /// # Errors
    /// Says how the handshake failed, or why the server is not `host`.
    pub async fn connect<S: WebStream>(
        &self,
        host: &Domain,
        stream: S,
        limit: Duration,
    ) -> Result<impl WebStream + use<S>, WebError> {
        let name = DnsName::try_from(host.as_str().to_owned())
            .map_err(|_| WebError::NotAuthenticated("no certificate can name it".to_owned()))?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let handshake = connector.connect(ServerName::DnsName(name), stream);
        match tokio::time::timeout(limit, handshake).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(WebError::of(&error)),
            Err(_elapsed) => Err(HandshakeError::TimedOut(limit).into()),
        }
    }
}

impl fmt::Debug for WebClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebClient({})", self.label)
    }
}

/// Why there is no connection to a web server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebError {
    /// There was no handshake.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// The certificate is not one that the host could show.
    #[error("the server's certificate is not accepted: {0}")]
    NotAuthenticated(String),
}

impl WebError {
    fn of(error: &std::io::Error) -> Self {
        let inner = error.get_ref().and_then(|it| it.downcast_ref::<Error>());
        match inner {
            Some(Error::InvalidCertificate(fault)) => {
                Self::NotAuthenticated(shown(&fault.to_string()))
            }
            Some(Error::NoCertificatesPresented) => {
                Self::NotAuthenticated("there is none".to_owned())
            }
            Some(_) | None => HandshakeError::of_io(error).into(),
        }
    }
}

/// A web server of some crypto bounds, with the certificates of a store as they are at the
/// moment of each handshake.
///
/// Unlike a [`TlsServer`](crate::TlsServer) it asks nobody for a certificate: browsers would ask
/// their users which one to show.
#[derive(Debug, Clone)]
pub struct WebServer {
    config: Arc<ServerConfig>,
}

impl WebServer {
    /// A server that negotiates nothing outside of the bounds.
    ///
    /// # Errors
    /// Nothing can be negotiated within them, or not with any certificate of the store.
    pub fn new(
        certificates: Arc<CertificateStore>,
        bounds: &CryptoBounds,
    ) -> Result<Self, TlsServerError> {
        let by_name = ByName::new(certificates, bounds)?;
        let mut config = ServerConfig::builder_with_provider(bounds.provider())
            .with_protocol_versions(&bounds.usable_versions())
            .map_err(|_| TlsServerError::Contradiction(Contradiction::Together))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(by_name));
        config.ignore_client_order = true;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.max_early_data_size = 0;
        config.alpn_protocols = vec![HTTP_1_1.to_vec()];
        Ok(Self {
            config: Arc::new(config),
        })
    }

    /// Begins TLS on a connection that was made to us; the name that the client asked for comes
    /// with it, in lower case.
    ///
    /// # Errors
    /// Says how the handshake failed.
    pub async fn accept<S: WebStream>(
        &self,
        stream: S,
        limit: Duration,
    ) -> Result<(impl WebStream + use<S>, Option<String>), HandshakeError> {
        let handshake = TlsAcceptor::from(Arc::clone(&self.config)).accept(stream);
        let stream = tokio::time::timeout(limit, handshake)
            .await
            .map_err(|_elapsed| HandshakeError::TimedOut(limit))?
            .map_err(|error| HandshakeError::of_io(&error))?;
        let name = stream
            .get_ref()
            .1
            .server_name()
            .map(str::to_ascii_lowercase);
        Ok((stream, name))
    }
}

#[cfg(test)]
mod tests {
    use postern_testkit::{
        Authority, Identity, Leaf, Usage, Validity, client_config, server_config,
    };
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::{CertificateFiles, Profile, ProfileName};

    const LIMIT: Duration = Duration::from_secs(20);

    fn bounds() -> CryptoBounds {
        Profile::named(ProfileName::Intermediate).bounds().clone()
    }

    async fn connected(trusted: &Authority, shown: &Identity) -> Result<(), WebError> {
        let anchors = TrustAnchors::from_pem("test", &trusted.pem()).unwrap();
        let client = WebClient::new(&anchors, &bounds()).unwrap();
        let server = TlsAcceptor::from(Arc::new(server_config(shown, None)));
        let (near, far) = tokio::io::duplex(65536);
        let host = "mta-sts.example.org".parse().unwrap();
        let (near, _) = tokio::join!(client.connect(&host, near, LIMIT), server.accept(far));
        near.map(drop)
    }

    #[tokio::test]
    async fn a_server_must_prove_its_name() {
        let authority = Authority::new("Web CA");
        let sound = |name: &str| authority.issue(&Leaf::named(name));
        for name in ["mta-sts.example.org", "*.example.org"] {
            assert_eq!(connected(&authority, &sound(name)).await, Ok(()), "{name}");
        }
        let leaf = Leaf::named("mta-sts.example.org");
        let fine = sound("mta-sts.example.org");
        for wrong in [
            sound("example.org"),
            sound("mx.example.org"),
            sound("*.mta-sts.example.org"),
            authority.issue(&Leaf::common_name_only("mta-sts.example.org")),
            authority.issue(&leaf.clone().validity(Validity::Expired)),
            authority.issue(&leaf.clone().validity(Validity::NotYet)),
            authority.issue(&leaf.clone().usage(Usage::ClientAuth)),
            Authority::new("Web CA").issue(&leaf),
            fine.with_key_of(&sound("other.example")),
        ] {
            let error = connected(&authority, &wrong).await.unwrap_err();
            assert!(matches!(error, WebError::NotAuthenticated(_)), "{error}");
        }
    }

    #[tokio::test]
    async fn who_trusts_nobody_reaches_nobody() {
        let authority = Authority::new("Web CA");
        let client = WebClient::new(&TrustAnchors::union([]), &bounds()).unwrap();
        let shown = authority.issue(&Leaf::named("a.example"));
        let server = TlsAcceptor::from(Arc::new(server_config(&shown, None)));
        let (near, far) = tokio::io::duplex(65536);
        let host = "a.example".parse().unwrap();
        let (near, _) = tokio::join!(client.connect(&host, near, LIMIT), server.accept(far));
        assert!(matches!(near.map(drop), Err(WebError::NotAuthenticated(_))));
    }

    #[tokio::test]
    async fn our_server_tells_the_name_and_asks_for_no_certificate() {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::new("Web CA");
        let written = authority
            .issue(&Leaf::named("mta-sts.example.org"))
            .write(directory.path(), "web");
        let files = CertificateFiles {
            name: "web".into(),
            chain: written.chain,
            key: written.key,
            ocsp: None,
        };
        let now = rustls_pki_types::UnixTime::now();
        let store = Arc::new(CertificateStore::load(&[files], now).unwrap());
        let server = WebServer::new(store, &bounds()).unwrap();
        // A client that could show a certificate, and is not asked to.
        let own = authority.issue(&Leaf::named("client.example"));
        let mut config = client_config(&authority, Some(&own));
        config.alpn_protocols = vec![b"h2".to_vec(), HTTP_1_1.to_vec()];
        let client = TlsConnector::from(Arc::new(config));
        let (near, far) = tokio::io::duplex(65536);
        let name = ServerName::try_from("mta-sts.example.org").unwrap();
        let (near, far) = tokio::join!(client.connect(name, near), server.accept(far, LIMIT));
        let (mut near, (mut far, name)) = (near.unwrap(), far.unwrap());
        assert_eq!(name.as_deref(), Some("mta-sts.example.org"));
        assert_eq!(near.get_ref().1.alpn_protocol(), Some(HTTP_1_1));
        near.write_all(b"GET").await.unwrap();
        let mut octets = [0; 3];
        far.read_exact(&mut octets).await.unwrap();
        assert_eq!(&octets, b"GET");
    }
}
