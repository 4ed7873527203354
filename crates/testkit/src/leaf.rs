//! What a certificate is to say.

use std::{
    net::IpAddr,
    time::{Duration, SystemTime},
};

use rcgen::{
    CertificateParams, CrlDistributionPoint, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What kind of key pair to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// ECDSA on P-256, signing with SHA-256.
    EcdsaP256,
    /// ECDSA on P-384, signing with SHA-384.
    EcdsaP384,
    /// Ed25519.
    Ed25519,
    /// RSA with 2048 bits, signing with SHA-256.
    Rsa2048,
    /// RSA with 3072 bits, signing with SHA-256.
    Rsa3072,
}

impl Key {
    pub(crate) fn generate(self) -> KeyPair {
        match self {
            Self::EcdsaP256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
            Self::EcdsaP384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
            Self::Ed25519 => KeyPair::generate_for(&rcgen::PKCS_ED25519),
            Self::Rsa2048 => {
                KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048)
            }
            Self::Rsa3072 => {
                KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_3072)
            }
        }
        .expect("a key pair")
    }
}

/// The extended key usages to put in (RFC 5280 §4.2.1.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// serverAuth alone, as public authorities issue now.
    ServerAuth,
    /// clientAuth alone.
    ClientAuth,
    /// Both.
    Both,
    /// No extended key usage extension at all.
    Unstated,
    /// One that has nothing to do with TLS: codeSigning.
    CodeSigning,
    /// Answering for the issuer which certificates it revoked (RFC 6960 §4.2.2.2).
    OcspSigning,
}

/// When the certificate holds, seen from the moment it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// From yesterday for 90 days.
    Current,
    /// Ended yesterday.
    Expired,
    /// Begins tomorrow.
    NotYet,
    /// From yesterday, ending in so many days.
    EndsInDays(u64),
}

impl Validity {
    pub(crate) fn apply(self, params: &mut CertificateParams) {
        let (from, to) = self.dates();
        params.not_before = from.into();
        params.not_after = to.into();
    }

    /// From when to when.
    pub(crate) fn dates(self) -> (SystemTime, SystemTime) {
        let now = SystemTime::now();
        match self {
            Self::Current => (now - DAY, now + 89 * DAY),
            Self::Expired => (now - 91 * DAY, now - DAY),
            Self::NotYet => (now + DAY, now + 91 * DAY),
            Self::EndsInDays(days) => (
                now - DAY,
                now + DAY.saturating_mul(u32::try_from(days).expect("fewer days")),
            ),
        }
    }
}

/// Something that sound certificates do not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Oddity {
    /// A critical extension that nobody knows.
    UnknownCriticalExtension,
    /// dNSName entries with these octets, whatever they are, in place of the names.
    RawNames(Vec<Vec<u8>>),
    /// The certificate claims a signature with SHA-1, by naming `sha1WithRSAEncryption` where
    /// it said `sha256WithRSAEncryption`. Needs an RSA issuer. The signature then verifies
    /// under neither, which no verifier should get as far as finding out.
    ClaimsSha1,
    /// The public key is an RSA key of 1024 bits that nobody holds.
    Rsa1024,
    /// basicConstraints says that this leaf is an authority.
    IsAuthority,
    /// The certificate is of version 1, without extensions; its signature does not verify.
    Version1,
}

/// A description of an end entity certificate. It begins as what a mail host has: P-256, one
/// name in the subject alternative name and the common name, serverAuth and clientAuth, current.
#[derive(Debug, Clone)]
pub struct Leaf {
    pub(crate) key: Key,
    pub(crate) oddity: Option<Oddity>,
    names: Vec<String>,
    addresses: Vec<IpAddr>,
    common_name: Option<String>,
    usage: Usage,
    validity: Validity,
    serial: Option<Vec<u8>>,
    lists: Option<String>,
}

