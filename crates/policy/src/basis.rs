//! On what basis a channel may be used: the verdict that is recorded with every message.

use std::fmt;

use postern_mail::Domain;
use postern_tls::{
    CipherSuite, Evidence, Group, NotSecured, ProtocolVersion, RevocationStatus, SpkiPin,
    TlsaRecord,
};
use serde::Serialize;

/// What a channel turned out to be when it was let pass.
///
/// It prints as the channel verdict of logs, queue and `Received:` comments:
/// `plain (...)`, `encrypted (unauthenticated), TLSv1.3 ...`, `authenticated as NAME by ANCHOR, ...`.
/// Where a certificate was accepted without knowing whether it is revoked, it says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Basis {
    /// No TLS, for this reason.
    Plain(NotSecured),
    /// TLS with a peer that nobody asked to prove who it is.
    Encrypted(Protection),
    /// TLS with a peer that proved everything the requirement demands.
    Authenticated {
        /// What was proven, at least one.
        proofs: Vec<Proof>,
        /// How the channel is protected.
        protection: Protection,
    },
}

/// The three verdicts, for counters and tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// No TLS.
    Plain,
    /// TLS, peer not authenticated.
    Encrypted,
    /// TLS, peer authenticated.
    Authenticated,
}

/// One thing that a peer proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// It holds a certificate for this name.
    Name {
        /// The reference identity that was found in the certificate.
        name: Domain,
        /// Who vouched for it.
        anchors: String,
        /// The key of the one of these that the certificate leads to.
        anchor: SpkiPin,
        /// What is known about revocation.
        revocation: RevocationStatus,
    },
    /// It holds this key.
    Key(SpkiPin),
    /// It holds a certificate that this TLSA record of `base` matches.
    Tlsa {
        /// The TLSA base domain.
        base: Domain,
        /// The record.
        record: TlsaRecord,
    },
}

/// How a channel is protected: protocol version, cipher suite, key exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protection {
    /// The protocol version.
    pub version: ProtocolVersion,
    /// The cipher suite.
    pub suite: CipherSuite,
    /// The group of the key exchange, where one was negotiated.
    pub group: Option<Group>,
}

impl Basis {
    /// What a channel is when nobody is asked to prove who it is.
    pub(crate) fn unauthenticated(security: Result<&Evidence, &NotSecured>) -> Self {
        match security {
            Ok(evidence) => Self::Encrypted(Protection::of(evidence)),
            Err(reason) => Self::Plain(reason.clone()),
        }
    }

    /// The verdict without its particulars.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Plain(_) => Verdict::Plain,
            Self::Encrypted(_) => Verdict::Encrypted,
            Self::Authenticated { .. } => Verdict::Authenticated,
        }
    }

    /// What the peer proved; nothing where it was not asked.
    pub fn proofs(&self) -> &[Proof] {
        match self {
            Self::Plain(_) | Self::Encrypted(_) => &[],
            Self::Authenticated { proofs, .. } => proofs,
        }
    }

    /// Whom the peer proved to be, where it was asked: the name, else the key.
    pub fn peer_identity(&self) -> Option<String> {
        match self {
            Self::Plain(_) | Self::Encrypted(_) => None,
            Self::Authenticated { proofs, .. } => {
                let name = proofs.iter().find_map(|proof| match proof {
                    Proof::Name { name, .. } | Proof::Tlsa { base: name, .. } => {
                        Some(name.to_string())
                    }
                    Proof::Key(_) => None,
                });
                name.or_else(|| proofs.first().map(Proof::to_string))
            }
        }
    }

    /// How the channel is protected, unless it is plain.
    pub fn protection(&self) -> Option<&Protection> {
        match self {
            Self::Plain(_) => None,
            Self::Encrypted(protection) | Self::Authenticated { protection, .. } => {
                Some(protection)
            }
        }
    }
}

impl Protection {
    pub(crate) fn of(evidence: &Evidence) -> Self {
        Self {
            version: evidence.version(),
            suite: evidence.suite(),
            group: evidence.group(),
        }
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(reason) => write!(f, "plain ({reason})"),
            Self::Encrypted(protection) => {
                write!(f, "encrypted (unauthenticated), {protection}")
            }
            Self::Authenticated { proofs, protection } => {
                f.write_str("authenticated as ")?;
                for (at, proof) in proofs.iter().enumerate() {
                    write!(f, "{}{proof}", if at == 0 { "" } else { " and " })?;
                }
                write!(f, ", {protection}")
            }
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Plain => "plain",
            Self::Encrypted => "encrypted",
            Self::Authenticated => "authenticated",
        })
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name {
                name,
                anchors,
                anchor: _,
                revocation,
            } => {
                write!(f, "{name} by {anchors}")?;
                match revocation {
                    RevocationStatus::NotChecked | RevocationStatus::Good => Ok(()),
                    RevocationStatus::Unknown(gap) => write!(f, " (revocation unknown: {gap})"),
                }
            }
            Self::Key(pin) => write!(f, "the holder of key {pin}"),
            Self::Tlsa { base, record } => write!(f, "{base} by TLSA {record}"),
        }
    }
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.version, self.suite)?;
        match &self.group {
            Some(group) => write!(f, " {group}"),
            None => Ok(()),
        }
    }
}
