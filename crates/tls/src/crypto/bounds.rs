//! Sets of what may be negotiated, and their intersection.
//!
//! Bounds form a meet semilattice: [`CryptoBounds::everything`] is the greatest element, and
//! [`CryptoBounds::intersect`] is commutative, associative and idempotent, so it does not matter
//! in which order the sources of a requirement are asked. The order of preference is not part
//! of a bound; it is that of the `ALL` lists of the parent module, whoever asks.

use std::{collections::BTreeSet, fmt, sync::Arc};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls_pki_types::SignatureVerificationAlgorithm;

use crate::{
    CertificateSignature, CipherSuite, Evidence, Group, KeyKind, PeerCertificates, Possession,
    ProtocolVersion, PublicKey, SignatureScheme,
};

/// What may be negotiated and what certificates may be made of: sets of protocol versions,
/// suites, groups and signature schemes, and constraints on certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CryptoBounds {
    pub(super) versions: BTreeSet<ProtocolVersion>,
    pub(super) suites: BTreeSet<CipherSuite>,
    pub(super) groups: BTreeSet<Group>,
    pub(super) schemes: BTreeSet<SignatureScheme>,
    pub(super) keys: BTreeSet<KeyKind>,
    pub(super) least_rsa_bits: usize,
    pub(super) certificate_signatures: BTreeSet<CertificateSignature>,
}

impl CryptoBounds {
    /// The bounds that exclude nothing.
    pub fn everything() -> Self {
        Self {
            versions: ProtocolVersion::ALL.iter().copied().collect(),
            suites: CipherSuite::ALL.iter().copied().collect(),
            groups: Group::ALL.iter().copied().collect(),
            schemes: SignatureScheme::ALL.iter().copied().collect(),
            keys: KeyKind::ALL.iter().copied().collect(),
            least_rsa_bits: 0,
            certificate_signatures: CertificateSignature::ALL.iter().copied().collect(),
        }
    }

    /// The same bounds with no RSA key shorter than this.
    #[cfg(test)]
    pub(crate) fn with_least_rsa_bits(self, bits: usize) -> Self {
        Self {
            least_rsa_bits: self.least_rsa_bits.max(bits),
            ..self
        }
    }

    /// The same bounds with one protocol version.
    #[cfg(test)]
    pub(crate) fn with_version(self, version: ProtocolVersion) -> Self {
        Self {
            versions: &self.versions & &[version].into(),
            ..self
        }
    }

    /// The same bounds with no keys in certificates but these.
    #[cfg(test)]
    pub(crate) fn with_keys(self, keys: impl IntoIterator<Item = KeyKind>) -> Self {
        Self {
            keys: &self.keys & &keys.into_iter().collect(),
            ..self
        }
    }

    /// The protocol versions, the preferred first.
    pub fn versions(&self) -> impl Iterator<Item = ProtocolVersion> {
        in_order(ProtocolVersion::ALL, &self.versions)
    }

    /// The cipher suites, the preferred first.
    pub fn suites(&self) -> impl Iterator<Item = CipherSuite> {
        in_order(CipherSuite::ALL, &self.suites)
    }

    /// The key exchange groups, the preferred first.
    pub fn groups(&self) -> impl Iterator<Item = Group> {
        in_order(Group::ALL, &self.groups)
    }

    /// The signature schemes of handshakes, the preferred first.
    pub fn schemes(&self) -> impl Iterator<Item = SignatureScheme> {
        in_order(SignatureScheme::ALL, &self.schemes)
    }

    /// The kinds of key that certificates may hold.
    pub fn keys(&self) -> impl Iterator<Item = KeyKind> {
        in_order(KeyKind::ALL, &self.keys)
    }

    /// The least length of an RSA key in a certificate.
    pub fn least_rsa_bits(&self) -> usize {
        self.least_rsa_bits
    }

    /// How certificates may be signed by their issuers.
    pub fn certificate_signatures(&self) -> impl Iterator<Item = CertificateSignature> {
        in_order(CertificateSignature::ALL, &self.certificate_signatures)
    }

