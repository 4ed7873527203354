//! The client's side of a handshake.

use std::{sync::Arc, time::Duration};

use postern_mail::Domain;
use rustls::{
    ClientConfig,
    client::{ResolvesClientCert, Resumption},
    sign::CertifiedKey,
};
use rustls_pki_types::{DnsName, IpAddr, Ipv4Addr, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{HandshakeError, danger::AnyChain};
use crate::{
    ClientIdentity, Contradiction, CryptoBounds, Evidence, Side,
    certificate::{choose, show},
};

/// Whether a peer that does not prove to hold the key of its certificate ends the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Authentication {
    /// It does: a rule wants to know who the peer is.
    Demanded,
    /// It does not: encryption to whoever is there is better than none (RFC 7435). The evidence
    /// says that nothing was proven.
    NotDemanded,
}

/// What a client needs to know for one handshake.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Whether the peer must prove to hold the key of its certificate.
    pub authentication: Authentication,
    /// The name to send in the server name indication: the MX host name (RFC 8461 §7.1) or the
    /// TLSA base domain (RFC 7672 §8.1). Nothing is sent to an address literal.
    pub server_name: Option<Domain>,
    /// What to show if the server asks for a certificate.
    pub present: Option<ClientIdentity>,
    /// How long the whole handshake may take.
    pub limit: Duration,
}

/// A client of some crypto bounds. Making one is the expensive part; attempts are cheap.
///
/// Nothing is resumed, no early data is sent and no application protocol is named.
#[derive(Debug, Clone)]
pub struct TlsClient {
    bounds: Arc<CryptoBounds>,
    demanded: Arc<ClientConfig>,
    not_demanded: Arc<ClientConfig>,
}

impl TlsClient {
    /// A client that negotiates nothing outside of the bounds.
    ///
    /// # Errors
    /// Nothing can be negotiated within them.
    pub fn new(bounds: &CryptoBounds) -> Result<Self, Contradiction> {
        Ok(Self {
            bounds: Arc::new(bounds.clone()),
            demanded: Arc::new(config(bounds, Authentication::Demanded)?),
            not_demanded: Arc::new(config(bounds, Authentication::NotDemanded)?),
        })
    }

    pub(crate) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        attempt: &Attempt,
    ) -> Result<(TlsStream<S>, Evidence), HandshakeError> {
        let name = server_name(attempt.server_name.as_ref());
        let sni = match &name {
            ServerName::DnsName(name) => Some(name.as_ref().to_owned()),
            _ => None,
        };
        let handshake = TlsConnector::from(self.config_for(attempt)).connect(name, stream);
        let (stream, record) = super::run(handshake, attempt.limit).await?;
        let (_, connection) = stream.get_ref();
        let evidence = super::evidence(Side::Client, connection, sni, record)?;
        Ok((stream, evidence))
    }

    fn config_for(&self, attempt: &Attempt) -> Arc<ClientConfig> {
        let base = match attempt.authentication {
            Authentication::Demanded => &self.demanded,
            Authentication::NotDemanded => &self.not_demanded,
        };
        let Some(identity) = &attempt.present else {
            return Arc::clone(base);
        };
        let mut config = ClientConfig::clone(base);
        config.client_auth_cert_resolver = Arc::new(Presenter {
            identity: identity.clone(),
            bounds: Arc::clone(&self.bounds),
        });
        Arc::new(config)
    }
}

fn config(
    bounds: &CryptoBounds,
    authentication: Authentication,
) -> Result<ClientConfig, Contradiction> {
    if let Some(contradiction) = bounds.contradiction() {
        return Err(contradiction);
    }
    let mut config = ClientConfig::builder_with_provider(bounds.provider())
        .with_protocol_versions(&bounds.usable_versions())
        .map_err(|_| Contradiction::Together)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyChain::new(authentication, bounds)))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    // Without RFC 7627 a server in the middle can make two sessions look alike, which matters
    // where somebody is authenticated. Where nobody is, old servers are worth encrypting to.
    config.require_ems = authentication == Authentication::Demanded;
    Ok(config)
}

/// The name that rustls wants. It sends no indication for addresses, so where there is no name
/// to send it is given one that stands for nothing; names are compared after the handshake.
fn server_name(name: Option<&Domain>) -> ServerName<'static> {
    let nobody = ServerName::IpAddress(IpAddr::V4(Ipv4Addr::from([0, 0, 0, 0])));
    name.and_then(|name| DnsName::try_from(name.as_str().to_owned()).ok())
        .map_or(nobody, ServerName::DnsName)
}

/// Shows our certificate to a server that asks for one.
#[derive(Debug)]
struct Presenter {
    identity: ClientIdentity,
    bounds: Arc<CryptoBounds>,
}

impl ResolvesClientCert for Presenter {
    /// The hints are disregarded: an administrator named the certificate for this partner.
    fn resolve(
        &self,
        _: &[&[u8]],
        schemes: &[rustls::SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let chosen = choose(self.identity.certificates(), schemes, &self.bounds)?;
        Some(show(chosen, &self.bounds))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
