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
//!
//! The path is found by rustls-webpki, which bounds its own work: a hundred signatures, six
//! issuers in a row, 200,000 steps. Certificates of one name, each of which may have issued any
//! other, still make it spend a third of a second on those steps, so a peer that sends more than
//! `MOST_INTERMEDIATES` is refused; six of them cost a hundredth.
//! Revocation is not looked at yet.

mod fault;
mod usage;

use rustls_pki_types::{DnsName, ServerName, UnixTime};
use webpki::{EndEntityCert, VerifiedPath};
use x509_parser::{prelude::FromDer as _, x509::X509Name};

use postern_mail::Domain;

use crate::{CryptoBounds, PeerChain, Possession, ProfileViolation, PublicKey, TrustAnchors};

pub(crate) use fault::Sent;
pub use fault::{ChainFault, Whose};
pub use usage::CertificateUsage;

/// The most certificates besides the leaf that are looked at: as many as a path may have. The
/// chains of public authorities have one to three.
const MOST_INTERMEDIATES: usize = 6;

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
}

/// What was found to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Which of the demanded names was found, and as what; nothing where none was demanded.
    pub name: Option<MatchedName>,
    /// The subject of the trust anchor at the end of the path.
    pub anchor: String,
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
    if chain.intermediates().len() > MOST_INTERMEDIATES {
        return Err(ChainFault::TooComplex);
    }
    let sent = Sent {
        leaf: chain.leaf(),
        intermediates: chain.intermediates(),
        usage: demand.usage,
        trusted: demand.anchors.label(),
    };
    let leaf = EndEntityCert::try_from(sent.leaf).map_err(|error| ChainFault::of(error, &sent))?;
    demand
        .bounds
        .admits_key(PublicKey::of_spki(&leaf.subject_public_key_info()))
        .map_err(ChainFault::OutsideProfile)?;
    let anchor = verify_path(&leaf, &sent, demand, now)?;
    let name = match demand.names {
        [] => None,
        names => Some(
            names
                .iter()
                .find_map(|name| matched(&leaf, name, demand.wildcards))
                .ok_or_else(|| ChainFault::name_mismatch(chain, names))?,
        ),
    };
    Ok(Verified { name, anchor })
}

/// Finds a path to an anchor, and gives the subject of the anchor.
fn verify_path(
    leaf: &EndEntityCert<'_>,
    sent: &Sent<'_>,
    demand: &Demand<'_>,
    now: UnixTime,
) -> Result<String, ChainFault> {
    let violation = std::cell::Cell::new(None);
    let keys_admitted = |path: &VerifiedPath<'_>| {
        issuer_keys_admitted(path, demand.bounds).map_err(|found| {
            violation.set(Some(found));
            webpki::Error::UnknownIssuer // nobody sees this: the violation is reported instead
        })
    };
    let path = leaf.verify_for_usage(
        &demand.bounds.certificate_algorithms(),
        demand.anchors.anchors(),
        sent.intermediates,
        now,
        demand.usage,
        None,
        Some(&keys_admitted),
    );
    match (path, violation.take()) {
        (Ok(path), _) => Ok(anchor_subject(path.anchor())),
        (Err(_), Some(violation)) => Err(ChainFault::OutsideProfile(violation)),
        (Err(error), None) => Err(ChainFault::of(error, sent)),
    }
}

/// Holds the keys of all issuers, the anchor's included, against the bounds.
fn issuer_keys_admitted(
    path: &VerifiedPath<'_>,
    bounds: &CryptoBounds,
) -> Result<(), ProfileViolation> {
    for issuer in path.intermediate_certificates() {
        bounds.admits_key(PublicKey::of_spki(&issuer.subject_public_key_info()))?;
    }
    let anchor = webpki::spki_for_anchor(path.anchor());
    bounds.admits_key(PublicKey::of_spki(&anchor))
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

/// The subject of an anchor, which webpki keeps without its outer tag and length.
fn anchor_subject(anchor: &rustls_pki_types::TrustAnchor<'_>) -> String {
    let content = &*anchor.subject;
    let mut der = vec![0x30];
    match u16::try_from(content.len()).map(u16::to_be_bytes) {
        Ok([0, low @ 0..=127]) => der.push(low),
        Ok(length) => der.extend([&[0x82][..], &length].concat()),
        Err(_) => return "a subject of more than 65535 octets".to_owned(),
    }
    der.extend_from_slice(content);
    X509Name::from_der(&der).map_or_else(
        |_| "a subject that cannot be read".to_owned(),
        |(_, name)| crate::summary::shown(&name.to_string()),
    )
}

#[cfg(test)]
mod tests;
