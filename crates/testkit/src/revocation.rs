//! Certificate revocation lists (RFC 5280 §5).

use std::time::{Duration, SystemTime};

use rcgen::{
    CertificateRevocationListParams, CrlDistributionPoint, CrlIssuingDistributionPoint, CrlScope,
    Issuer, KeyIdMethod, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};
use rustls_pki_types::CertificateDer;

use crate::{
    Authority, Validity,
    identity::pem,
    leaf::{der, der_content, der_values},
};

/// A description of a revocation list. It begins as a current one that lists nothing and is
/// about all certificates of its issuer.
#[derive(Debug, Clone)]
pub struct RevocationList {
    number: u64,
    minute: u64,
    serials: Vec<Vec<u8>>,
    validity: Validity,
    place: Option<String>,
    scope: Option<CrlScope>,
    extension: Option<Vec<u8>>,
}

impl RevocationList {
    /// The list of this number. It is dated so many minutes after the beginning of its validity.
    pub fn numbered(number: u64) -> Self {
        Self {
            number,
            minute: number,
            serials: Vec::new(),
            validity: Validity::Current,
            place: None,
            scope: None,
            extension: None,
        }
    }

    /// Dated so many minutes after the beginning of its validity, whatever its number.
    #[must_use]
    pub fn minute(mut self, minute: u64) -> Self {
        self.minute = minute;
        self
    }

    /// With this certificate in it, whoever issued it.
    #[must_use]
    pub fn revoking(mut self, certificate: &CertificateDer<'_>) -> Self {
        self.serials.push(serial(certificate));
        self
    }

    /// With other dates.
    #[must_use]
    pub fn validity(mut self, validity: Validity) -> Self {
        self.validity = validity;
        self
    }

    /// Only for certificates that name this distribution point (RFC 5280 §5.2.5).
    #[must_use]
    pub fn at(mut self, url: impl Into<String>) -> Self {
        self.place = Some(url.into());
        self
    }

    /// Only for certificates of authorities, at this distribution point.
    #[must_use]
    pub fn only_of_authorities(mut self, url: impl Into<String>) -> Self {
        self.scope = Some(CrlScope::CaCertsOnly);
        self.at(url)
    }

    /// A delta list (RFC 5280 §5.2.4). Its signature does not verify.
    #[must_use]
    pub fn delta(mut self) -> Self {
        // deltaCRLIndicator, critical, with the base number 1.
        let parts = [
            der(0x06, &[0x55, 0x1d, 27]),
            der(0x01, &[0xff]),
            der(0x04, &[0x02, 0x01, 0x01]),
        ];
        self.extension = Some(der(0x30, &parts.concat()));
        self
    }

    /// An indirect list (RFC 5280 §5.2.5). Its signature does not verify.
    #[must_use]
    pub fn indirect(mut self) -> Self {
        // issuingDistributionPoint, critical, with indirectCRL alone.
        let parts = [
            der(0x06, &[0x55, 0x1d, 28]),
            der(0x01, &[0xff]),
            der(0x04, &der(0x30, &[0x84, 0x01, 0xff])),
        ];
        self.extension = Some(der(0x30, &parts.concat()));
        self
    }

    /// Signs it, in DER.
    fn sign(&self, authority: &Authority) -> Vec<u8> {
        let (from, to) = self.validity.dates();
        let this_update = from + Duration::from_secs(60 * self.minute);
        let revoked = |serial: &Vec<u8>| RevokedCertParams {
            serial_number: SerialNumber::from_slice(serial),
            revocation_time: (SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)).into(),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: this_update.into(),
            next_update: to.into(),
            crl_number: SerialNumber::from(self.number),
            issuing_distribution_point: self.place.as_ref().map(|url| {
                CrlIssuingDistributionPoint {
                    distribution_point: CrlDistributionPoint {
                        uris: vec![url.clone()],
                    },
                    scope: self.scope,
                }
            }),
            revoked_certs: self.serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let mut issuer = authority.params.clone();
        // Whether it may sign lists is for the verifier to find out.
        issuer.key_usages = vec![KeyUsagePurpose::CrlSign];
        let issuer = Issuer::from_params(&issuer, &authority.key);
        let list = params.signed_by(&issuer).expect("a revocation list");
        match &self.extension {
            None => list.der().to_vec(),
            Some(extension) => with_extension(list.der(), extension),
        }
    }
}

impl Authority {
    /// A revocation list of this authority in DER.
    pub fn crl(&self, list: &RevocationList) -> Vec<u8> {
        list.sign(self)
    }
}

/// A revocation list in PEM (RFC 7468 §8).
pub fn crl_pem(der: &[u8]) -> String {
    pem("X509 CRL", der)
}

/// The serial number of a certificate, the second field of its signed part.
fn serial(certificate: &CertificateDer<'_>) -> Vec<u8> {
    let parts = der_values(der_content(certificate));
    let signed = der_values(der_content(parts.first().expect("a signed part")));
    der_content(signed.get(1).expect("a serial number")).to_vec()
}

/// Adds to the extensions, which are the last field of the signed part.
fn with_extension(list: &[u8], extension: &[u8]) -> Vec<u8> {
    let parts = der_values(der_content(list));
    let [signed, algorithm, signature] = parts.as_slice() else {
        return list.to_vec();
    };
    let mut fields: Vec<Vec<u8>> = der_values(der_content(signed))
        .into_iter()
        .map(<[u8]>::to_vec)
        .collect();
    let last = fields.pop().expect("extensions");
    let extensions = [der_content(der_content(&last)), extension].concat();
    fields.push(der(0xa0, &der(0x30, &extensions)));
    let signed = der(0x30, &fields.concat());
    der(0x30, &[&signed, *algorithm, *signature].concat())
}
