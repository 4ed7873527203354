//! Keys for signing: reading them, making them, and the record that publishes them.
//!
//! A key is an RSA key of at least 2048 bit (RFC 8301 §3.2) or an Ed25519 key (RFC 8463), in a PEM
//! file that its owner alone may read. DKIM and ARC use the same keys and the same records.

mod file;
mod making;
#[cfg(test)]
mod tests;

use std::{fmt, path::Path, sync::Arc};

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    error::{KeyRejected, Unspecified},
    rsa::KeyPair as RsaKeyPair,
    signature::KeyPair as _,
};
use data_encoding::BASE64;
use mail_auth::common::{
    crypto::{Algorithm, DkimKey as Pair, Ed25519Key, RsaKey, Sha256, SigningKey as LibraryKey},
    headers::Writable,
};
use rustls_pki_types::{
    PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer,
    pem::{self, PemObject as _},
};
use zeroize::Zeroizing;

pub use self::{
    file::{DkimKeyError, KeyFileFault},
    making::{DkimKeyKind, make_dkim_key},
};

/// The shortest RSA key that signs (RFC 8301 §3.2).
const SHORTEST_RSA: usize = 2048;

/// The longest RSA key that signs: verifiers need not accept longer ones (RFC 8301 §3.2), and
/// its record is already 700 characters.
const LONGEST_RSA: usize = 4096;

/// The longest character-string of a TXT record (RFC 1035 §3.3).
const CHARACTER_STRING: usize = 255;

/// How a key signs, by the names of RFC 6376 §3.3 and RFC 8463 §3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureAlgorithm {
    /// RSA with PKCS #1 version 1.5 padding over SHA-256.
    RsaSha256,
    /// Ed25519 over SHA-256.
    Ed25519Sha256,
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RsaSha256 => "rsa-sha256",
            Self::Ed25519Sha256 => "ed25519-sha256",
        })
    }
}

/// A private key that signs mail. It does not print.
pub struct DkimKey {
    pair: Pair,
    record: String,
}

impl DkimKey {
    /// Reads a key from a PEM file.
    ///
    /// # Errors
    /// The file cannot be read, group or others may read it, or it holds no key that may sign.
    pub fn read(path: &Path) -> Result<Self, DkimKeyError> {
        let fault = |fault| DkimKeyError {
            path: path.to_owned(),
            fault,
        };
        let octets = file::octets(path).map_err(fault)?;
        Self::from_pem(&octets).map_err(|error| fault(error.into()))
    }

    /// Takes a key from PEM: PKCS #8 (`PRIVATE KEY`) or, for RSA, PKCS #1 (`RSA PRIVATE KEY`).
    ///
    /// # Errors
    /// It holds no private key, or none that may sign.
    pub fn from_pem(pem: &[u8]) -> Result<Self, UnfitKey> {
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
            pem::Error::NoItemsFound => UnfitKey::Missing,
            _ => UnfitKey::Pem,
        })?;
        let (pair, record) = pair(&Zeroizing::new(key))?;
        Ok(Self { pair, record })
    }

    /// How it signs.
    pub fn algorithm(&self) -> SignatureAlgorithm {
        match &self.pair {
            Pair::Rsa(_) => SignatureAlgorithm::RsaSha256,
            Pair::Ed25519(_) => SignatureAlgorithm::Ed25519Sha256,
        }
    }

    /// The text of the TXT record at `selector._domainkey.domain` that lets others verify what
    /// this key signs (RFC 6376 §3.6.1). It has no `s=`, so it is good for mail and for TLS
    /// reports (RFC 8460 §5.3) alike.
    pub fn public_record(&self) -> String {
        self.record.clone()
    }

    /// The key as mail-auth uses it.
    pub(crate) fn pair(&self) -> &Pair {
        &self.pair
    }
}

