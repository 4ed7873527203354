//! The profiles of national authorities that are kept up to date.

use std::sync::LazyLock;

use super::{
    Deviation, Grade, Graded, Guidance, LEAST_RSA_BITS, Member, NOT_IN_THE_LIBRARY, Profile,
    ProfileName, missing, stricter, wider,
};
use crate::{
    CertificateSignature, CipherSuite, CryptoBounds, Group, KeyKind, ProtocolVersion,
    SignatureScheme,
};

pub(super) static NCSC: LazyLock<Profile> = LazyLock::new(|| Profile {
    name: ProfileName::Ncsc,
    guidance: Guidance {
        title: "NCSC, Using TLS to protect data",
        edition: "the page as it stands in 2026",
        part: Some("TLS 1.3 configuration and TLS 1.2 configuration, recommended profiles"),
    },
    bounds: CryptoBounds {
        versions: ProtocolVersion::ALL.iter().copied().collect(),
        suites: CipherSuite::ALL.iter().copied().collect(),
        groups: [
            Group::X25519MlKem768,
            Group::X25519,
            Group::Secp256r1,
            Group::Secp384r1,
        ]
        .into(),
        schemes: [ECDSA_ON_TWO_CURVES, RSA_PSS, RSA_PKCS1]
            .concat()
            .into_iter()
            .collect(),
        keys: [KeyKind::Rsa, KeyKind::EcdsaP256, KeyKind::EcdsaP384].into(),
        least_rsa_bits: LEAST_RSA_BITS,
        certificate_signatures: SHA_2.iter().copied().collect(),
    },
    graded: NCSC_GRADED,
    deviations: NCSC_DEVIATIONS,
});

const NCSC_GRADED: &[Graded] = &[Graded {
    what: Member::Version(ProtocolVersion::Tls12),
    grade: Grade::Sufficient,
    why: "TLS 1.3 is preferred, TLS 1.2 is for those who lack it",
}];

const NCSC_DEVIATIONS: &[Deviation] = &[
    wider(
        "X25519MLKEM768",
        "a hybrid is never weaker than the X25519 that the guidance recommends",
    ),
    stricter(
        "Ed25519 and P-521 in certificates",
        "public authorities issue neither",
    ),
    missing("finite-field groups", NOT_IN_THE_LIBRARY),
];

pub(super) static BSI_TR_02102_2: LazyLock<Profile> = LazyLock::new(|| Profile {
    name: ProfileName::BsiTr02102,
    guidance: Guidance {
        title: "BSI TR-02102-2, Use of Transport Layer Security",
        edition: "2026-01",
        part: Some("with the key lengths of TR-02102-1"),
    },
    bounds: CryptoBounds {
        versions: ProtocolVersion::ALL.iter().copied().collect(),
        suites: AES_GCM.iter().copied().collect(),
        groups: NIST_GROUPS.iter().copied().collect(),
        schemes: [ECDSA, RSA_PSS].concat().into_iter().collect(),
        keys: NIST_CURVES_AND_RSA.iter().copied().collect(),
        least_rsa_bits: 3000,
        certificate_signatures: SHA_2.iter().copied().collect(),
    },
    graded: BSI_GRADED,
    deviations: BSI_DEVIATIONS,
});

const BSI_GRADED: &[Graded] = &[
    Graded {
        what: Member::Version(ProtocolVersion::Tls12),
        grade: Grade::PhasingOut,
        why: "recommended until the end of 2031",
    },
    Graded {
        what: Member::Group(Group::Secp256r1),
        grade: Grade::PhasingOut,
        why: "without ML-KEM recommended until the end of 2031, for high protection 2030",
    },
    Graded {
        what: Member::Group(Group::Secp384r1),
        grade: Grade::PhasingOut,
        why: "without ML-KEM recommended until the end of 2031, for high protection 2030",
    },
];

