//! The crypto profiles, as data.
//!
//! | profile | versions | groups | certificates | after |
//! |---|---|---|---|---|
//! | `modern` | 1.3 | hybrid ML-KEM, X25519, P-256, P-384 | RSA ≥ 2048, ECDSA, Ed25519, ML-DSA | RFC 9325 |
//! | `intermediate` | 1.3, 1.2 | as `modern` | as `modern` | RFC 9325 |
//! | `suite-b-128` | 1.2 | P-256 | ECDSA P-256 with SHA-256 | RFC 6460 §3 |
//! | `foundation` | 1.2 | X25519, P-256, P-384 | RSA ≥ 2048 with SHA-256 | NCSC, 2016 |
//! | `ncsc` | 1.3, 1.2 | as `modern` | RSA ≥ 2048, P-256, P-384 | NCSC |
//! | `bsi-tr-02102-2` | 1.3, 1.2 | NIST curves, P-256 with ML-KEM | RSA ≥ 3000, NIST curves | BSI, 2026-01 |
//! | `nl` | 1.3, 1.2 | hybrid ML-KEM, X25519, P-256, P-384 | RSA ≥ 2048 by PSS, NIST curves | NCSC-NL, 2025-05 |
//! | `nist-sp-800-52r2` | 1.3, 1.2 | NIST curves, P-256 with ML-KEM | RSA ≥ 2048, NIST curves | NIST, 2019 |
//!
//! Each names the guidance it follows with its edition, what of it is graded below the best
//! ([`Graded`]), and where it departs from it ([`Deviation`]). A profile says what Postern does
//! by that name; the guidance is the judge of what conforms to it.
//!
//! Bounds carry no order of preference, since they are intersected. All profiles share that of
//! the `ALL` lists, which agrees with each of the sources: TLS 1.3 first, hybrid groups before
//! classical ones, 256 bits before 128.

mod general;
mod national;
mod older;
mod reference;

use std::{fmt, str::FromStr};

use crate::{CipherSuite, CryptoBounds, Group, KeyKind, ProtocolVersion, SignatureScheme};

pub use reference::profiles_reference;

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
    /// The United Kingdom's NCSC.
    Ncsc,
    /// Germany's BSI.
    BsiTr02102,
    /// The Netherlands' NCSC-NL, as internet.nl tests it.
    Nl,
    /// The United States' NIST.
    NistSp80052r2,
}

impl ProfileName {
    /// Every name.
    pub const ALL: &[Self] = &[
        Self::Modern,
        Self::Intermediate,
        Self::SuiteB128,
        Self::Foundation,
        Self::Ncsc,
        Self::BsiTr02102,
        Self::Nl,
        Self::NistSp80052r2,
    ];

    /// The name as it stands in a configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Modern => "modern",
            Self::Intermediate => "intermediate",
            Self::SuiteB128 => "suite-b-128",
            Self::Foundation => "foundation",
            Self::Ncsc => "ncsc",
            Self::BsiTr02102 => "bsi-tr-02102-2",
            Self::Nl => "nl",
            Self::NistSp80052r2 => "nist-sp-800-52r2",
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
#[error(
    "a profile is modern, intermediate, suite-b-128, foundation, ncsc, bsi-tr-02102-2, nl or \
     nist-sp-800-52r2"
)]
pub struct ProfileNameError;

/// A named set of bounds, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    name: ProfileName,
    guidance: Guidance,
    bounds: CryptoBounds,
    graded: &'static [Graded],
    deviations: &'static [Deviation],
}

