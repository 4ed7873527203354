//! Addresses of documents (RFC 9110 §4.2), as far as we go to them.

use std::{fmt, net::IpAddr, str::FromStr, sync::Arc};

use hyper::Uri;
use postern_mail::Domain;

/// The longest address. No list is kept behind a longer one.
const LONGEST: usize = 2048;

/// An `http` or `https` address of a document.
///
/// User names in it are refused, because they serve to deceive readers, and so is an IP address
/// behind `https`, because the certificates that we accept have names in them.
#[derive(Debug, Clone)]
pub struct WebUrl {
    text: Arc<str>,
    scheme: Scheme,
    host: WebHost,
    port: Option<u16>,
    path: Arc<str>,
}

/// With TLS or without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

/// Who is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WebHost {
    Name(Domain),
    Address(IpAddr),
}

impl WebUrl {
    /// Where a domain keeps its policy (RFC 8461 §3.3). None where the name of the policy host
    /// would be too long for one.
    pub(crate) fn of_policy(domain: &Domain, port: u16) -> Option<Self> {
        let host: Domain = format!("mta-sts.{domain}").parse().ok()?;
        let path = "/.well-known/mta-sts.txt";
        let port = (port != Scheme::Https.default_port()).then_some(port);
        let shown = port.map(|port| format!(":{port}")).unwrap_or_default();
        Some(Self {
            text: format!("https://{host}{shown}{path}").into(),
            scheme: Scheme::Https,
            host: WebHost::Name(host),
            port,
            path: path.into(),
        })
    }

    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub(crate) fn host(&self) -> &WebHost {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port.unwrap_or(self.scheme.default_port())
    }

    /// What to ask the host for.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// What to call the host (RFC 9110 §7.2).
    pub(crate) fn host_field(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.to_string(),
        }
    }
}

impl Scheme {
    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl FromStr for WebUrl {
    type Err = WebUrlError;

    fn from_str(text: &str) -> Result<Self, WebUrlError> {
        if text.len() > LONGEST {
            return Err(WebUrlError::TooLong);
        }
        let uri: Uri = text.parse().map_err(|_| WebUrlError::Syntax)?;
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            _ => return Err(WebUrlError::Scheme),
        };
        let authority = uri.authority().ok_or(WebUrlError::Syntax)?;
        if authority.as_str().contains('@') {
            return Err(WebUrlError::UserName);
        }
        let host = host(authority.host())?;
        if scheme == Scheme::Https && matches!(host, WebHost::Address(_)) {
            return Err(WebUrlError::AddressBehindHttps);
        }
        Ok(Self {
            text: text.into(),
            scheme,
            host,
            port: port(authority.as_str(), authority.host())?,
            path: uri.path_and_query().map_or("/", |it| it.as_str()).into(),
        })
    }
}

fn host(text: &str) -> Result<WebHost, WebUrlError> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if let Ok(address) = bare.unwrap_or(text).parse() {
        return Ok(WebHost::Address(address));
    }
    text.parse()
        .map(WebHost::Name)
        .map_err(|_| WebUrlError::Host)
}

/// What stands behind the host: nothing, or a port that is one.
fn port(authority: &str, host: &str) -> Result<Option<u16>, WebUrlError> {
    match authority.strip_prefix(host) {
        Some("") => Ok(None),
        Some(rest) => {
            let port = rest.strip_prefix(':').and_then(|port| port.parse().ok());
            port.filter(|port| *port != 0)
                .map(Some)
                .ok_or(WebUrlError::Port)
        }
        None => Err(WebUrlError::Syntax),
    }
}

impl PartialEq for WebUrl {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for WebUrl {}

impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Display for WebHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// Why a text is no address that we go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebUrlError {
    /// It is longer than 2048 characters.
    #[error("a URL is longer than {LONGEST} characters")]
    TooLong,
    /// It is no URL.
    #[error("this is not a URL with a host in it")]
    Syntax,
    /// It is one for something else.
    #[error("a URL must begin with `http://` or `https://`")]
    Scheme,
    /// It has a user name in it.
    #[error("a URL must not have a user name in it")]
    UserName,
    /// The host is neither a name nor an address.
    #[error("the host of a URL must be a domain name or an IP address")]
    Host,
    /// There is no name to hold a certificate against.
    #[error("the host of an `https` URL must be a domain name")]
    AddressBehindHttps,
    /// The port is none.
    #[error("the port of a URL must be a number from 1 to 65535")]
    Port,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(&str, u16, &str, &str), WebUrlError>) {
        let url = text.parse::<WebUrl>();
        let parts = url.as_ref().map(|url| {
            let host = url.host().to_string();
            (host, url.port(), url.path().to_owned(), url.host_field())
        });
        let expected = expected
            .map(|(host, port, path, field)| (host.into(), port, path.into(), field.into()));
        assert_eq!(parts.map_err(|error| *error), expected, "{text}");
    }

    #[test]
    fn urls_are_taken_apart() {
        check(
            "http://CRL.Example/ca.crl?x=1",
            Ok(("crl.example", 80, "/ca.crl?x=1", "crl.example")),
        );
        check(
            "https://crl.example:8443",
            Ok(("crl.example", 8443, "/", "crl.example:8443")),
        );
        check(
            "http://[2001:db8::1]:81/a",
            Ok(("[2001:db8::1]", 81, "/a", "[2001:db8::1]:81")),
        );
        check("http://192.0.2.1/", Ok(("192.0.2.1", 80, "/", "192.0.2.1")));
    }

    #[test]
    fn urls_that_we_do_not_go_to() {
        check("https://192.0.2.1/", Err(WebUrlError::AddressBehindHttps));
        check("ftp://crl.example/", Err(WebUrlError::Scheme));
        check("ldap://crl.example/cn=ca", Err(WebUrlError::Scheme));
        check("/etc/crl.pem", Err(WebUrlError::Scheme));
        check("crl.example", Err(WebUrlError::Scheme));
        check("http://a@crl.example/", Err(WebUrlError::UserName));
        check("http://crl.example:0/", Err(WebUrlError::Port));
        check("http://crl.example:99999/", Err(WebUrlError::Port));
        check("http://crl..example/", Err(WebUrlError::Host));
        check("http://crl.example/\r\nX: y", Err(WebUrlError::Syntax));
        check("", Err(WebUrlError::Syntax));
        let long = format!("http://crl.example/{}", "a".repeat(LONGEST));
        check(&long, Err(WebUrlError::TooLong));
    }

    #[test]
    fn a_policy_has_one_address() {
        let domain = "example.org".parse().unwrap();
        let url = WebUrl::of_policy(&domain, 443).unwrap();
        assert_eq!(
            url.as_str(),
            "https://mta-sts.example.org/.well-known/mta-sts.txt"
        );
        assert_eq!(url.as_str().parse(), Ok(url));
        let elsewhere = WebUrl::of_policy(&domain, 8443).unwrap();
        assert_eq!(elsewhere.host_field(), "mta-sts.example.org:8443");
        let long = "a.".repeat(126).parse().unwrap();
        assert_eq!(WebUrl::of_policy(&long, 443), None);
    }
}
