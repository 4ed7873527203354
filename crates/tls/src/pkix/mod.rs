//! Judging a certificate chain after the handshake (RFC 5280 §6, RFC 9525).
//!
//! [`verify`] is pure: chain, demand and the time come in, a verdict goes out. In this order:
//!
//! 1. The peer proved that it holds the key of the leaf. Otherwise a copied certificate would do.
//! 2. A path leads from the leaf to one of the anchors *of this demand*; every certificate on it
//!    is within its dates and its constraints, and signed and keyed within the bounds.
//! 3. The leaf is for the usage in question.
//! 4. If names are demanded, one of them is among the dNSName entries of the leaf. The common
//!    name is not looked at (RFC 9525 §6.3), nor are addresses. A wildcard is the whole left-most
//!    label, stands for exactly one label, and has two labels or more behind it.
//! 5. If revocation matters, no certificate on the path is revoked, and lists say so
//!    ([`crate::RevocationCheck`]).
//!
//! The path is found by rustls-webpki, which bounds its own work: a hundred signatures, six
//! issuers in a row, 200,000 steps. Certificates of one name, each of which may have issued any
//! other, still make it spend a third of a second on those steps, so a peer that sends more than
//! `MOST_INTERMEDIATES` is refused; six of them cost a hundredth.

mod fault;
mod name;
mod path;
mod usage;

use rustls_pki_types::{DnsName, ServerName, UnixTime};
use webpki::EndEntityCert;

use postern_mail::Domain;

use crate::{
    CryptoBounds, PeerChain, Possession, RevocationCheck, RevocationStatus, SpkiPin, TrustAnchors,
};

pub(crate) use fault::Sent;
pub use fault::{ChainFault, Whose};
pub(crate) use name::shown_name;
pub(crate) use path::Search;
pub use usage::CertificateUsage;

/// The most certificates besides the leaf that are looked at: as many as a path may have. The
/// chains of public authorities have one to three.
pub(crate) const MOST_INTERMEDIATES: usize = 6;

/// A name that a certificate must be for: a DNS-ID of RFC 9525 §6.1, an exact domain.
///
/// It comes from a configuration or from DNS that was proven; a pattern such as `*.example` is
/// not a reference identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReferenceIdentity(Domain);

impl ReferenceIdentity {
    /// The identity of a host or a domain of this name.
    pub fn new(domain: Domain) -> Self {
        Self(domain)
    }

    /// The name.
    pub fn domain(&self) -> &Domain {
        &self.0
    }
}

impl From<Domain> for ReferenceIdentity {
    fn from(domain: Domain) -> Self {
        Self(domain)
    }
}

impl std::fmt::Display for ReferenceIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether a wildcard may stand for a name (RFC 9525 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wildcards {
    /// `*.example.org` is good for `mx.example.org`.
    Permitted,
    /// Only the very name is.
    Forbidden,
}

/// What a chain must satisfy.
#[derive(Debug, Clone, Copy)]
pub struct Demand<'a> {
    /// What the leaf must be for.
    pub usage: CertificateUsage,
    /// The authorities trusted for this.
    pub anchors: &'a TrustAnchors,
    /// The names of which any one suffices. None at all means that the name does not matter,
    /// which only makes sense with anchors that certify nobody but the peer.
    pub names: &'a [ReferenceIdentity],
    /// Whether a wildcard may stand for one of the names.
    pub wildcards: Wildcards,
    /// What keys and signatures the certificates may have.
    pub bounds: &'a CryptoBounds,
    /// What says whether a certificate was revoked; nothing where that does not matter.
    pub revocation: Option<&'a RevocationCheck>,
}

/// What was found to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Which of the demanded names was found, and as what; nothing where none was demanded.
    pub name: Option<MatchedName>,
    /// The subject of the trust anchor at the end of the path.
    pub anchor: String,
    /// The pin of its key.
    pub anchor_pin: SpkiPin,
    /// What is known about revocation. Whoever accepts what is not known should say so.
    pub revocation: RevocationStatus,
}

/// A reference identity and the presented identity that it was found in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchedName {
    /// The name that was demanded.
    pub reference: ReferenceIdentity,
    /// The entry in the certificate: the same name, or a wildcard for it.
    pub presented: String,
}

/// Judges a chain, without any IO.
///
/// # Errors
/// Says what does not hold, with the facts that an administrator needs to put it right.
pub fn verify(
    chain: &PeerChain,
    demand: &Demand<'_>,
    now: UnixTime,
) -> Result<Verified, ChainFault> {
    if let Possession::Unproven(reason) = chain.possession() {
        return Err(ChainFault::NotProven(reason.clone()));
    }
    let search = Search {
        sent: Sent {
            leaf: chain.leaf(),
            intermediates: chain.intermediates(),
            usage: demand.usage,
            trusted: demand.anchors.label(),
        },
        anchors: demand.anchors.anchors(),
        bounds: demand.bounds,
        revocation: demand.revocation,
        now,
    };
    let leaf = search.leaf()?;
    let found = search.path(&leaf)?;
    let name = match demand.names {
        [] => None,
        names => Some(named(chain, &leaf, names, demand.wildcards)?),
    };
    Ok(Verified {
        name,
        anchor: shown_name(&found.anchor.subject),
        anchor_pin: SpkiPin::of_spki(&webpki::spki_for_anchor(found.anchor)),
        revocation: found.revocation,
    })
}

/// The first of the names that the leaf is for.
pub(crate) fn named(
    chain: &PeerChain,
    leaf: &EndEntityCert<'_>,
    names: &[ReferenceIdentity],
    wildcards: Wildcards,
) -> Result<MatchedName, ChainFault> {
    names
        .iter()
        .find_map(|name| matched(leaf, name, wildcards))
        .ok_or_else(|| ChainFault::name_mismatch(chain, names))
}

/// The entry of the leaf that stands for `reference`. rustls-webpki decides whether there is
/// one; this finds out which.
fn matched(
    leaf: &EndEntityCert<'_>,
    reference: &ReferenceIdentity,
    wildcards: Wildcards,
) -> Option<MatchedName> {
    let name = DnsName::try_from(reference.0.as_str()).ok()?;
    leaf.verify_is_valid_for_subject_name(&ServerName::DnsName(name))
        .ok()?;
    let exact = |presented: &&str| presented.eq_ignore_ascii_case(reference.0.as_str());
    let wildcard = |presented: &&str| stands_for(presented, reference.0.as_str());
    let presented = match wildcards {
        Wildcards::Forbidden => leaf.valid_dns_names().find(exact),
        Wildcards::Permitted => leaf
            .valid_dns_names()
            .find(exact)
            .or_else(|| leaf.valid_dns_names().find(wildcard)),
    };
    Some(MatchedName {
        reference: reference.clone(),
        presented: presented?.to_ascii_lowercase(),
    })
}

/// Whether a presented identity is a wildcard for all hosts directly below the parent of this.
pub(crate) fn stands_for(presented: &str, name: &str) -> bool {
    let parent = name.split_once('.').map(|(_, parent)| parent);
    presented
        .strip_prefix("*.")
        .zip(parent)
        .is_some_and(|(rest, parent)| rest.eq_ignore_ascii_case(parent))
}

#[cfg(test)]
mod tests;
