//! Our own certificates: several per name, chosen per handshake, replaced without a restart.
//!
//! A store holds pairs of chain and key in the order of the configuration. A server looks at
//! them in this order and takes the first that the client can verify and the profile allows:
//!
//! 1. those for the name in the server name indication,
//! 2. those that bear the configuration name of the first pair, the default,
//! 3. all others.
//!
//! So a client that names a host we do not know is served all the same (RFC 8461 §7.1), and an
//! RSA and an ECDSA pair for the same host stand beside each other.
//!
//! A reload replaces each pair on its own, and only by one that has passed every check of
//! [`CertificateFault`]. Handshakes that have begun keep what they have. An OCSP response that
//! does not pass keeps no renewed pair back: the one from before is served on, as long as it
//! holds and is for the same certificate.

mod fault;
mod load;
mod staple;

use std::{path::PathBuf, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use rustls::{
    SignatureAlgorithm,
    sign::{CertifiedKey, Signer, SigningKey},
};
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};

use crate::{
    CertificateSummary, CryptoBounds, OwnCertificate, PublicKey, date::Date, handshake, pkix,
};

pub use fault::{CertificateError, CertificateFault};
pub(crate) use load::{read_key, weak_signature};
pub use staple::{OcspStaple, StapleFault};

/// How long before its end a certificate is worth a warning.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Where one pair is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CertificateFiles {
    /// The name in the configuration; several pairs may share one.
    pub name: String,
    /// The chain in PEM, leaf first. The root may be left out, and is best left out.
    pub chain: PathBuf,
    /// The private key in PEM; it may be the same file.
    ///
    /// Nobody but the owner may write it, and nobody outside of its group may read it: mode 0600
    /// or stricter, or 0640 and 0440 as Debian's `ssl-cert` group and systemd's credentials have
    /// it. Anything wider is refused.
    pub key: PathBuf,
    /// An OCSP response for the leaf in DER (RFC 6960 §4.2.1), to be stapled to handshakes.
    pub ocsp: Option<PathBuf>,
}

impl CertificateFiles {
    /// Whether these are the files of the same pair, staple aside.
    fn are_those_of(&self, other: &Self) -> bool {
        (&self.name, &self.chain, &self.key) == (&other.name, &other.chain, &other.key)
    }
}

/// A pair that passed every check.
#[derive(Debug)]
pub struct Certificate {
    files: CertificateFiles,
    name: Arc<str>,
    certified: Arc<CertifiedKey>,
    /// What is served beside it, and both together.
    staple: Option<(OcspStaple, Arc<CertifiedKey>)>,
    names: Vec<String>,
    key: PublicKey,
    not_after: Date,
    summary: Arc<CertificateSummary>,
}

impl Certificate {
    /// Where the pair was loaded from.
    pub fn files(&self) -> &CertificateFiles {
        &self.files
    }

    /// The dNSName entries of the certificate, in lower case.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The kind of key.
    pub fn key(&self) -> PublicKey {
        self.key
    }

    /// The chain in DER, leaf first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.certified.cert
    }

    /// The last moment at which every certificate of the chain is valid.
    pub fn not_after(&self) -> Date {
        self.not_after
    }

    /// What the certificate says.
    pub fn summary(&self) -> &CertificateSummary {
        &self.summary
    }

    /// The OCSP response that is served with the certificate as long as it holds.
    pub fn staple(&self) -> Option<&OcspStaple> {
        self.staple.as_ref().map(|(staple, _)| staple)
    }

    fn with_staple(self, staple: Option<OcspStaple>) -> Self {
        let staple = staple.map(|staple| {
            let mut stapled = CertifiedKey::clone(&self.certified);
            stapled.ocsp = Some(staple.response().to_vec());
            (staple, Arc::new(stapled))
        });
        Self { staple, ..self }
    }

    /// What is served at this moment: with the OCSP response, while that holds.
    fn servable(&self, now: UnixTime) -> &Arc<CertifiedKey> {
        match &self.staple {
            Some((staple, stapled)) if !staple.has_expired(now) => stapled,
            Some(_) | None => &self.certified,
        }
    }

    /// The staple of this pair, where it is one for the certificate of `other` as well.
    fn staple_for(&self, other: &Self) -> Option<OcspStaple> {
        let same = self.certified.cert.first() == other.certified.cert.first();
        self.staple().filter(|_| same).cloned()
    }

    /// Whether a certificate of the chain has ended.
    pub fn has_expired(&self, now: UnixTime) -> bool {
        self.not_after.0 < now
    }

    /// Whether a certificate of the chain ends within 14 days, or has ended.
    pub fn expires_soon(&self, now: UnixTime) -> bool {
        self.not_after.0.as_secs() < now.as_secs() + SOON.as_secs()
    }

    fn is_for(&self, server_name: &str) -> bool {
        self.names.iter().any(|presented| {
            presented.eq_ignore_ascii_case(server_name) || pkix::stands_for(presented, server_name)
        })
    }
}

