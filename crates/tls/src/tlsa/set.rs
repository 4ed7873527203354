//! Records, what is wrong with some, and which of the others count.

use std::{collections::BTreeSet, fmt, sync::Arc};

use data_encoding::HEXLOWER;
use x509_parser::{
    prelude::{FromDer as _, X509Certificate},
    x509::SubjectPublicKeyInfo,
};

use crate::SpkiPin;

/// The most octets of association data that are shown. A digest fits; a certificate does not.
const MOST_SHOWN: usize = 64;

/// The most records that are listed for people.
const MOST_LISTED: usize = 8;

/// A TLSA record (RFC 6698 §2.1), with any numbers in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TlsaRecord {
    /// The certificate usage: what the record speaks about. DANE-TA(2) and DANE-EE(3) count.
    pub usage: u8,
    /// The selector: the whole certificate, Cert(0), or its public key, SPKI(1).
    pub selector: u8,
    /// The matching type: in full, Full(0), or its SHA2-256(1) or SHA2-512(2).
    pub matching: u8,
    /// The certificate association data.
    pub association: Vec<u8>,
}

/// DANE-TA, the usage of RFC 7218 §2.1 for an authority of the domain's own.
pub(super) const DANE_TA: u8 = 2;
/// DANE-EE, the usage of RFC 7218 §2.1 for the very certificate.
pub(super) const DANE_EE: u8 = 3;
/// The selector of the whole certificate (RFC 7218 §2.2).
pub(super) const CERT: u8 = 0;
/// The selector of the public key (RFC 7218 §2.2).
pub(super) const SPKI: u8 = 1;
/// The matching types of RFC 7218 §2.3.
pub(super) const FULL: u8 = 0;
pub(super) const SHA2_256: u8 = 1;
pub(super) const SHA2_512: u8 = 2;

impl TlsaRecord {
    /// What to publish for a key of ours, `3 1 1` (RFC 7671 §5.1): it holds for every certificate
    /// with the key, whoever issued it and whatever it says.
    pub fn of_key(pin: SpkiPin) -> Self {
        Self {
            usage: DANE_EE,
            selector: SPKI,
            matching: SHA2_256,
            association: pin.octets().to_vec(),
        }
    }

    /// Why it cannot be used with SMTP, if so (RFC 7672 §3.1.3, RFC 6698 §4.1).
    pub fn fault(&self) -> Option<TlsaFault> {
        let wanted = match self.matching {
            FULL => None,
            SHA2_256 => Some(32),
            SHA2_512 => Some(64),
            _ => return Some(self.unknown().unwrap_or(TlsaFault::UnknownMatchingType)),
        };
        self.unknown().or_else(|| match (wanted, self.selector) {
            _ if self.association.is_empty() => Some(TlsaFault::Empty),
            (Some(wanted), _) if self.association.len() != wanted => {
                Some(TlsaFault::DigestLength { wanted })
            }
            (None, CERT) if !is_certificate(&self.association) => Some(TlsaFault::NoCertificate),
            (None, SPKI) if !is_public_key(&self.association) => Some(TlsaFault::NoPublicKey),
            (Some(_) | None, _) => None,
        })
    }

    fn unknown(&self) -> Option<TlsaFault> {
        match (self.usage, self.selector) {
            (0 | 1, _) => Some(TlsaFault::PkixUsage),
            (DANE_TA | DANE_EE, CERT | SPKI) => None,
            (DANE_TA | DANE_EE, _) => Some(TlsaFault::UnknownSelector),
            _ => Some(TlsaFault::UnknownUsage),
        }
    }
}

fn is_certificate(der: &[u8]) -> bool {
    X509Certificate::from_der(der).is_ok_and(|(rest, _)| rest.is_empty())
}

fn is_public_key(der: &[u8]) -> bool {
    SubjectPublicKeyInfo::from_der(der).is_ok_and(|(rest, _)| rest.is_empty())
}