const BSI_DEVIATIONS: &[Deviation] = &[
    missing(
        "Brainpool curves, P-521 in the key exchange, and P-384 with ML-KEM-1024",
        NOT_IN_THE_LIBRARY,
    ),
    missing(
        "CCM suites, CBC suites with encrypt-then-MAC, and DHE, which ends in 2029",
        NOT_IN_THE_LIBRARY,
    ),
    stricter(
        "X25519 alone or with ML-KEM",
        "the profile keeps to the curves that the tables for TLS have long named",
    ),
    wider(
        "PKCS #1 v1.5 in the signatures of certificates by their issuers",
        "authorities with RSA keys sign in no other way; handshakes are signed by PSS or ECDSA",
    ),
];

pub(super) static NL: LazyLock<Profile> = LazyLock::new(|| Profile {
    name: ProfileName::Nl,
    guidance: Guidance {
        title: "NCSC-NL, ICT security guidelines for TLS",
        edition: "2025-05",
        part: Some("§3.3 and appendix B, as internet.nl 1.11 tests them"),
    },
    bounds: CryptoBounds {
        versions: ProtocolVersion::ALL.iter().copied().collect(),
        suites: CipherSuite::ALL.iter().copied().collect(),
        groups: [
            Group::X25519MlKem768,
            Group::Secp256r1MlKem768,
            Group::X25519,
            Group::Secp256r1,
            Group::Secp384r1,
        ]
        .into(),
        schemes: [ECDSA, RSA_PSS].concat().into_iter().collect(),
        keys: NIST_CURVES_AND_RSA.iter().copied().collect(),
        least_rsa_bits: LEAST_RSA_BITS,
        certificate_signatures: SHA_2.iter().copied().collect(),
    },
    graded: NL_GRADED,
    deviations: NL_DEVIATIONS,
});

const NL_GRADED: &[Graded] = &[
    Graded {
        what: Member::Version(ProtocolVersion::Tls12),
        grade: Grade::Sufficient,
        why: "TLS 1.3 is good",
    },
    nl_sufficient(CipherSuite::Aes128GcmSha256),
    nl_sufficient(CipherSuite::EcdheEcdsaAes256GcmSha384),
    nl_sufficient(CipherSuite::EcdheEcdsaChacha20Poly1305Sha256),
    nl_sufficient(CipherSuite::EcdheEcdsaAes128GcmSha256),
    nl_sufficient(CipherSuite::EcdheRsaAes256GcmSha384),
    nl_sufficient(CipherSuite::EcdheRsaChacha20Poly1305Sha256),
    nl_sufficient(CipherSuite::EcdheRsaAes128GcmSha256),
    Graded {
        what: Member::RsaBelow(3072),
        grade: Grade::PhasingOut,
        why: "RSA is good from 3072 bits on",
    },
];

const fn nl_sufficient(suite: CipherSuite) -> Graded {
    Graded {
        what: Member::Suite(suite),
        grade: Grade::Sufficient,
        why: "the suites of TLS 1.3 with 256 bits are good",
    }
}

const NL_DEVIATIONS: &[Deviation] = &[
    missing(
        "X448, P-521 in the key exchange, and Brainpool curves, which are good",
        NOT_IN_THE_LIBRARY,
    ),
    missing("CCM suites, which are sufficient", NOT_IN_THE_LIBRARY),
    missing(
        "CBC, Camellia, ARIA and DHE suites, which are to be phased out",
        NOT_IN_THE_LIBRARY,
    ),
    stricter(
        "Ed25519 in certificates",
        "public authorities do not issue it",
    ),
    wider(
        "PKCS #1 v1.5 in the signatures of certificates by their issuers",
        "authorities with RSA keys sign in no other way; handshakes are signed by PSS or ECDSA",
    ),
];

