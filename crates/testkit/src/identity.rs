//! A certificate chain with its key.

use std::{
    fs,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate chain, leaf first, with the private key of the leaf.
#[derive(Debug)]
pub struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self {
            chain: self.chain.clone(),
            key: self.key.clone_key(),
        }
    }
}

/// Where an [`Identity`] was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The chain in PEM, leaf first.
    pub chain: PathBuf,
    /// The key in PEM, readable by its owner only.
    pub key: PathBuf,
}

impl Identity {
    /// An identity of parts that need not belong together: a stolen certificate with a key of
    /// one's own, octets that are no certificate.
    pub fn of(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Self {
        Self { chain, key }
    }

    /// The leaf, then its intermediates; the root is not among them.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// The leaf.
    pub fn leaf(&self) -> &CertificateDer<'static> {
        self.chain.first().expect("a chain of at least one")
    }

    /// The private key.
    pub fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }

    /// The chain of this identity with the key of `other`.
    #[must_use]
    pub fn with_key_of(&self, other: &Self) -> Self {
        Self::of(self.chain.clone(), other.key())
    }

    /// The chain in PEM, leaf first.
    pub fn chain_pem(&self) -> String {
        self.chain.iter().map(|der| certificate_pem(der)).collect()
    }

    /// The key in PEM.
    pub fn key_pem(&self) -> String {
        let label = match self.key {
            PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
            PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
            _ => "PRIVATE KEY",
        };
        pem(label, self.key.secret_der())
    }

    /// Writes `STEM.pem` and `STEM.key` into a directory.
    pub fn write(&self, directory: &Path, stem: &str) -> Files {
        let files = Files {
            chain: directory.join(format!("{stem}.pem")),
            key: directory.join(format!("{stem}.key")),
        };
        fs::write(&files.chain, self.chain_pem()).expect("a chain file");
        write_secret(&files.key, &self.key_pem());
        files
    }
}

/// Writes a file with mode 0600, whatever it was before.
fn write_secret(path: &Path, text: &str) {
    use std::io::Write as _;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .expect("a key file");
    file.write_all(text.as_bytes()).expect("a key file");
}

pub(crate) fn certificate_pem(der: &[u8]) -> String {
    pem("CERTIFICATE", der)
}

/// The textual encoding of RFC 7468 §2.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in der.chunks(3) {
        let octet = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = octet(0) << 16 | octet(1) << 8 | octet(2);
        for place in 0..4_usize {
            let sextet = bits >> (18 - 6 * place) & 63;
            let character = ALPHABET.get(sextet as usize).copied().unwrap_or(b'=');
            text.push(if place <= group.len() {
                character.into()
            } else {
                '='
            });
        }
    }
    let mut lines = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        lines.push_str(line);
        lines.push('\n');
        rest = more;
    }
    lines + &format!("-----END {label}-----\n")
}

#[cfg(test)]
mod tests {
    use rustls_pki_types::pem::PemObject as _;

    use super::*;
    use crate::{Authority, Key, Leaf};

    #[test]
    fn what_is_written_as_pem_reads_back() {
        let authority = Authority::new("root").intermediate("issuing");
        for key in [Key::EcdsaP256, Key::EcdsaP384, Key::Ed25519, Key::Rsa2048] {
            let identity = authority.issue(&Leaf::named("mx.example").key(key));
            let chain: Vec<_> = CertificateDer::pem_slice_iter(identity.chain_pem().as_bytes())
                .collect::<Result<_, _>>()
                .unwrap();
            assert_eq!(chain, identity.chain());
            let read = PrivateKeyDer::from_pem_slice(identity.key_pem().as_bytes()).unwrap();
            assert_eq!(read.secret_der(), identity.key().secret_der());
        }
    }
}
