//! OCSP responses for our own certificates, served with them (RFC 6066 §8, RFC 6960 §4.2.1).
//!
//! Somebody else fetches the response and writes it to a file; `openssl ocsp -respout` makes
//! such files. It is held against what a client would hold it against, because a staple that a
//! client refuses is worse than none:
//!
//! - it answers for this certificate: serial number and issuer,
//! - the answer is *good*, has begun to hold and still holds,
//! - the issuer signed it, or somebody whom the issuer certified for that (RFC 6960 §4.2.2.2).
//!   This is left out where the chain in the file ends with the leaf.

use std::{fmt, path::Path};

use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use der::{Decode as _, Encode as _};
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use webpki::{EndEntityCert, KeyUsage};
use x509_ocsp::{
    BasicOcspResponse, CertId, CertStatus, OcspGeneralizedTime, OcspResponse, OcspResponseStatus,
    SingleResponse,
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{CertificateFault, load};
use crate::{CryptoBounds, date::Date, number::Number};

/// A response that may be served.
#[derive(Clone, PartialEq, Eq)]
pub struct OcspStaple {
    response: Vec<u8>,
    this_update: Date,
    next_update: Date,
}

impl OcspStaple {
    /// The moment from which the answer holds.
    pub fn this_update(&self) -> Date {
        self.this_update
    }

    /// The moment from which the answer no longer holds, and is no longer served.
    pub fn next_update(&self) -> Date {
        self.next_update
    }

    /// Whether the answer no longer holds.
    pub fn has_expired(&self, now: UnixTime) -> bool {
        self.next_update.0 <= now
    }

    /// The response in DER.
    pub(super) fn response(&self) -> &[u8] {
        &self.response
    }
}

impl fmt::Debug for OcspStaple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OcspStaple(until {})", self.next_update)
    }
}

/// Why an OCSP response is not served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StapleFault {
    /// It is no OCSP response.
    #[error("it is no OCSP response in DER: {0}")]
    Malformed(String),
    /// The responder answered with an error.
    #[error("the responder did not answer: {0}")]
    NotAnswered(&'static str),
    /// It answers for other certificates.
    #[error("it is not for this certificate, whose serial number is {serial}")]
    OtherCertificate {
        /// The serial number of ours in hexadecimal digits.
        serial: String,
    },
    /// The certificate was revoked.
    #[error("it says that the certificate was revoked on {since}")]
    Revoked {
        /// When.
        since: Date,
    },
    /// The responder does not know the certificate.
    #[error("it says that the responder does not know the certificate")]
    Unknown,
    /// It does not hold yet.
    #[error("it holds from {from} on")]
    NotYet {
        /// From when on.
        from: Date,
    },
    /// It no longer holds.
    #[error("it held until {until}")]
    Expired {
        /// Until when.
        until: Date,
    },
    /// It does not say how long it holds, so nobody could know when to stop serving it.
    #[error("it has no nextUpdate")]
    Unlimited,
    /// It was not signed by the issuer of the certificate, nor by somebody whom it delegated.
    #[error("it is not signed by the issuer of the certificate")]
    BadSignature,
}

