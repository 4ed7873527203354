//! Private keys of our own, made where they are used, and requests for certificates.
//!
//! A key is made in this process and leaves it for one file only; what an authority gets to see
//! is a [request](PrivateKey::request) with the public half. The kinds that can be made are those
//! that public authorities certify and every peer can verify; short RSA keys are neither made
//! nor taken (RFC 9325 §4.5).

mod request;

use std::{fmt, path::Path};

use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256, PublicKeyData as _,
    RsaKeySize,
};
use zeroize::Zeroizing;

use crate::{CertificateFault, KeyKind, PublicKey, SpkiPin, certificate, crypto::LEAST_RSA_BITS};

pub use request::{MOST_REQUESTED_NAMES, RequestError, RequestedName, RequestedNameError};

/// The kinds of key that can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NewKey {
    /// RSA with 2048 bits: what the oldest peers expect, and the least that counts.
    Rsa2048,
    /// RSA with 3072 bits, the strength of P-256.
    Rsa3072,
    /// RSA with 4096 bits: each handshake costs several times as much.
    Rsa4096,
    /// ECDSA on P-256.
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
}

/// A private key of ours. It prints nothing of itself.
pub struct PrivateKey(KeyPair);

impl PrivateKey {
    /// Makes a key. RSA keys take up to some seconds.
    ///
    /// # Errors
    /// The library could not make one.
    pub fn make(kind: NewKey) -> Result<Self, KeyError> {
        let made = match kind {
            NewKey::Rsa2048 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
            NewKey::Rsa3072 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_3072),
            NewKey::Rsa4096 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_4096),
            NewKey::EcdsaP256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
            NewKey::EcdsaP384 => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384),
        };
        made.map(Self).map_err(|error| KeyError::NotMade {
            error: error.to_string(),
        })
    }

    /// Reads a key from a file in PEM, as PKCS #8, PKCS #1 or SEC 1 has it.
    ///
    /// # Errors
    /// The file cannot be read, is open to others, or holds no key that a certificate of ours
    /// could be for.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let key = certificate::read_key(path)?;
        let pair =
            KeyPair::try_from(&key).map_err(|error| CertificateFault::BadKey(error.to_string()))?;
        let key = Self(pair);
        let public = key.public();
        match public.kind() {
            KeyKind::Rsa if public.rsa_bits().is_some_and(|it| it >= LEAST_RSA_BITS) => Ok(key),
            KeyKind::EcdsaP256 | KeyKind::EcdsaP384 => Ok(key),
            KeyKind::Rsa
            | KeyKind::EcdsaP521
            | KeyKind::Ed25519
            | KeyKind::MlDsa
            | KeyKind::Other => Err(KeyError::Unsuitable { key: public }),
        }
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey::of_spki(&self.0.subject_public_key_info())
    }

    /// The pin of the public half, which is also what a TLSA record holds of it:
    /// [`TlsaRecord::of_key`](crate::TlsaRecord::of_key).
    pub fn pin(&self) -> SpkiPin {
        SpkiPin::of_spki(&self.0.subject_public_key_info())
    }

    /// The whole key in PEM (PKCS #8, RFC 5958), for the one file that keeps it. The text is wiped
    /// from memory when it is dropped.
    pub fn to_secret_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.serialize_pem())
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.public())
    }
}

/// Why there is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The library failed.
    #[error("no key could be made: {error}")]
    NotMade {
        /// What it said.
        error: String,
    },
    /// The file is not one that keeps a key of ours.
    #[error(transparent)]
    File(#[from] CertificateFault),
    /// No certificate of ours should be for such a key.
    #[error("the key is {key}; use RSA with 2048 bits or more, ECDSA P-256 or ECDSA P-384")]
    Unsuitable {
        /// What it is.
        key: PublicKey,
    },
}

#[cfg(test)]
mod tests;
