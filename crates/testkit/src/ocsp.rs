//! OCSP responses (RFC 6960 §4.2.1).

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use rcgen::{PublicKeyData as _, SigningKey as _};
use rustls_pki_types::CertificateDer;
use time::OffsetDateTime;

use crate::{
    Authority, Identity, Validity,
    leaf::{der, der_content, der_values},
};

/// What a response says of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OcspStatus {
    /// It is good.
    Good,
    /// It was revoked when the answer began to hold.
    Revoked,
    /// The responder does not know it.
    Unknown,
}

/// A description of a response. It begins as one that says *good* and is current.
#[derive(Debug, Clone, Copy)]
pub struct OcspAnswer {
    status: OcspStatus,
    validity: Validity,
    limited: bool,
}

impl OcspAnswer {
    /// An answer of this status.
    pub fn new(status: OcspStatus) -> Self {
        Self {
            status,
            validity: Validity::Current,
            limited: true,
        }
    }

    /// With other times of thisUpdate and nextUpdate.
    #[must_use]
    pub fn validity(mut self, validity: Validity) -> Self {
        self.validity = validity;
        self
    }

    /// Without a nextUpdate.
    #[must_use]
    pub fn unlimited(mut self) -> Self {
        self.limited = false;
        self
    }

    /// The SingleResponse about a certificate.
    fn about(self, id: &[u8]) -> Vec<u8> {
        let (from, until) = self.validity.dates();
        let (from, until) = (
            generalized_time(from.into()),
            generalized_time(until.into()),
        );
        let status = match self.status {
            OcspStatus::Good => der(0x80, &[]),
            OcspStatus::Revoked => der(0xa1, &from),
            OcspStatus::Unknown => der(0x82, &[]),
        };
        let next_update = if self.limited {
            der(0xa0, &until)
        } else {
            Vec::new()
        };
        der(0x30, &[id, &status, &from, &next_update].concat())
    }
}

impl Authority {
    /// A response about the certificate of `identity`, whoever issued it, signed by this
    /// authority itself.
    pub fn ocsp(&self, identity: &Identity, answer: OcspAnswer) -> Vec<u8> {
        self.ocsp_by(self, &[], identity, answer)
    }

    /// A response signed by `responder` with the certificates that are to show that it may.
    pub fn ocsp_by(
        &self,
        responder: &Self,
        shown: &[CertificateDer<'_>],
        identity: &Identity,
        answer: OcspAnswer,
    ) -> Vec<u8> {
        let (from, _) = answer.validity.dates();
        let responder_id = der(0xa2, &der(4, &sha1(responder.key.der_bytes())));
        let single = answer.about(&self.cert_id(identity.leaf()));
        let data = [
            responder_id,
            generalized_time(from.into()),
            der(0x30, &single),
        ];
        let data = der(0x30, &data.concat());
        let signature = responder.key.sign(&data).expect("a signature");
        let ecdsa_with_sha256 = [6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
        let shown = match shown {
            [] => Vec::new(),
            shown => {
                let shown: Vec<u8> = shown.iter().flat_map(|one| one.to_vec()).collect();
                der(0xa0, &der(0x30, &shown))
            }
        };
        let basic = [
            data,
            der(0x30, &ecdsa_with_sha256),
            der(3, &[&[0], signature.as_slice()].concat()),
            shown,
        ];
        response(&der(0x30, &basic.concat()))
    }

    /// The CertID of a certificate by the hashes that responders use.
    fn cert_id(&self, certificate: &CertificateDer<'_>) -> Vec<u8> {
        let tbs = der_values(der_content(certificate));
        let fields = der_values(der_content(tbs.first().expect("a certificate")));
        let [_version, serial, _algorithm, issuer, ..] = fields.as_slice() else {
            unreachable!("a certificate of version 3");
        };
        let sha1_identifier = der(0x30, &[6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0]);
        let hashes = [der(4, &sha1(issuer)), der(4, &sha1(self.key.der_bytes()))];
        der(
            0x30,
            &[sha1_identifier, hashes.concat(), serial.to_vec()].concat(),
        )
    }
}

/// The response of a responder that does not answer: tryLater.
pub fn ocsp_try_later() -> Vec<u8> {
    der(0x30, &[0x0a, 1, 3])
}

/// The OCSPResponse around a BasicOCSPResponse.
fn response(basic: &[u8]) -> Vec<u8> {
    let id_pkix_ocsp_basic = [6, 9, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1];
    let bytes = der(
        0x30,
        &[&id_pkix_ocsp_basic, der(4, basic).as_slice()].concat(),
    );
    der(
        0x30,
        &[&[0x0a, 1, 0], der(0xa0, &bytes).as_slice()].concat(),
    )
}

fn sha1(octets: &[u8]) -> Vec<u8> {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, octets).as_ref().to_vec()
}

fn generalized_time(at: OffsetDateTime) -> Vec<u8> {
    let text = format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    );
    der(0x18, text.as_bytes())
}
