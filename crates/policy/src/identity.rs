//! The axis of identity: who the peer must prove to be.

use std::{collections::BTreeSet, fmt, sync::Arc};

use postern_mail::Domain;
use postern_tls::{
    CertificateUsage, ReferenceIdentity, RevocationCheck, SpkiPin, TlsaSet, TrustAnchors,
};

/// One demand on the peer's identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdentityConstraint {
    /// A certificate for one of these names, with a chain to one of these anchors
    /// (RFC 5280, RFC 9525).
    Pkix(PkixConstraint),
    /// One of these keys, whatever certificate it comes in.
    Pins(PinSet),
    /// A certificate that matches one of these TLSA records (RFC 7672 §3).
    Tlsa(TlsaConstraint),
    /// As whom the peer must authenticate could not be found out, for this reason. Until it is,
    /// nobody can.
    Undetermined(Arc<str>),
    /// Nothing can prove it: the next hop is known by an address alone, and certificates for
    /// addresses are not judged. The demand stays, and refuses everybody.
    Nameless,
}

/// Names, the anchors that may vouch for them, and what the certificate must be for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PkixConstraint {
    names: BTreeSet<ReferenceIdentity>,
    anchors: TrustAnchors,
    usage: CertificateUsage,
    revocation: Option<RevocationCheck>,
}

impl PkixConstraint {
    /// A certificate for any one of `names`; `None` where there is no name, because then nothing
    /// would say whom the anchors are to vouch for.
    pub fn new(
        names: impl IntoIterator<Item = ReferenceIdentity>,
        anchors: TrustAnchors,
        usage: CertificateUsage,
    ) -> Option<Self> {
        let names: BTreeSet<_> = names.into_iter().collect();
        (!names.is_empty()).then_some(Self {
            names,
            anchors,
            usage,
            revocation: None,
        })
    }

    /// The same, with a certificate that is not revoked.
    #[must_use]
    pub fn with_revocation(self, revocation: Option<RevocationCheck>) -> Self {
        Self { revocation, ..self }
    }

    /// Who says whether the certificate is revoked.
    pub fn revocation(&self) -> Option<&RevocationCheck> {
        self.revocation.as_ref()
    }

    /// The reference identities, of which one must be presented.
    pub fn names(&self) -> &BTreeSet<ReferenceIdentity> {
        &self.names
    }

    /// The anchors that a chain must lead to.
    pub fn anchors(&self) -> &TrustAnchors {
        &self.anchors
    }

    /// What the certificate must be for.
    pub fn usage(&self) -> CertificateUsage {
        self.usage
    }
}

/// TLSA records, of which at least one is usable, and the names that count with usage 2.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TlsaConstraint {
    base: Domain,
    records: TlsaSet,
    names: BTreeSet<ReferenceIdentity>,
}

impl TlsaConstraint {
    /// The records of `base`. With usage 2 (DANE-TA) the certificate must be for that domain or
    /// for one of `names` (RFC 7672 §3.2.2). `None` where no record is usable, because then
    /// nothing would say who may authenticate.
    pub fn new(
        base: Domain,
        records: TlsaSet,
        names: impl IntoIterator<Item = ReferenceIdentity>,
    ) -> Option<Self> {
        let mut names: BTreeSet<_> = names.into_iter().collect();
        names.insert(base.clone().into());
        records.is_usable().then_some(Self {
            base,
            records,
            names,
        })
    }

    /// The TLSA base domain.
    pub fn base(&self) -> &Domain {
        &self.base
    }

    /// The records.
    pub fn records(&self) -> &TlsaSet {
        &self.records
    }

    /// The reference identities for usage 2.
    pub fn names(&self) -> &BTreeSet<ReferenceIdentity> {
        &self.names
    }
}

/// A set of pinned keys that is never empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PinSet(BTreeSet<SpkiPin>);

impl PinSet {
    /// Any one of these keys; `None` where there is none.
    pub fn new(pins: impl IntoIterator<Item = SpkiPin>) -> Option<Self> {
        let pins: BTreeSet<_> = pins.into_iter().collect();
        (!pins.is_empty()).then_some(Self(pins))
    }

    /// The pins.
    pub fn iter(&self) -> impl Iterator<Item = &SpkiPin> {
        self.0.iter()
    }
}

/// Who the peer must prove to be: a conjunction of constraints, at least one.
///
/// That there is always one is what keeps "authenticated" from ever meaning "as anybody".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity(BTreeSet<IdentityConstraint>);

impl Identity {
    /// An identity that is the conjunction of this and whatever is joined to it.
    pub fn new(constraint: IdentityConstraint) -> Self {
        Self(BTreeSet::from([constraint]))
    }

    /// The identity of the peer that meets both.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    /// The constraints, all of which must be met.
    pub fn constraints(&self) -> impl Iterator<Item = &IdentityConstraint> {
        self.0.iter()
    }

    /// Whether `constraint` is part of the conjunction.
    pub fn contains(&self, constraint: &IdentityConstraint) -> bool {
        self.0.contains(constraint)
    }
}

impl From<IdentityConstraint> for Identity {
    fn from(constraint: IdentityConstraint) -> Self {
        Self::new(constraint)
    }
}

impl From<PkixConstraint> for IdentityConstraint {
    fn from(pkix: PkixConstraint) -> Self {
        Self::Pkix(pkix)
    }
}

impl From<PinSet> for IdentityConstraint {
    fn from(pins: PinSet) -> Self {
        Self::Pins(pins)
    }
}

impl From<TlsaConstraint> for IdentityConstraint {
    fn from(tlsa: TlsaConstraint) -> Self {
        Self::Tlsa(tlsa)
    }
}

impl fmt::Display for IdentityConstraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pkix(pkix) => pkix.fmt(f),
            Self::Pins(pins) => pins.fmt(f),
            Self::Tlsa(tlsa) => tlsa.fmt(f),
            Self::Undetermined(reason) => write!(f, "somebody who is not known: {reason}"),
            Self::Nameless => f.write_str("a name, which an address has not"),
        }
    }
}

/// `mx1.example or mx2.example by ministry-ca.pem`
impl fmt::Display for PkixConstraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        alternatives(f, self.names.iter())?;
        write!(f, " by {}", self.anchors.label())?;
        match &self.revocation {
            Some(check) => write!(f, ", {check}"),
            None => Ok(()),
        }
    }
}

/// `mx1.example by TLSA 3 1 1 ab12..`
impl fmt::Display for TlsaConstraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by TLSA {}", self.base, self.records)
    }
}

/// `the holder of sha256//.. or sha256//..`
impl fmt::Display for PinSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the holder of key ")?;
        alternatives(f, self.iter())
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, constraint) in self.constraints().enumerate() {
            write!(f, "{}{constraint}", if at == 0 { "" } else { ", and " })?;
        }
        Ok(())
    }
}

fn alternatives<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    items: impl Iterator<Item = T>,
) -> fmt::Result {
    for (at, item) in items.enumerate() {
        write!(f, "{}{item}", if at == 0 { "" } else { " or " })?;
    }
    Ok(())
}
