//! The profiles of 2012 and 2016, for partners who are still held to them.

use std::sync::LazyLock;

use super::{
    Deviation, Guidance, LEAST_RSA_BITS, NOT_IN_THE_LIBRARY, Profile, ProfileName, missing,
    stricter, wider,
};
use crate::{
    CertificateSignature, CipherSuite, CryptoBounds, Group, KeyKind, ProtocolVersion,
    SignatureScheme,
};

pub(super) static SUITE_B_128: LazyLock<Profile> = LazyLock::new(|| Profile {
    name: ProfileName::SuiteB128,
    guidance: Guidance {
        title: "RFC 6460, Suite B Profile for TLS",
        edition: "January 2012 (historic by RFC 8423)",
        part: Some("§3, combination 1 at 128 bits"),
    },
    bounds: CryptoBounds {
        versions: [ProtocolVersion::Tls12].into(),
        suites: [CipherSuite::EcdheEcdsaAes128GcmSha256].into(),
        groups: [Group::Secp256r1].into(),
        schemes: [SignatureScheme::EcdsaP256Sha256].into(),
        keys: [KeyKind::EcdsaP256].into(),
        least_rsa_bits: LEAST_RSA_BITS,
        certificate_signatures: [CertificateSignature::EcdsaSha256].into(),
    },
    graded: &[],
    deviations: SUITE_B_DEVIATIONS,
});

const SUITE_B_DEVIATIONS: &[Deviation] = &[stricter(
    "AES-256, SHA-384 and P-384",
    "they are combination 2, which the 128-bit profile tolerates beside combination 1",
)];

pub(super) static FOUNDATION: LazyLock<Profile> = LazyLock::new(|| Profile {
    name: ProfileName::Foundation,
    guidance: Guidance {
        title: "NCSC, Using TLS to protect data",
        edition: "7 October 2016",
        part: Some("Foundation profile"),
    },
    bounds: CryptoBounds {
        versions: [ProtocolVersion::Tls12].into(),
        suites: [CipherSuite::EcdheRsaAes128GcmSha256].into(),
        groups: [Group::X25519, Group::Secp256r1, Group::Secp384r1].into(),
        schemes: [
            SignatureScheme::RsaPssSha256,
            SignatureScheme::RsaPkcs1Sha256,
        ]
        .into(),
        keys: [KeyKind::Rsa].into(),
        least_rsa_bits: LEAST_RSA_BITS,
        certificate_signatures: [CertificateSignature::RsaSha256].into(),
    },
    graded: &[],
    deviations: FOUNDATION_DEVIATIONS,
});

/// The first two are those that the guidance itself calls acceptable.
const FOUNDATION_DEVIATIONS: &[Deviation] = &[
    missing(
        "AES-128 in CBC mode; AES-128-GCM stands in its place",
        NOT_IN_THE_LIBRARY,
    ),
    missing(
        "RSA and finite-field key exchange; elliptic curves give forward secrecy in its place",
        NOT_IN_THE_LIBRARY,
    ),
    wider(
        "RSA-PSS signatures of the handshake beside PKCS #1 v1.5",
        "a peer that has them signs better with the same certificate",
    ),
];