impl Profile {
    /// The profile of a name.
    pub fn named(name: ProfileName) -> &'static Self {
        match name {
            ProfileName::Modern => &general::MODERN,
            ProfileName::Intermediate => &general::INTERMEDIATE,
            ProfileName::SuiteB128 => &older::SUITE_B_128,
            ProfileName::Foundation => &older::FOUNDATION,
            ProfileName::Ncsc => &national::NCSC,
            ProfileName::BsiTr02102 => &national::BSI_TR_02102_2,
            ProfileName::Nl => &national::NL,
            ProfileName::NistSp80052r2 => &national::NIST_SP_800_52R2,
        }
    }

    /// Every profile, in the order of [`ProfileName::ALL`].
    pub fn all() -> impl Iterator<Item = &'static Self> {
        ProfileName::ALL.iter().map(|name| Self::named(*name))
    }

    /// The name of the profile.
    pub fn name(&self) -> ProfileName {
        self.name
    }

    /// What the profile follows.
    pub fn guidance(&self) -> &Guidance {
        &self.guidance
    }

    /// What the profile allows.
    pub fn bounds(&self) -> &CryptoBounds {
        &self.bounds
    }

    /// What the guidance allows and does not hold to be the best.
    pub fn graded(&self) -> &'static [Graded] {
        self.graded
    }

    /// Where the profile is not what its guidance says.
    pub fn deviations(&self) -> &'static [Deviation] {
        self.deviations
    }
}

/// `nl (NCSC-NL, ICT security guidelines for TLS, 2025-05)`
impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.guidance)
    }
}

/// A document that a profile follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guidance {
    /// Who wrote it and what it is called.
    pub title: &'static str,
    /// Which edition.
    pub edition: &'static str,
    /// Which of its parts, where it is not the whole.
    pub part: Option<&'static str>,
}

impl fmt::Display for Guidance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.title, self.edition)?;
        self.part.map_or(Ok(()), |part| write!(f, ", {part}"))
    }
}

/// Something within the bounds that the guidance grades below its best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Graded {
    /// What.
    pub what: Member,
    /// How far down.
    pub grade: Grade,
    /// In the guidance's terms.
    pub why: &'static str,
}

/// Something of which bounds are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// A protocol version.
    Version(ProtocolVersion),
    /// A cipher suite.
    Suite(CipherSuite),
    /// A key exchange group.
    Group(Group),
    /// A signature scheme of handshakes.
    Scheme(SignatureScheme),
    /// A kind of key in a certificate.
    Key(KeyKind),
    /// RSA keys shorter than this.
    RsaBelow(usize),
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => version.fmt(f),
            Self::Suite(suite) => suite.fmt(f),
            Self::Group(group) => group.fmt(f),
            Self::Scheme(scheme) => scheme.fmt(f),
            Self::Key(key) => key.fmt(f),
            Self::RsaBelow(bits) => write!(f, "RSA below {bits} bits"),
        }
    }
}

/// How good something is that is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// Good enough, with something better beside it.
    Sufficient,
    /// Allowed for some time to come.
    PhasingOut,
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sufficient => "sufficient",
            Self::PhasingOut => "phasing out",
        })
    }
}

/// A point in which a profile is not what its guidance says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deviation {
    /// In which direction.
    pub kind: DeviationKind,
    /// What is otherwise.
    pub what: &'static str,
    /// For which reason.
    pub why: &'static str,
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.kind, self.what, self.why)
    }
}

/// The direction of a deviation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeviationKind {
    /// The guidance allows or asks for it, and it is not to be had here.
    Missing,
    /// The guidance allows it, and the profile does not.
    Stricter,
    /// The profile allows it, and the guidance does not speak of it.
    Wider,
}

impl fmt::Display for DeviationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "missing",
            Self::Stricter => "stricter",
            Self::Wider => "wider",
        })
    }
}

const fn missing(what: &'static str, why: &'static str) -> Deviation {
    Deviation {
        kind: DeviationKind::Missing,
        what,
        why,
    }
}

const fn stricter(what: &'static str, why: &'static str) -> Deviation {
    Deviation {
        kind: DeviationKind::Stricter,
        what,
        why,
    }
}

const fn wider(what: &'static str, why: &'static str) -> Deviation {
    Deviation {
        kind: DeviationKind::Wider,
        what,
        why,
    }
}

/// Why something is missing: there is one TLS library, and it leaves out what is fragile.
const NOT_IN_THE_LIBRARY: &str = "the TLS library has none of it";

/// The least length of an RSA key (RFC 9325 §4.5).
pub(crate) const LEAST_RSA_BITS: usize = 2048;

#[cfg(test)]
mod tests;
