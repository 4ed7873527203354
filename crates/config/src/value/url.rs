//! Addresses of documents on the web (RFC 3986), as far as a revocation list has one.

use std::net::{Ipv4Addr, Ipv6Addr};

use postern_mail::Domain;

/// The longest address. No list is kept behind a longer one.
const LONGEST: usize = 2048;

/// An `http` or `https` URL: the text as it is, or what is wrong with it.
///
/// ```text
/// url       = ( "http" / "https" ) "://" host [ ":" port ] [ path ] [ "?" query ]
/// host      = domain / IPv4address / "[" IPv6address "]"
/// ```
/// User names serve to deceive readers, and addresses behind `https` cannot be held against the
/// names in certificates; both are refused.
pub(crate) fn url(text: &str) -> Result<String, String> {
    let fault = |what: &str| Err(format!("{text:?} {what}"));
    if text.len() > LONGEST {
        return Err(format!("is longer than {LONGEST} characters"));
    }
    let Some((scheme @ ("http" | "https"), rest)) = text.split_once("://") else {
        return fault("does not begin with http:// or https://");
    };
    if !text.bytes().all(is_allowed) {
        return fault("holds a character that a URL must not");
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, _) = rest.split_at(end);
    if authority.contains('@') {
        return fault("has a user name in it");
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        Some(_) | None => (authority, None),
    };
    if !port.is_none_or(is_port) {
        return fault("has no port from 1 to 65535 behind the colon");
    }
    let bracketed = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let is_address = host.parse::<Ipv4Addr>().is_ok()
        || bracketed.is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok());
    if is_address && scheme == "https" {
        return fault("has an address where a certificate has names");
    }
    if !is_address && host.parse::<Domain>().is_err() {
        return fault("has no host in it");
    }
    Ok(text.to_owned())
}

/// The reserved and unreserved characters of RFC 3986 §2 and `%`; `#` begins a fragment, which
/// is not sent.
fn is_allowed(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%".contains(&octet)
}

fn is_port(text: &str) -> bool {
    let digits = text.bytes().all(|octet| octet.is_ascii_digit());
    digits && text.parse::<u16>().is_ok_and(|port| port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(), &str>) {
        let read = url(text).map(|read| assert_eq!(read, text));
        let expected = expected.map_err(|what| format!("{text:?} {what}"));
        assert_eq!(read, expected);
    }

    #[test]
    fn urls_of_the_web() {
        check("http://crl.example/ca.crl?x=1%20", Ok(()));
        check("https://CRL.example:8443", Ok(()));
        check("http://192.0.2.1/ca.crl", Ok(()));
        check("http://[2001:db8::1]:81/a", Ok(()));
        check("http://[2001:db8::1]", Ok(()));
    }

    #[test]
    fn what_is_none() {
        let scheme = Err("does not begin with http:// or https://");
        check("ldap://crl.example/cn=ca", scheme);
        check("HTTP://crl.example/", scheme);
        check("crl.example", scheme);
        let host = Err("has no host in it");
        check("http:///ca.crl", host);
        check("http://crl..example/", host);
        check("http://[::1/", host);
        check("http://::1/", host);
        let port = Err("has no port from 1 to 65535 behind the colon");
        check("http://crl.example:/", port);
        check("http://crl.example:0/", port);
        check("http://crl.example:65536/", port);
        check("http://crl.example:+80/", port);
        let characters = Err("holds a character that a URL must not");
        check("http://crl.example/a b", characters);
        check("http://crl.example/#a", characters);
        check("http://crl.example/\r\nX: y", characters);
        check("http://bücher.example/", characters);
        check("http://a@crl.example/", Err("has a user name in it"));
        check(
            "https://192.0.2.1/",
            Err("has an address where a certificate has names"),
        );
        let long = format!("http://crl.example/{}", "a".repeat(LONGEST));
        assert_eq!(url(&long), Err("is longer than 2048 characters".to_owned()));
    }
}