/// Our certificates, as they are now.
#[derive(Debug)]
pub struct CertificateStore {
    current: ArcSwap<Vec<Arc<Certificate>>>,
}

impl CertificateStore {
    /// Loads every pair. None at all are none, for a host that shows no certificate.
    ///
    /// # Errors
    /// Names the file and the fault of each pair that did not pass.
    pub fn load(files: &[CertificateFiles], now: UnixTime) -> Result<Self, Vec<CertificateError>> {
        let store = Self {
            current: ArcSwap::default(),
        };
        let errors = store.reload(files, now);
        if errors.is_empty() {
            Ok(store)
        } else {
            Err(errors)
        }
    }

    /// Loads every pair, and takes one whose time is over for what it was: a host that starts the
    /// day after has to serve those who do not look at its certificate, which are most of the
    /// strangers. Those who do look turn away by themselves.
    ///
    /// # Errors
    /// As [`CertificateStore::load`], for every other fault.
    pub fn load_even_expired(
        files: &[CertificateFiles],
        now: UnixTime,
    ) -> Result<Self, Vec<CertificateError>> {
        let mut pairs = Vec::new();
        let mut errors = Vec::new();
        for files in files {
            match even_expired(files, now) {
                Ok(pair) => pairs.push(Arc::new(pair)),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() {
            Ok(Self {
                current: ArcSwap::from_pointee(pairs),
            })
        } else {
            Err(errors)
        }
    }

    /// Loads every pair anew. A pair that does not pass leaves the one in place that was loaded
    /// from the same files before, if there was one; pairs that are no longer listed go. What
    /// is returned is for the log: the store serves on in any case.
    pub fn reload(&self, files: &[CertificateFiles], now: UnixTime) -> Vec<CertificateError> {
        let before = self.current();
        let mut pairs = Vec::new();
        let mut errors = Vec::new();
        for files in files {
            let old = before.iter().find(|old| old.files.are_those_of(files));
            match load::pair(files, now) {
                Ok(pair) => {
                    let staple = load::staple(&pair, now).unwrap_or_else(|error| {
                        errors.push(error);
                        old.and_then(|old| old.staple_for(&pair))
                    });
                    pairs.push(Arc::new(pair.with_staple(staple)));
                }
                Err(error) => {
                    pairs.extend(old.cloned());
                    errors.push(error);
                }
            }
        }
        if !pairs.is_empty() {
            self.current.store(Arc::new(pairs));
        }
        errors
    }

    /// The pairs as they are now.
    pub fn current(&self) -> Arc<Vec<Arc<Certificate>>> {
        self.current.load_full()
    }

    /// What to show as a client under this name, as it is now. It is asked for anew for each
    /// attempt, so that a reload takes effect with the next.
    pub fn identity(&self, name: &str) -> Option<ClientIdentity> {
        let current = self.current();
        let named = current.iter().filter(|pair| &*pair.name == name);
        let certificates: Vec<_> = named.cloned().collect();
        (!certificates.is_empty()).then(|| ClientIdentity(certificates.into()))
    }
}

/// Loads a pair as it was when the first of its certificates ended, if one has, and without a
/// staple whose time is over.
fn even_expired(files: &CertificateFiles, now: UnixTime) -> Result<Certificate, CertificateError> {
    let pair = pair_even_expired(files, now)?;
    let staple = match load::staple(&pair, now) {
        Err(CertificateError {
            fault: CertificateFault::Staple(StapleFault::Expired { .. }),
            ..
        }) => None,
        loaded => loaded?,
    };
    Ok(pair.with_staple(staple))
}

fn pair_even_expired(
    files: &CertificateFiles,
    now: UnixTime,
) -> Result<Certificate, CertificateError> {
    let mut at = now;
    loop {
        match load::pair(files, at) {
            // Each turn goes back to an earlier end, of which a chain has no more than
            // certificates.
            Err(CertificateError {
                fault: CertificateFault::Expired { since, .. },
                ..
            }) if since.0 < at => at = since.0,
            loaded => return loaded,
        }
    }
}

/// The pairs of one name, to be shown to a server that asks for a client certificate.
#[derive(Debug, Clone)]
pub struct ClientIdentity(Arc<[Arc<Certificate>]>);

impl ClientIdentity {
    /// The pairs, in the order of the configuration.
    pub fn certificates(&self) -> &[Arc<Certificate>] {
        &self.0
    }
}

/// The pairs in the order in which a server looks at them; see the top of this file.
pub(crate) fn candidates<'a>(
    pairs: &'a [Arc<Certificate>],
    server_name: Option<&'a str>,
) -> impl Iterator<Item = &'a Arc<Certificate>> {
    let default = pairs.first().map(|pair| &pair.name);
    let named = pairs
        .iter()
        .filter(move |pair| server_name.is_some_and(|name| pair.is_for(name)));
    let defaults = pairs.iter().filter(move |pair| Some(&pair.name) == default);
    named.chain(defaults).chain(pairs)
}

