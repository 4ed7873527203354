//! Public keys of certificates, and the algorithms that certificates are signed with.

use std::fmt;

use rustls_pki_types::SignatureVerificationAlgorithm;
use webpki::aws_lc_rs as algorithm;
use x509_parser::{
    oid_registry::{
        OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_EC_P521,
        OID_PKCS1_RSAENCRYPTION, OID_SIG_ED25519, Oid,
        asn1_rs::{Any, oid},
    },
    prelude::{FromDer as _, X509Certificate},
    public_key::PublicKey as Parsed,
    signature_algorithm::RsaSsaPssParams,
    x509::SubjectPublicKeyInfo,
};

/// The kinds of public key that a certificate may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// RSA of any length; the length is bounded beside the kind.
    Rsa,
    /// ECDSA on P-256.
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// ECDSA on P-521.
    EcdsaP521,
    /// Ed25519 (RFC 8410).
    Ed25519,
    /// ML-DSA at any level (RFC 9881).
    MlDsa,
    /// Anything else.
    Other,
}

impl KeyKind {
    /// Every kind.
    pub const ALL: &[Self] = &[
        Self::Rsa,
        Self::EcdsaP256,
        Self::EcdsaP384,
        Self::EcdsaP521,
        Self::Ed25519,
        Self::MlDsa,
        Self::Other,
    ];

    pub(crate) fn is_ecdsa(self) -> bool {
        match self {
            Self::EcdsaP256 | Self::EcdsaP384 | Self::EcdsaP521 => true,
            Self::Rsa | Self::Ed25519 | Self::MlDsa | Self::Other => false,
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rsa => "RSA",
            Self::EcdsaP256 => "ECDSA P-256",
            Self::EcdsaP384 => "ECDSA P-384",
            Self::EcdsaP521 => "ECDSA P-521",
            Self::Ed25519 => "Ed25519",
            Self::MlDsa => "ML-DSA",
            Self::Other => "of a kind unknown to us",
        })
    }
}

/// What a certificate says of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey {
    pub(crate) kind: KeyKind,
    /// The length of the modulus; 0 where the key is not RSA.
    pub(crate) rsa_bits: usize,
}

impl PublicKey {
    /// The kind of the key.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The length of the modulus of an RSA key.
    pub fn rsa_bits(&self) -> Option<usize> {
        (self.kind == KeyKind::Rsa).then_some(self.rsa_bits)
    }

    /// Reads a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) in DER; what cannot be read is
    /// [`KeyKind::Other`].
    pub(crate) fn of_spki(der: &[u8]) -> Self {
        SubjectPublicKeyInfo::from_der(der).map_or(
            Self {
                kind: KeyKind::Other,
                rsa_bits: 0,
            },
            |(_, spki)| Self::of(&spki),
        )
    }

    pub(crate) fn of(spki: &SubjectPublicKeyInfo<'_>) -> Self {
        let rsa_bits = match spki.parsed() {
            Ok(Parsed::RSA(key)) => bits(key.modulus),
            Ok(_) | Err(_) => 0,
        };
        Self {
            kind: kind(spki),
            rsa_bits,
        }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rsa_bits() {
            Some(bits) => write!(f, "RSA with {bits} bits"),
            None => self.kind.fmt(f),
        }
    }
}

fn kind(spki: &SubjectPublicKeyInfo<'_>) -> KeyKind {
    let algorithm = &spki.algorithm.algorithm;
    let curve = spki
        .algorithm
        .parameters
        .as_ref()
        .and_then(|parameters| parameters.as_oid().ok());
    if *algorithm == OID_PKCS1_RSAENCRYPTION || *algorithm == oid!(1.2.840.113549.1.1.10) {
        KeyKind::Rsa // the second is id-RSASSA-PSS
    } else if *algorithm == OID_SIG_ED25519 {
        KeyKind::Ed25519
    } else if *algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY {
        curve.map_or(KeyKind::Other, |curve| kind_of_curve(&curve))
    } else if ML_DSA.contains(algorithm) {
        KeyKind::MlDsa
    } else {
        KeyKind::Other
    }
}

fn kind_of_curve(curve: &Oid<'_>) -> KeyKind {
    if *curve == OID_EC_P256 {
        KeyKind::EcdsaP256
    } else if *curve == OID_NIST_EC_P384 {
        KeyKind::EcdsaP384
    } else if *curve == OID_NIST_EC_P521 {
        KeyKind::EcdsaP521
    } else {
        KeyKind::Other
    }
}

/// The levels 44, 65 and 87 of ML-DSA (RFC 9881 §2).
const ML_DSA: &[Oid<'static>] = &[
    oid!(2.16.840.1.101.3.4.3.17),
    oid!(2.16.840.1.101.3.4.3.18),
    oid!(2.16.840.1.101.3.4.3.19),
];

/// The length of a number in bits, without leading zeroes.
fn bits(number: &[u8]) -> usize {
    let mut octets = number.iter().skip_while(|octet| **octet == 0);
    octets.next().map_or(0, |first| {
        8 * octets.count() + 8 - first.leading_zeros() as usize
    })
}

/// How a certificate is signed by its issuer. SHA-1 and MD5 are not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is the name of what it is")]
pub enum CertificateSignature {
    EcdsaSha256,
    EcdsaSha384,
    EcdsaSha512,
    Ed25519,
    /// PKCS #1 v1.5 or PSS.
    RsaSha256,
    /// PKCS #1 v1.5 or PSS.
    RsaSha384,
    /// PKCS #1 v1.5 or PSS.
    RsaSha512,
    MlDsa,
}

