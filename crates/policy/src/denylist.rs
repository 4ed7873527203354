//! Certificates and keys that the operator refuses, whatever else speaks for them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use postern_tls::{CertificateSerial, Evidence, NotSecured, PeerCertificates, SpkiPin};

use crate::{Mismatch, Proof, Refusal, Source};

/// `[[deny]]`: a key or a certificate that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// Which.
    pub what: DeniedCertificate,
    /// Why, in the operator's words.
    pub reason: Arc<str>,
}

/// By what a certificate is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeniedCertificate {
    /// By its key, whoever certifies it.
    Key(SpkiPin),
    /// By its serial number, and by its issuer where one is given: numbers are unique within an
    /// issuer only.
    Serial {
        /// The number.
        serial: CertificateSerial,
        /// A part of the issuer's name as certificates show it.
        issuer: Option<Arc<str>>,
    },
}

/// All that is refused. It is asked for every message, on new connections and on kept ones, at
/// every level and stage: a channel that shows one of these carries nothing. An authority is
/// refused by its key alone, sent or not: nothing that it vouches for is proven.
#[derive(Debug, Default)]
pub(crate) struct Denylist {
    keys: HashMap<SpkiPin, Arc<str>>,
    serials: BTreeMap<CertificateSerial, Vec<OfIssuer>>,
}

/// A refused serial number of one issuer, or of any.
#[derive(Debug)]
struct OfIssuer {
    issuer: Option<Arc<str>>,
    reason: Arc<str>,
}

impl OfIssuer {
    fn is_by(&self, issuer: &str) -> bool {
        let part = self.issuer.as_deref();
        part.is_none_or(|part| issuer.contains(part))
    }
}

impl Denylist {
    /// Whether nothing is denied.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.serials.is_empty()
    }

    /// How many keys and certificates are denied.
    pub(crate) fn len(&self) -> usize {
        self.keys.len() + self.serials.values().map(Vec::len).sum::<usize>()
    }

    pub(crate) fn new(denied: Vec<Denied>) -> Self {
        let mut list = Self::default();
        for Denied { what, reason } in denied {
            match what {
                DeniedCertificate::Key(pin) => {
                    list.keys.insert(pin, reason);
                }
                DeniedCertificate::Serial { serial, issuer } => {
                    list.serials
                        .entry(serial)
                        .or_default()
                        .push(OfIssuer { issuer, reason });
                }
            }
        }
        list
    }

    /// Whether the peer shows nothing that is refused, in its whole chain.
    pub(crate) fn judge(&self, security: Result<&Evidence, &NotSecured>) -> Result<(), Refusal> {
        if self.is_empty() {
            return Ok(());
        }
        let Some(PeerCertificates::Chain(chain)) = security.ok().map(Evidence::peer) else {
            return Ok(());
        };
        for seen in chain.certificates_seen() {
            let by_key = self.keys.get(&seen.spki_pin);
            let by_serial = || self.by_serial(&seen.serial, &seen.issuer);
            if let Some(reason) = by_key.or_else(by_serial) {
                return Err(refuse(Mismatch::Denied {
                    serial: seen.serial.clone(),
                    issuer: seen.issuer.clone(),
                    reason: Arc::clone(reason),
                }));
            }
        }
        Ok(())
    }

    /// Whether nothing was proven by an authority whose key is refused. Peers do not send the
    /// certificates of the authorities at the top, so that a chain does not show them.
    pub(crate) fn judge_proofs(&self, proofs: &[Proof]) -> Result<(), Refusal> {
        for proof in proofs {
            if let Proof::Name { anchor, .. } = proof
                && let Some(reason) = self.keys.get(anchor)
            {
                return Err(refuse(Mismatch::DeniedAuthority {
                    key: *anchor,
                    reason: Arc::clone(reason),
                }));
            }
        }
        Ok(())
    }

    fn by_serial(&self, serial: &CertificateSerial, issuer: &str) -> Option<&Arc<str>> {
        let of_issuer = self.serials.get(serial)?.iter().find(|it| it.is_by(issuer));
        of_issuer.map(|it| &it.reason)
    }
}

fn refuse(mismatch: Mismatch) -> Refusal {
    let demand = "another certificate and key";
    Refusal::new(mismatch, demand, vec![Source::Denylist])
}
