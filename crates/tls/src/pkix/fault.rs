//! What is wrong with a chain, in the terms of somebody who has to put it right.

use std::fmt;

use postern_mail::Foreign;
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::Error;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{CertificateUsage, ReferenceIdentity};
use crate::{
    CertificateContents, CertificateSerial, PeerChain, ProfileViolation, RevocationGap, SpkiPin,
    TlsaRecord, TlsaSet, date::Date, summary::shown,
};

/// Why a chain does not satisfy a demand. Texts out of certificates have been made safe to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// The peer did not prove that it holds the key of its certificate.
    #[error("the peer did not prove that it holds the key of its certificate: {0}")]
    NotProven(String),
    /// The certificate is for other names.
    #[error(
        "the certificate is not for {}; it is for {}",
        listed(wanted, " or "),
        presented_names(presented, common_name.as_deref())
    )]
    NameMismatch {
        /// The names of which any would have sufficed.
        wanted: Vec<ReferenceIdentity>,
        /// The dNSName entries, as far as they are kept.
        presented: Vec<String>,
        /// The common name, which does not count.
        common_name: Option<String>,
    },
    /// A certificate is no longer valid.
    #[error("{whose} expired on {since}")]
    Expired {
        /// The last moment at which it was valid.
        since: Date,
        /// Which certificate.
        whose: Whose,
    },
    /// A certificate is not valid yet.
    #[error("{whose} is not valid before {from}")]
    NotYetValid {
        /// The first moment at which it will be valid.
        from: Date,
        /// Which certificate.
        whose: Whose,
    },
    /// No path leads to a trusted authority.
    #[error("the certificate leads to {issuer}, which is not among the trusted ({trusted})")]
    UnknownIssuer {
        /// The issuer at the end of what the peer sent.
        issuer: String,
        /// The label of the anchors.
        trusted: String,
    },
    /// The certificate is signed by its own key and not trusted.
    #[error("the certificate of {subject} is self-signed; only a pin can identify it")]
    SelfSigned {
        /// Its subject.
        subject: String,
    },
    /// The certificate is for something else.
    #[error("the certificate is for {}, not for {wanted}", listed(presented, ", "))]
    Usage {
        /// What it should be for.
        wanted: CertificateUsage,
        /// The extended key usages of the leaf.
        presented: Vec<String>,
    },
    /// A key is not one of those that the profile allows.
    #[error("{0}")]
    OutsideProfile(ProfileViolation),
    /// A certificate is signed with an algorithm that the profile does not allow, or that
    /// nobody should use.
    #[error("a certificate is signed with {algorithm}, which is not allowed")]
    SignatureAlgorithm {
        /// The algorithm.
        algorithm: String,
    },
    /// An issuer of the right name did not sign the certificate.
    #[error("a certificate bears the name of its issuer, but not its signature")]
    BadSignature,
    /// The leaf is itself an authority.
    #[error("the certificate of the peer is that of an authority; only a pin can identify it")]
    AuthorityAsLeaf,
    /// Something that is no authority issued a certificate.
    #[error("a certificate was issued by one that is no authority")]
    LeafAsAuthority,
    /// An authority may not issue for this name (RFC 5280 §4.2.1.10).
    #[error("an authority on the path may not issue certificates for this name")]
    NameConstraint,
    /// There are more authorities in a row than one of them allows (RFC 5280 §4.2.1.9).
    #[error("there are more authorities in a row than one of them allows")]
    PathLength,
    /// A critical extension is not understood (RFC 5280 §4.2).
    #[error("a certificate has a critical extension that is not understood")]
    CriticalExtension,
    /// The search for a path was given up.
    #[error("the certificates of the peer are too many or too entangled")]
    TooComplex,
    /// The key is not one of those that are pinned.
    #[error(
        "the key is {presented}, not one of those pinned: {}",
        listed(wanted, ", ")
    )]
    PinMismatch {
        /// The pins.
        wanted: Vec<SpkiPin>,
        /// The pin of the key that was shown.
        presented: SpkiPin,
    },
    /// A certificate was revoked.
    #[error("{whose}, serial {serial}, was revoked on {since}")]
    Revoked {
        /// Which certificate.
        whose: Whose,
        /// Its serial number.
        serial: CertificateSerial,
        /// When its issuer revoked it.
        since: Date,
    },
    /// It is not known whether a certificate was revoked, and that is not enough.
    #[error("it is not known whether the certificate was revoked: {reason}")]
    RevocationUnknown {
        /// Why it is not known.
        reason: Box<RevocationGap>,
    },
    /// No TLSA record speaks of what the peer showed.
    #[error(
        "no TLSA record vouches for the certificate, which \"{presented}\" would match; there is {wanted}"
    )]
    TlsaMismatch {
        /// The records.
        wanted: TlsaSet,
        /// The record of the form `3 1 1` that speaks of the leaf.
        presented: Box<TlsaRecord>,
    },
    /// No TLSA record can be used.
    #[error("none of the TLSA records can be used: {}", unusable(.0))]
    TlsaUnusable(TlsaSet),
    /// A certificate cannot be read.
    #[error("a certificate cannot be read: {0}")]
    Malformed(String),
    /// Anything else.
    #[error("the certificate is not acceptable: {0}")]
    Other(String),
}

