//! Pins of public keys.

use std::{fmt, str::FromStr};

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};

use crate::{ChainFault, CryptoBounds, PeerChain, Possession};

/// The SHA-256 of a SubjectPublicKeyInfo in DER: it names a key, whatever certificate it is in,
/// so a renewal with the same key keeps the pin. This is also what a TLSA record with selector 1
/// and matching type 1 holds (RFC 6698 §2.1).
///
/// It is read as `sha256//` and base64 (as curl and HPKP wrote it), as base64 alone, or as hex
/// with or without colons (as openssl and Postfix print it).
///
/// ```
/// use postern_tls::SpkiPin;
///
/// let hex: SpkiPin = "E3:B0:C4:42:98:FC:1C:14:9A:FB:F4:C8:99:6F:B9:24:27:AE:41:E4:64:9B:93:4C:A4:95:99:1B:78:52:B8:55".parse()?;
/// let base64: SpkiPin = "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".parse()?;
/// assert_eq!(hex, base64);
/// # Ok::<(), postern_tls::SpkiPinError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpkiPin([u8; 32]);

impl SpkiPin {
    /// The pin of a SubjectPublicKeyInfo in DER.
    pub fn of_spki(der: &[u8]) -> Self {
        Self(sha256(der))
    }

    /// The digest.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.0
    }
}

/// Holds a peer against pins of its key, without any authority: whoever holds a pinned key is
/// the peer, and names and dates of the certificate around the key say nothing more.
///
/// # Errors
/// The possession of the key was not proven, the key is not among the pins, or it is weaker than
/// the bounds allow.
pub fn verify_pin(
    chain: &PeerChain,
    pins: &[SpkiPin],
    bounds: &CryptoBounds,
) -> Result<SpkiPin, ChainFault> {
    if let Possession::Unproven(reason) = chain.possession() {
        return Err(ChainFault::NotProven(reason.clone()));
    }
    let presented = chain
        .spki_pin()
        .ok_or_else(|| ChainFault::Malformed("the public key cannot be read".to_owned()))?;
    if !pins.contains(&presented) {
        return Err(ChainFault::PinMismatch {
            wanted: pins.to_vec(),
            presented,
        });
    }
    bounds
        .admits_key(chain.key())
        .map_err(ChainFault::OutsideProfile)?;
    Ok(presented)
}

/// The first eight octets of SHA-256, in hex: enough to tell things of our own apart, and no
/// defence against somebody who makes two that look alike.
pub fn short_digest(octets: &[u8]) -> String {
    let digest = sha256(octets);
    let (short, _) = digest.split_at(8);
    HEXLOWER_PERMISSIVE.encode(short)
}

pub(crate) fn sha256(octets: &[u8]) -> [u8; 32] {
    let mut value = [0; 32];
    // The lengths are equal: both are that of SHA-256.
    value.copy_from_slice(digest(&SHA256, octets).as_ref());
    value
}

impl FromStr for SpkiPin {
    type Err = SpkiPinError;

    fn from_str(text: &str) -> Result<Self, SpkiPinError> {
        let bare = text.strip_prefix("sha256//").unwrap_or(text);
        let hex = bare.replace(':', "");
        let octets = match hex.len() {
            64 => HEXLOWER_PERMISSIVE.decode(hex.as_bytes()),
            _ => BASE64.decode(bare.as_bytes()),
        };
        octets
            .ok()
            .and_then(|octets| octets.try_into().ok())
            .map(Self)
            .ok_or(SpkiPinError)
    }
}

impl fmt::Display for SpkiPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256//{}", BASE64.encode(&self.0))
    }
}

impl fmt::Debug for SpkiPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpkiPin({self})")
    }
}

/// A text is not a pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a pin is sha256// and 44 characters of base64, or 64 hexadecimal digits")]
pub struct SpkiPinError;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<[u8; 32], SpkiPinError>) {
        assert_eq!(text.parse(), expected.map(SpkiPin), "{text}");
    }

    #[test]
    fn pins_in_every_spelling() {
        let base64 = BASE64.encode(&[0xab; 32]);
        check(&base64, Ok([0xab; 32]));
        check(&format!("sha256//{base64}"), Ok([0xab; 32]));
        check(&"ab".repeat(32), Ok([0xab; 32]));
        check(&"AB".repeat(32), Ok([0xab; 32]));
        check(&["AB"; 32].join(":"), Ok([0xab; 32]));
        check("", Err(SpkiPinError));
        check(&"ab".repeat(20), Err(SpkiPinError)); // SHA-1
        check(&"zz".repeat(32), Err(SpkiPinError));
        check(&format!("sha1//{base64}"), Err(SpkiPinError));
        check(&BASE64.encode(&[0xab; 33]), Err(SpkiPinError));
    }

    #[test]
    fn what_is_printed_reads_back() {
        let pin = SpkiPin::of_spki(b"anything");
        assert_eq!(pin.to_string().parse(), Ok(pin));
    }
}
