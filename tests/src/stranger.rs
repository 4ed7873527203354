//! What Exim and OpenSMTPD are in the scenarios: strangers, with STARTTLS to offer or without, that
//! take messages for one domain into a maildir, and may hand on those for another.

use std::net::SocketAddr;

use crate::certificates::Credentials;

/// A stranger to be started.
#[derive(Clone, Debug)]
pub struct Stranger {
    pub(crate) hostname: String,
    pub(crate) domain: String,
    pub(crate) certificate: Option<Credentials>,
    pub(crate) relayed: Option<(String, SocketAddr)>,
}

impl Stranger {
    /// A host that serves every mailbox of `domain`, without TLS.
    pub fn named(hostname: &str, domain: &str) -> Self {
        Self {
            hostname: hostname.to_owned(),
            domain: domain.to_owned(),
            certificate: None,
            relayed: None,
        }
    }

    /// Hands messages for `domain` to `next_hop`, over TLS where it is offered, whoever it is with.
    #[must_use]
    pub fn relaying(self, domain: &str, next_hop: SocketAddr) -> Self {
        Self {
            relayed: Some((domain.to_owned(), next_hop)),
            ..self
        }
    }

    /// Offers STARTTLS with this certificate.
    #[must_use]
    pub fn offering(self, certificate: &Credentials) -> Self {
        Self {
            certificate: Some(certificate.clone()),
            ..self
        }
    }
}

/// Address and port in the two forms that configuration files want.
pub(crate) fn parts(address: SocketAddr) -> (String, u16) {
    (address.ip().to_string(), address.port())
}
