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

/// Where mail is handed over, as configurations write it: `mail.example:25`, `192.0.2.1:2525`,
/// `[2001:db8::1]:25`. Without a port it is 25, the port of SMTP between relays
/// (RFC 5321 §4.5.4.2).
///
/// ```
/// use postern_mail::NextHop;
///
/// let hop: NextHop = "Mail.example".parse()?;
/// assert_eq!(hop.to_string(), "mail.example:25");
/// # Ok::<(), postern_mail::NextHopError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NextHop {
    host: Host,
    port: u16,
}

impl NextHop {
    /// The port of SMTP between relays.
    pub const SMTP: u16 = 25;

    /// Puts a host and a port together.
    pub fn new(host: Host, port: u16) -> Self {
        Self { host, port }
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for NextHop {
    type Err = NextHopError;

    /// An IPv6 address stands in brackets, with or without the tag `IPv6:`; without them nobody
    /// could tell where it ends and the port begins.
    fn from_str(text: &str) -> Result<Self, NextHopError> {
        let colon = match text.rfind(']') {
            Some(close) => text
                .get(close..)
                .and_then(|rest| rest.find(':'))
                .map(|at| close + at),
            None => text.rfind(':'),
        };
        let (host, port) = match colon.and_then(|at| text.split_at_checked(at)) {
            Some((host, port)) => (host, parse_port(port)?),
            None => (text, Self::SMTP),
        };
        let bare = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(host);
        let host = match bare.parse::<IpAddr>() {
            Ok(address) => Host::Literal(AddressLiteral::new(address)),
            Err(_) => host.parse()?,
        };
        Ok(Self { host, port })
    }
}

impl TryFrom<String> for NextHop {
    type Error = NextHopError;

    fn try_from(text: String) -> Result<Self, NextHopError> {
        text.parse()
    }
}

impl From<NextHop> for String {
    fn from(hop: NextHop) -> Self {
        hop.to_string()
    }
}

/// `:` and a port from 1 to 65535.
fn parse_port(text: &str) -> Result<u16, NextHopError> {
    text.strip_prefix(':')
        .filter(|digits| digits.bytes().all(|octet| octet.is_ascii_digit()))
        .and_then(|digits| digits.parse().ok())
        .filter(|port| *port != 0)
        .ok_or(NextHopError::Port)
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Domain(domain) => write!(f, "{domain}:{}", self.port),
            Host::Literal(literal) => {
                std::net::SocketAddr::new(literal.address(), self.port).fmt(f)
            }
        }
    }
}

/// Why a text is not a host with a port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NextHopError {
    /// The host is neither a domain nor an address.
    #[error(transparent)]
    Host(#[from] HostError),
    /// What stands behind the colon is no port.
    #[error("a port is a number from 1 to 65535")]
    Port,
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

    #[track_caller]
    fn check_port(input: &str, expected: Option<&str>) {
        let parsed = input.parse::<NextHop>().ok();
        assert_eq!(
            parsed.map(|hop| hop.to_string()).as_deref(),
            expected,
            "{input}"
        );
    }

    #[test]
    fn hosts_with_ports() {
        check_port("mail.example", Some("mail.example:25"));
        check_port("mail.example:2525", Some("mail.example:2525"));
        check_port("192.0.2.1:2525", Some("192.0.2.1:2525"));
        check_port("[192.0.2.1]", Some("192.0.2.1:25"));
        check_port("[2001:db8::1]:2525", Some("[2001:db8::1]:2525"));
        check_port("[IPv6:2001:db8::1]", Some("[2001:db8::1]:25"));
        check_port("mail.example:", None);
        check_port("mail.example:0", None);
        check_port("mail.example:+25", None);
        check_port("mail.example:65536", None);
        check_port("2001:db8::1", None);
        check_port("", None);
        check_port(":25", None);
    }
}
