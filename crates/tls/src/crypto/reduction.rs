//! A smaller ClientHello, for peers that fail at the usual one.
//!
//! What has been seen to fail: hellos beyond one segment, which the key share of a hybrid group
//! alone makes of them (some middleboxes read no further than the first), and lists longer than
//! a table somewhere. So the smaller one leaves out what is large or new and keeps the versions
//! and the suites: it is no fall-back to something weaker that RFC 9325 §3.1.3 warns of, since
//! everything in it was in the first one, and the bounds hold as before.

use std::{collections::BTreeSet, fmt};

use super::{CryptoBounds, Group, SignatureScheme};

/// What a reduced hello offers at most.
const GROUPS: &[Group] = &[Group::X25519, Group::Secp256r1, Group::Secp384r1];
const MOST_GROUPS: usize = 2;
const SCHEMES: &[SignatureScheme] = &[
    SignatureScheme::EcdsaP256Sha256,
    SignatureScheme::EcdsaP384Sha384,
    SignatureScheme::RsaPssSha256,
    SignatureScheme::RsaPssSha512,
    SignatureScheme::RsaPkcs1Sha256,
    SignatureScheme::RsaPkcs1Sha512,
];

/// What a reduced hello leaves out, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reduction {
    groups: Vec<Group>,
    schemes: Vec<SignatureScheme>,
}

impl Reduction {
    /// The groups that are left out.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The signature schemes that are left out.
    pub fn schemes(&self) -> &[SignatureScheme] {
        &self.schemes
    }
}

/// `without X25519MLKEM768, secp384r1, ed25519`
impl fmt::Display for Reduction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("without ")?;
        let groups = self.groups.iter().map(|group| group.name());
        let schemes = self.schemes.iter().map(|scheme| scheme.name());
        for (at, name) in groups.chain(schemes).enumerate() {
            write!(f, "{}{name}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl CryptoBounds {
    /// The narrower bounds of a reduced hello and what they leave out; nothing where there is
    /// nothing to leave out, or where what remained could not be negotiated.
    pub(crate) fn reduced(&self) -> Option<(Self, Reduction)> {
        let groups = GROUPS.iter().filter(|group| self.groups.contains(group));
        let schemes: BTreeSet<_> = SCHEMES.iter().copied().collect();
        let reduced = Self {
            groups: groups.take(MOST_GROUPS).copied().collect(),
            schemes: &self.schemes & &schemes,
            ..self.clone()
        };
        if reduced == *self || reduced.contradiction().is_some() {
            return None;
        }
        let left_out = Reduction {
            groups: self
                .groups()
                .filter(|group| !reduced.groups.contains(group))
                .collect(),
            schemes: self
                .schemes()
                .filter(|scheme| !reduced.schemes.contains(scheme))
                .collect(),
        };
        Some((reduced, left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Profile, ProfileName};

    #[track_caller]
    fn check(name: ProfileName, expected: Option<&str>) {
        let reduced = Profile::named(name).bounds().reduced();
        let left_out = reduced.map(|(_, left_out)| left_out.to_string());
        assert_eq!(left_out.as_deref(), expected, "{name}");
    }

    #[test]
    fn what_is_left_out_is_named() {
        let sound = "without X25519MLKEM768, secp384r1, ecdsa_secp521r1_sha512, ed25519, \
                     rsa_pss_rsae_sha384, rsa_pkcs1_sha384, mldsa44, mldsa65, mldsa87";
        check(ProfileName::Modern, Some(sound));
        check(ProfileName::Intermediate, Some(sound));
        check(ProfileName::SuiteB128, None);
        check(ProfileName::Foundation, Some("without secp384r1"));
        check(
            ProfileName::BsiTr02102,
            Some("without SecP256r1MLKEM768, ecdsa_secp521r1_sha512, rsa_pss_rsae_sha384"),
        );
    }

    #[test]
    fn a_reduction_is_within_its_bounds() {
        for profile in Profile::all() {
            if let Some((reduced, _)) = profile.bounds().reduced() {
                assert_eq!(reduced.intersect(profile.bounds()), reduced, "{profile}");
                assert_eq!(reduced.contradiction(), None, "{profile}");
                assert_eq!(reduced.reduced(), None, "{profile}");
            }
        }
    }

    #[test]
    fn bounds_that_need_what_would_be_left_out_are_not_reduced() {
        let mut bounds = CryptoBounds::everything();
        bounds.groups = [Group::X25519MlKem768].into();
        assert_eq!(bounds.reduced(), None);
    }
}