/// The first pair whose key the bounds allow and with which one of the schemes can be used.
pub(crate) fn choose<'a>(
    candidates: impl IntoIterator<Item = &'a Arc<Certificate>>,
    schemes: &[rustls::SignatureScheme],
    bounds: &CryptoBounds,
) -> Option<&'a Certificate> {
    let schemes = within(schemes, bounds);
    let mut candidates = candidates.into_iter();
    let chosen = candidates.find(|pair| {
        bounds.admits_key(pair.key).is_ok() && pair.certified.key.choose_scheme(&schemes).is_some()
    });
    chosen.map(Arc::as_ref)
}

/// Hands a pair to a handshake, and writes into its record that the peer was shown it.
pub(crate) fn show(pair: &Certificate, bounds: &CryptoBounds) -> Arc<CertifiedKey> {
    handshake::record_shown(OwnCertificate {
        name: Arc::clone(&pair.name),
        certificate: Arc::clone(&pair.summary),
    });
    let servable = pair.servable(UnixTime::now());
    // Where the bounds leave out no scheme, nothing needs to be copied.
    if bounds.allows_every_scheme() {
        return Arc::clone(servable);
    }
    let key = BoundedKey {
        key: Arc::clone(&servable.key),
        bounds: bounds.clone(),
    };
    let mut bounded = CertifiedKey::new(servable.cert.clone(), Arc::new(key));
    bounded.ocsp.clone_from(&servable.ocsp);
    Arc::new(bounded)
}

fn within(
    schemes: &[rustls::SignatureScheme],
    bounds: &CryptoBounds,
) -> Vec<rustls::SignatureScheme> {
    let allowed = schemes.iter().copied();
    allowed
        .filter(|scheme| bounds.admits_scheme(*scheme))
        .collect()
}

/// A key that signs only as the bounds allow. The library would choose for itself: RSA keys
/// sign with SHA-512 wherever the peer offers it.
#[derive(Debug)]
struct BoundedKey {
    key: Arc<dyn SigningKey>,
    bounds: CryptoBounds,
}

impl SigningKey for BoundedKey {
    fn choose_scheme(&self, offered: &[rustls::SignatureScheme]) -> Option<Box<dyn Signer>> {
        self.key.choose_scheme(&within(offered, &self.bounds))
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        self.key.public_key()
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.key.algorithm()
    }
}

#[cfg(test)]
mod tests;