impl CertificateSignature {
    /// Every algorithm.
    pub const ALL: &[Self] = &[
        Self::EcdsaSha256,
        Self::EcdsaSha384,
        Self::EcdsaSha512,
        Self::Ed25519,
        Self::RsaSha256,
        Self::RsaSha384,
        Self::RsaSha512,
        Self::MlDsa,
    ];

    /// How a certificate says that it is signed.
    pub(crate) fn of(certificate: &X509Certificate<'_>) -> Option<Self> {
        let identifier = &certificate.signature_algorithm;
        Some(match identifier.algorithm.to_string().as_str() {
            "1.2.840.10045.4.3.2" => Self::EcdsaSha256,
            "1.2.840.10045.4.3.3" => Self::EcdsaSha384,
            "1.2.840.10045.4.3.4" => Self::EcdsaSha512,
            "1.3.101.112" => Self::Ed25519,
            "1.2.840.113549.1.1.11" => Self::RsaSha256,
            "1.2.840.113549.1.1.12" => Self::RsaSha384,
            "1.2.840.113549.1.1.13" => Self::RsaSha512,
            "1.2.840.113549.1.1.10" => Self::of_pss(identifier.parameters.as_ref()?)?,
            _ if ML_DSA.contains(&identifier.algorithm) => Self::MlDsa,
            _ => return None,
        })
    }

    /// The hash that stands in the parameters of RSASSA-PSS (RFC 4055 §3.1).
    fn of_pss(parameters: &Any<'_>) -> Option<Self> {
        let parameters = RsaSsaPssParams::try_from(parameters).ok()?;
        match parameters.hash_algorithm_oid().to_string().as_str() {
            "2.16.840.1.101.3.4.2.1" => Some(Self::RsaSha256),
            "2.16.840.1.101.3.4.2.2" => Some(Self::RsaSha384),
            "2.16.840.1.101.3.4.2.3" => Some(Self::RsaSha512),
            _ => None,
        }
    }

    /// What verifies such signatures. RSA keys below 2048 bits verify nothing.
    pub(crate) fn algorithms(self) -> Vec<&'static dyn SignatureVerificationAlgorithm> {
        match self {
            Self::EcdsaSha256 => vec![
                algorithm::ECDSA_P256_SHA256,
                algorithm::ECDSA_P384_SHA256,
                algorithm::ECDSA_P521_SHA256,
            ],
            Self::EcdsaSha384 => vec![
                algorithm::ECDSA_P256_SHA384,
                algorithm::ECDSA_P384_SHA384,
                algorithm::ECDSA_P521_SHA384,
            ],
            Self::EcdsaSha512 => vec![
                algorithm::ECDSA_P256_SHA512,
                algorithm::ECDSA_P384_SHA512,
                algorithm::ECDSA_P521_SHA512,
            ],
            Self::Ed25519 => vec![algorithm::ED25519],
            Self::RsaSha256 => vec![
                algorithm::RSA_PKCS1_2048_8192_SHA256,
                algorithm::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
                algorithm::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
            ],
            Self::RsaSha384 => vec![
                algorithm::RSA_PKCS1_2048_8192_SHA384,
                algorithm::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
                algorithm::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
            ],
            Self::RsaSha512 => vec![
                algorithm::RSA_PKCS1_2048_8192_SHA512,
                algorithm::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
                algorithm::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
            ],
            Self::MlDsa => vec![
                algorithm::ML_DSA_44,
                algorithm::ML_DSA_65,
                algorithm::ML_DSA_87,
            ],
        }
    }
}

impl fmt::Display for CertificateSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EcdsaSha256 => "ECDSA with SHA-256",
            Self::EcdsaSha384 => "ECDSA with SHA-384",
            Self::EcdsaSha512 => "ECDSA with SHA-512",
            Self::Ed25519 => "Ed25519",
            Self::RsaSha256 => "RSA with SHA-256",
            Self::RsaSha384 => "RSA with SHA-384",
            Self::RsaSha512 => "RSA with SHA-512",
            Self::MlDsa => "ML-DSA",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postern_testkit::{Authority, Key, Leaf, Oddity};

    #[track_caller]
    fn check(leaf: &Leaf, expected: &str) {
        let identity = Authority::new("root").issue(leaf);
        let (_, certificate) = X509Certificate::from_der(identity.leaf()).unwrap();
        assert_eq!(
            PublicKey::of_spki(certificate.public_key().raw).to_string(),
            expected
        );
    }

    #[test]
    fn keys_are_told_apart() {
        let leaf = || Leaf::named("mx.example");
        check(&leaf(), "ECDSA P-256");
        check(&leaf().key(Key::EcdsaP384), "ECDSA P-384");
        check(&leaf().key(Key::Ed25519), "Ed25519");
        check(&leaf().key(Key::Rsa2048), "RSA with 2048 bits");
        check(&leaf().key(Key::Rsa3072), "RSA with 3072 bits");
        check(&leaf().oddity(Oddity::Rsa1024), "RSA with 1024 bits");
    }

    #[test]
    fn lengths_leave_leading_zeroes_out() {
        assert_eq!(bits(&[]), 0);
        assert_eq!(bits(&[0, 0]), 0);
        assert_eq!(bits(&[0, 0x80, 0]), 16);
        assert_eq!(bits(&[0x01, 0xff]), 9);
    }
}
