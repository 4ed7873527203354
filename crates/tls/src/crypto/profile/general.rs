//! The profiles that are Postern's own.

use std::{collections::BTreeSet, sync::LazyLock};

use super::{
    Deviation, Guidance, LEAST_RSA_BITS, NOT_IN_THE_LIBRARY, Profile, ProfileName, missing,
    stricter,
};
use crate::{CipherSuite, CryptoBounds, Group, KeyKind, ProtocolVersion};

pub(super) static MODERN: LazyLock<Profile> = LazyLock::new(|| Profile {
    name: ProfileName::Modern,
    guidance: BCP_195,
    bounds: CryptoBounds {
        versions: [ProtocolVersion::Tls13].into(),
        suites: CipherSuite::ALL
            .iter()
            .copied()
            .filter(|suite| suite.version() == ProtocolVersion::Tls13)
            .collect(),
        ..sound()
    },
    graded: &[],
    deviations: MODERN_DEVIATIONS,
});

const MODERN_DEVIATIONS: &[Deviation] = &[stricter(
    "TLS 1.2",
    "the profile is for peers that are known to have TLS 1.3",
)];

pub(super) static INTERMEDIATE: LazyLock<Profile> = LazyLock::new(|| Profile {
    name: ProfileName::Intermediate,
    guidance: BCP_195,
    bounds: sound(),
    graded: &[],
    deviations: INTERMEDIATE_DEVIATIONS,
});

const INTERMEDIATE_DEVIATIONS: &[Deviation] = &[
    missing(
        "DHE, CBC and CCM suites of TLS 1.2, which RFC 9325 tolerates",
        NOT_IN_THE_LIBRARY,
    ),
    missing("P-521, X448 and finite-field groups", NOT_IN_THE_LIBRARY),
];

const BCP_195: Guidance = Guidance {
    title: "RFC 9325, Recommendations for Secure Use of TLS",
    edition: "November 2022",
    part: Some("§3.1, §4.2 and §4.5"),
};

/// Everything that is sound today: what the library can do, less the groups that are for
/// experiments (ML-KEM without an elliptic curve beside it), keys of unknown kinds, and RSA
/// below 2048 bits.
pub(super) fn sound() -> CryptoBounds {
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
