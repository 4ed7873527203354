//! A record that should be there.

use std::{fmt, net::IpAddr};

use postern_dns::{Caa, Name};
use postern_tls::TlsaRecord;
use serde::Serialize;

/// A record to be published, and the reason.
#[derive(Debug, Clone)]
pub struct Record {
    /// Where.
    pub owner: Name,
    /// What.
    pub data: Data,
    /// What it is for.
    pub why: String,
    /// How bad it is without.
    pub severity: Severity,
}

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Good to know, or better done.
    Note,
    /// Protection that others would give is not asked for, or not used.
    Weak,
    /// Mail is lost or refused, or what we sign cannot be verified.
    Broken,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Note => "note",
            Self::Weak => "weak",
            Self::Broken => "broken",
        })
    }
}

/// The types of records that mail needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RecordKind {
    /// A mail exchange.
    Mx,
    /// An IPv4 address.
    A,
    /// An IPv6 address.
    Aaaa,
    /// A text.
    Txt,
    /// A key or certificate of a host (RFC 6698).
    Tlsa,
    /// Who may certify (RFC 8659).
    Caa,
    /// An alias.
    Cname,
    /// The name of an address.
    Ptr,
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Mx => "MX",
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Txt => "TXT",
            Self::Tlsa => "TLSA",
            Self::Caa => "CAA",
            Self::Cname => "CNAME",
            Self::Ptr => "PTR",
        })
    }
}

/// What a record holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// A mail exchange.
    Mx {
        /// Lower is tried first.
        preference: u16,
        /// The host.
        exchange: Name,
    },
    /// An address of either family.
    Address(IpAddr),
    /// A text, in one piece.
    Txt(String),
    /// A key of a host.
    Tlsa(TlsaRecord),
    /// Who may certify.
    Caa(Caa),
    /// Another name.
    Cname(Name),
    /// A name.
    Ptr(Name),
}

impl Data {
    /// The type of the record.
    pub fn kind(&self) -> RecordKind {
        match self {
            Self::Mx { .. } => RecordKind::Mx,
            Self::Address(IpAddr::V4(_)) => RecordKind::A,
            Self::Address(IpAddr::V6(_)) => RecordKind::Aaaa,
            Self::Txt(_) => RecordKind::Txt,
            Self::Tlsa(_) => RecordKind::Tlsa,
            Self::Caa(_) => RecordKind::Caa,
            Self::Cname(_) => RecordKind::Cname,
            Self::Ptr(_) => RecordKind::Ptr,
        }
    }
}

/// For people: texts in one piece, names without their final dot. What a zone file needs is
/// [`ZoneLine`](crate::ZoneLine).
impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mx {
                preference,
                exchange,
            } => write!(f, "{preference} {exchange}"),
            Self::Address(address) => address.fmt(f),
            Self::Txt(text) => f.write_str(text),
            Self::Tlsa(record) => record.fmt(f),
            Self::Caa(caa) => {
                let flags = flags(caa);
                let value = String::from_utf8_lossy(&caa.value);
                write!(f, "{flags} {} \"{value}\"", caa.tag)
            }
            Self::Cname(name) | Self::Ptr(name) => name.fmt(f),
        }
    }
}

/// The flags of a CAA record as a number (RFC 8659 §4.1).
pub(crate) fn flags(caa: &Caa) -> u8 {
    if caa.critical { 128 } else { 0 }
}
