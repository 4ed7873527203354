//! What a certificate says, for people.

use std::fmt;

use data_encoding::HEXLOWER;
use postern_mail::Foreign;
use x509_parser::{
    extensions::GeneralName,
    prelude::{FromDer as _, X509Certificate},
};

use crate::{PublicKey, SpkiPin, date::Date, number::Number, spki::sha256};

/// The most names of one certificate that are kept for people to read.
const NAMES_SHOWN: usize = 20;

/// What a certificate says of itself. Nothing here was verified; all texts are foreign and have
/// been made safe to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateSummary {
    /// The SHA-256 of the certificate.
    pub fingerprint: Fingerprint,
    /// What could be read from it; nothing where it is no X.509 certificate.
    pub contents: Option<CertificateContents>,
}

/// The fields of a certificate (RFC 5280 §4.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateContents {
    /// The subject.
    pub subject: String,
    /// The common name within the subject, which identifies nobody (RFC 9525 §6.3).
    pub common_name: Option<String>,
    /// The first twenty dNSName entries of the subject alternative name.
    pub names: Vec<String>,
    /// The issuer.
    pub issuer: String,
    /// The serial number in hexadecimal digits.
    pub serial: String,
    /// The first moment at which it is valid.
    pub not_before: Date,
    /// The last moment at which it is valid.
    pub not_after: Date,
    /// The public key.
    pub key: PublicKey,
    /// The pin of the public key.
    pub spki_pin: SpkiPin,
}

impl CertificateSummary {
    /// Reads a certificate, as far as it can be read: version 1 and weak keys are no obstacle.
    pub fn of(der: &[u8]) -> Self {
        let contents = X509Certificate::from_der(der).ok();
        Self {
            fingerprint: Fingerprint(sha256(der)),
            contents: contents.map(|(_, certificate)| CertificateContents::of(&certificate)),
        }
    }
}

impl CertificateContents {
    pub(crate) fn of(certificate: &X509Certificate<'_>) -> Self {
        Self {
            subject: shown(&certificate.subject().to_string()),
            common_name: common_name(certificate),
            names: dns_names(certificate)
                .take(NAMES_SHOWN)
                .map(shown)
                .collect(),
            issuer: shown(&certificate.issuer().to_string()),
            serial: Number::of_octets(certificate.raw_serial()).to_string(),
            not_before: Date::from_timestamp(certificate.validity().not_before.timestamp()),
            not_after: Date::from_timestamp(certificate.validity().not_after.timestamp()),
            key: PublicKey::of(certificate.public_key()),
            spki_pin: SpkiPin::of_spki(certificate.public_key().raw),
        }
    }
}

/// The dNSName entries of the subject alternative name (RFC 5280 §4.2.1.6), valid or not.
pub(crate) fn dns_names<'a>(certificate: &'a X509Certificate<'_>) -> impl Iterator<Item = &'a str> {
    let extension = certificate.subject_alternative_name().ok().flatten();
    let names = extension.map_or(&[][..], |extension| &extension.value.general_names);
    names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(*name),
        _ => None,
    })
}

fn common_name(certificate: &X509Certificate<'_>) -> Option<String> {
    let name = certificate.subject().iter_common_name().next()?;
    name.as_str().ok().map(shown)
}

pub(crate) fn shown(text: &str) -> String {
    Foreign::new(text).to_string()
}

/// `CN=mx.example for mx.example, issued by CN=CA, serial 01ab, valid until 2026-11-23 12:00 UTC,
/// SHA-256 12ab..`
impl fmt::Display for CertificateSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.contents {
            Some(contents) => write!(f, "{contents}")?,
            None => f.write_str("a certificate that cannot be read")?,
        }
        write!(f, ", SHA-256 {}", self.fingerprint)
    }
}

impl fmt::Display for CertificateContents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.subject)?;
        for (at, name) in self.names.iter().enumerate() {
            write!(f, "{}{name}", if at == 0 { " for " } else { ", " })?;
        }
        write!(f, ", issued by {}, serial {}", self.issuer, self.serial)?;
        write!(f, ", valid until {}", self.not_after)
    }
}

/// The SHA-256 of a certificate in DER.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use postern_testkit::{Authority, Leaf, Oddity};
    use proptest::prelude::*;
    use rustls_pki_types::UnixTime;

    use super::*;
    use crate::{
        CertificateUsage, CryptoBounds, PeerChain, Possession, TrustAnchors,
        pkix::{Demand, Wildcards, verify},
    };

    #[test]
    fn a_certificate_is_summed_up() {
        let leaf = Leaf::named("mx.example").and_named("*.mx.example");
        let identity = Authority::new("Root").issue(&leaf);
        let text = CertificateSummary::of(identity.leaf()).to_string();
        assert!(
            text.starts_with(
                "O=Postern tests, CN=mx.example for mx.example, *.mx.example, \
                 issued by O=Postern tests, CN=Root, serial "
            ),
            "{text}"
        );
    }

    #[test]
    fn foreign_names_stay_on_their_line_and_are_few() {
        let names = (0..500)
            .map(|n| format!("a{n}\r\nb").into_bytes())
            .collect();
        let leaf = Leaf::named("x").oddity(Oddity::RawNames(names));
        let contents = CertificateSummary::of(Authority::new("Root").issue(&leaf).leaf())
            .contents
            .unwrap();
        assert_eq!(contents.names.len(), NAMES_SHOWN);
        assert_eq!(contents.names[0], "a0\\r\\nb");
    }

    #[test]
    fn what_is_no_certificate_still_has_a_fingerprint() {
        let summary = CertificateSummary::of(b"no certificate");
        assert_eq!(summary.contents, None);
        assert!(
            summary
                .to_string()
                .starts_with("a certificate that cannot be read, SHA-256 ")
        );
    }

    proptest! {
        /// A certificate with some octets changed and some cut off is read or not; nothing
        /// panics and nothing unsafe is shown.
        #[test]
        fn spoilt_certificates_do_no_harm(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            cut in 0..40_usize,
        ) {
            static SOUND: LazyLock<Vec<u8>> = LazyLock::new(|| {
                let leaf = Leaf::named("mx.example").and_named("*.mx.example");
                Authority::new("Root").issue(&leaf).leaf().to_vec()
            });
            let mut octets = SOUND.clone();
            for (at, octet) in changes {
                let at = at.index(octets.len());
                octets[at] = octet;
            }
            octets.truncate(octets.len() - cut);
            let text = CertificateSummary::of(&octets).to_string();
            prop_assert!(!text.chars().any(char::is_control), "{text:?}");
            let chain = PeerChain::new(&[octets.into()], Possession::Proven, None).unwrap();
            prop_assert_eq!(chain.spki_pin().is_some(), chain.summary().contents.is_some());
            let demand = Demand {
                usage: CertificateUsage::ServerAuth,
                anchors: &TrustAnchors::public(),
                names: &[],
                wildcards: Wildcards::Permitted,
                bounds: &CryptoBounds::everything(),
                revocation: None,
            };
            prop_assert!(verify(&chain, &demand, UnixTime::now()).is_err());
        }
    }
}