/// Which certificate of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Whose {
    /// The certificate of the peer itself.
    Leaf,
    /// That of an authority above it.
    Issuer,
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Leaf => "the certificate",
            Self::Issuer => "the certificate of an issuing authority",
        })
    }
}

/// What a fault is explained from.
pub(crate) struct Sent<'a> {
    pub(crate) leaf: &'a CertificateDer<'a>,
    pub(crate) intermediates: &'a [CertificateDer<'a>],
    pub(crate) usage: CertificateUsage,
    pub(crate) trusted: &'a str,
}

impl ChainFault {
    pub(super) fn name_mismatch(chain: &PeerChain, names: &[ReferenceIdentity]) -> Self {
        let contents = chain.summary().contents;
        let (presented, common_name) =
            contents.map_or_else(Default::default, |read| (read.names, read.common_name));
        Self::NameMismatch {
            wanted: names.to_vec(),
            presented,
            common_name,
        }
    }

    /// Adds to what webpki found the facts that it leaves out.
    pub(crate) fn of(error: Error, sent: &Sent<'_>) -> Self {
        let leaf = X509Certificate::from_der(sent.leaf).ok();
        let leaf = leaf.map(|(_, certificate)| CertificateContents::of(&certificate));
        match error {
            Error::CertExpired { not_after, .. } => Self::Expired {
                since: Date(not_after),
                whose: whose(leaf.as_ref().map(|leaf| leaf.not_after), not_after),
            },
            Error::CertNotValidYet { not_before, .. } => Self::NotYetValid {
                from: Date(not_before),
                whose: whose(leaf.as_ref().map(|leaf| leaf.not_before), not_before),
            },
            Error::UnknownIssuer => match leaf {
                Some(leaf) if leaf.subject == leaf.issuer => Self::SelfSigned {
                    subject: leaf.subject,
                },
                Some(_) | None => Self::UnknownIssuer {
                    issuer: last_issuer(sent),
                    trusted: sent.trusted.to_owned(),
                },
            },
            Error::EmptyEkuExtension | Error::RequiredEkuNotFoundContext(_) => Self::Usage {
                wanted: sent.usage,
                presented: usages(sent.leaf),
            },
            Error::UnsupportedSignatureAlgorithmContext(context) => Self::SignatureAlgorithm {
                algorithm: algorithm_name(&context.signature_algorithm_id),
            },
            Error::UnsupportedSignatureAlgorithmForPublicKeyContext(context) => {
                Self::SignatureAlgorithm {
                    algorithm: algorithm_name(&context.signature_algorithm_id),
                }
            }
            Error::InvalidSignatureForPublicKey | Error::SignatureAlgorithmMismatch => {
                Self::BadSignature
            }
            Error::CaUsedAsEndEntity => Self::AuthorityAsLeaf,
            Error::EndEntityUsedAsCa => Self::LeafAsAuthority,
            Error::NameConstraintViolation => Self::NameConstraint,
            Error::PathLenConstraintViolated => Self::PathLength,
            Error::UnsupportedCriticalExtension => Self::CriticalExtension,
            Error::MaximumSignatureChecksExceeded
            | Error::MaximumPathBuildCallsExceeded
            | Error::MaximumPathDepthExceeded
            | Error::MaximumNameConstraintComparisonsExceeded => Self::TooComplex,
            Error::UnsupportedCertVersion => {
                Self::Malformed("it is not of version 3 (RFC 5280 §4.1.2.1)".to_owned())
            }
            Error::BadDer
            | Error::BadDerTime
            | Error::ExtensionValueInvalid
            | Error::InvalidCertValidity
            | Error::InvalidSerialNumber
            | Error::MalformedExtensions
            | Error::MalformedDnsIdentifier
            | Error::MalformedNameConstraint
            | Error::TrailingData(_) => Self::Malformed(error.to_string()),
            // The enum may grow, and its other faults are of revocation lists, which are looked
            // at elsewhere. Each refuses.
            other => Self::Other(other.to_string()),
        }
    }
}