    /// The bounds that allow what both allow.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        Self {
            versions: &self.versions & &other.versions,
            suites: &self.suites & &other.suites,
            groups: &self.groups & &other.groups,
            schemes: &self.schemes & &other.schemes,
            keys: &self.keys & &other.keys,
            least_rsa_bits: self.least_rsa_bits.max(other.least_rsa_bits),
            certificate_signatures: &self.certificate_signatures & &other.certificate_signatures,
        }
    }

    /// Why no handshake can be within these bounds, if so. A configuration that joins profiles
    /// is asked this when it is loaded, rather than when mail waits.
    pub fn contradiction(&self) -> Option<Contradiction> {
        if self.versions.is_empty() {
            Some(Contradiction::Version)
        } else if self.suites.is_empty() {
            Some(Contradiction::Suite)
        } else if self.groups.is_empty() {
            Some(Contradiction::Group)
        } else if self.schemes.is_empty() {
            Some(Contradiction::SignatureScheme)
        } else if self.keys.is_empty() {
            Some(Contradiction::Key)
        } else if self.certificate_signatures.is_empty() {
            Some(Contradiction::CertificateSignature)
        } else if self.usable_suites().next().is_none() {
            Some(Contradiction::Together)
        } else {
            None
        }
    }

    /// Whether a handshake stayed within the bounds.
    ///
    /// The constraints on certificates are held against a peer that proved possession of its
    /// key. Who did not prove it is nobody in particular, and the key says nothing about the
    /// channel; whether being nobody is enough is not a question of the profile.
    ///
    /// # Errors
    /// Names the first parameter that is outside, and what would have been inside.
    pub fn admits(&self, evidence: &Evidence) -> Result<(), ProfileViolation> {
        require(
            evidence.version(),
            &self.versions,
            ProfileViolation::Version,
        )?;
        require(evidence.suite(), &self.suites, ProfileViolation::Suite)?;
        if let Some(group) = evidence.group() {
            require(group, &self.groups, ProfileViolation::Group)?;
        }
        let PeerCertificates::Chain(chain) = evidence.peer() else {
            return Ok(());
        };
        match (chain.possession(), chain.signature_scheme()) {
            (Possession::Proven, Some(scheme)) => {
                require(scheme, &self.schemes, ProfileViolation::SignatureScheme)?;
                self.admits_key(chain.key())
            }
            (Possession::Proven, None) | (Possession::Unproven(_), _) => Ok(()),
        }
    }

    /// Whether a certificate may hold this key.
    ///
    /// # Errors
    /// Names the key, and what would have been allowed.
    pub fn admits_key(&self, key: PublicKey) -> Result<(), ProfileViolation> {
        require(key.kind(), &self.keys, ProfileViolation::Key)?;
        match key.rsa_bits() {
            Some(bits) if bits < self.least_rsa_bits => Err(ProfileViolation::RsaBits {
                used: bits,
                least: self.least_rsa_bits,
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// A provider of exactly these suites and groups, in order of preference.
    pub fn provider(&self) -> Arc<CryptoProvider> {
        Arc::new(CryptoProvider {
            cipher_suites: self.usable_suites().map(CipherSuite::rustls).collect(),
            kx_groups: self.groups().map(Group::rustls).collect(),
            ..aws_lc_rs::default_provider()
        })
    }

    /// The versions in which a handshake can succeed. rustls would silently offer a version
    /// for which no suite is left.
    pub(crate) fn usable_versions(&self) -> Vec<&'static rustls::SupportedProtocolVersion> {
        let usable: BTreeSet<_> = self.usable_suites().map(CipherSuite::version).collect();
        usable.into_iter().map(ProtocolVersion::rustls).collect()
    }

    /// The signature schemes to offer, in order of preference.
    pub(crate) fn offered_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.schemes().map(SignatureScheme::rustls).collect()
    }

    pub(crate) fn admits_scheme(&self, scheme: rustls::SignatureScheme) -> bool {
        SignatureScheme::of(scheme).is_some_and(|scheme| self.schemes.contains(&scheme))
    }

    pub(crate) fn allows_every_scheme(&self) -> bool {
        self.schemes.len() == SignatureScheme::ALL.len()
    }

    /// What may verify the signatures of certificates.
    pub(crate) fn certificate_algorithms(
        &self,
    ) -> Vec<&'static dyn SignatureVerificationAlgorithm> {
        let allowed = self.certificate_signatures.iter();
        allowed
            .flat_map(|signature| signature.algorithms())
            .collect()
    }

    /// The suites for which version, group, key and signature scheme are all to be had.
    fn usable_suites(&self) -> impl Iterator<Item = CipherSuite> {
        self.suites().filter(|suite| self.is_usable(*suite))
    }

    fn is_usable(&self, suite: CipherSuite) -> bool {
        let version = suite.version();
        let signable = |key: &KeyKind| {
            suite.is_signed_with(*key) && self.schemes.iter().any(|s| s.serves(version, *key))
        };
        self.versions.contains(&version)
            && self.groups.iter().any(|group| group.serves(version))
            && self.keys.iter().any(signable)
    }
}

