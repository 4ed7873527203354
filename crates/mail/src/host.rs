//! What may stand where RFC 5321 says `( Domain / address-literal )`.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use crate::{Domain, DomainError};

/// An address in brackets: `[192.0.2.1]` or `[IPv6:2001:db8::1]` (RFC 5321 §4.1.3).
///
/// The `General-address-literal` of that section is not accepted: no tag but `IPv6` is
/// registered, so nobody could deliver to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AddressLiteral(IpAddr);

impl AddressLiteral {
    /// The literal for an address.
    pub fn new(address: IpAddr) -> Self {
        Self(address)
    }

    /// The address that stands in the brackets.
    pub fn address(self) -> IpAddr {
        self.0
    }
}

impl FromStr for AddressLiteral {
    type Err = AddressLiteralError;

    fn from_str(text: &str) -> Result<Self, AddressLiteralError> {
        let inner = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .ok_or(AddressLiteralError::Brackets)?;
        let tagged = inner
            .get(..5)
            .filter(|tag| tag.eq_ignore_ascii_case("IPv6:"));
        match tagged {
            Some(tag) => inner
                .get(tag.len()..)
                .and_then(|rest| rest.parse::<Ipv6Addr>().ok())
                .map(|address| Self(address.into())),
            None => inner
                .parse::<Ipv4Addr>()
                .ok()
                .map(|address| Self(address.into())),
        }
        .ok_or(AddressLiteralError::Address)
    }
}

impl fmt::Display for AddressLiteral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(f, "[{address}]"),
            IpAddr::V6(address) => write!(f, "[IPv6:{address}]"),
        }
    }
}

/// Why a text is not an address literal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressLiteralError {
    /// The brackets are missing.
    #[error("an address literal stands in brackets")]
    Brackets,
    /// Neither an IPv4 address nor `IPv6:` and an IPv6 address.
    #[error("an address literal holds an IPv4 address, or IPv6: and an IPv6 address")]
    Address,
}

/// A domain or an address literal: the right side of a mailbox, the argument of EHLO.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Host {
    /// A domain name.
    Domain(Domain),
    /// An address in brackets.
    Literal(AddressLiteral),
}

impl Host {
    /// The domain, unless an address stands there.
    pub fn domain(&self) -> Option<&Domain> {
        match self {
            Self::Domain(domain) => Some(domain),
            Self::Literal(_) => None,
        }
    }
}

impl FromStr for Host {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        if text.starts_with('[') {
            Ok(Self::Literal(text.parse()?))
        } else {
            Ok(Self::Domain(text.parse()?))
        }
    }
}

impl From<Domain> for Host {
    fn from(domain: Domain) -> Self {
        Self::Domain(domain)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(domain) => domain.fmt(f),
            Self::Literal(literal) => literal.fmt(f),
        }
    }
}

/// Why a text is neither a domain nor an address literal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// It began like an address literal and was none.
    #[error(transparent)]
    Literal(#[from] AddressLiteralError),
    /// It did not begin with a bracket and was no domain.
    #[error(transparent)]
    Domain(#[from] DomainError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, expected: Option<&str>) {
        let host = input.parse::<Host>().ok();
        assert_eq!(
            host.map(|host| host.to_string()).as_deref(),
            expected,
            "{input}"
        );
    }

    #[test]
    fn hosts() {
        check("[192.0.2.1]", Some("[192.0.2.1]"));
        check("[IPv6:2001:DB8::1]", Some("[IPv6:2001:db8::1]"));
        check("[ipv6:::1]", Some("[IPv6:::1]"));
        check("MX.example", Some("mx.example"));
        check("[2001:db8::1]", None);
        check("[192.0.2.256]", None);
        check("[192.0.2.1", None);
        check("[]", None);
        check("[IPv6:]", None);
        check("[é6:::1]", None);
        check("[X400:foo]", None);
        check("", None);
    }
}