/// Reads a response from a file and holds it against the chain it is to be served with.
pub(super) fn read(
    path: &Path,
    chain: &[CertificateDer<'_>],
    now: UnixTime,
) -> Result<OcspStaple, CertificateFault> {
    let octets = load::read(&mut load::open(path)?)?;
    check(octets, chain, now).map_err(CertificateFault::Staple)
}

fn check(
    response: Vec<u8>,
    chain: &[CertificateDer<'_>],
    now: UnixTime,
) -> Result<OcspStaple, StapleFault> {
    let basic = basic_response(&response)?;
    let leaf = chain.first().map(|leaf| X509Certificate::from_der(leaf));
    let Some(Ok((_, leaf))) = leaf else {
        // Chains were read before their staples are.
        return Err(StapleFault::Malformed("there is no certificate".to_owned()));
    };
    let answers = &basic.tbs_response_data.responses;
    let answer = answers
        .iter()
        .find(|answer| is_about(&answer.cert_id, &leaf));
    let answer = answer.ok_or_else(|| StapleFault::OtherCertificate {
        serial: leaf.raw_serial_as_string(),
    })?;
    let (this_update, next_update) = check_answer(answer, now)?;
    if let Some(issuer) = chain.get(1) {
        check_signature(&basic, issuer, now)?;
    }
    Ok(OcspStaple {
        response,
        this_update,
        next_update,
    })
}

fn basic_response(octets: &[u8]) -> Result<BasicOcspResponse, StapleFault> {
    let malformed = |error: der::Error| StapleFault::Malformed(error.to_string());
    let response = OcspResponse::from_der(octets).map_err(malformed)?;
    match response.response_status {
        OcspResponseStatus::Successful => {}
        OcspResponseStatus::MalformedRequest => {
            return Err(StapleFault::NotAnswered("malformedRequest"));
        }
        OcspResponseStatus::InternalError => return Err(StapleFault::NotAnswered("internalError")),
        OcspResponseStatus::TryLater => return Err(StapleFault::NotAnswered("tryLater")),
        OcspResponseStatus::SigRequired => return Err(StapleFault::NotAnswered("sigRequired")),
        OcspResponseStatus::Unauthorized => return Err(StapleFault::NotAnswered("unauthorized")),
    }
    let bytes = response
        .response_bytes
        .ok_or_else(|| StapleFault::Malformed("there is no answer in it".to_owned()))?;
    BasicOcspResponse::from_der(bytes.response.as_bytes()).map_err(malformed)
}

/// Whether an answer is about this certificate (RFC 6960 §4.1.1). The issuer's key, whose hash
/// stands beside that of its name, is the one that has to have signed.
fn is_about(id: &CertId, leaf: &X509Certificate<'_>) -> bool {
    let hash = match id.hash_algorithm.oid.to_string().as_str() {
        "1.3.14.3.2.26" => hashed(&SHA1_FOR_LEGACY_USE_ONLY, leaf.issuer().as_raw()),
        "2.16.840.1.101.3.4.2.1" => hashed(&SHA256, leaf.issuer().as_raw()),
        _ => return false,
    };
    Number::of_octets(id.serial_number.as_bytes()) == Number::of_octets(leaf.raw_serial())
        && id.issuer_name_hash.as_bytes() == hash
}

fn hashed(algorithm: &'static Algorithm, octets: &[u8]) -> Vec<u8> {
    digest(algorithm, octets).as_ref().to_vec()
}

/// Holds an answer against the time, and gives the span in which it holds.
fn check_answer(answer: &SingleResponse, now: UnixTime) -> Result<(Date, Date), StapleFault> {
    match &answer.cert_status {
        CertStatus::Good(_) => {}
        CertStatus::Revoked(revoked) => {
            let since = date(revoked.revocation_time);
            return Err(StapleFault::Revoked { since });
        }
        CertStatus::Unknown(_) => return Err(StapleFault::Unknown),
    }
    let from = date(answer.this_update);
    let until = date(answer.next_update.ok_or(StapleFault::Unlimited)?);
    if now < from.0 {
        return Err(StapleFault::NotYet { from });
    }
    if until.0 <= now {
        return Err(StapleFault::Expired { until });
    }
    Ok((from, until))
}

fn date(time: OcspGeneralizedTime) -> Date {
    Date(UnixTime::since_unix_epoch(time.0.to_unix_duration()))
}

/// The purpose of a delegated responder, id-kp-OCSPSigning (RFC 6960 §4.2.2.2).
const OCSP_SIGNING: KeyUsage = KeyUsage::required(&[0x2b, 6, 1, 5, 5, 7, 3, 9]);

/// Asks whether the issuer, or somebody whom it certified for that, signed a response.
fn check_signature(
    basic: &BasicOcspResponse,
    issuer: &CertificateDer<'_>,
    now: UnixTime,
) -> Result<(), StapleFault> {
    let malformed = |error: der::Error| StapleFault::Malformed(error.to_string());
    let signed = Signed {
        message: basic.tbs_response_data.to_der().map_err(malformed)?,
        algorithm: basic.signature_algorithm.to_der().map_err(malformed)?,
        signature: basic.signature.raw_bytes(),
    };
    let delegates = basic.certs.iter().flatten();
    let delegates = delegates.filter_map(|certificate| certificate.to_der().ok());
    let mut delegates = delegates.map(CertificateDer::from);
    if signed.is_by(issuer)
        || delegates.any(|delegate| is_delegated(&delegate, issuer, now) && signed.is_by(&delegate))
    {
        Ok(())
    } else {
        Err(StapleFault::BadSignature)
    }
}

fn is_delegated(delegate: &CertificateDer<'_>, issuer: &CertificateDer<'_>, now: UnixTime) -> bool {
    let (Ok(delegate), Ok(anchor)) = (
        EndEntityCert::try_from(delegate),
        webpki::anchor_from_trusted_cert(issuer),
    ) else {
        return false;
    };
    let (algorithms, anchors) = (algorithms(), [anchor]);
    let path = delegate.verify_for_usage(&algorithms, &anchors, &[], now, OCSP_SIGNING, None, None);
    path.is_ok()
}

struct Signed<'a> {
    message: Vec<u8>,
    algorithm: Vec<u8>,
    signature: &'a [u8],
}

impl Signed<'_> {
    fn is_by(&self, signer: &CertificateDer<'_>) -> bool {
        let Ok(signer) = EndEntityCert::try_from(signer) else {
            return false;
        };
        // The library knows algorithms by the content of their identifiers.
        let content = self.algorithm.get(2..).unwrap_or_default();
        algorithms()
            .into_iter()
            .filter(|algorithm| algorithm.signature_alg_id().as_ref() == content)
            .any(|algorithm| {
                let verified = signer.verify_signature(algorithm, &self.message, self.signature);
                verified.is_ok()
            })
    }
}

fn algorithms() -> Vec<&'static dyn SignatureVerificationAlgorithm> {
    CryptoBounds::everything().certificate_algorithms()
}

#[cfg(test)]
mod tests;
