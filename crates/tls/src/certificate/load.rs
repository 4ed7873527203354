//! Reading a pair, and holding it against everything that would fail later and worse.

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::Arc,
};

use rustls::{InconsistentKeys, crypto::aws_lc_rs, sign::CertifiedKey};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer, UnixTime,
    pem::{self, PemObject as _},
};
use webpki::EndEntityCert;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{
    Certificate, CertificateError, CertificateFault, CertificateFiles, OcspStaple, staple,
};
use crate::{
    CertificateSummary, CertificateUsage, ChainFault, CryptoBounds, PublicKey,
    crypto::LEAST_RSA_BITS,
    date::Date,
    pem::wrong_with,
    pkix::Sent,
    summary::{dns_names, shown},
};

/// The longest file that is read. Chains take a few KiB.
const LONGEST: u64 = 1024 * 1024;

/// Loads one pair, without its staple.
pub(super) fn pair(
    files: &CertificateFiles,
    now: UnixTime,
) -> Result<Certificate, CertificateError> {
    let blame = |file: &Path| {
        let (name, file) = (files.name.clone(), file.to_owned());
        |fault| CertificateError { name, file, fault }
    };
    let chain = read_chain(&files.chain).map_err(blame(&files.chain))?;
    let (names, key_of_leaf, not_after) = check_chain(&chain, now).map_err(blame(&files.chain))?;
    let key = read_key(&files.key).map_err(blame(&files.key))?;
    let summary = chain.first().map(|leaf| CertificateSummary::of(leaf));
    let summary = summary
        .ok_or(CertificateFault::NoCertificate)
        .map_err(blame(&files.chain))?;
    let certified = certify(chain, key).map_err(blame(&files.key))?;
    Ok(Certificate {
        name: files.name.as_str().into(),
        files: files.clone(),
        certified: Arc::new(certified),
        staple: None,
        names,
        key: key_of_leaf,
        not_after,
        summary: Arc::new(summary),
    })
}

