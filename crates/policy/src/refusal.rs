//! Why a channel may not be used, as one sentence and one status code.

use std::{fmt, sync::Arc};

use postern_mail::{EnhancedStatusCode, Host};
use postern_tls::{
    CertificateSerial, ChainFault, Fingerprint, HandshakeError, NotSecured, ProfileViolation,
    SpkiPin,
};

use crate::{PartnerName, Provenance, Source};

/// A requirement that was not met: what was found, what was demanded, and by whom.
///
/// It prints as one sentence, which is used as it stands in logs, queue, notices and
/// explanations: `the channel is plain: the peer does not offer STARTTLS; partner Ministry of
/// Examples demands an encrypted channel`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(Box<Content>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Content {
    mismatch: Mismatch,
    demand: String,
    sources: Vec<Source>,
}

/// What stood against a requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// The channel is plain.
    NotEncrypted(NotSecured),
    /// TLS used what the profile does not allow.
    Profile(ProfileViolation),
    /// The peer showed no certificate.
    NoCertificate,
    /// The certificate that the peer showed does not prove what it was to prove.
    Chain {
        /// What is wrong with it.
        fault: ChainFault,
        /// Which certificate it was.
        fingerprint: Fingerprint,
    },
    /// The peer has no name that a certificate could prove.
    Nameless,
    /// The operator refuses this certificate, or its key.
    Denied {
        /// Its serial number.
        serial: CertificateSerial,
        /// Its issuer.
        issuer: String,
        /// Why it is refused.
        reason: Arc<str>,
    },
    /// The operator refuses the authority that vouches for the certificate.
    DeniedAuthority {
        /// The pin of its key.
        key: SpkiPin,
        /// Why it is refused.
        reason: Arc<str>,
    },
    /// As whom the peer must authenticate could not be found out, for this reason.
    Undetermined(Arc<str>),
    /// The next hop is not among those allowed.
    Host(Host),
    /// Nothing proves that the next hop is the destination's.
    HostUnproven(Host, Provenance),
    /// The certificate is one partner's, the domain is not that partner's.
    Exclusive {
        /// Whose certificate it is.
        holder: PartnerName,
        /// The domain that the reverse-path named.
        domain: Host,
    },
    /// The certificate names more exclusive partners than are looked at.
    TooManyPartners,
    /// The plan was made under another generation of the policy, or for another delivery.
    StalePlan,
}

impl Refusal {
    pub(crate) fn new(mismatch: Mismatch, demand: impl fmt::Display, sources: Vec<Source>) -> Self {
        Self(Box::new(Content {
            mismatch,
            demand: demand.to_string(),
            sources,
        }))
    }

    /// What was found.
    pub fn mismatch(&self) -> &Mismatch {
        &self.0.mismatch
    }

    /// Whose demand was not met; at least one.
    pub fn demanded_by(&self) -> &[Source] {
        &self.0.sources
    }

    /// Whether the message may pass later, so that it waits.
    ///
    /// What the operator or the destination demands is waited for: whoever is to meet it may do
    /// so within the lifetime of the queue. What the sender alone demands is not: a message with
    /// REQUIRETLS goes back once no host can meet it (RFC 8689 §4.2.1), unless what stood in its
    /// way was the network.
    pub fn may_pass_later(&self) -> bool {
        if !self.is_requiretls_alone() {
            return true;
        }
        match self.mismatch() {
            Mismatch::NotEncrypted(NotSecured::HandshakeFailed(error)) => match error {
                HandshakeError::TimedOut(_)
                | HandshakeError::Closed
                | HandshakeError::Network(_)
                | HandshakeError::Ours(_) => true,
                HandshakeError::Alert(_)
                | HandshakeError::Incompatible(_)
                | HandshakeError::NotTls
                | HandshakeError::Misbehaved(_)
                | HandshakeError::NotProven(_) => false,
            },
            Mismatch::Undetermined(_) | Mismatch::StalePlan => true,
            Mismatch::NotEncrypted(
                NotSecured::NotOffered
                | NotSecured::NotRequired
                | NotSecured::NotUsed
                | NotSecured::Refused(_),
            )
            | Mismatch::Profile(_)
            | Mismatch::NoCertificate
            | Mismatch::Denied { .. }
            | Mismatch::DeniedAuthority { .. }
            | Mismatch::Chain { .. }
            | Mismatch::Nameless
            | Mismatch::Host(_)
            | Mismatch::HostUnproven(..)
            | Mismatch::Exclusive { .. }
            | Mismatch::TooManyPartners => false,
        }
    }

