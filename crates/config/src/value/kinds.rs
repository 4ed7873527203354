//! The kinds of values that several sections share.

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    path::PathBuf,
};

use postern_mail::{Domain, DomainPattern, Host, Mailbox, Network, NextHop};
use postern_policy::ChannelLevel;
use postern_tls::SpkiPin;
use rustls_pki_types::UnixTime;

use super::{ByteSize, Duration, moment::moment};
use crate::schema::{Kind, Scalar};

/// The port of the DNS (RFC 1035 §4.2).
const DNS_PORT: u16 = 53;

/// Names that people read stay short enough for a column of a table.
const LONGEST_NAME: usize = 100;

/// What people give as a reason fits a line of a log and a reply.
const LONGEST_SENTENCE: usize = 200;

pub(crate) static BOOLEAN: Kind<bool> = Kind {
    name: "boolean",
    right: "true or false",
    scalar: Scalar::Boolean(|boolean| boolean),
};

pub(crate) static COUNT: Kind<NonZeroU32> = Kind {
    name: "number",
    right: "a whole number from 1 to 4294967295, without quotes",
    scalar: Scalar::Integer(|number| {
        let count = u32::try_from(number).ok().and_then(NonZeroU32::new);
        count.ok_or_else(|| format!("{number} is out of range"))
    }),
};

pub(crate) static DURATION: Kind<Duration> = Kind {
    name: "duration",
    right: "a whole number and one of the units s, m, h, d, w, such as \"15m\"",
    scalar: Scalar::Text(str::parse),
};

pub(crate) static SIZE: Kind<ByteSize> = Kind {
    name: "size",
    right: "a whole number and one of the units B, KiB, MiB, GiB, TiB, such as \"50MiB\"",
    scalar: Scalar::Text(str::parse),
};

pub(crate) static DOMAIN: Kind<Domain> = Kind {
    name: "domain",
    right: "a domain name such as \"mx1.example.org\"",
    scalar: Scalar::Text(domain),
};

pub(crate) static PATTERN: Kind<DomainPattern> = Kind {
    name: "domain pattern",
    right: "a domain such as \"example.org\", or \"*.example.org\" for all below it",
    scalar: Scalar::Text(|text| match text {
        "*" => Err("\"*\" is every domain".to_owned()),
        text => pattern(text),
    }),
};

pub(crate) static ANY_PATTERN: Kind<DomainPattern> = Kind {
    name: "domain pattern",
    right: "a domain such as \"example.org\", \"*.example.org\" for all below it, or \"*\" for all",
    scalar: Scalar::Text(pattern),
};

pub(crate) static SOCKET: Kind<SocketAddr> = Kind {
    name: "address and port",
    right: "an IP address and a port, such as \"0.0.0.0:25\" or \"[::]:25\"",
    scalar: Scalar::Text(|text| {
        let no_address = |_| format!("{text:?} is no IP address with a port");
        text.parse().map_err(no_address)
    }),
};

pub(crate) static SERVER: Kind<SocketAddr> = Kind {
    name: "address",
    right: "an IP address, with a port unless it is 53, such as \"127.0.0.1:53\"",
    scalar: Scalar::Text(|text| {
        let bare = text.parse::<IpAddr>().ok();
        bare.map(|address| SocketAddr::new(address, DNS_PORT))
            .map_or_else(|| text.parse(), Ok)
            .map_err(|_| format!("{text:?} is no IP address"))
    }),
};

pub(crate) static NETWORK: Kind<Network> = Kind {
    name: "network",
    right: "an address and a prefix length, such as \"10.0.0.0/8\" or \"2001:db8::/32\"",
    scalar: Scalar::Text(|text| text.parse().map_err(|error| format!("{text:?} {error}"))),
};

pub(crate) static NEXT_HOP: Kind<NextHop> = Kind {
    name: "host and port",
    right: "a host, with a port unless it is 25, such as \"mail.internal:25\" or \"[::1]:2525\"",
    scalar: Scalar::Text(|text| {
        let hop: NextHop = text.parse().map_err(|error| quoted(text, error))?;
        match hop.host() {
            Host::Domain(name) if is_numeric(name) => Err(format!("{text:?} holds no IP address")),
            Host::Domain(_) | Host::Literal(_) => Ok(hop),
        }
    }),
};

