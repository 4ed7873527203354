//! The certificates of a path against the lists.

use std::{slice, sync::Arc};

use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use webpki::{
    Cert, CertRevocationList, Error, ExpirationPolicy, RevocationCheckDepth,
    RevocationOptionsBuilder, UnknownStatusPolicy, VerifiedPath,
};

use super::{RevocationCheck, RevocationGap, RevocationStatus, UnknownStatus, list::List};
use crate::{
    CertificateSerial, CertificateUsage, ChainFault, Date,
    pkix::{Whose, shown_name},
};

/// A path that holds in every other respect, and how it was found.
pub(crate) struct JudgedPath<'a> {
    pub(crate) path: &'a VerifiedPath<'a>,
    pub(crate) algorithms: &'a [&'a dyn SignatureVerificationAlgorithm],
    pub(crate) usage: CertificateUsage,
    pub(crate) now: UnixTime,
}

/// A list and the source that it is from.
struct Candidate<'a> {
    label: &'a str,
    list: Arc<List>,
}

/// What the lists turn out to be under the keys of a path.
#[derive(Default)]
struct Sorted<'a> {
    /// The newest of each issuer and scope that verifies, current or not.
    verified: Vec<Candidate<'a>>,
    /// Those that do not, and why.
    doubted: Vec<(Candidate<'a>, Error)>,
    /// The first certificate that one of the verified lists.
    revoked: Option<ChainFault>,
}

impl RevocationCheck {
    /// What is known of the path.
    ///
    /// # Errors
    /// A certificate on it is revoked, or nobody knows and that is not enough.
    pub(crate) fn judge(&self, path: &JudgedPath<'_>) -> Result<RevocationStatus, ChainFault> {
        let candidates = self.candidates(path);
        // The usual case: one list for each issuer, and nothing wrong with any of them.
        if have_one_each(&candidates) && path.is_good_by(&candidates) {
            return Ok(RevocationStatus::Good);
        }
        let sorted = path.sorted(candidates);
        if let Some(fault) = sorted.revoked {
            return Err(fault);
        }
        let (expired, current): (Vec<_>, Vec<_>) = sorted
            .verified
            .into_iter()
            .partition(|candidate| candidate.list.facts().is_expired(path.now));
        if path.is_good_by(&current) {
            return Ok(RevocationStatus::Good);
        }
        let gap = path.gap(&current, &expired, &sorted.doubted, || self.not_loaded());
        match self.unknown() {
            UnknownStatus::Refuse => Err(ChainFault::RevocationUnknown {
                reason: Box::new(gap),
            }),
            UnknownStatus::Accept => Ok(RevocationStatus::Unknown(gap)),
        }
    }

    /// The lists that bear the name of an issuer on the path; those of one name and scope stand
    /// together, the newest first.
    fn candidates(&self, path: &JudgedPath<'_>) -> Vec<Candidate<'_>> {
        let mut found: Vec<_> = self
            .sources()
            .iter()
            .flat_map(|source| {
                let held = source.held();
                let lists = held.lists().iter();
                let relevant = lists.filter(|list| path.names(list.crl().issuer()));
                let relevant: Vec<_> = relevant.cloned().collect();
                let label = source.label();
                relevant
                    .into_iter()
                    .map(move |list| Candidate { label, list })
            })
            .collect();
        found.sort_by(|a, b| {
            let subject = |of: &Candidate<'_>| {
                let crl = of.list.crl();
                let scope = crl.issuing_distribution_point();
                (crl.issuer().to_vec(), scope.map(<[u8]>::to_vec))
            };
            let age = |of: &Candidate<'_>| {
                let facts = of.list.facts();
                (facts.this_update, facts.number.clone())
            };
            subject(a)
                .cmp(&subject(b))
                .then_with(|| age(b).cmp(&age(a)))
        });
        found
    }

    fn not_loaded(&self) -> Vec<String> {
        let empty = self
            .sources()
            .iter()
            .filter(|source| source.held().lists().is_empty());
        empty.map(|source| source.label().to_owned()).collect()
    }
}

