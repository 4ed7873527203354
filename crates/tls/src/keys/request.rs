//! Requests for certificates (PKCS #10, RFC 2986), with the names in a subject alternative name
//! (RFC 5280 §4.2.1.6).

use std::{fmt, str::FromStr};

use postern_mail::{Domain, DomainError};
use rcgen::{CertificateParams, DistinguishedName, DnType, SanType};

use super::PrivateKey;

/// The most names of one request. Public authorities refuse more.
pub const MOST_REQUESTED_NAMES: usize = 100;

/// The longest common name (RFC 5280 appendix A.1, `ub-common-name`).
const LONGEST_COMMON_NAME: usize = 64;

/// A name that a certificate is asked for: a host, or all hosts one label below a domain.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RequestedName {
    /// One host.
    Host(Domain),
    /// `*.domain` (RFC 9525 §6.3).
    OneLabelBelow(Domain),
}

impl FromStr for RequestedName {
    type Err = RequestedNameError;

    fn from_str(text: &str) -> Result<Self, RequestedNameError> {
        let (domain, name) = match text.strip_prefix("*.") {
            Some(parent) => {
                let parent: Domain = parent.parse()?;
                (parent.clone(), Self::OneLabelBelow(parent))
            }
            None => {
                let host: Domain = text.parse()?;
                (host.clone(), Self::Host(host))
            }
        };
        if domain.labels().count() < 2 {
            return Err(RequestedNameError::NotQualified);
        }
        if domain.as_str().contains('_') {
            return Err(RequestedNameError::Underscore);
        }
        let last = domain.labels().next_back();
        if last.is_some_and(|it| it.bytes().all(|c| c.is_ascii_digit())) {
            return Err(RequestedNameError::Address);
        }
        Ok(name)
    }
}

impl fmt::Display for RequestedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => host.fmt(f),
            Self::OneLabelBelow(domain) => write!(f, "*.{domain}"),
        }
    }
}

/// Why no authority would certify a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestedNameError {
    /// It is no domain.
    #[error(transparent)]
    Domain(#[from] DomainError),
    /// It has one label.
    #[error("a certificate is for a fully qualified name")]
    NotQualified,
    /// It has an underscore, which host names do not have (RFC 952, RFC 1123 §2.1).
    #[error("no authority certifies a name with an underscore")]
    Underscore,
    /// It is an IP address.
    #[error("an address is no name")]
    Address,
}

/// Why there is no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// There is no name to ask for.
    #[error("a request needs a name")]
    NoNames,
    /// There are more names than authorities take.
    #[error("a request has at most {MOST_REQUESTED_NAMES} names")]
    TooManyNames,
    /// The library failed.
    #[error("no request could be made: {error}")]
    NotMade {
        /// What it said.
        error: String,
    },
}

impl PrivateKey {
    /// A request in PEM for a certificate for these names, signed with this key: by SHA-256, and
    /// by SHA-384 where the key is on P-384.
    ///
    /// The first name is the common name as well, if it fits. Nobody who verifies goes by it
    /// (RFC 9525 §2), yet some authorities refuse a request with an empty subject.
    ///
    /// # Errors
    /// There are no names, or too many.
    pub fn request(&self, names: &[RequestedName]) -> Result<String, RequestError> {
        let first = names.first().ok_or(RequestError::NoNames)?.to_string();
        if names.len() > MOST_REQUESTED_NAMES {
            return Err(RequestError::TooManyNames);
        }
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        if first.len() <= LONGEST_COMMON_NAME {
            params.distinguished_name.push(DnType::CommonName, first);
        }
        for (at, name) in names.iter().enumerate() {
            if !names.iter().take(at).any(|before| before == name) {
                let name = name.to_string().try_into().map_err(not_made)?;
                params.subject_alt_names.push(SanType::DnsName(name));
            }
        }
        let request = params.serialize_request(&self.0).map_err(not_made)?;
        request.pem().map_err(not_made)
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is given to `map_err`, which owns the error"
)]
fn not_made(error: rcgen::Error) -> RequestError {
    RequestError::NotMade {
        error: error.to_string(),
    }
}
