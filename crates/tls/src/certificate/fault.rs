//! Why a pair of chain and key is not taken.

use std::path::PathBuf;

use super::StapleFault;
use crate::{ChainFault, PublicKey, date::Date};

/// A pair that did not pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("certificate {name:?}: {}: {fault}", .file.display())]
pub struct CertificateError {
    /// The name of the pair in the configuration.
    pub name: String,
    /// The file that is to be put right.
    pub file: PathBuf,
    /// What is wrong with it.
    pub fault: CertificateFault,
}

/// What is wrong with a file of a pair. Certificates are counted from one, the leaf.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    /// The file cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// The file is longer than any pair has reason to be.
    #[error("the file is longer than 1 MiB")]
    TooLong,
    /// There is no certificate.
    #[error("there is no certificate in PEM in it")]
    NoCertificate,
    /// A certificate cannot be read; the file may be cut short.
    #[error("certificate {position} cannot be read: {error}")]
    Malformed {
        /// Which.
        position: usize,
        /// What is wrong with it.
        error: String,
    },
    /// A certificate is followed by one that did not issue it.
    #[error(
        "the chain is out of order: certificate {position} was issued by {issuer}, but what \
         follows is {found}"
    )]
    OutOfOrder {
        /// Which.
        position: usize,
        /// Who issued it.
        issuer: String,
        /// Whose certificate follows.
        found: String,
    },
    /// The names of the chain fit and its certificates do not.
    #[error("the chain does not hold together: {0}")]
    Broken(ChainFault),
    /// A certificate is no longer valid.
    #[error("certificate {position} expired on {since}")]
    Expired {
        /// Which.
        position: usize,
        /// The last moment at which it was valid.
        since: Date,
    },
    /// A certificate is not valid yet.
    #[error("certificate {position} is not valid before {from}")]
    NotYetValid {
        /// Which.
        position: usize,
        /// The first moment at which it will be valid.
        from: Date,
    },
    /// An RSA key is too short (RFC 9325 §4.5).
    #[error("certificate {position} has a key that is too weak: {key}, 2048 are required")]
    WeakKey {
        /// Which.
        position: usize,
        /// Its key.
        key: PublicKey,
    },
    /// A certificate is signed with SHA-1 or MD5.
    #[error("certificate {position} is signed with {algorithm}, which can be forged")]
    WeakSignature {
        /// Which.
        position: usize,
        /// The algorithm.
        algorithm: String,
    },
    /// The leaf is for no name at all.
    #[error("the certificate has no dNSName in a subject alternative name, so nobody can match it")]
    NoNames,
    /// There is no private key.
    #[error("there is no private key in PEM in it")]
    NoKey,
    /// The private key wants a passphrase.
    #[error("the private key is encrypted; a daemon has nobody to ask for the passphrase")]
    EncryptedKey,
    /// The private key cannot be read or is of a kind that cannot be used.
    #[error("the private key cannot be used: {0}")]
    BadKey(String),
    /// Others could read or replace the private key.
    #[error("the private key is open to others (mode {mode:04o}); use chmod 0600 or 0640")]
    OpenToOthers {
        /// The permissions of the file.
        mode: u32,
    },
    /// The OCSP response cannot be served.
    #[error("the OCSP response cannot be served: {0}")]
    Staple(StapleFault),
    /// The private key belongs to another certificate.
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
}
