//! What is known of a next hop before it is dialled.

use std::{fmt, sync::Arc};

use postern_mail::{Domain, Host};
use postern_tls::TlsaSet;
use serde::Serialize;

/// A next hop, who says that it takes the mail, and what its domain publishes about its TLS.
///
/// Whoever gathers these facts decides nothing by them: what a fact demands, and whether it may
/// demand anything, is said in one place, by [`DeliveryPlan::for_host`](crate::DeliveryPlan).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostFacts {
    /// The next hop.
    pub host: Host,
    /// Who says that it takes the mail.
    pub provenance: Provenance,
    /// What its TLSA records say.
    pub dane: DaneFacts,
}

impl HostFacts {
    /// A next hop that the configuration names, whose TLSA records nobody asked for.
    pub fn configured(host: Host) -> Self {
        Self {
            host,
            provenance: Provenance::Configured,
            dane: DaneFacts::NotApplicable("the next hop is configured".into()),
        }
    }
}

/// Who says that a host takes the mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provenance {
    /// The operator, who fixed it.
    Configured,
    /// The sender, who wrote an address literal.
    Literal,
    /// The MX records of the destination, or their absence, proven so well.
    Dns(DnsProof),
}

/// How well a DNS answer is proven (RFC 4033 §5). What is shown to be false is not an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DnsProof {
    /// Nobody checked, or no trust anchor speaks for the name.
    Indeterminate,
    /// It was proven that the zone is not signed.
    Insecure,
    /// An unbroken chain of signatures leads to a trust anchor.
    Secure,
}

/// What is known of the TLSA records of a next hop (RFC 7672 §2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DaneFacts {
    /// DANE says nothing of this host, for this reason: the answer that named it or its
    /// addresses is not secure, or nobody asked.
    NotApplicable(Arc<str>),
    /// It was proven that there are no TLSA records.
    Absent,
    /// These are its records, proven to be so.
    Records(DaneRecords),
    /// Whether there are any could not be found out, for this reason. Mail must wait
    /// (RFC 7672 §2.1.2).
    Unknown(Arc<str>),
}

/// TLSA records, and the domain they are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaneRecords {
    /// The TLSA base domain: it is the name to indicate in the handshake (RFC 7672 §8.1) and a
    /// reference identity (§3.2.2).
    pub base: Domain,
    /// The records.
    pub records: TlsaSet,
}

impl Provenance {
    /// Whether the name of the host is known for certain to be that of the destination's mail
    /// host.
    pub fn is_proven(self) -> bool {
        match self {
            Self::Configured | Self::Dns(DnsProof::Secure) => true,
            Self::Literal | Self::Dns(DnsProof::Indeterminate | DnsProof::Insecure) => false,
        }
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configured => f.write_str("configured"),
            Self::Literal => f.write_str("an address literal"),
            Self::Dns(proof) => write!(f, "MX, {proof}"),
        }
    }
}

impl fmt::Display for DnsProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Indeterminate => "indeterminate",
            Self::Insecure => "insecure",
            Self::Secure => "secure",
        })
    }
}