pub(super) static NIST_SP_800_52R2: LazyLock<Profile> = LazyLock::new(|| Profile {
    name: ProfileName::NistSp80052r2,
    guidance: Guidance {
        title: "NIST SP 800-52 Rev. 2, Guidelines for TLS Implementations",
        edition: "August 2019",
        part: Some("§3 for servers and §4 for clients"),
    },
    bounds: CryptoBounds {
        versions: ProtocolVersion::ALL.iter().copied().collect(),
        suites: AES_GCM.iter().copied().collect(),
        groups: NIST_GROUPS.iter().copied().collect(),
        schemes: [ECDSA, RSA_PSS, RSA_PKCS1].concat().into_iter().collect(),
        keys: NIST_CURVES_AND_RSA.iter().copied().collect(),
        least_rsa_bits: LEAST_RSA_BITS,
        certificate_signatures: SHA_2.iter().copied().collect(),
    },
    graded: NIST_GRADED,
    deviations: NIST_DEVIATIONS,
});

const NIST_GRADED: &[Graded] = &[Graded {
    what: Member::Version(ProtocolVersion::Tls12),
    grade: Grade::Sufficient,
    why: "TLS 1.3 has had to be supported since 1 January 2024",
}];

const NIST_DEVIATIONS: &[Deviation] = &[
    missing(
        "CBC, CCM and DHE suites, which are allowed on TLS 1.2",
        NOT_IN_THE_LIBRARY,
    ),
    missing("P-521 in the key exchange", NOT_IN_THE_LIBRARY),
    missing(
        "a cryptographic module validated by FIPS 140",
        "AWS-LC is built without its FIPS module",
    ),
    wider(
        "P-256 with ML-KEM-768",
        "ML-KEM (FIPS 203) is younger than this edition, and P-256 stays part of the exchange",
    ),
    stricter(
        "Ed25519 in certificates",
        "it was approved by FIPS 186-5, after this edition",
    ),
];

const AES_GCM: &[CipherSuite] = &[
    CipherSuite::Aes256GcmSha384,
    CipherSuite::Aes128GcmSha256,
    CipherSuite::EcdheEcdsaAes256GcmSha384,
    CipherSuite::EcdheEcdsaAes128GcmSha256,
    CipherSuite::EcdheRsaAes256GcmSha384,
    CipherSuite::EcdheRsaAes128GcmSha256,
];

const NIST_GROUPS: &[Group] = &[Group::Secp256r1MlKem768, Group::Secp256r1, Group::Secp384r1];

const NIST_CURVES_AND_RSA: &[KeyKind] = &[
    KeyKind::Rsa,
    KeyKind::EcdsaP256,
    KeyKind::EcdsaP384,
    KeyKind::EcdsaP521,
];

const ECDSA_ON_TWO_CURVES: &[SignatureScheme] = &[
    SignatureScheme::EcdsaP256Sha256,
    SignatureScheme::EcdsaP384Sha384,
];

const ECDSA: &[SignatureScheme] = &[
    SignatureScheme::EcdsaP256Sha256,
    SignatureScheme::EcdsaP384Sha384,
    SignatureScheme::EcdsaP521Sha512,
];

const RSA_PSS: &[SignatureScheme] = &[
    SignatureScheme::RsaPssSha256,
    SignatureScheme::RsaPssSha384,
    SignatureScheme::RsaPssSha512,
];

const RSA_PKCS1: &[SignatureScheme] = &[
    SignatureScheme::RsaPkcs1Sha256,
    SignatureScheme::RsaPkcs1Sha384,
    SignatureScheme::RsaPkcs1Sha512,
];

/// SHA-256 and longer with RSA or ECDSA.
const SHA_2: &[CertificateSignature] = &[
    CertificateSignature::EcdsaSha256,
    CertificateSignature::EcdsaSha384,
    CertificateSignature::EcdsaSha512,
    CertificateSignature::RsaSha256,
    CertificateSignature::RsaSha384,
    CertificateSignature::RsaSha512,
];
