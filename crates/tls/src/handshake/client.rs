//! The client's side of a handshake.

use std::{sync::Arc, time::Duration};

use postern_mail::Domain;
use rustls::{ClientConfig, client::ResolvesClientCert, sign::CertifiedKey};
use rustls_pki_types::{DnsName, IpAddr, Ipv4Addr, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{HandshakeError, danger::AnyChain};
use crate::{
    ClientIdentity, Contradiction, CryptoBounds, Evidence, Reduction, Side,
    certificate::{choose, show},
};

/// How many sessions a client keeps to resume. A session takes 1 to 3 KiB; hosts that are
/// spoken to again within the life of a ticket are fewer.
const MOST_SESSIONS: usize = 256;

/// Whether a peer that does not prove to hold the key of its certificate ends the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Authentication {
    /// It does: a rule wants to know who the peer is.
    Demanded,
    /// It does not: encryption to whoever is there is better than none (RFC 7435). The evidence
    /// says that nothing was proven.
    NotDemanded,
}

/// How much a client offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hello {
    /// Everything within the bounds.
    Full,
    /// As little as is sensible within the bounds, small enough for one segment: for a second
    /// attempt, after a handshake failed. Where [`TlsClient::reduction`] has nothing to leave
    /// out, it is the same as the full one, and a second attempt is pointless.
    Reduced,
}

/// Whether a session may be resumed (RFC 8446 §2.2), and kept to be resumed.
///
/// A resumed session proves nothing anew: the server shows no certificate and signs nothing. So
/// it is left to attempts that demand no proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resumption {
    /// It may, where nothing speaks against it; see [`Attempt::resumption_in_force`].
    Allowed,
    /// It may not.
    Forbidden,
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
    /// How much to offer.
    pub hello: Hello,
    /// Whether a session may be resumed.
    pub resumption: Resumption,
    /// How long the whole handshake may take.
    pub limit: Duration,
}

impl Attempt {
    /// Whether a session may be resumed after all. It may not, whatever was asked for,
    ///
    /// - where the peer must be authenticated: it would not be (CVE-2025-23419);
    /// - where a certificate of ours is shown: the server might not look at it again;
    /// - where no name is sent: sessions are kept by it, and addresses have none;
    /// - with a reduced hello: it follows a failure, and is to depend on nothing from before.
    pub fn resumption_in_force(&self) -> Resumption {
        let unauthenticated = self.authentication == Authentication::NotDemanded;
        let named = matches!(
            server_name(self.server_name.as_ref()),
            ServerName::DnsName(_)
        );
        if unauthenticated && self.present.is_none() && named && self.hello == Hello::Full {
            self.resumption
        } else {
            Resumption::Forbidden
        }
    }
}

/// A client of some crypto bounds. Making one is the expensive part; attempts are cheap.
///
/// It keeps sessions to resume, by the names of servers, for attempts that allow it. They are
/// its own: another client, made for other bounds or after a reload, knows nothing of them. No
/// early data is sent (RFC 9325 §3.9), and no application protocol is named.
#[derive(Debug, Clone)]
pub struct TlsClient {
    full: Arc<Configs>,
    reduced: Option<Arc<Configs>>,
    reduction: Option<Arc<Reduction>>,
}

/// What rustls goes by, for all kinds of attempt with one set of bounds.
#[derive(Debug)]
struct Configs {
    bounds: Arc<CryptoBounds>,
    demanded: Arc<ClientConfig>,
    not_demanded: Arc<ClientConfig>,
    resuming: Arc<ClientConfig>,
}

impl TlsClient {
    /// A client that negotiates nothing outside of the bounds.
    ///
    /// # Errors
    /// Nothing can be negotiated within them.
    pub fn new(bounds: &CryptoBounds) -> Result<Self, Contradiction> {
        let (reduced, reduction) = bounds.reduced().unzip();
        let reduced = reduced.as_ref().map(Configs::new).transpose()?;
        Ok(Self {
            full: Arc::new(Configs::new(bounds)?),
            reduced: reduced.map(Arc::new),
            reduction: reduction.map(Arc::new),
        })
    }

    /// What [`Hello::Reduced`] leaves out; nothing where it would be no other than the full one.
    pub fn reduction(&self) -> Option<&Reduction> {
        self.reduction.as_deref()
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
        let config = self.configs_for(attempt.hello).config_for(attempt);
        let required = config.require_ems;
        let handshake = TlsConnector::from(config).connect(name, stream);
        let (stream, record) = super::run(handshake, attempt.limit).await?;
        let (_, connection) = stream.get_ref();
        let evidence = super::evidence(Side::Client, connection, required, sni, record)?;
        Ok((stream, evidence))
    }

    fn configs_for(&self, hello: Hello) -> &Configs {
        match (hello, &self.reduced) {
            (Hello::Reduced, Some(reduced)) => reduced,
            (Hello::Reduced, None) | (Hello::Full, _) => &self.full,
        }
    }
}

impl Configs {
    fn new(bounds: &CryptoBounds) -> Result<Self, Contradiction> {
        let not_demanded = config(bounds, Authentication::NotDemanded)?;
        let mut resuming = not_demanded.clone();
        resuming.resumption = rustls::client::Resumption::in_memory_sessions(MOST_SESSIONS);
        Ok(Self {
            bounds: Arc::new(bounds.clone()),
            demanded: Arc::new(config(bounds, Authentication::Demanded)?),
            not_demanded: Arc::new(not_demanded),
            resuming: Arc::new(resuming),
        })
    }

    fn config_for(&self, attempt: &Attempt) -> Arc<ClientConfig> {
        let base = match (attempt.authentication, attempt.resumption_in_force()) {
            (Authentication::Demanded, _) => &self.demanded,
            (Authentication::NotDemanded, Resumption::Forbidden) => &self.not_demanded,
            (Authentication::NotDemanded, Resumption::Allowed) => &self.resuming,
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

/// A configuration that resumes nothing.
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
    config.resumption = rustls::client::Resumption::disabled();
    config.enable_early_data = false;
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