    fn is_requiretls_alone(&self) -> bool {
        self.demanded_by()
            .iter()
            .all(|source| *source == Source::RequireTls)
    }

    /// The status of a message that waits for the requirement to be met (RFC 3463 §3.8,
    /// RFC 5248): 4.7.10 where encryption is missing, 4.7.5 where cryptography failed, 4.7.0
    /// otherwise. What REQUIRETLS alone demands has two of its own (RFC 8689 §4.2.1): X.7.10
    /// where no TLS with this host would do, X.7.30 where it is not known to be the
    /// destination's.
    pub fn status(&self) -> EnhancedStatusCode {
        EnhancedStatusCode::transient(7, self.detail())
    }

    /// The status once it is given up: the same with 5 for 4.
    pub fn final_status(&self) -> EnhancedStatusCode {
        EnhancedStatusCode::permanent(7, self.detail())
    }

    fn detail(&self) -> u16 {
        const OTHER: u16 = 0;
        const CRYPTOGRAPHIC_FAILURE: u16 = 5;
        const ENCRYPTION_NEEDED: u16 = 10;
        const REQUIRETLS_NEEDED: u16 = 30;
        if self.is_requiretls_alone() {
            let unproven = matches!(
                self.mismatch(),
                Mismatch::Host(_) | Mismatch::HostUnproven(..)
            );
            return if unproven {
                REQUIRETLS_NEEDED
            } else {
                ENCRYPTION_NEEDED
            };
        }
        match self.mismatch() {
            Mismatch::NotEncrypted(
                NotSecured::NotOffered
                | NotSecured::NotRequired
                | NotSecured::NotUsed
                | NotSecured::Refused(_),
            ) => ENCRYPTION_NEEDED,
            Mismatch::NotEncrypted(NotSecured::HandshakeFailed(_))
            | Mismatch::Profile(_)
            | Mismatch::NoCertificate
            | Mismatch::Denied { .. }
            | Mismatch::DeniedAuthority { .. }
            | Mismatch::Chain { .. } => CRYPTOGRAPHIC_FAILURE,
            Mismatch::Nameless
            | Mismatch::Undetermined(_)
            | Mismatch::Host(_)
            | Mismatch::HostUnproven(..)
            | Mismatch::Exclusive { .. }
            | Mismatch::TooManyPartners
            | Mismatch::StalePlan => OTHER,
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; ", self.mismatch)?;
        for (at, source) in self.sources.iter().enumerate() {
            write!(f, "{}{source}", if at == 0 { "" } else { " and " })?;
        }
        let verb = if self.sources.len() == 1 {
            "demands"
        } else {
            "demand"
        };
        write!(f, " {verb} {}", self.demand)
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotEncrypted(reason) => write!(f, "the channel is plain: {reason}"),
            Self::Profile(violation) => violation.fmt(f),
            Self::NoCertificate => f.write_str("the peer showed no certificate"),
            Self::Chain { fault, fingerprint } => {
                write!(f, "{fault} (certificate SHA-256 {fingerprint})")
            }
            Self::Nameless => f.write_str("the next hop is known by its address only"),
            Self::Denied {
                serial,
                issuer,
                reason,
            } => write!(
                f,
                "the peer showed certificate {serial} of {issuer}, which is refused: {reason}"
            ),
            Self::DeniedAuthority { key, reason } => write!(
                f,
                "the authority with key {key} vouches for the certificate, and is refused: {reason}"
            ),
            Self::Undetermined(reason) => f.write_str(reason),
            Self::Host(host) => write!(f, "the next hop is {host}"),
            Self::HostUnproven(host, provenance) => {
                write!(
                    f,
                    "the next hop is {host}, which is not proven ({provenance})"
                )
            }
            Self::Exclusive { holder, domain } => write!(
                f,
                "the certificate is that of {holder}, and {domain} is not a domain of theirs"
            ),
            Self::TooManyPartners => {
                f.write_str("the certificate names more partners than are looked at")
            }
            Self::StalePlan => f.write_str("the policy has changed since this was planned"),
        }
    }
}