impl CipherSuite {
    /// Whether the server of this suite may hold such a key: TLS 1.2 suites name it.
    fn is_signed_with(self, key: KeyKind) -> bool {
        match self {
            Self::Aes256GcmSha384 | Self::Chacha20Poly1305Sha256 | Self::Aes128GcmSha256 => true,
            Self::EcdheEcdsaAes256GcmSha384
            | Self::EcdheEcdsaChacha20Poly1305Sha256
            | Self::EcdheEcdsaAes128GcmSha256 => key.is_ecdsa() || key == KeyKind::Ed25519,
            Self::EcdheRsaAes256GcmSha384
            | Self::EcdheRsaChacha20Poly1305Sha256
            | Self::EcdheRsaAes128GcmSha256 => key == KeyKind::Rsa,
        }
    }
}

/// The members of a set, in the order of preference.
fn in_order<T: Copy + Ord>(all: &[T], set: &BTreeSet<T>) -> impl Iterator<Item = T> {
    all.iter().copied().filter(|member| set.contains(member))
}

/// Says that `used` is outside of `allowed`, if so.
fn require<T: Copy + Ord>(
    used: T,
    allowed: &BTreeSet<T>,
    violation: fn(Outside<T>) -> ProfileViolation,
) -> Result<(), ProfileViolation> {
    if allowed.contains(&used) {
        return Ok(());
    }
    Err(violation(Outside {
        used,
        allowed: allowed.iter().copied().collect(),
    }))
}

/// Why no handshake can be within some bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Contradiction {
    /// The sets of versions have nothing in common.
    #[error("no protocol version is left")]
    Version,
    /// The sets of suites have nothing in common.
    #[error("no cipher suite is left")]
    Suite,
    /// The sets of groups have nothing in common.
    #[error("no key exchange group is left")]
    Group,
    /// The sets of signature schemes have nothing in common.
    #[error("no signature scheme is left")]
    SignatureScheme,
    /// The sets of keys have nothing in common.
    #[error("no kind of certificate key is left")]
    Key,
    /// The sets of certificate signatures have nothing in common.
    #[error("no algorithm to sign certificates with is left")]
    CertificateSignature,
    /// Something is left of each, but nothing that works together, such as suites of TLS 1.2
    /// and groups of TLS 1.3.
    #[error("no cipher suite is left for which version, group, key and signature all fit")]
    Together,
}

/// A parameter that is not in the set of those allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outside<T> {
    /// What was used.
    pub used: T,
    /// What would have been allowed.
    pub allowed: Vec<T>,
}

impl<T: fmt::Display> fmt::Display for Outside<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was used, allowed is ", self.used)?;
        for (at, allowed) in self.allowed.iter().enumerate() {
            write!(f, "{}{allowed}", if at == 0 { "" } else { " or " })?;
        }
        if self.allowed.is_empty() {
            f.write_str("nothing")?;
        }
        Ok(())
    }
}

