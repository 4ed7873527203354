//! New keys, as text for a file.

use std::str;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::Ed25519KeyPair,
};
use data_encoding::BASE64;
use zeroize::Zeroizing;

use super::DkimCryptoError;

/// What kind of key to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DkimKeyKind {
    /// RSA of 2048 bit: what every verifier can check.
    Rsa2048,
    /// RSA of 3072 bit.
    Rsa3072,
    /// Ed25519: small and quick, but many verifiers do not know it, so it signs beside an RSA key.
    Ed25519,
}

/// Makes a key, as PKCS #8 in PEM. The text is wiped from memory when it is dropped.
///
/// # Errors
/// The library could not make one.
pub fn make_dkim_key(kind: DkimKeyKind) -> Result<Zeroizing<String>, DkimCryptoError> {
    let der: Pkcs8V1Der<'_> = match kind {
        DkimKeyKind::Rsa2048 => RsaKeyPair::generate(KeySize::Rsa2048)?.as_der()?,
        DkimKeyKind::Rsa3072 => RsaKeyPair::generate(KeySize::Rsa3072)?.as_der()?,
        DkimKeyKind::Ed25519 => Ed25519KeyPair::generate()?.as_der()?,
    };
    Ok(private_key_pem(der.as_ref()))
}

/// RFC 7468 §10. The buffer is large enough from the start: one that grew would leave copies.
fn private_key_pem(der: &[u8]) -> Zeroizing<String> {
    const LINE: usize = 64;
    let text = Zeroizing::new(BASE64.encode(der));
    let mut pem = Zeroizing::new(String::with_capacity(2 * text.len() + 2 * LINE));
    pem.push_str("-----BEGIN PRIVATE KEY-----\n");
    for line in text.as_bytes().chunks(LINE) {
        pem.push_str(str::from_utf8(line).unwrap_or_default());
        pem.push('\n');
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    pem
}
