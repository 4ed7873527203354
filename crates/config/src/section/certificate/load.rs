//! Certificates that were written, loaded and held against the names of this host.

use std::{path::PathBuf, sync::Arc};

use postern_mail::Domain;
use postern_tls::{
    Certificate, CertificateError, CertificateFault, CertificateFiles, CertificateStore,
    CryptoBounds, ProfileViolation,
};
use rustls_pki_types::UnixTime;

use super::{Certificates, NextKey, Written};
use crate::{
    file::Secrecy,
    schema::{Located, Notes, Purpose, Reported, all},
    section::named_file::protected,
};

impl Written<'_> {
    /// The files, if they are there and protected.
    fn files(&self) -> Result<CertificateFiles, Reported> {
        let notes = self.table.notes();
        let written = |file: &Result<Located<PathBuf>, Reported>, secrecy| {
            let file = file.as_ref().map_err(|reported| *reported);
            file.and_then(|file| protected(notes, file, secrecy))
        };
        let chain = written(&self.chain, Secrecy::Public);
        let key = written(&self.key, Secrecy::Secret);
        let ocsp = match &self.ocsp {
            Ok(Some(ocsp)) => protected(notes, ocsp, Secrecy::Public).map(Some),
            Ok(None) => Ok(None),
            Err(reported) => Err(*reported),
        };
        Ok(CertificateFiles {
            name: self.name().ok_or(Reported)?,
            chain: chain?,
            key: key?,
            ocsp: ocsp?,
        })
    }

    /// The key that is to come, if one is written.
    fn next_key(&self) -> Result<Option<NextKey>, Reported> {
        let next = self.next_key.as_ref().map_err(|reported| *reported)?;
        let Some(next) = next else { return Ok(None) };
        let notes = self.table.notes();
        let key = protected(notes, next, Secrecy::Secret)?;
        if let Ok(current) = &self.key
            && notes.resolve(&current.value) == key
        {
            let right = "give the key of the next certificate, or remove the key";
            return Err(notes.error(&next.spot, "is the key that is used now", right));
        }
        let certificate = self.name().ok_or(Reported)?;
        Ok(Some(NextKey { certificate, key }))
    }
}