/// `3 1 1 ab12..`; certificates and keys in full are cut.
impl fmt::Display for TlsaRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} ", self.usage, self.selector, self.matching)?;
        match self.association.get(..MOST_SHOWN) {
            Some(begin) if self.association.len() > MOST_SHOWN => {
                write!(f, "{}..", HEXLOWER.encode(begin))?;
                write!(f, " ({} octets)", self.association.len())
            }
            Some(_) | None => f.write_str(&HEXLOWER.encode(&self.association)),
        }
    }
}

/// Why a record cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum TlsaFault {
    /// PKIX-TA(0) and PKIX-EE(1) ask for a public authority that the two sides of a relay never
    /// agreed on.
    #[error("usages 0 and 1 are not for SMTP (RFC 7672 §3.1.3)")]
    PkixUsage,
    /// A usage that is not assigned, or private.
    #[error("the usage is not known")]
    UnknownUsage,
    /// A selector that is not assigned, or private.
    #[error("the selector is not known")]
    UnknownSelector,
    /// A matching type that is not assigned, or private.
    #[error("the matching type is not known")]
    UnknownMatchingType,
    /// There is no association data.
    #[error("it holds no data")]
    Empty,
    /// The digest is too short or too long to be one.
    #[error("its digest has not {wanted} octets")]
    DigestLength {
        /// How many octets it should have.
        wanted: usize,
    },
    /// What should be a certificate is none.
    #[error("its data is no certificate")]
    NoCertificate,
    /// What should be a public key is none.
    #[error("its data is no public key")]
    NoPublicKey,
}

/// The TLSA records of one service, in no order and each of them once. Cloning is cheap.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TlsaSet(Arc<[Entry]>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Entry {
    record: TlsaRecord,
    fault: Option<TlsaFault>,
}

impl TlsaSet {
    /// The set of these records.
    pub fn new(records: impl IntoIterator<Item = TlsaRecord>) -> Self {
        let entry = |record: TlsaRecord| Entry {
            fault: record.fault(),
            record,
        };
        let mut entries: Vec<_> = records.into_iter().map(entry).collect();
        entries.sort_unstable();
        entries.dedup();
        Self(entries.into())
    }

    /// All records, usable or not.
    pub fn records(&self) -> impl Iterator<Item = &TlsaRecord> {
        self.0.iter().map(|entry| &entry.record)
    }

    /// Whether at least one record can be used. Where none can, TLS is required all the same,
    /// without authentication (RFC 7672 §2.2).
    pub fn is_usable(&self) -> bool {
        self.sound().next().is_some()
    }

    /// The records that count: those that can be used, less the digests for which the same usage
    /// and selector has a stronger one (RFC 7671 §9). Only what can be used displaces anything,
    /// and what is given in full is displaced by nothing and displaces nothing.
    pub fn usable(&self) -> impl Iterator<Item = &TlsaRecord> {
        let subject = |record: &TlsaRecord| (record.usage, record.selector);
        let strong = self.sound().filter(|record| record.matching == SHA2_512);
        let strong: BTreeSet<_> = strong.map(subject).collect();
        self.sound()
            .filter(move |record| record.matching != SHA2_256 || !strong.contains(&subject(record)))
    }

    /// The records that cannot be used, and why.
    pub fn unusable(&self) -> impl Iterator<Item = (&TlsaRecord, TlsaFault)> {
        let entries = self.0.iter();
        entries.filter_map(|entry| Some((&entry.record, entry.fault?)))
    }

    fn sound(&self) -> impl Iterator<Item = &TlsaRecord> {
        let entries = self.0.iter().filter(|entry| entry.fault.is_none());
        entries.map(|entry| &entry.record)
    }
}

impl FromIterator<TlsaRecord> for TlsaSet {
    fn from_iter<I: IntoIterator<Item = TlsaRecord>>(records: I) -> Self {
        Self::new(records)
    }
}

/// The first eight records, separated by commas.
impl fmt::Display for TlsaSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, record) in self.records().take(MOST_LISTED).enumerate() {
            write!(f, "{}{record}", if at == 0 { "" } else { ", " })?;
        }
        match self.0.len().checked_sub(MOST_LISTED) {
            None | Some(0) => Ok(()),
            Some(more) => write!(f, " and {more} more"),
        }
    }
}
