//! Addresses in `rua` and `ruf`.

use std::{fmt, str::FromStr};

use postern_mail::Mailbox;

/// The longest address that is looked at.
const LONGEST: usize = 2048;

/// Where reports may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportUri {
    /// To a mailbox at a domain. What a `mailto` address says besides, such as a subject, is not
    /// heeded, and neither is a limit of size (`!10m`), which is no more (RFC 9989).
    Mail(Mailbox),
    /// By POST to this `https` address.
    Https(String),
}

/// Why reports cannot be sent to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReportUriError {
    /// It is neither `mailto` nor `https`.
    #[error("the address is neither `mailto:` nor `https:`")]
    Scheme,
    /// It is too long.
    #[error("the address is longer than {LONGEST} characters")]
    TooLong,
    /// It is not a mailbox.
    #[error("the address is not a mailbox at a domain")]
    Mailbox,
    /// It holds what cannot stand in an address.
    #[error("the address holds spaces or characters that are not ASCII")]
    Character,
}

impl FromStr for ReportUri {
    type Err = ReportUriError;

    fn from_str(text: &str) -> Result<Self, ReportUriError> {
        let text = text.trim();
        if text.len() > LONGEST {
            return Err(ReportUriError::TooLong);
        }
        if !text.bytes().all(|octet| octet.is_ascii_graphic()) {
            return Err(ReportUriError::Character);
        }
        match text.split_once(':') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("mailto") => mailbox(rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => {
                let host = rest.strip_prefix("//").ok_or(ReportUriError::Scheme)?;
                match host.is_empty() {
                    true => Err(ReportUriError::Scheme),
                    false => Ok(Self::Https(text.to_owned())),
                }
            }
            // Evaluators hand the mailbox alone on.
            None if text.contains('@') => mailbox(text),
            Some(_) | None => Err(ReportUriError::Scheme),
        }
    }
}

fn mailbox(text: &str) -> Result<ReportUri, ReportUriError> {
    let address = text.split('?').next().unwrap_or_default();
    let address = without_limit(address);
    let decoded = percent_decoded(address).ok_or(ReportUriError::Mailbox)?;
    let mailbox: Mailbox = decoded.parse().map_err(|_| ReportUriError::Mailbox)?;
    if mailbox.needs_smtputf8() || mailbox.domain().is_none() {
        return Err(ReportUriError::Mailbox);
    }
    Ok(ReportUri::Mail(mailbox))
}

/// Without `!10m`. An exclamation mark that belongs to the address is written as `%21`.
fn without_limit(address: &str) -> &str {
    match address.split_once('!') {
        Some((address, _limit)) => address,
        None => address,
    }
}

/// RFC 3986 §2.1.
fn percent_decoded(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        if octet != b'%' {
            octets.push(octet);
            continue;
        }
        let digit = |octet: u8| char::from(octet).to_digit(16);
        let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
        octets.push(u8::try_from(high * 16 + low).ok()?);
    }
    let text = String::from_utf8(octets).ok()?;
    // Line ends would end the header field that the address is to stand in.
    (!text.chars().any(char::is_control)).then_some(text)
}

impl fmt::Display for ReportUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mail(mailbox) => write!(f, "mailto:{mailbox}"),
            Self::Https(url) => f.write_str(url),
        }
    }
}
