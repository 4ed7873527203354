//! The server's side of a handshake.

use std::{sync::Arc, time::Duration};

use rustls::{
    ServerConfig,
    server::{ClientHello, NoServerSessionStorage, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{Authentication, HandshakeError, danger::AnyChain, sessions::Sessions};
use crate::{
    CertificateStore, Contradiction, CryptoBounds, Evidence, Side,
    certificate::{candidates, choose, show},
};

/// The names by which clients may call SMTP in the negotiation of an application protocol
/// (RFC 7301). The IANA registry has names for IMAP and POP3 and none for SMTP; nginx and Exim
/// use these. A client that knows other names only came to the wrong server or was led there
/// (ALPACA), and is refused with the alert no_application_protocol.
const PROTOCOLS: &[&[u8]] = &[b"smtp", b"esmtp"];

/// Whether a server asks clients for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientCertificates {
    /// It asks everyone, requires one of nobody, and leaves the judgement for afterwards.
    /// Sessions are not resumed: the certificate would not be shown again.
    Requested,
    /// It asks nobody, and knows nobody. Sessions may be resumed.
    NotRequested,
}

/// A server of some crypto bounds, with the certificates of a store as they are at the moment
/// of each handshake.
///
/// - The server's order of preference decides, not the client's.
/// - Sessions are resumed only where no certificate is asked for, and only those of this very
///   server: they are kept here, few and not for long, and not in tickets that another listener
///   or a server made after a reload could read (CVE-2025-23419).
/// - No early data is accepted (RFC 9325 §3.9).
/// - TLS 1.2 needs the extended master secret (RFC 7627, RFC 9325 §3.5).
/// - A client that names application protocols must name SMTP.
#[derive(Debug, Clone)]
pub struct TlsServer {
    config: Arc<ServerConfig>,
}

impl TlsServer {
    /// A server that negotiates nothing outside of the bounds.
    ///
    /// # Errors
    /// Nothing can be negotiated within them, or not with any certificate of the store.
    pub fn new(
        certificates: Arc<CertificateStore>,
        bounds: &CryptoBounds,
        asking: ClientCertificates,
    ) -> Result<Self, TlsServerError> {
        let by_name = ByName::new(certificates, bounds)?;
        let builder = ServerConfig::builder_with_provider(bounds.provider())
            .with_protocol_versions(&bounds.usable_versions())
            .map_err(|_| TlsServerError::Contradiction(Contradiction::Together))?;
        let builder = match asking {
            ClientCertificates::Requested => {
                let any = AnyChain::new(Authentication::NotDemanded, bounds);
                builder.with_client_cert_verifier(Arc::new(any))
            }
            ClientCertificates::NotRequested => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(by_name));
        config.ignore_client_order = true;
        config.max_early_data_size = 0;
        config.require_ems = true;
        config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
        match asking {
            ClientCertificates::Requested => {
                config.session_storage = Arc::new(NoServerSessionStorage {});
                config.send_tls13_tickets = 0;
            }
            ClientCertificates::NotRequested => {
                config.session_storage = Arc::new(Sessions::default());
                config.send_tls13_tickets = 1;
            }
        }
        Ok(Self {
            config: Arc::new(config),
        })
    }

    pub(crate) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        limit: Duration,
    ) -> Result<(TlsStream<S>, Evidence), HandshakeError> {
        let handshake = TlsAcceptor::from(Arc::clone(&self.config)).accept(stream);
        let (stream, record) = super::run(handshake, limit).await?;
        let (_, connection) = stream.get_ref();
        let sni = connection.server_name().map(str::to_ascii_lowercase);
        let required = self.config.require_ems;
        let evidence = super::evidence(Side::Server, connection, required, sni, record)?;
        Ok((stream, evidence))
    }
}

/// Why a server cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlsServerError {
    /// The bounds exclude every handshake.
    #[error("{0}")]
    Contradiction(Contradiction),
    /// The bounds exclude every certificate.
    #[error("none of our certificates has a key that the profile allows")]
    NoCertificate,
}

/// Chooses a certificate by the name that the client asks for and by what it can verify.
#[derive(Debug)]
pub(crate) struct ByName {
    certificates: Arc<CertificateStore>,
    bounds: CryptoBounds,
}

impl ByName {
    pub(crate) fn new(
        certificates: Arc<CertificateStore>,
        bounds: &CryptoBounds,
    ) -> Result<Self, TlsServerError> {
        if let Some(contradiction) = bounds.contradiction() {
            return Err(TlsServerError::Contradiction(contradiction));
        }
        let servable = certificates.current();
        let offered = bounds.offered_schemes();
        if choose(candidates(&servable, None), &offered, bounds).is_none() {
            return Err(TlsServerError::NoCertificate);
        }
        Ok(Self {
            certificates,
            bounds: bounds.clone(),
        })
    }
}

impl ResolvesServerCert for ByName {
    /// rustls has reduced the schemes to those that the client's TLS 1.2 suites can use.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.certificates.current();
        let candidates = candidates(&current, hello.server_name());
        let chosen = choose(candidates, hello.signature_schemes(), &self.bounds)?;
        Some(show(chosen, &self.bounds))
    }
}
