//! The throw-away certificate authority.

use std::{fs, path::Path};

use rcgen::{
    BasicConstraints, CertificateParams, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, PublicKeyData, SerialNumber,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::{
    Identity,
    identity::certificate_pem,
    leaf::{Key, Leaf, Oddity, Validity, der, der_content, der_values, distinguished_name},
};

/// A certificate authority that exists for one test.
#[derive(Debug)]
pub struct Authority {
    pub(crate) params: CertificateParams,
    pub(crate) key: KeyPair,
    certificate: CertificateDer<'static>,
    /// This authority's certificate and those above it, without the root.
    intermediates: Vec<CertificateDer<'static>>,
}

/// What an authority may certify (RFC 5280 §4.2.1.9, §4.2.1.10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constraint {
    /// So many intermediates may stand below it.
    PathLength(u8),
    /// Only names at or below this domain.
    Below(String),
}

impl Authority {
    /// A root with a key on P-256.
    pub fn new(common_name: &str) -> Self {
        Self::with_key(common_name, Key::EcdsaP256)
    }

    /// A root with another kind of key.
    pub fn with_key(common_name: &str, key: Key) -> Self {
        let params = authority_params(common_name, None);
        let key = key.generate();
        let certificate = params.self_signed(&key).expect("a root certificate");
        Self {
            certificate: certificate.der().clone(),
            params,
            key,
            intermediates: Vec::new(),
        }
    }

    /// An authority below this one; what it issues carries its certificate in the chain.
    #[must_use]
    pub fn intermediate(&self, common_name: &str) -> Self {
        self.below(authority_params(common_name, None))
    }

    /// An authority below this one that may not certify everything.
    #[must_use]
    pub fn constrained(&self, common_name: &str, constraint: &Constraint) -> Self {
        self.below(authority_params(common_name, Some(constraint)))
    }

    /// An authority below this one with other dates.
    #[must_use]
    pub fn intermediate_valid(&self, common_name: &str, validity: Validity) -> Self {
        let mut params = authority_params(common_name, None);
        validity.apply(&mut params);
        self.below(params)
    }

    /// An authority below this one whose key may not sign revocation lists
    /// (RFC 5280 §4.2.1.3).
    #[must_use]
    pub fn intermediate_without_lists(&self, common_name: &str) -> Self {
        let mut params = authority_params(common_name, None);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        self.below(params)
    }

    /// This authority with a second certificate for its key, by `above`.
    #[must_use]
    pub fn certified_again(&self, above: &Self) -> Self {
        let key = KeyPair::try_from(&private_key(&self.key)).expect("a key pair");
        let mut params = self.params.clone();
        // Otherwise it would be derived from the key and be the same as before.
        params.serial_number = Some(SerialNumber::from(2));
        let certificate = above.sign(&params, &key);
        let mut intermediates = vec![certificate.clone()];
        intermediates.extend(above.intermediates.iter().cloned());
        Self {
            params,
            key,
            certificate,
            intermediates,
        }
    }

    /// The holder of a certificate acting as the authority it is not.
    pub fn impersonated_by(&self, leaf: &Leaf) -> Self {
        self.below(leaf.params())
    }

    fn below(&self, params: CertificateParams) -> Self {
        let key = Key::EcdsaP256.generate();
        let certificate = self.sign(&params, &key);
        let mut intermediates = vec![certificate.clone()];
        intermediates.extend(self.intermediates.iter().cloned());
        Self {
            params,
            key,
            certificate,
            intermediates,
        }
    }

    /// Issues a certificate for a new key.
    pub fn issue(&self, leaf: &Leaf) -> Identity {
        self.certify(leaf, &leaf.key.generate())
    }

    /// Issues a certificate for the key that `identity` has.
    pub fn reissue(&self, identity: &Identity, leaf: &Leaf) -> Identity {
        let key = KeyPair::try_from(&identity.key()).expect("a key pair");
        self.certify(leaf, &key)
    }