/// The key as mail-auth uses it, and its record. mail-auth takes RSA keys of any length, and has
/// the public half of one in a form that other verifiers do not take, so aws-lc looks at the key
/// first.
fn pair(key: &PrivateKeyDer<'_>) -> Result<(Pair, String), UnfitKey> {
    match key {
        PrivateKeyDer::Pkcs1(der) => {
            let der = der.secret_pkcs1_der();
            rsa(
                RsaKeyPair::from_der(der),
                PrivatePkcs1KeyDer::from(der).into(),
            )
        }
        PrivateKeyDer::Pkcs8(der) => {
            let der = der.secret_pkcs8_der();
            // OpenSSL leaves the public half out of an Ed25519 key.
            match Ed25519Key::from_pkcs8_maybe_unchecked_der(der) {
                // The 32 octets as they are, without ASN.1 (RFC 8463 §4.2).
                Ok(key) => {
                    let record = record("ed25519", &key.public_key());
                    Ok((Pair::Ed25519(key), record))
                }
                Err(_) => rsa(
                    RsaKeyPair::from_pkcs8(der),
                    PrivatePkcs8KeyDer::from(der).into(),
                ),
            }
        }
        _ => Err(UnfitKey::Kind),
    }
}

fn rsa(
    checked: Result<RsaKeyPair, KeyRejected>,
    key: PrivateKeyDer<'_>,
) -> Result<(Pair, String), UnfitKey> {
    let checked = checked.map_err(|error| match error.description_() {
        "TooSmall" => UnfitKey::Short,
        _ => UnfitKey::Kind,
    })?;
    check_length(checked.public_modulus_len() * 8)?;
    let public: Result<PublicKeyX509Der<'_>, Unspecified> = checked.public_key().as_der();
    let record = record("rsa", public.map_err(|_| UnfitKey::Kind)?.as_ref());
    let key = RsaKey::from_key_der(key).map_err(|_| UnfitKey::Kind)?;
    Ok((Pair::Rsa(key), record))
}

fn record(kind: &str, public: &[u8]) -> String {
    format!("v=DKIM1; k={kind}; p={}", BASE64.encode(public))
}

fn check_length(bits: usize) -> Result<(), UnfitKey> {
    match bits {
        ..SHORTEST_RSA => Err(UnfitKey::Short),
        SHORTEST_RSA..=LONGEST_RSA => Ok(()),
        _ => Err(UnfitKey::Long(bits)),
    }
}

impl fmt::Debug for DkimKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DkimKey({})", self.algorithm())
    }
}

/// A key that several signers of mail-auth use.
#[derive(Debug, Clone)]
pub(crate) struct SharedKey(pub(crate) Arc<DkimKey>);

impl LibraryKey for SharedKey {
    type Hasher = Sha256;

    fn sign(&self, input: impl Writable) -> mail_auth::Result<Vec<u8>> {
        self.0.pair().sign(input)
    }

    fn algorithm(&self) -> Algorithm {
        self.0.pair().algorithm()
    }
}

/// Cuts the text of a TXT record into character-strings of at most 255 octets, which a verifier
/// joins again without anything between them (RFC 6376 §3.6.2.2).
pub fn character_strings(record: &str) -> impl Iterator<Item = &str> {
    let mut rest = record;
    std::iter::from_fn(move || {
        let mut end = rest.len().min(CHARACTER_STRING);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let (string, behind) = rest.split_at_checked(end)?;
        rest = behind;
        (!string.is_empty()).then_some(string)
    })
}

/// Why a key does not sign; reads on from where the key stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnfitKey {
    /// Nothing there looks like a private key.
    #[error("holds no private key")]
    Missing,
    /// The PEM text is damaged.
    #[error("holds PEM that cannot be read")]
    Pem,
    /// An encrypted key, one of another kind, or a damaged one.
    #[error("holds a private key that is neither RSA nor Ed25519, or is damaged")]
    Kind,
    /// Too weak.
    #[error("holds an RSA key of less than {SHORTEST_RSA} bit (RFC 8301 §3.2)")]
    Short,
    /// Too long for others to verify.
    #[error("holds an RSA key of {0} bit; verifiers need not take more than {LONGEST_RSA}")]
    Long(usize),
}

/// The cryptographic library failed. It does not say why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cryptographic library failed")]
pub struct DkimCryptoError;

impl From<Unspecified> for DkimCryptoError {
    fn from(_: Unspecified) -> Self {
        Self
    }
}