fn whose(of_leaf: Option<Date>, found: UnixTime) -> Whose {
    if of_leaf == Some(Date(found)) {
        Whose::Leaf
    } else {
        Whose::Issuer
    }
}

/// Follows the names of issuers through what the peer sent, to the first that it did not send.
fn last_issuer(sent: &Sent<'_>) -> String {
    let read = |der: &CertificateDer<'_>| {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let raw = |name: &x509_parser::x509::X509Name<'_>| name.as_raw().to_vec();
        let (subject, issuer) = (certificate.subject(), certificate.issuer());
        Some((raw(subject), raw(issuer), shown(&issuer.to_string())))
    };
    let mut others: Vec<_> = sent.intermediates.iter().filter_map(read).collect();
    let Some((_, mut wanted, mut name)) = read(sent.leaf) else {
        return "an issuer that cannot be read".to_owned();
    };
    while let Some(at) = others.iter().position(|(subject, ..)| *subject == wanted) {
        (_, wanted, name) = others.swap_remove(at);
    }
    name
}

/// The extended key usages of a certificate, by the names of RFC 5280 §4.2.1.12 where they have
/// one.
fn usages(der: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return Vec::new();
    };
    let Ok(Some(extension)) = certificate.extended_key_usage() else {
        return vec!["an authority limited to other usages".to_owned()];
    };
    let usage = extension.value;
    let known = [
        (usage.any, "anyExtendedKeyUsage"),
        (usage.server_auth, "serverAuth"),
        (usage.client_auth, "clientAuth"),
        (usage.code_signing, "codeSigning"),
        (usage.email_protection, "emailProtection"),
        (usage.time_stamping, "timeStamping"),
        (usage.ocsp_signing, "OCSPSigning"),
    ];
    let named = known.into_iter().filter(|(stated, _)| *stated);
    let others = usage.other.iter().take(8).map(ToString::to_string);
    named
        .map(|(_, name)| name.to_owned())
        .chain(others)
        .collect()
}

/// The name of a signature algorithm, from the content of its AlgorithmIdentifier: an OBJECT
/// IDENTIFIER, then parameters.
fn algorithm_name(identifier: &[u8]) -> String {
    let oid = match identifier {
        [0x06, length, rest @ ..] => rest.get(..usize::from(*length)).unwrap_or_default(),
        _ => &[],
    };
    let oid = x509_parser::oid_registry::Oid::new(oid.into()).to_string();
    let known = [
        ("1.2.840.113549.1.1.4", "MD5 and RSA"),
        ("1.2.840.113549.1.1.5", "SHA-1 and RSA"),
        ("1.2.840.113549.1.1.10", "RSA-PSS"),
        ("1.2.840.113549.1.1.11", "SHA-256 and RSA"),
        ("1.2.840.113549.1.1.12", "SHA-384 and RSA"),
        ("1.2.840.113549.1.1.13", "SHA-512 and RSA"),
        ("1.2.840.10045.4.1", "SHA-1 and ECDSA"),
        ("1.2.840.10045.4.3.2", "SHA-256 and ECDSA"),
        ("1.2.840.10045.4.3.3", "SHA-384 and ECDSA"),
        ("1.2.840.10045.4.3.4", "SHA-512 and ECDSA"),
        ("1.3.101.112", "Ed25519"),
        ("1.3.101.113", "Ed448"),
    ];
    known
        .into_iter()
        .find(|(number, _)| *number == oid)
        .map_or_else(
            || Foreign::new(&oid).to_string(),
            |(_, name)| name.to_owned(),
        )
}

fn listed<T: fmt::Display>(items: &[T], between: &str) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.join(between)
}

fn presented_names(names: &[String], common_name: Option<&str>) -> String {
    match (names, common_name) {
        ([], Some(name)) => format!(
            "no name: it has the common name {name}, which RFC 9525 does not count, and no \
             dNSName in a subject alternative name"
        ),
        ([], None) => "no name".to_owned(),
        (names, _) => names.join(", "),
    }
}

/// The first few records with what is wrong with each.
fn unusable(records: &TlsaSet) -> String {
    let faults = records.unusable().take(4);
    let faults: Vec<_> = faults
        .map(|(record, fault)| format!("{record}: {fault}"))
        .collect();
    match faults.as_slice() {
        [] => "there is none".to_owned(),
        faults => faults.join("; "),
    }
}