    fn certify(&self, leaf: &Leaf, key: &KeyPair) -> Identity {
        let certificate = match &leaf.oddity {
            Some(Oddity::Rsa1024) => self.sign(&leaf.params(), &NobodysRsa1024::new()),
            Some(Oddity::ClaimsSha1) => claiming_sha1(&self.sign(&leaf.params(), key)),
            Some(Oddity::Version1) => of_version1(&self.sign(&leaf.params(), key)),
            _ => self.sign(&leaf.params(), key),
        };
        let mut chain = vec![certificate];
        chain.extend(self.intermediates.iter().cloned());
        Identity {
            chain,
            key: private_key(key),
        }
    }

    /// A certificate that nobody signed but its own key.
    pub fn self_signed(leaf: &Leaf) -> Identity {
        let key = leaf.key.generate();
        let certificate = leaf.params().self_signed(&key).expect("a certificate");
        Identity {
            chain: vec![certificate.der().clone()],
            key: private_key(&key),
        }
    }

    /// The certificate of this authority.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The certificate of this authority in PEM.
    pub fn pem(&self) -> String {
        certificate_pem(&self.certificate)
    }

    /// Writes the certificate of this authority to a file.
    pub fn write(&self, path: &Path) {
        fs::write(path, self.pem()).expect("an authority file");
    }

    fn sign(
        &self,
        params: &CertificateParams,
        key: &impl PublicKeyData,
    ) -> CertificateDer<'static> {
        let issuer = Issuer::from_params(&self.params, &self.key);
        let certificate = params.signed_by(key, &issuer).expect("a certificate");
        certificate.der().clone()
    }
}

fn authority_params(common_name: &str, constraint: Option<&Constraint>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = distinguished_name(Some(common_name));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Validity::Current.apply(&mut params);
    match constraint {
        Some(Constraint::PathLength(length)) => {
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(*length));
        }
        Some(Constraint::Below(domain)) => {
            params.name_constraints = Some(NameConstraints {
                permitted_subtrees: vec![GeneralSubtree::DnsName(domain.clone())],
                excluded_subtrees: Vec::new(),
            });
        }
        None => {}
    }
    params
}

fn private_key(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivateKeyDer::try_from(key.serialize_der()).expect("a private key")
}

/// An RSA public key of 1024 bits whose private key does not exist.
struct NobodysRsa1024(Vec<u8>);

impl NobodysRsa1024 {
    fn new() -> Self {
        // An odd number with its highest bit set is all that a parser asks of a modulus.
        let mut modulus = vec![0x00];
        modulus.extend([0xc5; 128]);
        let exponent = [0x01, 0x00, 0x01];
        let key = [der(0x02, &modulus), der(0x02, &exponent)].concat();
        Self(der(0x30, &key))
    }
}

impl PublicKeyData for NobodysRsa1024 {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

/// Replaces the signature algorithm inside and outside of the signed part.
fn claiming_sha1(certificate: &CertificateDer<'_>) -> CertificateDer<'static> {
    // 1.2.840.113549.1.1.11 and .5 (RFC 8017 appendix C); both take as many octets.
    const SHA256: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];
    const SHA1: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05];
    let mut der = certificate.to_vec();
    let places: Vec<usize> = der
        .windows(SHA256.len())
        .enumerate()
        .filter_map(|(at, window)| (window == SHA256).then_some(at))
        .collect();
    assert_eq!(places.len(), 2, "an RSA issuer signs with SHA-256");
    for at in places {
        der.splice(at..at + SHA1.len(), SHA1);
    }
    der.into()
}

/// Leaves out version and extensions, the first and the last field of the signed part
/// (RFC 5280 §4.1).
fn of_version1(certificate: &CertificateDer<'_>) -> CertificateDer<'static> {
    let parts = der_values(der_content(certificate));
    let [signed, algorithm, signature] = parts.as_slice() else {
        return certificate.clone().into_owned();
    };
    let fields = der_values(der_content(signed));
    let fields = fields.get(1..fields.len() - 1).expect("eight fields");
    let signed = der(0x30, &fields.concat());
    der(0x30, &[&signed, *algorithm, *signature].concat()).into()
}
