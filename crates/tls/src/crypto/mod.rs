//! The vocabulary of TLS parameters, and the sets of them that a profile allows.
//!
//! These are Postern's own enums rather than rustls's code points for three reasons: they can be
//! put in sets, they print with their names in the IANA registries (which a `Received:` field
//! and an auditor want), and a `match` over them is complete.

mod bounds;
mod conformance;
mod key;
mod profile;
mod reduction;

use std::fmt;

use rustls::crypto::{SupportedKxGroup, aws_lc_rs};

pub use bounds::{Contradiction, CryptoBounds, Outside, ProfileViolation};
pub use conformance::{Conformance, Criterion, Finding, Standing, conformance};
pub use key::{CertificateSignature, KeyKind, PublicKey};
pub(crate) use profile::LEAST_RSA_BITS;
pub use profile::{
    Deviation, DeviationKind, Grade, Graded, Guidance, Member, Profile, ProfileName,
    ProfileNameError, profiles_reference,
};
pub use reduction::Reduction;

/// A version of the TLS protocol. There is no code path below TLS 1.2 (RFC 8996).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProtocolVersion {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

impl ProtocolVersion {
    /// Every version, the preferred first.
    pub const ALL: &[Self] = &[Self::Tls13, Self::Tls12];

    pub(crate) fn of(version: rustls::ProtocolVersion) -> Option<Self> {
        match version {
            rustls::ProtocolVersion::TLSv1_2 => Some(Self::Tls12),
            rustls::ProtocolVersion::TLSv1_3 => Some(Self::Tls13),
            _ => None,
        }
    }

    pub(crate) fn rustls(self) -> &'static rustls::SupportedProtocolVersion {
        match self {
            Self::Tls12 => &rustls::version::TLS12,
            Self::Tls13 => &rustls::version::TLS13,
        }
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        })
    }
}

/// A cipher suite. The library has AEAD suites with ephemeral key exchange and nothing else:
/// no CBC, no static RSA, no finite-field groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CipherSuite {
    /// TLS 1.3, AES-256-GCM.
    Aes256GcmSha384,
    /// TLS 1.3, ChaCha20-Poly1305.
    Chacha20Poly1305Sha256,
    /// TLS 1.3, AES-128-GCM.
    Aes128GcmSha256,
    /// TLS 1.2, ECDSA certificate, AES-256-GCM.
    EcdheEcdsaAes256GcmSha384,
    /// TLS 1.2, ECDSA certificate, ChaCha20-Poly1305.
    EcdheEcdsaChacha20Poly1305Sha256,
    /// TLS 1.2, ECDSA certificate, AES-128-GCM.
    EcdheEcdsaAes128GcmSha256,
    /// TLS 1.2, RSA certificate, AES-256-GCM.
    EcdheRsaAes256GcmSha384,
    /// TLS 1.2, RSA certificate, ChaCha20-Poly1305.
    EcdheRsaChacha20Poly1305Sha256,
    /// TLS 1.2, RSA certificate, AES-128-GCM.
    EcdheRsaAes128GcmSha256,
}

impl CipherSuite {
    /// Every suite, the preferred first: within a version the larger key first, and on TLS 1.2
    /// ECDSA, whose signatures cost a server a tenth of RSA's, before RSA.
    pub const ALL: &[Self] = &[
        Self::Aes256GcmSha384,
        Self::Chacha20Poly1305Sha256,
        Self::Aes128GcmSha256,
        Self::EcdheEcdsaAes256GcmSha384,
        Self::EcdheEcdsaChacha20Poly1305Sha256,
        Self::EcdheEcdsaAes128GcmSha256,
        Self::EcdheRsaAes256GcmSha384,
        Self::EcdheRsaChacha20Poly1305Sha256,
        Self::EcdheRsaAes128GcmSha256,
    ];

    /// The version that the suite belongs to.
    pub fn version(self) -> ProtocolVersion {
        match self {
            Self::Aes256GcmSha384 | Self::Chacha20Poly1305Sha256 | Self::Aes128GcmSha256 => {
                ProtocolVersion::Tls13
            }
            Self::EcdheEcdsaAes256GcmSha384
            | Self::EcdheEcdsaChacha20Poly1305Sha256
            | Self::EcdheEcdsaAes128GcmSha256
            | Self::EcdheRsaAes256GcmSha384
            | Self::EcdheRsaChacha20Poly1305Sha256
            | Self::EcdheRsaAes128GcmSha256 => ProtocolVersion::Tls12,
        }
    }

