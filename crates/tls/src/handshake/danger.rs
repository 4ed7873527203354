//! The verifier that lets every chain through.
//!
//! It is the one place in Postern where rustls is told that something holds which was not
//! checked. Two things keep that harmless. The chain is judged afterwards, from evidence that
//! nothing else can make. And the signature over the handshake is verified for real: where it
//! does not verify, the handshake ends, or, with [`Authentication::NotDemanded`], goes on with
//! [`Possession::Unproven`] in its evidence, which no rule that asks who the peer is accepts.
//!
//! Going on deviates from RFC 8446 §4.4.3 (and RFC 5246 §7.4.8), which end the handshake. To
//! end it would protect nobody: for a peer that need not be anybody the alternative is clear
//! text, and a client could come back without a certificate. What is gained are the peers whose
//! certificates cannot be verified here at all: RSA below 2048 bits, version 1, odd algorithms.

use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{
        WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
    },
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::{Authentication, record};
use crate::{CryptoBounds, Possession};

/// Lets every chain through and records whether the peer holds the key.
#[derive(Debug)]
pub(super) struct AnyChain {
    authentication: Authentication,
    bounds: CryptoBounds,
    algorithms: WebPkiSupportedAlgorithms,
}

impl AnyChain {
    pub(super) fn new(authentication: Authentication, bounds: &CryptoBounds) -> Self {
        Self {
            authentication,
            bounds: bounds.clone(),
            algorithms: aws_lc_rs::default_provider().signature_verification_algorithms,
        }
    }

    fn signature(
        &self,
        signed: &DigitallySignedStruct,
        verify: impl FnOnce() -> Result<HandshakeSignatureValid, Error>,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = if self.bounds.admits_scheme(signed.scheme) {
            verify()
        } else {
            Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into())
        };
        match (verified, self.authentication) {
            (Ok(valid), _) => {
                record::signature(Possession::Proven, signed.scheme);
                Ok(valid)
            }
            (Err(error), Authentication::Demanded) => Err(error),
            (Err(error), Authentication::NotDemanded) => {
                record::signature(Possession::Unproven(error.to_string()), signed.scheme);
                Ok(HandshakeSignatureValid::assertion())
            }
        }
    }
}

impl ServerCertVerifier for AnyChain {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(signed, || {
            verify_tls12_signature(message, certificate, signed, &self.algorithms)
        })
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(signed, || {
            verify_tls13_signature(message, certificate, signed, &self.algorithms)
        })
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.bounds.offered_schemes()
    }
}

impl ClientCertVerifier for AnyChain {
    /// A certificate is asked for, and nobody must have one.
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// No hints: partners have authorities of their own, and strangers need not learn which.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        ServerCertVerifier::verify_tls12_signature(self, message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        ServerCertVerifier::verify_tls13_signature(self, message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.bounds.offered_schemes()
    }
}