/// Loads the pairs, and warns of those that end soon.
pub(in crate::section) fn load(
    notes: &Notes<'_>,
    written: &[Written<'_>],
) -> Result<Certificates, Reported> {
    let files: Vec<_> = written.iter().map(Written::files).collect();
    let next_keys = all(written.iter().map(Written::next_key));
    let right: Vec<_> = files.iter().flatten().cloned().collect();
    let now = UnixTime::now();
    let loaded = match notes.purpose() {
        Purpose::Check | Purpose::Reload(_) => CertificateStore::load(&right, now),
        Purpose::Start => CertificateStore::load_even_expired(&right, now),
    };
    let store = loaded.map_err(|errors| {
        for error in errors {
            note(notes, written, &files, &error);
        }
        Reported
    })?;
    for certificate in store.current().iter() {
        let of_these = |files: &CertificateFiles| files == certificate.files();
        let mut pairs = written.iter().zip(&files);
        let at = pairs.find(|(_, files)| files.as_ref().is_ok_and(of_these));
        if let Some((written, _)) = at {
            warn_of_end(notes, written, certificate, now);
        }
    }
    let files = all(files.into_iter())?;
    Ok(Certificates {
        store,
        files,
        next_keys: next_keys?.into_iter().flatten().collect(),
    })
}

fn warn_of_end(notes: &Notes<'_>, written: &Written<'_>, pair: &Certificate, now: UnixTime) {
    if let Ok(chain) = &written.chain
        && pair.expires_soon(now)
    {
        let end = pair.not_after();
        if pair.has_expired(now) {
            let wrong = format_args!(
                "the certificate ended on {end}, and whoever verifies it turns us away"
            );
            notes.warn(&chain.spot, wrong, "have it renewed at once");
        } else {
            let wrong = format_args!("the certificate ends on {end}");
            notes.warn(&chain.spot, wrong, "renew it");
        }
    }
    if let Ok(Some(ocsp)) = &written.ocsp
        && pair.staple().is_none()
    {
        let wrong = "the OCSP response ran out and is not served";
        notes.warn(&ocsp.spot, wrong, "have a new one fetched");
    }
}

/// Whether one of the certificates may be used within the bounds, or there is none at all.
///
/// # Errors
/// Why the last of them may not.
pub(crate) fn any_admitted(
    certificates: &[Arc<Certificate>],
    bounds: &CryptoBounds,
) -> Result<(), ProfileViolation> {
    let mut verdict = Ok(());
    for certificate in certificates {
        verdict = bounds.admits_key(certificate.key());
        if verdict.is_ok() {
            break;
        }
    }
    verdict
}

/// Warns when no certificate is for the name that this host greets with: partners and MTA-STS
/// policies commonly name that one.
pub(crate) fn check_names(
    notes: &Notes<'_>,
    hostname: &Located<Domain>,
    certificates: &Certificates,
) {
    let host = hostname.value.as_str();
    let wildcard = hostname.value.parent().map(|parent| format!("*.{parent}"));
    let current = certificates.store.current();
    let mut names = current.iter().flat_map(|certificate| certificate.names());
    if current.is_empty() || names.any(|name| name == host || Some(name) == wildcard.as_ref()) {
        return;
    }
    notes.warn(
        &hostname.spot,
        format_args!("no [[tls.certificate]] is for {host}"),
        "peers that verify certificates will refuse this host under that name; add one",
    );
}

/// Notes what is wrong with a pair, at the file where it is to be put right.
fn note(
    notes: &Notes<'_>,
    written: &[Written<'_>],
    files: &[Result<CertificateFiles, Reported>],
    error: &CertificateError,
) {
    let right = remedy(&error.fault);
    let wrong = format!("{}: {}", error.file.display(), error.fault);
    for (written, files) in written.iter().zip(files) {
        let Ok(files) = files else { continue };
        if files.name != error.name {
            continue;
        }
        let chain = written.chain.as_ref().ok();
        let key = written.key.as_ref().ok();
        let ocsp = written.ocsp.as_ref().ok().and_then(Option::as_ref);
        let spot = match &*error.file {
            file if file == files.chain => chain,
            file if file == files.key => key,
            file if Some(file) == files.ocsp.as_deref() => ocsp,
            _ => continue,
        };
        if let Some(spot) = spot {
            notes.error(&spot.spot, &wrong, right);
        }
    }
}

fn remedy(fault: &CertificateFault) -> &'static str {
    match fault {
        CertificateFault::Unreadable(_) => "let the user that runs Postern read it",
        CertificateFault::TooLong
        | CertificateFault::NoCertificate
        | CertificateFault::Malformed { .. } => {
            "give a file of certificates in PEM, our own one first"
        }
        CertificateFault::OutOfOrder { .. } => "put each issuer right behind what it issued",
        CertificateFault::Broken(_) => "give the certificates of the issuers that signed it",
        CertificateFault::Expired { .. } => "have it renewed",
        CertificateFault::NotYetValid { .. } => "set the clock of this host, or wait",
        CertificateFault::WeakKey { .. } => {
            "have one issued for a new key: RSA 3072 or ECDSA P-256"
        }
        CertificateFault::WeakSignature { .. } => "have it issued anew, signed with SHA-256",
        CertificateFault::NoNames => {
            "have it issued with the host's name as subject alternative name"
        }
        CertificateFault::NoKey | CertificateFault::BadKey(_) => "give the private key in PEM",
        CertificateFault::EncryptedKey => "store it without a passphrase, readable for us alone",
        CertificateFault::OpenToOthers { .. } => "take those rights away",
        CertificateFault::Staple(_) => "have a new one fetched, or leave the key out",
        CertificateFault::KeyMismatch => "give the key that the certificate was issued for",
    }
}
