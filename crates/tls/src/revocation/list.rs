//! One revocation list.

use std::sync::atomic::{AtomicU8, Ordering};

use rustls_pki_types::UnixTime;
use webpki::{CertRevocationList, Error, OwnedCertRevocationList};
use x509_parser::{
    extensions::ParsedExtension,
    prelude::{CertificateRevocationList, FromDer as _},
};

use super::source::{CrlFacts, CrlNumber, CrlStanding};
use crate::{Date, spki::sha256, summary::shown};

/// A list in memory, indexed by serial number.
#[derive(Debug)]
pub(super) struct List {
    crl: CertRevocationList<'static>,
    facts: CrlFacts,
    digest: [u8; 32],
    standing: AtomicU8,
}

impl List {
    /// Reads a list in DER, or says in words why it is of no use.
    pub(super) fn read(der: &[u8]) -> Result<Self, String> {
        let (_, read) = CertificateRevocationList::from_der(der)
            .map_err(|error| format!("it is no revocation list: {error}"))?;
        let next_update = read.next_update().ok_or_else(|| {
            "it does not say when the next one is due (RFC 5280 §5.1.2.5)".to_owned()
        })?;
        let facts = CrlFacts {
            issuer: shown(&read.issuer().to_string()),
            number: number(&read),
            this_update: Date::from_timestamp(read.last_update().timestamp()),
            next_update: Date::from_timestamp(next_update.timestamp()),
            entries: read.iter_revoked_certificates().count(),
        };
        let crl = OwnedCertRevocationList::from_der(der).map_err(|error| unusable(&error))?;
        Ok(Self {
            crl: crl.into(),
            facts,
            digest: sha256(der),
            standing: AtomicU8::new(0),
        })
    }

    pub(super) fn crl(&self) -> &CertRevocationList<'static> {
        &self.crl
    }

    pub(super) fn facts(&self) -> &CrlFacts {
        &self.facts
    }

    /// The SHA-256 of the list.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Whether the other list is by the same issuer for the same certificates.
    pub(super) fn is_about_the_same_as(&self, other: &Self) -> bool {
        self.crl.issuer() == other.crl.issuer()
            && self.crl.issuing_distribution_point() == other.crl.issuing_distribution_point()
    }

    /// Whether it was issued before the other, by date or by number (RFC 5280 §5.2.3). An equal
    /// list is not older.
    pub(super) fn is_older_than(&self, other: &Self) -> bool {
        let numbers = self.facts.number.as_ref().zip(other.facts.number.as_ref());
        self.facts.this_update < other.facts.this_update
            || numbers.is_some_and(|(own, others)| own < others)
    }

    /// When a certificate was revoked, if it is listed.
    pub(super) fn revoked_since(&self, serial: &[u8]) -> Option<UnixTime> {
        let entry = self.crl.find_serial(serial).ok().flatten();
        entry.map(|entry| entry.revocation_date)
    }

    pub(super) fn standing(&self) -> CrlStanding {
        match self.standing.load(Ordering::Relaxed) {
            0 => CrlStanding::Untried,
            1 => CrlStanding::Doubted,
            _ => CrlStanding::Proven,
        }
    }

    pub(super) fn is_untried(&self) -> bool {
        self.standing() == CrlStanding::Untried
    }

    /// It verified under the key of its issuer.
    pub(super) fn prove(&self) {
        self.standing.fetch_max(2, Ordering::Relaxed);
    }

    /// It did not verify. Once proven, always proven: there may be authorities of one name, and
    /// a list of the one fails under the key of the other.
    pub(super) fn doubt(&self) {
        self.standing.fetch_max(1, Ordering::Relaxed);
    }
}

fn number(list: &CertificateRevocationList<'_>) -> Option<CrlNumber> {
    let numbers =
        list.extensions()
            .iter()
            .filter_map(|extension| match extension.parsed_extension() {
                ParsedExtension::CRLNumber(number) => Some(number.to_bytes_be()),
                _ => None,
            });
    numbers.map(|octets| CrlNumber::of_octets(&octets)).next()
}

/// Why rustls-webpki does not take a list, for the cases that authorities really produce.
fn unusable(error: &Error) -> String {
    match error {
        Error::UnsupportedDeltaCrl => {
            "it is a delta list (RFC 5280 §5.2.4); the complete one is needed".to_owned()
        }
        Error::UnsupportedIndirectCrl => {
            "it is an indirect list (RFC 5280 §5.2.5), with entries of other issuers".to_owned()
        }
        Error::UnsupportedRevocationReasonsPartitioning => {
            "it is a list for some reasons only (RFC 5280 §5.2.5)".to_owned()
        }
        Error::UnsupportedCrlVersion => "it is not of version 2 (RFC 5280 §5.1.2.1)".to_owned(),
        Error::UnsupportedCriticalExtension => {
            "it has a critical extension that is not understood (RFC 5280 §5.2)".to_owned()
        }
        other => other.to_string(),
    }
}
