//! What a list of refused certificates is held against.

use std::{fmt, str::FromStr};

use data_encoding::HEXLOWER_PERMISSIVE;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::{SpkiPin, number::Number, summary::shown};

/// The serial number of a certificate, which is unique for its issuer only.
///
/// It is read from hex with or without colons, as openssl prints it, and compared as a number:
/// zeros in front do not count.
///
/// ```
/// use postern_tls::CertificateSerial;
///
/// let serial: CertificateSerial = "00:D4:3A".parse()?;
/// assert_eq!(serial.to_string(), "d43a");
/// # Ok::<(), postern_tls::CertificateSerialError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CertificateSerial(Number);

impl CertificateSerial {
    /// The number in the content octets of an INTEGER.
    pub(crate) fn of_octets(octets: &[u8]) -> Self {
        Self(Number::of_octets(octets))
    }
}

impl FromStr for CertificateSerial {
    type Err = CertificateSerialError;

    fn from_str(text: &str) -> Result<Self, CertificateSerialError> {
        let digits = if text.contains(':') {
            let pairs: Vec<_> = text.split(':').collect();
            if pairs.iter().any(|pair| pair.len() != 2) {
                return Err(CertificateSerialError);
            }
            pairs.concat()
        } else if text.len() % 2 == 1 {
            format!("0{text}")
        } else {
            text.to_owned()
        };
        let octets = HEXLOWER_PERMISSIVE.decode(digits.as_bytes());
        let serial = Self::of_octets(&octets.map_err(|_| CertificateSerialError)?);
        if text.is_empty() || serial.0.is_too_long() {
            return Err(CertificateSerialError);
        }
        Ok(serial)
    }
}

impl fmt::Display for CertificateSerial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for CertificateSerial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateSerial({self})")
    }
}

/// A text is not a serial number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a serial number is up to 40 hexadecimal digits, with or without colons between pairs")]
pub struct CertificateSerialError;

/// By what a certificate in the chain of a peer may be refused, whatever else speaks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenCertificate {
    /// The pin of its key.
    pub spki_pin: SpkiPin,
    /// Its serial number.
    pub serial: CertificateSerial,
    /// Its issuer, made safe to show.
    pub issuer: String,
}

impl SeenCertificate {
    pub(crate) fn of(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        Some(Self {
            spki_pin: SpkiPin::of_spki(certificate.public_key().raw),
            serial: CertificateSerial::of_octets(certificate.raw_serial()),
            issuer: shown(&certificate.issuer().to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let read: Result<CertificateSerial, _> = text.parse();
        let shown = read.as_ref().map(ToString::to_string).ok();
        assert_eq!(shown.as_deref(), expected, "{text}");
        if let Some(shown) = shown {
            assert_eq!(shown.parse(), read);
        }
    }

    #[test]
    fn serials_in_every_spelling() {
        check("d43a", Some("d43a"));
        check("D4:3A", Some("d43a"));
        check("00:d4:3a", Some("d43a"));
        check("0d4", Some("d4"));
        check("abc", Some("0abc"));
        check("0", Some("00"));
        check("00:00", Some("00"));
        check(&"7f".repeat(20), Some(&"7f".repeat(20)));
        check(&format!("00{}", "ff".repeat(20)), Some(&"ff".repeat(20)));
        check(&"7f".repeat(21), None);
        check("", None);
        check(":", None);
        check("d4:3", None);
        check("d4::3a", None);
        check("d4 3a", None);
        check("0xd43a", None);
        check("-1", None);
    }

    #[test]
    fn serials_are_numbers() {
        let serial = |text: &str| text.parse::<CertificateSerial>().unwrap();
        assert!(serial("ff") < serial("0100"));
        assert!(serial("0101") > serial("0100"));
        assert_eq!(serial("0001"), serial("1"));
        assert_eq!(CertificateSerial::of_octets(&[0, 0]), serial("0"));
    }
}