    /// The name in the IANA registry "TLS Cipher Suites".
    pub fn name(self) -> &'static str {
        match self {
            Self::Aes256GcmSha384 => "TLS_AES_256_GCM_SHA384",
            Self::Chacha20Poly1305Sha256 => "TLS_CHACHA20_POLY1305_SHA256",
            Self::Aes128GcmSha256 => "TLS_AES_128_GCM_SHA256",
            Self::EcdheEcdsaAes256GcmSha384 => "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            Self::EcdheEcdsaChacha20Poly1305Sha256 => {
                "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
            }
            Self::EcdheEcdsaAes128GcmSha256 => "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            Self::EcdheRsaAes256GcmSha384 => "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            Self::EcdheRsaChacha20Poly1305Sha256 => "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
            Self::EcdheRsaAes128GcmSha256 => "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        }
    }

    pub(crate) fn of(suite: rustls::CipherSuite) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|known| known.rustls().suite() == suite)
    }

    pub(crate) fn rustls(self) -> rustls::SupportedCipherSuite {
        use aws_lc_rs::cipher_suite as suite;
        match self {
            Self::Aes256GcmSha384 => suite::TLS13_AES_256_GCM_SHA384,
            Self::Chacha20Poly1305Sha256 => suite::TLS13_CHACHA20_POLY1305_SHA256,
            Self::Aes128GcmSha256 => suite::TLS13_AES_128_GCM_SHA256,
            Self::EcdheEcdsaAes256GcmSha384 => suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            Self::EcdheEcdsaChacha20Poly1305Sha256 => {
                suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
            }
            Self::EcdheEcdsaAes128GcmSha256 => suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            Self::EcdheRsaAes256GcmSha384 => suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            Self::EcdheRsaChacha20Poly1305Sha256 => {
                suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
            }
            Self::EcdheRsaAes128GcmSha256 => suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        }
    }
}

impl fmt::Display for CipherSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A key exchange group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// X25519 with ML-KEM-768: holds as long as either does (draft-ietf-tls-ecdhe-mlkem).
    X25519MlKem768,
    /// P-256 with ML-KEM-768.
    Secp256r1MlKem768,
    /// X25519 (RFC 7748).
    X25519,
    /// P-256.
    Secp256r1,
    /// P-384.
    Secp384r1,
    /// ML-KEM-1024 alone.
    MlKem1024,
    /// ML-KEM-768 alone.
    MlKem768,
}

impl Group {
    /// Every group, the preferred first.
    pub const ALL: &[Self] = &[
        Self::X25519MlKem768,
        Self::Secp256r1MlKem768,
        Self::X25519,
        Self::Secp256r1,
        Self::Secp384r1,
        Self::MlKem1024,
        Self::MlKem768,
    ];

    /// Whether the group can be used in a version: those with ML-KEM are for TLS 1.3 only.
    pub fn serves(self, version: ProtocolVersion) -> bool {
        match self {
            Self::X25519 | Self::Secp256r1 | Self::Secp384r1 => true,
            Self::X25519MlKem768 | Self::Secp256r1MlKem768 | Self::MlKem1024 | Self::MlKem768 => {
                version == ProtocolVersion::Tls13
            }
        }
    }