pub(crate) static MAILBOX: Kind<Mailbox> = Kind {
    name: "mailbox",
    right: "a mailbox such as \"postmaster@example.org\"",
    scalar: Scalar::Text(mailbox),
};

pub(crate) static CHANNEL: Kind<ChannelLevel> = Kind {
    name: "requirement",
    right: "\"any\", \"encrypted\" or \"authenticated\"",
    scalar: Scalar::Text(|text| text.parse().map_err(|_| not_a_choice(text))),
};

pub(crate) static FILE: Kind<PathBuf> = Kind {
    name: "path",
    right: "the path of a file, absolute or relative to the folder of this one",
    scalar: Scalar::Text(path),
};

pub(crate) static NAME: Kind<String> = Kind {
    name: "name",
    right: "a name of at most 100 characters without slashes, control characters or outer spaces",
    scalar: Scalar::Text(name),
};

pub(crate) static SENTENCE: Kind<String> = Kind {
    name: "text",
    right: "a text of at most 200 characters on one line",
    scalar: Scalar::Text(|text| line(text, LONGEST_SENTENCE)),
};

pub(crate) static MOMENT: Kind<UnixTime> = Kind {
    name: "date and time",
    right: "a date and time with its offset in quotes (RFC 3339), such as \
            \"2026-11-30T18:00:00+01:00\"",
    scalar: Scalar::Text(moment),
};

pub(crate) static SPKI_PIN: Kind<SpkiPin> = Kind {
    name: "SPKI pin",
    right: "the SHA-256 of a public key (SPKI) in base64 or hexadecimal, such as \
            \"sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"",
    scalar: Scalar::Text(|text| text.parse().map_err(|error| quoted(text, error))),
};

/// What the text is called when it is none of the words that may stand there.
pub(crate) fn not_a_choice(text: &str) -> String {
    format!("{text:?} is not known here")
}

/// Names go to log lines, file names and tables. What could leave its line or folder, or show
/// itself as another name, is refused where it is written down (CWE-117, CWE-22).
pub(crate) fn name(text: &str) -> Result<String, String> {
    let name = line(text, LONGEST_NAME)?;
    if name.contains(['/', '\\']) || name.starts_with('.') {
        return Err(format!("{name:?} looks like a path"));
    }
    Ok(name)
}

/// A text that stays on its line and shows what it holds.
fn line(text: &str, longest: usize) -> Result<String, String> {
    let hides = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(c, '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    if text.chars().count() > longest {
        return Err(format!("is longer than {longest} characters"));
    }
    if let Some(bad) = text.chars().find(|c| hides(*c)) {
        return Err(format!("holds the character {bad:?}"));
    }
    if text.trim() != text {
        return Err(format!("{text:?} begins or ends with a space"));
    }
    Ok(text.to_owned())
}

pub(crate) fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err(format!("{text:?} holds a control character"));
    }
    Ok(PathBuf::from(text))
}

fn pattern(text: &str) -> Result<DomainPattern, String> {
    if text != "*" {
        domain(text.strip_prefix("*.").unwrap_or(text))?;
    }
    text.parse().map_err(|error| quoted(text, error))
}

/// A mailbox in a domain. Nobody is known by an address literal for long.
pub(crate) fn mailbox(text: &str) -> Result<Mailbox, String> {
    let mailbox: Mailbox = text.parse().map_err(|error| quoted(text, error))?;
    match mailbox.host() {
        Host::Domain(name) if is_numeric(name) => Err(format!("{text:?} is at an address")),
        Host::Literal(_) => Err(format!("{text:?} is at an address")),
        Host::Domain(_) => Ok(mailbox),
    }
}

pub(crate) fn domain(text: &str) -> Result<Domain, String> {
    let domain: Domain = text.parse().map_err(|error| quoted(text, error))?;
    if is_numeric(&domain) {
        return Err(format!("{text:?} is an address or a part of one"));
    }
    Ok(domain)
}

/// No top-level domain is numeric (RFC 3696 §2), so such a name is a misspelt IPv4 address.
fn is_numeric(domain: &Domain) -> bool {
    let last = domain.labels().next_back();
    last.is_some_and(|label| label.bytes().all(|octet| octet.is_ascii_digit()))
}

fn quoted(text: &str, error: impl std::fmt::Display) -> String {
    format!("{text:?} is refused: {error}")
}
