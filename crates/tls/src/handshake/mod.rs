//! The handshake: one attempt, a deadline, and evidence of what it came to.
//!
//! Any certificate chain is let through here. It is judged when the handshake is over, because
//! only then is it known whose rule applies, and because an administrator is helped by a verdict
//! with facts rather than by an alert. What cannot be caught up on later is done here and
//! written into the evidence: whether the peer's signature over the handshake verified.

mod alert;
mod client;
mod danger;
mod error;
mod record;
mod server;
mod sessions;

use std::{future::Future, io, sync::Arc, time::Duration};

use rustls::CommonState;

use crate::{
    CipherSuite, Evidence, ExtendedMasterSecret, Group, HandshakeKind, PeerCertificates, PeerChain,
    Possession, ProtocolVersion, Side, evidence::Facts,
};

pub use alert::Alert;
pub use client::{Attempt, Authentication, Hello, Resumption, TlsClient};
pub use error::{HandshakeError, Incompatible};
pub use server::{ClientCertificates, TlsServer, TlsServerError};

use record::Record;
pub(crate) use record::shown as record_shown;
pub(crate) use server::ByName;

/// Runs a handshake to its end or its deadline, whichever is first, and keeps what the verifier
/// and the choice of a certificate recorded meanwhile.
async fn run<T>(
    handshake: impl Future<Output = io::Result<T>>,
    limit: Duration,
) -> Result<(T, Record), HandshakeError> {
    match tokio::time::timeout(limit, record::during(handshake)).await {
        Ok((Ok(stream), record)) => Ok((stream, record)),
        Ok((Err(error), _)) => Err(HandshakeError::of_io(&error)),
        Err(_) => Err(HandshakeError::TimedOut(limit)),
    }
}

/// Makes the evidence of a finished handshake, in which the extended master secret was required
/// or not.
fn evidence(
    side: Side,
    connection: &CommonState,
    ems_required: bool,
    sni: Option<String>,
    record: Record,
) -> Result<Evidence, HandshakeError> {
    let version = connection.protocol_version().and_then(ProtocolVersion::of);
    let suite = connection.negotiated_cipher_suite();
    let kind = connection.handshake_kind();
    let ((Some(version), Some(suite)), Some(kind)) = (
        (
            version,
            suite.and_then(|suite| CipherSuite::of(suite.suite())),
        ),
        kind,
    ) else {
        return Err(HandshakeError::Ours(
            "the handshake ended with parameters that were not offered".to_owned(),
        ));
    };
    let group = connection.negotiated_key_exchange_group();
    let handshake = match kind {
        rustls::HandshakeKind::Full => HandshakeKind::Full,
        rustls::HandshakeKind::FullWithHelloRetryRequest => HandshakeKind::FullWithRetry,
        rustls::HandshakeKind::Resumed => HandshakeKind::Resumed,
    };
    Ok(Evidence(Arc::new(Facts {
        side,
        version,
        suite,
        group: group.and_then(|group| Group::of(group.name())),
        handshake,
        extended_master_secret: match (version, ems_required) {
            (ProtocolVersion::Tls13, _) => ExtendedMasterSecret::BuiltIn,
            (ProtocolVersion::Tls12, true) => ExtendedMasterSecret::Required,
            (ProtocolVersion::Tls12, false) => ExtendedMasterSecret::NotKnown,
        },
        sni,
        alpn: connection.alpn_protocol().map(<[u8]>::to_vec),
        peer: peer(connection, handshake, record.signature),
        own_certificate: record.shown,
    })))
}

/// A chain without a recorded signature proves nothing, so that a path through the library which
/// asks no verifier, as resumption is, cannot pass for a proof.
fn peer(
    connection: &CommonState,
    handshake: HandshakeKind,
    signature: Option<record::Signature>,
) -> PeerCertificates {
    let certificates = connection.peer_certificates().unwrap_or_default();
    let unproven = |why: &str| (Possession::Unproven(why.to_owned()), None);
    let (possession, scheme) = match (handshake, signature) {
        (HandshakeKind::Resumed, _) => unproven("the session was resumed"),
        (_, Some(signature)) => (signature.possession, signature.scheme),
        (_, None) => unproven("the peer signed nothing"),
    };
    PeerChain::new(certificates, possession, scheme)
        .map_or(PeerCertificates::None, PeerCertificates::Chain)
}

#[cfg(test)]
mod tests;