    /// The name in the IANA registry "TLS Supported Groups".
    pub fn name(self) -> &'static str {
        match self {
            Self::X25519MlKem768 => "X25519MLKEM768",
            Self::Secp256r1MlKem768 => "SecP256r1MLKEM768",
            Self::X25519 => "x25519",
            Self::Secp256r1 => "secp256r1",
            Self::Secp384r1 => "secp384r1",
            Self::MlKem1024 => "MLKEM1024",
            Self::MlKem768 => "MLKEM768",
        }
    }

    pub(crate) fn of(group: rustls::NamedGroup) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|known| known.rustls().name() == group)
    }

    pub(crate) fn rustls(self) -> &'static dyn SupportedKxGroup {
        use aws_lc_rs::kx_group as group;
        match self {
            Self::X25519MlKem768 => group::X25519MLKEM768,
            Self::Secp256r1MlKem768 => group::SECP256R1MLKEM768,
            Self::X25519 => group::X25519,
            Self::Secp256r1 => group::SECP256R1,
            Self::Secp384r1 => group::SECP384R1,
            Self::MlKem1024 => group::MLKEM1024,
            Self::MlKem768 => group::MLKEM768,
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a handshake is signed (RFC 8446 §4.2.3). SHA-1 is not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is the name of what it is")]
pub enum SignatureScheme {
    EcdsaP256Sha256,
    EcdsaP384Sha384,
    EcdsaP521Sha512,
    Ed25519,
    RsaPssSha256,
    RsaPssSha384,
    RsaPssSha512,
    RsaPkcs1Sha256,
    RsaPkcs1Sha384,
    RsaPkcs1Sha512,
    MlDsa44,
    MlDsa65,
    MlDsa87,
}

impl SignatureScheme {
    /// Every scheme, the preferred first.
    pub const ALL: &[Self] = &[
        Self::EcdsaP256Sha256,
        Self::EcdsaP384Sha384,
        Self::EcdsaP521Sha512,
        Self::Ed25519,
        Self::RsaPssSha256,
        Self::RsaPssSha384,
        Self::RsaPssSha512,
        Self::RsaPkcs1Sha256,
        Self::RsaPkcs1Sha384,
        Self::RsaPkcs1Sha512,
        Self::MlDsa44,
        Self::MlDsa65,
        Self::MlDsa87,
    ];

    /// The name in the IANA registry "TLS SignatureScheme".
    pub fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256Sha256 => "ecdsa_secp256r1_sha256",
            Self::EcdsaP384Sha384 => "ecdsa_secp384r1_sha384",
            Self::EcdsaP521Sha512 => "ecdsa_secp521r1_sha512",
            Self::Ed25519 => "ed25519",
            Self::RsaPssSha256 => "rsa_pss_rsae_sha256",
            Self::RsaPssSha384 => "rsa_pss_rsae_sha384",
            Self::RsaPssSha512 => "rsa_pss_rsae_sha512",
            Self::RsaPkcs1Sha256 => "rsa_pkcs1_sha256",
            Self::RsaPkcs1Sha384 => "rsa_pkcs1_sha384",
            Self::RsaPkcs1Sha512 => "rsa_pkcs1_sha512",
            Self::MlDsa44 => "mldsa44",
            Self::MlDsa65 => "mldsa65",
            Self::MlDsa87 => "mldsa87",
        }
    }

    /// Whether the scheme can sign a handshake of this version with this kind of key. On
    /// TLS 1.2 the ECDSA schemes name a hash only, so any curve will do (RFC 5246 §7.4.1.4.1).
    fn serves(self, version: ProtocolVersion, key: KeyKind) -> bool {
        let tls12 = version == ProtocolVersion::Tls12;
        match self {
            Self::EcdsaP256Sha256 => key == KeyKind::EcdsaP256 || tls12 && key.is_ecdsa(),
            Self::EcdsaP384Sha384 => key == KeyKind::EcdsaP384 || tls12 && key.is_ecdsa(),
            Self::EcdsaP521Sha512 => key == KeyKind::EcdsaP521 || tls12 && key.is_ecdsa(),
            Self::Ed25519 => key == KeyKind::Ed25519,
            Self::RsaPssSha256 | Self::RsaPssSha384 | Self::RsaPssSha512 => key == KeyKind::Rsa,
            Self::RsaPkcs1Sha256 | Self::RsaPkcs1Sha384 | Self::RsaPkcs1Sha512 => {
                tls12 && key == KeyKind::Rsa
            }
            Self::MlDsa44 | Self::MlDsa65 | Self::MlDsa87 => !tls12 && key == KeyKind::MlDsa,
        }
    }

    pub(crate) fn of(scheme: rustls::SignatureScheme) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|known| known.rustls() == scheme)
    }

    pub(crate) fn rustls(self) -> rustls::SignatureScheme {
        use rustls::SignatureScheme as Scheme;
        match self {
            Self::EcdsaP256Sha256 => Scheme::ECDSA_NISTP256_SHA256,
            Self::EcdsaP384Sha384 => Scheme::ECDSA_NISTP384_SHA384,
            Self::EcdsaP521Sha512 => Scheme::ECDSA_NISTP521_SHA512,
            Self::Ed25519 => Scheme::ED25519,
            Self::RsaPssSha256 => Scheme::RSA_PSS_SHA256,
            Self::RsaPssSha384 => Scheme::RSA_PSS_SHA384,
            Self::RsaPssSha512 => Scheme::RSA_PSS_SHA512,
            Self::RsaPkcs1Sha256 => Scheme::RSA_PKCS1_SHA256,
            Self::RsaPkcs1Sha384 => Scheme::RSA_PKCS1_SHA384,
            Self::RsaPkcs1Sha512 => Scheme::RSA_PKCS1_SHA512,
            Self::MlDsa44 => Scheme::ML_DSA_44,
            Self::MlDsa65 => Scheme::ML_DSA_65,
            Self::MlDsa87 => Scheme::ML_DSA_87,
        }
    }
}

impl fmt::Display for SignatureScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