/// Whether each issuer has one list. Those of one issuer stand together.
fn have_one_each(candidates: &[Candidate<'_>]) -> bool {
    candidates.windows(2).all(|pair| match pair {
        [a, b] => a.list.crl().issuer() != b.list.crl().issuer(),
        _ => true,
    })
}

impl JudgedPath<'_> {
    /// The certificates that may be revoked: all but the anchor, which is trusted because
    /// somebody said so (RFC 5280 §6.1).
    fn certificates(&self) -> impl Iterator<Item = (Whose, &Cert<'_>)> {
        let leaf: &Cert<'_> = self.path.end_entity();
        let issuers = self.path.intermediate_certificates();
        std::iter::once((Whose::Leaf, leaf)).chain(issuers.map(|issuer| (Whose::Issuer, issuer)))
    }

    fn names(&self, issuer: &[u8]) -> bool {
        self.certificates()
            .any(|(_, certificate)| certificate.issuer() == issuer)
    }

    fn sorted<'c>(&self, candidates: Vec<Candidate<'c>>) -> Sorted<'c> {
        let mut sorted = Sorted::default();
        for candidate in candidates {
            let same = |newer: &Candidate<'_>| newer.list.is_about_the_same_as(&candidate.list);
            if sorted.verified.iter().any(same) {
                continue;
            }
            let crl = candidate.list.crl();
            match self.check_by(crl) {
                // One for a scope may have been passed over, its signature unseen.
                Ok(()) if crl.issuing_distribution_point().is_some() => {}
                Ok(()) => candidate.list.prove(),
                Err(Error::CertRevoked) => {
                    candidate.list.prove();
                    let revoked = || self.revoked_by(&candidate.list);
                    sorted.revoked.get_or_insert_with(revoked);
                }
                Err(error) => {
                    // The path holds without lists, so whatever is wrong is wrong with this one:
                    // the signature, its algorithm, or that the issuer may not sign lists.
                    candidate.list.doubt();
                    sorted.doubted.push((candidate, error));
                    continue;
                }
            }
            sorted.verified.push(candidate);
        }
        sorted
    }

    /// What one list says. Whether it is current does not matter yet: what it lists stays revoked.
    fn check_by(&self, crl: &CertRevocationList<'_>) -> Result<(), Error> {
        let check = |depth| {
            let (expiration, unknown) = (ExpirationPolicy::Ignore, UnknownStatusPolicy::Allow);
            self.check(&[crl], expiration, unknown, depth)
        };
        let said = check(RevocationCheckDepth::Chain);
        // An authority that changed its key has two of one name, and a list by the one does not
        // verify where the other signed. That must not hide what it says of the leaf.
        let is_open = said
            .as_ref()
            .is_err_and(|error| *error != Error::CertRevoked);
        match check(RevocationCheckDepth::EndEntity) {
            Err(Error::CertRevoked) if is_open => Err(Error::CertRevoked),
            Ok(()) | Err(_) => said,
        }
    }

    /// Which certificate it is that a list has revoked.
    fn revoked_by(&self, list: &List) -> ChainFault {
        let found = self.certificates().find_map(|(whose, certificate)| {
            if certificate.issuer() != list.crl().issuer() {
                return None;
            }
            Some(ChainFault::Revoked {
                whose,
                serial: CertificateSerial::of_octets(certificate.serial()),
                since: Date(list.revoked_since(certificate.serial())?),
            })
        });
        // The library found the entry by the same look-up.
        found.unwrap_or_else(|| ChainFault::Other(Error::CertRevoked.to_string()))
    }

    /// Whether current lists cover all certificates and list none.
    fn is_good_by(&self, candidates: &[Candidate<'_>]) -> bool {
        let crls: Vec<_> = candidates
            .iter()
            .map(|candidate| candidate.list.crl())
            .collect();
        let (expiration, unknown) = (ExpirationPolicy::Enforce, UnknownStatusPolicy::Deny);
        let good = self
            .check(&crls, expiration, unknown, RevocationCheckDepth::Chain)
            .is_ok();
        if good && have_one_each(candidates) {
            // Each certificate is covered, and there is one list that can have covered it.
            candidates.iter().for_each(|found| found.list.prove());
        }
        good
    }

    /// Walks the very path again with these lists.
    fn check(
        &self,
        crls: &[&CertRevocationList<'_>],
        expiration: ExpirationPolicy,
        unknown: UnknownStatusPolicy,
        depth: RevocationCheckDepth,
    ) -> Result<(), Error> {
        let options = RevocationOptionsBuilder::new(crls)
            .map_err(|_| Error::UnknownRevocationStatus)?
            .with_expiration_policy(expiration)
            .with_status_policy(unknown)
            .with_depth(depth)
            .build();
        let issuers: Vec<CertificateDer<'_>> = self
            .path
            .intermediate_certificates()
            .map(|issuer| issuer.der())
            .collect();
        self.path
            .end_entity()
            .verify_for_usage(
                self.algorithms,
                slice::from_ref(self.path.anchor()),
                &issuers,
                self.now,
                self.usage,
                Some(options),
                None,
            )
            .map(|_| ())
    }

    /// Why the lists do not show the path to be good: what is wrong with those of the first
    /// issuer, from the leaf upwards, that has no current one.
    fn gap(
        &self,
        current: &[Candidate<'_>],
        expired: &[Candidate<'_>],
        doubted: &[(Candidate<'_>, Error)],
        not_loaded: impl Fn() -> Vec<String>,
    ) -> RevocationGap {
        let by = |list: &List, issuer: &[u8]| list.crl().issuer() == issuer;
        let mut issuers = self
            .certificates()
            .map(|(_, certificate)| certificate.issuer());
        let uncovered = issuers.find(|issuer| !current.iter().any(|found| by(&found.list, issuer)));
        let Some(issuer) = uncovered else {
            return RevocationGap::OutOfScope {
                issuer: shown_name(self.path.end_entity().issuer()),
            };
        };
        let ran_out = expired.iter().find(|found| by(&found.list, issuer));
        let forged = doubted.iter().find(|(found, _)| by(&found.list, issuer));
        let issuer = shown_name(issuer);
        match (ran_out, forged) {
            (Some(found), _) => RevocationGap::Expired {
                issuer,
                list: found.label.to_owned(),
                since: found.list.facts().next_update,
            },
            (None, Some((found, error))) => RevocationGap::NotVerified {
                issuer,
                list: found.label.to_owned(),
                why: not_verified(error),
            },
            (None, None) => RevocationGap::NoList {
                issuer,
                empty: not_loaded(),
            },
        }
    }
}

fn not_verified(error: &Error) -> String {
    match error {
        Error::InvalidCrlSignatureForPublicKey | Error::InvalidSignatureForPublicKey => {
            "its signature is wrong".to_owned()
        }
        Error::IssuerNotCrlSigner => {
            "the issuer may not sign revocation lists (RFC 5280 §4.2.1.3)".to_owned()
        }
        Error::UnsupportedCrlSignatureAlgorithmContext(_)
        | Error::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_) => {
            "it is signed with an algorithm that is not allowed".to_owned()
        }
        other => other.to_string(),
    }
}
