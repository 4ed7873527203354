//! The search for a path from a leaf to an anchor.

use std::cell::{Cell, RefCell};

use rustls_pki_types::{TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, VerifiedPath};

use super::{ChainFault, MOST_INTERMEDIATES, Sent};
use crate::{
    CryptoBounds, ProfileViolation, PublicKey, RevocationCheck, RevocationStatus,
    revocation::JudgedPath,
};

/// How many paths that hold otherwise are held against revocation lists. Who has certificates
/// of several trusted authorities can make many; one of the first does.
const MOST_PATHS_JUDGED: usize = 8;

/// What is searched for.
pub(crate) struct Search<'a> {
    pub(crate) sent: Sent<'a>,
    pub(crate) anchors: &'a [TrustAnchor<'a>],
    pub(crate) bounds: &'a CryptoBounds,
    pub(crate) revocation: Option<&'a RevocationCheck>,
    pub(crate) now: UnixTime,
}

/// What was found.
pub(crate) struct Found<'a> {
    pub(crate) anchor: &'a TrustAnchor<'a>,
    pub(crate) revocation: RevocationStatus,
}

impl<'a> Search<'a> {
    /// The leaf, if it can be read and its key is within the bounds.
    pub(crate) fn leaf(&self) -> Result<EndEntityCert<'a>, ChainFault> {
        if self.sent.intermediates.len() > MOST_INTERMEDIATES {
            return Err(ChainFault::TooComplex);
        }
        let leaf = EndEntityCert::try_from(self.sent.leaf)
            .map_err(|error| ChainFault::of(error, &self.sent))?;
        self.bounds
            .admits_key(PublicKey::of_spki(&leaf.subject_public_key_info()))
            .map_err(ChainFault::OutsideProfile)?;
        Ok(leaf)
    }

    /// Finds a path to an anchor that holds in every respect.
    pub(crate) fn path<'s>(&'s self, leaf: &'s EndEntityCert<'_>) -> Result<Found<'s>, ChainFault> {
        let algorithms = self.bounds.certificate_algorithms();
        let fault = RefCell::new(None);
        let status = Cell::new(RevocationStatus::NotChecked);
        let judged = Cell::new(0);
        let holds = |path: &VerifiedPath<'_>| {
            judged.set(judged.get() + 1);
            let verdict = if judged.get() > MOST_PATHS_JUDGED {
                Err(ChainFault::TooComplex)
            } else {
                self.judge(path, &algorithms)
            };
            verdict.map(|found| status.set(found)).map_err(|found| {
                // The fault of the first path, which is the shortest, says most.
                fault.borrow_mut().get_or_insert(found);
                Error::UnknownIssuer // nobody sees this: the fault is reported instead
            })
        };
        let path = leaf.verify_for_usage(
            &algorithms,
            self.anchors,
            self.sent.intermediates,
            self.now,
            self.sent.usage,
            None,
            Some(&holds),
        );
        match (path, fault.take()) {
            (Ok(path), _) => Ok(Found {
                anchor: path.anchor(),
                revocation: status.into_inner(),
            }),
            (Err(_), Some(fault)) => Err(fault),
            (Err(error), None) => Err(ChainFault::of(error, &self.sent)),
        }
    }

    /// Holds a path against what rustls-webpki is not asked.
    fn judge(
        &self,
        path: &VerifiedPath<'_>,
        algorithms: &[&dyn rustls_pki_types::SignatureVerificationAlgorithm],
    ) -> Result<RevocationStatus, ChainFault> {
        issuer_keys_admitted(path, self.bounds).map_err(ChainFault::OutsideProfile)?;
        let judged = JudgedPath {
            path,
            algorithms,
            usage: self.sent.usage,
            now: self.now,
        };
        self.revocation
            .map_or(Ok(RevocationStatus::NotChecked), |check| {
                check.judge(&judged)
            })
    }
}

/// Holds the keys of all issuers, the anchor's included, against the bounds.
fn issuer_keys_admitted(
    path: &VerifiedPath<'_>,
    bounds: &CryptoBounds,
) -> Result<(), ProfileViolation> {
    for issuer in path.intermediate_certificates() {
        bounds.admits_key(PublicKey::of_spki(&issuer.subject_public_key_info()))?;
    }
    let anchor = webpki::spki_for_anchor(path.anchor());
    bounds.admits_key(PublicKey::of_spki(&anchor))
}
