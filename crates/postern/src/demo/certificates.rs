//! Throw-away authorities and certificates, new ones for every run.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};

use super::home::Home;
use crate::failure::Failure;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The authorities, by the names of their files.
const AUTHORITIES: [&str; 6] = [
    "example-ca",
    "ministry-ca",
    "bank-ca",
    "clinic-ca",
    "supplier-ca",
    "impostor-ca",
];

/// The certificates that callers show, by the stems of their files.
pub(super) const OF_CALLERS: [&str; 2] = ["ministry-out", "bank-out"];

/// A certificate that somebody in the demonstration has.
struct Wanted {
    /// The stem of its files.
    stem: &'static str,
    name: &'static str,
    signed: Signed,
    validity: Validity,
}

enum Signed {
    By(&'static str),
    ByItself,
}

#[derive(Clone, Copy)]
enum Validity {
    Current,
    EndedYesterday,
}

static CERTIFICATES: [Wanted; 9] = [
    current("mx1", "mx1.example.org", Signed::By("example-ca")),
    current("gateway", "gateway.example.org", Signed::By("example-ca")),
    current(
        "ministry-mx1",
        "mx1.ministry.example",
        Signed::By("ministry-ca"),
    ),
    current(
        "ministry-out",
        "out.ministry.example",
        Signed::By("ministry-ca"),
    ),
    // The right name, by an authority of the impostor's own: all that an attacker can make.
    current("impostor", "mx1.bank.example", Signed::By("impostor-ca")),
    current("bank-out", "out.bank.example", Signed::By("bank-ca")),
    current("clinic-mx1", "mx1.clinic.example", Signed::By("clinic-ca")),
    Wanted {
        stem: "supplier-mx1",
        name: "mx1.supplier.example",
        signed: Signed::By("supplier-ca"),
        validity: Validity::EndedYesterday,
    },
    current("selfsigned", "mail.selfsigned.example", Signed::ByItself),
];

const fn current(stem: &'static str, name: &'static str, signed: Signed) -> Wanted {
    Wanted {
        stem,
        name,
        signed,
        validity: Validity::Current,
    }
}

/// Makes them all, and writes them as `NAME.pem` and `NAME.key`.
pub(super) fn write(home: &Home) -> Result<(), Failure> {
    let made = AUTHORITIES.map(Authority::new);
    let mut authorities = Vec::new();
    for authority in made {
        let authority = authority.map_err(|error| cannot_make(&error))?;
        home.write(&format!("{}.pem", authority.name), &authority.pem)?;
        authorities.push(authority);
    }
    for wanted in &CERTIFICATES {
        let (chain, key) = wanted
            .make(&authorities)
            .map_err(|error| cannot_make(&error))?;
        home.write(&format!("{}.pem", wanted.stem), &chain)?;
        home.write(&format!("{}.key", wanted.stem), &key)?;
    }
    Ok(())
}

fn cannot_make(error: &rcgen::Error) -> Failure {
    Failure::new("cannot make a certificate", error)
}

struct Authority {
    name: &'static str,
    params: CertificateParams,
    key: KeyPair,
    pem: String,
}

impl Authority {
    fn new(name: &'static str) -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Validity::Current.apply(&mut params);
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Self {
            name,
            params,
            key,
            pem,
        })
    }
}

impl Wanted {
    /// The certificate and its key, in PEM.
    fn make(&self, authorities: &[Authority]) -> Result<(String, String), rcgen::Error> {
        let params = self.params()?;
        let key = KeyPair::generate()?;
        let issuer = match self.signed {
            Signed::By(name) => authorities.iter().find(|authority| authority.name == name),
            Signed::ByItself => None,
        };
        let certificate = match issuer {
            Some(Authority {
                params: of,
                key: with,
                ..
            }) => params.signed_by(&key, &Issuer::from_params(of, with))?,
            None => params.self_signed(&key)?,
        };
        Ok((certificate.pem(), key.serialize_pem()))
    }

    fn params(&self) -> Result<CertificateParams, rcgen::Error> {
        let mut params = CertificateParams::new([self.name.to_owned()])?;
        params.distinguished_name = named(self.name);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        self.validity.apply(&mut params);
        Ok(params)
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

impl Validity {
    fn apply(self, params: &mut CertificateParams) {
        let now = SystemTime::now();
        let (from, to) = match self {
            Self::Current => (now - DAY, now + 30 * DAY),
            Self::EndedYesterday => (now - 31 * DAY, now - DAY),
        };
        params.not_before = from.into();
        params.not_after = to.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_certificate_has_its_authority() {
        for wanted in &CERTIFICATES {
            if let Signed::By(name) = wanted.signed {
                assert!(AUTHORITIES.contains(&name), "{name} signs {}", wanted.stem);
            }
        }
    }
}