/// How a handshake or a certificate left the bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileViolation {
    /// The protocol version.
    #[error("protocol version: {0}")]
    Version(Outside<ProtocolVersion>),
    /// The cipher suite.
    #[error("cipher suite: {0}")]
    Suite(Outside<CipherSuite>),
    /// The key exchange group.
    #[error("key exchange group: {0}")]
    Group(Outside<Group>),
    /// How the peer signed the handshake.
    #[error("signature of the handshake: {0}")]
    SignatureScheme(Outside<SignatureScheme>),
    /// The kind of key in a certificate.
    #[error("key of the certificate: {0}")]
    Key(Outside<KeyKind>),
    /// The length of an RSA key in a certificate.
    #[error("key of the certificate: RSA with {used} bits, at least {least} are required")]
    RsaBits {
        /// The length of the key.
        used: usize,
        /// The least length allowed.
        least: usize,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Any subset of `all`, by the bits of a number.
    fn subset<T: Copy + Ord>(all: &[T], bits: u16) -> BTreeSet<T> {
        let chosen = all.iter().enumerate();
        chosen
            .filter(|(at, _)| bits >> at & 1 == 1)
            .map(|(_, item)| *item)
            .collect()
    }

    fn bounds() -> impl Strategy<Value = CryptoBounds> {
        (any::<[u16; 6]>(), 0..4096_usize).prop_map(|([v, s, g, c, k, t], least_rsa_bits)| {
            CryptoBounds {
                versions: subset(ProtocolVersion::ALL, v),
                suites: subset(CipherSuite::ALL, s),
                groups: subset(Group::ALL, g),
                schemes: subset(SignatureScheme::ALL, c),
                keys: subset(KeyKind::ALL, k),
                least_rsa_bits,
                certificate_signatures: subset(CertificateSignature::ALL, t),
            }
        })
    }

    fn key() -> impl Strategy<Value = PublicKey> {
        (prop::sample::select(KeyKind::ALL), 0..8192_usize)
            .prop_map(|(kind, rsa_bits)| PublicKey { kind, rsa_bits })
    }

    proptest! {
        #[test]
        fn intersection_is_a_meet(a in bounds(), b in bounds(), c in bounds()) {
            prop_assert_eq!(a.intersect(&b), b.intersect(&a));
            prop_assert_eq!(a.intersect(&b).intersect(&c), a.intersect(&b.intersect(&c)));
            prop_assert_eq!(a.intersect(&a), a.clone());
            prop_assert_eq!(a.intersect(&CryptoBounds::everything()), a);
        }

        #[test]
        fn an_intersection_admits_no_more_than_either(a in bounds(), b in bounds(), key in key()) {
            let both = a.admits_key(key).is_ok() && b.admits_key(key).is_ok();
            prop_assert_eq!(a.intersect(&b).admits_key(key).is_ok(), both);
        }

        #[test]
        fn an_intersection_never_undoes_a_contradiction(a in bounds(), b in bounds()) {
            if a.contradiction().is_some() {
                prop_assert!(a.intersect(&b).contradiction().is_some());
            }
        }

        #[test]
        fn what_is_no_contradiction_makes_a_configuration(a in bounds()) {
            let built = rustls::ServerConfig::builder_with_provider(a.provider())
                .with_protocol_versions(&a.usable_versions());
            prop_assert!(a.contradiction().is_some() || built.is_ok());
        }
    }

    #[test]
    fn everything_is_no_contradiction() {
        assert_eq!(CryptoBounds::everything().contradiction(), None);
    }

    #[test]
    fn parts_that_do_not_work_together_are_a_contradiction() {
        let mut bounds = CryptoBounds::everything();
        bounds.versions = [ProtocolVersion::Tls12].into();
        bounds.groups = [Group::X25519MlKem768].into();
        assert_eq!(bounds.contradiction(), Some(Contradiction::Together));

        let mut bounds = CryptoBounds::everything();
        bounds.suites = [CipherSuite::EcdheEcdsaAes128GcmSha256].into();
        bounds.keys = [KeyKind::Rsa].into();
        assert_eq!(bounds.contradiction(), Some(Contradiction::Together));
    }
}
