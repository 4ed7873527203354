//! Throw-away certificates as files, good ones and every kind of bad one.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PKCS_RSA_SHA256, PublicKeyData, RevokedCertParams, RsaKeySize, SerialNumber, date_time_ymd,
};
use time::OffsetDateTime;

use crate::fault::Fault;
use crate::home::{Home, set_mode};

/// The kind of a key pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// ECDSA on P-256.
    Ecdsa,
    /// RSA with 2048 bits.
    Rsa,
}

impl Key {
    fn generate(self) -> Result<KeyPair, rcgen::Error> {
        match self {
            Self::Ecdsa => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
            Self::Rsa => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
        }
    }
}

/// What a certificate may be used for (RFC 5280 §4.2.1.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// serverAuth and clientAuth.
    Both,
    /// serverAuth alone, as public authorities issue them today.
    ServerOnly,
    /// clientAuth alone.
    ClientOnly,
}

/// When a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// Now.
    Current,
    /// It ended years ago.
    Expired,
}

impl Validity {
    fn end(self) -> OffsetDateTime {
        match self {
            Self::Current => date_time_ymd(2049, 1, 1),
            Self::Expired => date_time_ymd(2021, 1, 1),
        }
    }
}

/// A certificate to be issued: ECDSA, current and for both usages until said otherwise.
#[derive(Clone, Debug)]
pub struct Leaf {
    names: Vec<String>,
    key: Key,
    usage: Usage,
    validity: Validity,
}

impl Leaf {
    /// A certificate for the host `name`.
    pub fn named(name: &str) -> Self {
        Self {
            names: vec![name.to_owned()],
            key: Key::Ecdsa,
            usage: Usage::Both,
            validity: Validity::Current,
        }
    }

    /// With one more name.
    #[must_use]
    pub fn and(mut self, name: &str) -> Self {
        self.names.push(name.to_owned());
        self
    }

    /// With a key of this kind.
    #[must_use]
    pub fn key(self, key: Key) -> Self {
        Self { key, ..self }
    }

    /// For this usage.
    #[must_use]
    pub fn usage(self, usage: Usage) -> Self {
        Self { usage, ..self }
    }

    /// Valid then.
    #[must_use]
    pub fn validity(self, validity: Validity) -> Self {
        Self { validity, ..self }
    }

    fn parameters(&self) -> Result<CertificateParams, rcgen::Error> {
        use ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
        let mut parameters = CertificateParams::new(self.names.clone())?;
        let first = self.names.first().map_or("", String::as_str);
        parameters
            .distinguished_name
            .push(DnType::CommonName, first);
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = match self.usage {
            Usage::Both => vec![ServerAuth, ClientAuth],
            Usage::ServerOnly => vec![ServerAuth],
            Usage::ClientOnly => vec![ClientAuth],
        };
        parameters.use_authority_key_identifier_extension = true;
        parameters.not_before = date_time_ymd(2020, 1, 1);
        parameters.not_after = self.validity.end();
        Ok(parameters)
    }
}

/// A certificate with its key, as files.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The certificate, PEM.
    pub chain: PathBuf,
    /// The private key, PEM (PKCS #8).
    pub key: PathBuf,
    certificate: String,
    der: Vec<u8>,
    spki: Vec<u8>,
    serial: u64,
}

impl Credentials {
    /// The certificate in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The key in it, as a SubjectPublicKeyInfo in DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The certificate's PEM without label and line ends: what certificates are compared by.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }
}

/// A throw-away certification authority. All its files are gone with it.
#[derive(Debug)]
pub struct Authority {
    home: Home,
    issuer: CertifiedIssuer<'static, KeyPair>,
    spki: Vec<u8>,
    root: PathBuf,
    issued: AtomicU32,
}

impl Authority {
    /// Makes an authority called `name`, with a key of kind `key`.
    ///
    /// A client that knows RSA alone needs an authority with an RSA key, for the whole chain.
    pub fn new(name: &str, key: Key) -> Result<Self, Fault> {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        parameters.not_before = date_time_ymd(2020, 1, 1);
        parameters.not_after = date_time_ymd(2049, 1, 1);
        let key = key.generate()?;
        let spki = key.subject_public_key_info();
        let issuer = CertifiedIssuer::self_signed(parameters, key)?;
        let home = Home::new("authority")?;
        let root = home.write("root.pem", issuer.pem())?;
        Ok(Self {
            home,
            issuer,
            spki,
            root,
            issued: AtomicU32::new(0),
        })
    }

    /// The authority's own certificate: what trusts it is given this file.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The same certificate in DER.
    pub fn der(&self) -> &[u8] {
        self.issuer.der()
    }

    /// The key in it, as a SubjectPublicKeyInfo in DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Issues a certificate whose file has the authority's own behind it, as usage 2 of TLSA records
    /// needs it (RFC 7672 §3.1.2).
    pub fn issue_with_root(&self, leaf: &Leaf) -> Result<Credentials, Fault> {
        self.issue_followed_by(leaf, &self.issuer.pem())
    }

    /// Signs a list of certificates that count no more (RFC 5280 §5), which is valid now or ended
    /// years ago, and gives its file.
    pub fn revoke(&self, revoked: &[&Credentials], validity: Validity) -> Result<PathBuf, Fault> {
        let entry = |credentials: &&Credentials| RevokedCertParams {
            serial_number: SerialNumber::from(credentials.serial),
            revocation_time: date_time_ymd(2020, 6, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let number = self.issued.fetch_add(1, Ordering::Relaxed);
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 6, 1),
            next_update: validity.end(),
            crl_number: SerialNumber::from(u64::from(number)),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let pem = list.signed_by(&self.issuer)?.pem()?;
        self.home.write(&format!("list-{number}.pem"), pem)
    }

    /// Issues a certificate.
    pub fn issue(&self, leaf: &Leaf) -> Result<Credentials, Fault> {
        self.issue_followed_by(leaf, "")
    }

    fn issue_followed_by(&self, leaf: &Leaf, others: &str) -> Result<Credentials, Fault> {
        let key_pair = leaf.key.generate()?;
        let number = self.issued.fetch_add(1, Ordering::Relaxed);
        let serial = u64::from(number) + 1;
        let mut parameters = leaf.parameters()?;
        parameters.serial_number = Some(SerialNumber::from(serial));
        let issued = parameters.signed_by(&key_pair, &self.issuer)?;
        let certificate = [&issued.pem(), others].concat();
        let chain = self
            .home
            .write(&format!("leaf-{number}.pem"), &certificate)?;
        let key = self
            .home
            .write(&format!("leaf-{number}.key"), key_pair.serialize_pem())?;
        // Postfix and OpenSMTPD refuse keys that others may read.
        set_mode(&key, 0o600)?;
        let certificate = first_certificate(&certificate)
            .ok_or_else(|| Fault::Unexpected("no certificate in PEM just made".to_owned()))?;
        Ok(Credentials {
            chain,
            key,
            certificate,
            der: issued.der().to_vec(),
            spki: key_pair.subject_public_key_info(),
            serial,
        })
    }
}

/// The first certificate in a PEM text or transcript, without label and line ends.
pub(crate) fn first_certificate(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    Some(body.split_whitespace().collect())
}
