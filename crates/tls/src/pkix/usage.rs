//! Extended key usages (RFC 5280 §4.2.1.12).

use std::fmt;

use webpki::{
    Error, ExtendedKeyUsageValidator, KeyPurposeIdIter, KeyUsage, RequiredEkuNotFoundContext,
};

/// What a certificate must be for. One without an extended key usage is for anything;
/// anyExtendedKeyUsage alone is not enough, as RFC 5280 leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CertificateUsage {
    /// TLS servers.
    ServerAuth,
    /// TLS clients.
    ClientAuth,
    /// Either: public authorities no longer issue certificates with clientAuth, so a partner
    /// that is known by its name may show the certificate of its server.
    ClientOrServerAuth,
}

impl CertificateUsage {
    /// One purpose that would do, for an error that can name no more than one.
    fn nearest(self) -> KeyUsage {
        match self {
            Self::ServerAuth => KeyUsage::server_auth(),
            Self::ClientAuth | Self::ClientOrServerAuth => KeyUsage::client_auth(),
        }
    }

    fn is_met_by(self, purpose: &[usize]) -> bool {
        let server = purpose == KeyUsage::SERVER_AUTH_REPR;
        let client = purpose == KeyUsage::CLIENT_AUTH_REPR;
        match self {
            Self::ServerAuth => server,
            Self::ClientAuth => client,
            Self::ClientOrServerAuth => client || server,
        }
    }
}

/// Asked once for every certificate on the path: an authority that is limited to some usage
/// limits what is below it.
impl ExtendedKeyUsageValidator for CertificateUsage {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        let mut present = Vec::new();
        for purpose in purposes {
            let purpose = purpose?.to_decoded_oid();
            if self.is_met_by(&purpose) {
                return Ok(());
            }
            present.push(purpose);
        }
        if present.is_empty() {
            return Ok(());
        }
        Err(Error::RequiredEkuNotFoundContext(
            RequiredEkuNotFoundContext {
                required: self.nearest(),
                present,
            },
        ))
    }
}

impl fmt::Display for CertificateUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ServerAuth => "serverAuth",
            Self::ClientAuth => "clientAuth",
            Self::ClientOrServerAuth => "clientAuth or serverAuth",
        })
    }
}