/// Loads the staple of a pair that was loaded, if it has one.
pub(super) fn staple(
    pair: &Certificate,
    now: UnixTime,
) -> Result<Option<OcspStaple>, CertificateError> {
    let Some(file) = &pair.files.ocsp else {
        return Ok(None);
    };
    let staple = staple::read(file, &pair.certified.cert, now);
    staple.map(Some).map_err(|fault| CertificateError {
        name: pair.files.name.clone(),
        file: file.clone(),
        fault,
    })
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateFault> {
    let octets = read(&mut open(path)?)?;
    let chain = CertificateDer::pem_slice_iter(&octets)
        .enumerate()
        .map(|(at, der)| {
            der.map_err(|error| CertificateFault::Malformed {
                position: at + 1,
                error: wrong_with(&error),
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    if chain.is_empty() {
        return Err(CertificateFault::NoCertificate);
    }
    Ok(chain)
}

pub(crate) fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, CertificateFault> {
    let mut file = open(path)?;
    let metadata = file.metadata().map_err(|error| unreadable(&error))?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o027 != 0 {
        return Err(CertificateFault::OpenToOthers { mode });
    }
    let octets = read(&mut file)?;
    PrivateKeyDer::from_pem_slice(&octets).map_err(|error| match error {
        pem::Error::NoItemsFound if is_encrypted(&octets) => CertificateFault::EncryptedKey,
        pem::Error::NoItemsFound => CertificateFault::NoKey,
        other => CertificateFault::BadKey(wrong_with(&other)),
    })
}

fn is_encrypted(octets: &[u8]) -> bool {
    let label = b"BEGIN ENCRYPTED PRIVATE KEY";
    octets.windows(label.len()).any(|window| window == label)
}

/// Permissions are asked of the file that was opened, so it cannot be exchanged in between.
pub(super) fn open(path: &Path) -> Result<File, CertificateFault> {
    File::open(path).map_err(|error| unreadable(&error))
}

pub(super) fn read(file: &mut File) -> Result<Vec<u8>, CertificateFault> {
    let mut octets = Vec::new();
    let read = file.take(LONGEST + 1).read_to_end(&mut octets);
    match read.map_err(|error| unreadable(&error))? as u64 {
        ..=LONGEST => Ok(octets),
        _ => Err(CertificateFault::TooLong),
    }
}

fn unreadable(error: &io::Error) -> CertificateFault {
    CertificateFault::Unreadable(error.to_string())
}

/// Holds a chain against everything that can be known without its authority, and gives what is
/// kept of it: the names and the key of the leaf, and the earliest end.
///
/// Whether the chain is complete cannot be known here; a private authority's root need not be on
/// this machine.
fn check_chain(
    chain: &[CertificateDer<'static>],
    now: UnixTime,
) -> Result<(Vec<String>, PublicKey, Date), CertificateFault> {
    let mut parsed = Vec::new();
    for (at, der) in chain.iter().enumerate() {
        let certificate = X509Certificate::from_der(der);
        let (_, certificate) = certificate.map_err(|error| CertificateFault::Malformed {
            position: at + 1,
            error: error.to_string(),
        })?;
        check_certificate(&certificate, at + 1, now)?;
        parsed.push(certificate);
    }
    check_order(&parsed)?;
    check_signatures(chain, now).map_err(CertificateFault::Broken)?;
    let leaf = parsed.first().ok_or(CertificateFault::NoCertificate)?;
    let names: Vec<_> = dns_names(leaf).map(str::to_ascii_lowercase).collect();
    if names.is_empty() {
        return Err(CertificateFault::NoNames);
    }
    let ends = parsed
        .iter()
        .map(|one| one.validity().not_after.timestamp());
    let not_after = Date::from_timestamp(ends.min().unwrap_or_default());
    Ok((names, PublicKey::of(leaf.public_key()), not_after))
}

fn check_certificate(
    certificate: &X509Certificate<'_>,
    position: usize,
    now: UnixTime,
) -> Result<(), CertificateFault> {
    let validity = certificate.validity();
    let from = Date::from_timestamp(validity.not_before.timestamp());
    let since = Date::from_timestamp(validity.not_after.timestamp());
    if since.0 < now {
        return Err(CertificateFault::Expired { position, since });
    }
    if now < from.0 {
        return Err(CertificateFault::NotYetValid { position, from });
    }
    let key = PublicKey::of(certificate.public_key());
    if key.rsa_bits().is_some_and(|bits| bits < LEAST_RSA_BITS) {
        return Err(CertificateFault::WeakKey { position, key });
    }
    // Nobody looks at the signature of a root, which it made itself.
    let is_root = certificate.subject() == certificate.issuer();
    match weak_signature(&certificate.signature_algorithm.algorithm.to_string()) {
        Some(algorithm) if !is_root => Err(CertificateFault::WeakSignature {
            position,
            algorithm: algorithm.to_owned(),
        }),
        Some(_) | None => Ok(()),
    }
}

/// The name of a signature algorithm with a hash for which collisions can be made.
pub(crate) fn weak_signature(oid: &str) -> Option<&'static str> {
    match oid {
        "1.2.840.113549.1.1.2" => Some("MD2 and RSA"),
        "1.2.840.113549.1.1.4" => Some("MD5 and RSA"),
        "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" => Some("SHA-1 and RSA"),
        "1.2.840.10045.4.1" => Some("SHA-1 and ECDSA"),
        "1.2.840.10040.4.3" => Some("SHA-1 and DSA"),
        _ => None,
    }
}

/// Each certificate certifies the one before it (RFC 5246 §7.4.2). Most peers forgive another
/// order, and those that do not are hard to find out about.
fn check_order(chain: &[X509Certificate<'_>]) -> Result<(), CertificateFault> {
    for (at, (certificate, next)) in chain.iter().zip(chain.iter().skip(1)).enumerate() {
        if certificate.issuer().as_raw() != next.subject().as_raw() {
            return Err(CertificateFault::OutOfOrder {
                position: at + 1,
                issuer: shown(&certificate.issuer().to_string()),
                found: shown(&next.subject().to_string()),
            });
        }
    }
    Ok(())
}

/// Takes the last certificate for an anchor and asks whether a path leads to it.
fn check_signatures(chain: &[CertificateDer<'static>], now: UnixTime) -> Result<(), ChainFault> {
    let [leaf, intermediates @ .., last] = chain else {
        return Ok(());
    };
    let usage = CertificateUsage::ClientOrServerAuth;
    let sent = Sent {
        leaf,
        intermediates,
        usage,
        trusted: "the last of the file",
    };
    let fault = |error| ChainFault::of(error, &sent);
    let anchor = webpki::anchor_from_trusted_cert(last).map_err(fault)?;
    let leaf = EndEntityCert::try_from(leaf).map_err(fault)?;
    leaf.verify_for_usage(
        &CryptoBounds::everything().certificate_algorithms(),
        &[anchor],
        intermediates,
        now,
        usage,
        None,
        None,
    )
    .map_err(fault)?;
    Ok(())
}

fn certify(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<CertifiedKey, CertificateFault> {
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(
        |error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                CertificateFault::KeyMismatch
            }
            other => CertificateFault::BadKey(other.to_string()),
        },
    )
}
