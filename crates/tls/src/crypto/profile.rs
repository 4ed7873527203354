//! The crypto profiles, as data.
//!
//! | profile | versions | suites | groups | certificates |
//! |---|---|---|---|---|
//! | `modern` | 1.3 | all of 1.3 | hybrid ML-KEM, X25519, P-256, P-384 | RSA ≥ 2048, ECDSA, Ed25519, ML-DSA |
//! | `intermediate` | 1.3, 1.2 | all | as `modern` | as `modern` |
//! | `suite-b-128` | 1.2 | ECDHE-ECDSA-AES128-GCM-SHA256 | P-256 | ECDSA P-256 with SHA-256 |
//! | `foundation` | 1.2 | ECDHE-RSA-AES128-GCM-SHA256 | X25519, P-256, P-384 | RSA ≥ 2048 with SHA-256 |
//!
//! `suite-b-128` is combination 1 of Suite B for TLS (RFC 6460 §3). `foundation` deviates from
//! the profile of that name in two points which its own guidance calls acceptable: AES-GCM in
//! place of AES-CBC, and ephemeral (ECDHE) key exchange in place of RSA key transport. The
//! library has neither of the two that are replaced.

use std::{collections::BTreeSet, fmt, str::FromStr, sync::LazyLock};

use crate::{
    CertificateSignature, CipherSuite, CryptoBounds, Group, KeyKind, ProtocolVersion,
    SignatureScheme,
};

/// The names of the profiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProfileName {
    /// TLS 1.3 only, hybrid post-quantum key exchange preferred.
    Modern,
    /// TLS 1.3 and 1.2, authenticated encryption with ephemeral key exchange: the default.
    Intermediate,
    /// Suite B, combination 1 (RFC 6460 §3).
    SuiteB128,
    /// The Foundation profile with its two acceptable deviations.
    Foundation,
}

impl ProfileName {
    /// Every name.
    pub const ALL: &[Self] = &[
        Self::Modern,
        Self::Intermediate,
        Self::SuiteB128,
        Self::Foundation,
    ];

    /// The name as it stands in a configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Modern => "modern",
            Self::Intermediate => "intermediate",
            Self::SuiteB128 => "suite-b-128",
            Self::Foundation => "foundation",
        }
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ProfileName {
    type Err = ProfileNameError;

    fn from_str(text: &str) -> Result<Self, ProfileNameError> {
        Self::ALL
            .iter()
            .copied()
            .find(|name| name.as_str() == text)
            .ok_or(ProfileNameError)
    }
}

/// A text is not the name of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a profile is modern, intermediate, suite-b-128 or foundation")]
pub struct ProfileNameError;

/// A named set of bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    name: ProfileName,
    bounds: CryptoBounds,
}

impl Profile {
    /// The profile of a name.
    pub fn named(name: ProfileName) -> &'static Self {
        match name {
            ProfileName::Modern => &MODERN,
            ProfileName::Intermediate => &INTERMEDIATE,
            ProfileName::SuiteB128 => &SUITE_B_128,
            ProfileName::Foundation => &FOUNDATION,
        }
    }

    /// The name of the profile.
    pub fn name(&self) -> ProfileName {
        self.name
    }

    /// What the profile allows.
    pub fn bounds(&self) -> &CryptoBounds {
        &self.bounds
    }
}

static MODERN: LazyLock<Profile> = LazyLock::new(|| Profile {
    name: ProfileName::Modern,
    bounds: CryptoBounds {
        versions: [ProtocolVersion::Tls13].into(),
        ..sound()
    },
});

static INTERMEDIATE: LazyLock<Profile> = LazyLock::new(|| Profile {
    name: ProfileName::Intermediate,
    bounds: sound(),
});

static SUITE_B_128: LazyLock<Profile> = LazyLock::new(|| Profile {
    name: ProfileName::SuiteB128,
    bounds: CryptoBounds {
        versions: [ProtocolVersion::Tls12].into(),
        suites: [CipherSuite::EcdheEcdsaAes128GcmSha256].into(),
        groups: [Group::Secp256r1].into(),
        schemes: [SignatureScheme::EcdsaP256Sha256].into(),
        keys: [KeyKind::EcdsaP256].into(),
        least_rsa_bits: LEAST_RSA_BITS,
        certificate_signatures: [CertificateSignature::EcdsaSha256].into(),
    },
});

static FOUNDATION: LazyLock<Profile> = LazyLock::new(|| Profile {
    name: ProfileName::Foundation,
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
});

/// The least length of an RSA key (RFC 9325 §4.5).
pub(crate) const LEAST_RSA_BITS: usize = 2048;

/// Everything that is sound today: what the library can do, less the groups that are for
/// experiments (ML-KEM without an elliptic curve beside it), keys of unknown kinds, and RSA
/// below 2048 bits.
fn sound() -> CryptoBounds {
    let unknown: BTreeSet<_> = [KeyKind::Other].into();
    let everything = CryptoBounds::everything();
    CryptoBounds {
        groups: [
            Group::X25519MlKem768,
            Group::X25519,
            Group::Secp256r1,
            Group::Secp384r1,
        ]
        .into(),
        keys: &everything.keys - &unknown,
        least_rsa_bits: LEAST_RSA_BITS,
        ..everything
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Contradiction;

    #[test]
    fn names_read_back() {
        for name in ProfileName::ALL {
            assert_eq!(name.to_string().parse(), Ok(*name));
            assert_eq!(Profile::named(*name).name(), *name);
        }
        assert_eq!("Modern".parse::<ProfileName>(), Err(ProfileNameError));
    }

    #[test]
    fn every_profile_can_be_kept() {
        for name in ProfileName::ALL {
            let bounds = Profile::named(*name).bounds();
            assert_eq!(bounds.contradiction(), None, "{name}");
        }
    }

    #[track_caller]
    fn check_joint(a: ProfileName, b: ProfileName, expected: Option<Contradiction>) {
        let joint = Profile::named(a)
            .bounds()
            .intersect(Profile::named(b).bounds());
        assert_eq!(joint.contradiction(), expected, "{a} and {b}");
    }

    #[test]
    fn profiles_that_cannot_be_joined_say_why() {
        use ProfileName::{Foundation, Intermediate, Modern, SuiteB128};
        check_joint(Modern, Intermediate, None);
        check_joint(Intermediate, SuiteB128, None);
        check_joint(Intermediate, Foundation, None);
        check_joint(Modern, SuiteB128, Some(Contradiction::Version));
        check_joint(SuiteB128, Foundation, Some(Contradiction::Suite));
    }
}
