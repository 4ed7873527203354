//! How a handshake failed.

use std::{io, time::Duration};

use rustls::{Error, InvalidMessage, PeerIncompatible};

use super::Alert;
use crate::summary::shown;

/// How a handshake failed. Each ends the connection: there is no plain channel left to return
/// to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// It was not over in time.
    #[error("the TLS handshake was not finished within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The peer closed the connection.
    #[error("the peer closed the connection during the TLS handshake")]
    Closed,
    /// The network failed.
    #[error("the connection failed during the TLS handshake: {0}")]
    Network(String),
    /// The peer refused.
    #[error("the peer refused the TLS handshake: {0}")]
    Alert(Alert),
    /// There is nothing that both ends would do.
    #[error("the TLS handshake found nothing in common: {0}")]
    Incompatible(Incompatible),
    /// The peer did not speak TLS.
    #[error("the peer sent something that is not TLS")]
    NotTls,
    /// The peer broke the protocol.
    #[error("the peer broke the TLS protocol: {0}")]
    Misbehaved(String),
    /// The peer had to prove that it holds the key of its certificate, and did not.
    #[error("the peer did not prove that it holds the key of its certificate: {0}")]
    NotProven(String),
    /// The fault is ours.
    #[error("the TLS handshake failed for a fault of our own: {0}")]
    Ours(String),
}

/// What both ends do not have in common.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Incompatible {
    /// The protocol version. What is below TLS 1.2 is never offered (RFC 8996).
    #[error("the peer has no protocol version that we allow")]
    Version,
    /// The cipher suite, or on TLS 1.2 the kind of certificate that goes with it.
    #[error("the peer has no cipher suite that we allow")]
    Suite,
    /// The key exchange group.
    #[error("the peer has no key exchange group that we allow")]
    Group,
    /// How to sign.
    #[error("the peer has no signature scheme that we allow")]
    SignatureScheme,
    /// The extended master secret (RFC 7627), without which TLS 1.2 is open to the triple
    /// handshake attack.
    #[error("the peer does not have the extended master secret of RFC 7627")]
    ExtendedMasterSecret,
    /// The application protocol: the peer named some, and SMTP was not among them.
    #[error("the peer wants an application protocol that is not SMTP")]
    ApplicationProtocol,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl HandshakeError {
    /// Recognises a failed handshake in an error that came when reading or writing. A client of
    /// TLS 1.3 believes the handshake to be over before the server has judged the client's
    /// certificate; a refusal arrives with the first read. It must be treated as a failed
    /// handshake then, not as a broken connection.
    pub fn late(error: &io::Error) -> Option<Self> {
        let inner = error.get_ref()?.downcast_ref::<Error>()?;
        Some(Self::of(inner))
    }

    pub(crate) fn of_io(error: &io::Error) -> Self {
        Self::late(error).unwrap_or_else(|| match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Network(error.to_string()),
        })
    }

    fn of(error: &Error) -> Self {
        match error {
            Error::AlertReceived(description) => Self::Alert(Alert::of(*description)),
            Error::PeerIncompatible(incompatible) => {
                Self::Incompatible(Incompatible::of(incompatible))
            }
            Error::NoApplicationProtocol => Self::Incompatible(Incompatible::ApplicationProtocol),
            Error::InvalidMessage(
                InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
            ) => Self::NotTls,
            Error::InvalidCertificate(_) => Self::NotProven(shown(&error.to_string())),
            Error::InappropriateMessage { .. }
            | Error::InappropriateHandshakeMessage { .. }
            | Error::InvalidMessage(_)
            | Error::PeerMisbehaved(_)
            | Error::PeerSentOversizedRecord
            | Error::DecryptError
            | Error::NoCertificatesPresented => Self::Misbehaved(shown(&error.to_string())),
            // What is left are faults of configuration, randomness and the clock.
            other => Self::Ours(other.to_string()),
        }
    }
}

impl Incompatible {
    fn of(found: &PeerIncompatible) -> Self {
        match found {
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled => Self::Version,
            PeerIncompatible::NoCipherSuitesInCommon => Self::Suite,
            PeerIncompatible::NoKxGroupsInCommon
            | PeerIncompatible::NamedGroupsExtensionRequired
            | PeerIncompatible::KeyShareExtensionRequired => Self::Group,
            PeerIncompatible::NoSignatureSchemesInCommon
            | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon
            | PeerIncompatible::SignatureAlgorithmsExtensionRequired => Self::SignatureScheme,
            PeerIncompatible::ExtendedMasterSecretExtensionRequired => Self::ExtendedMasterSecret,
            other => Self::Other(format!("{other:?}")),
        }
    }
}