impl Leaf {
    /// A certificate for this name, which may be a wildcard such as `*.example.org`.
    pub fn named(name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            key: Key::EcdsaP256,
            oddity: None,
            common_name: Some(name.clone()),
            names: vec![name],
            addresses: Vec::new(),
            usage: Usage::Both,
            validity: Validity::Current,
            serial: None,
            lists: None,
        }
    }

    /// A certificate with a common name and no subject alternative name (RFC 9525 §6.3 forbids
    /// its use).
    pub fn common_name_only(name: impl Into<String>) -> Self {
        Self {
            names: Vec::new(),
            ..Self::named(name)
        }
    }

    /// With a further name.
    #[must_use]
    pub fn and_named(mut self, name: impl Into<String>) -> Self {
        self.names.push(name.into());
        self
    }

    /// With an iPAddress entry.
    #[must_use]
    pub fn address(mut self, address: IpAddr) -> Self {
        self.addresses.push(address);
        self
    }

    /// With another common name.
    #[must_use]
    pub fn common_name(mut self, name: impl Into<String>) -> Self {
        self.common_name = Some(name.into());
        self
    }

    /// With another kind of key.
    #[must_use]
    pub fn key(mut self, key: Key) -> Self {
        self.key = key;
        self
    }

    /// With other extended key usages.
    #[must_use]
    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }

    /// With other dates.
    #[must_use]
    pub fn validity(mut self, validity: Validity) -> Self {
        self.validity = validity;
        self
    }

    /// With this serial number in place of a random one.
    #[must_use]
    pub fn serial(mut self, octets: &[u8]) -> Self {
        self.serial = Some(octets.to_vec());
        self
    }

    /// Naming the place of its revocation lists (RFC 5280 §4.2.1.13).
    #[must_use]
    pub fn lists_at(mut self, url: impl Into<String>) -> Self {
        self.lists = Some(url.into());
        self
    }

    /// With something that sound certificates do not have.
    #[must_use]
    pub fn oddity(mut self, oddity: Oddity) -> Self {
        self.oddity = Some(oddity);
        self
    }

    pub(crate) fn params(&self) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = distinguished_name(self.common_name.as_deref());
        params.subject_alt_names = self.subject_alternative_names();
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = match self.usage {
            Usage::ServerAuth => vec![ExtendedKeyUsagePurpose::ServerAuth],
            Usage::ClientAuth => vec![ExtendedKeyUsagePurpose::ClientAuth],
            Usage::Both => vec![
                ExtendedKeyUsagePurpose::ServerAuth,
                ExtendedKeyUsagePurpose::ClientAuth,
            ],
            Usage::Unstated => Vec::new(),
            Usage::CodeSigning => vec![ExtendedKeyUsagePurpose::CodeSigning],
            Usage::OcspSigning => vec![ExtendedKeyUsagePurpose::OcspSigning],
        };
        params.use_authority_key_identifier_extension = true;
        params.serial_number = self.serial.as_deref().map(SerialNumber::from_slice);
        let places = self.lists.iter().cloned();
        params.crl_distribution_points = places
            .map(|url| CrlDistributionPoint { uris: vec![url] })
            .collect();
        self.validity.apply(&mut params);
        self.apply_oddity(&mut params);
        params
    }

    fn subject_alternative_names(&self) -> Vec<SanType> {
        let names = self.names.iter().map(|name| {
            SanType::DnsName(name.as_str().try_into().expect("a name within IA5String"))
        });
        let addresses = self.addresses.iter().copied().map(SanType::IpAddress);
        names.chain(addresses).collect()
    }

    fn apply_oddity(&self, params: &mut CertificateParams) {
        match &self.oddity {
            Some(Oddity::UnknownCriticalExtension) => {
                let mut extension =
                    CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 32473, 1], vec![5, 0]);
                extension.set_criticality(true);
                params.custom_extensions.push(extension);
            }
            Some(Oddity::RawNames(names)) => {
                params.subject_alt_names.clear();
                params.custom_extensions.push(raw_names(names));
            }
            Some(Oddity::IsAuthority) => {
                params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            }
            // These are done when the certificate is signed.
            Some(Oddity::ClaimsSha1 | Oddity::Rsa1024 | Oddity::Version1) | None => {}
        }
    }
}

pub(crate) fn distinguished_name(common_name: Option<&str>) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Postern tests");
    if let Some(common_name) = common_name {
        name.push(DnType::CommonName, common_name);
    }
    name
}

/// A subject alternative name extension of dNSName entries with any octets in them.
fn raw_names(names: &[Vec<u8>]) -> CustomExtension {
    let entries: Vec<u8> = names.iter().flat_map(|name| der(0x82, name)).collect();
    CustomExtension::from_oid_content(&[2, 5, 29, 17], der(0x30, &entries))
}

/// A DER value: tag, length, content.
pub(crate) fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("short content");
    let mut value = vec![tag];
    match length {
        0..=127 => value.extend(length.to_be_bytes().iter().skip(1)),
        128..=255 => value.extend([0x81].iter().chain(length.to_be_bytes().iter().skip(1))),
        256.. => value.extend([0x82].iter().chain(&length.to_be_bytes())),
    }
    value.extend(content);
    value
}

/// The values that stand one after the other in `content`, each with its tag and length.
pub(crate) fn der_values(mut content: &[u8]) -> Vec<&[u8]> {
    let mut values = Vec::new();
    while let [_, first, rest @ ..] = content {
        let (octets_of_length, length) = match *first {
            length @ ..128 => (0, usize::from(length)),
            long => {
                let octets = rest.iter().take(usize::from(long - 128));
                let length = octets.fold(0, |length, octet| length << 8 | usize::from(*octet));
                (usize::from(long - 128), length)
            }
        };
        let (value, after) = content.split_at(2 + octets_of_length + length);
        values.push(value);
        content = after;
    }
    values
}

/// The content of a value, without its tag and length.
pub(crate) fn der_content(value: &[u8]) -> &[u8] {
    let long = value.get(1).map_or(0, |first| first.saturating_sub(127));
    let header = if long > 0 { 1 + usize::from(long) } else { 2 };
    value.get(header..).expect("a value with a header")
}
