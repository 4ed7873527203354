//! Checking all signatures of a message at once, once their keys are known.

use std::{collections::BTreeSet, time::SystemTime};

use postern_mail::Domain;
use tokio::{
    task::spawn_blocking,
    time::{Instant, timeout_at},
};

use crate::{
    arc::{self, ArcOutcome, ArcResult, Broken, Chain, Keys},
    dkim::{self, Bodies, Candidate, DkimOutcome, DkimResult, signature::Flaw},
    message::Message,
    reason::printable,
};

/// More octets than this are hashed on a thread of their own: they take about a millisecond, and
/// other sessions should not wait longer than that.
const MUCH: u64 = 256 * 1024;

/// A selector and a domain.
pub(crate) type KeyName = (Domain, Domain);

/// What is to be checked in a message.
#[derive(Debug)]
pub(crate) struct Checks {
    message: Message,
    author: Option<Domain>,
    candidates: Vec<Candidate>,
    chain: Option<Result<Chain, Broken>>,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) dkim: Vec<DkimOutcome>,
    pub(crate) arc: ArcOutcome,
}

impl Checks {
    pub(crate) fn new(
        message: Message,
        author: Option<Domain>,
        signatures: usize,
        now: SystemTime,
    ) -> Self {
        Self {
            candidates: dkim::candidates(&message, signatures, now),
            chain: Chain::read(&message, now),
            message,
            author,
        }
    }

    /// The selectors and domains of the keys that are needed, each once: those of signatures, and
    /// those of the chain besides.
    pub(crate) fn keys(&self) -> (Vec<KeyName>, Vec<KeyName>) {
        let signatures = self.candidates.iter();
        let of_signatures: BTreeSet<_> = signatures
            .filter_map(|it| it.signature.as_ref().ok())
            .map(|it| (it.selector.clone(), it.domain.clone()))
            .collect();
        let mut of_chain = BTreeSet::new();
        if let Some(Ok(chain)) = &self.chain {
            let signature = &chain.signature;
            of_chain.insert((signature.selector.clone(), signature.domain.clone()));
            let seals = chain.sets.iter().map(|set| &set.sealed);
            of_chain.extend(seals.map(|seal| (seal.selector.clone(), seal.domain.clone())));
        }
        of_chain.retain(|key| !of_signatures.contains(key));
        let list = |keys: BTreeSet<_>| keys.into_iter().collect();
        (list(of_signatures), list(of_chain))
    }

    /// Checks everything, until `end` at the latest.
    pub(crate) async fn run(self, keys: Keys, end: Instant) -> Shown {
        if self.work() <= MUCH {
            return self.check(&keys);
        }
        let unchecked = self.shown_unchecked("there was no time left to check it");
        let checked = spawn_blocking(move || self.check(&keys));
        match timeout_at(end, checked).await {
            Ok(Ok(shown)) => shown,
            Ok(Err(_)) | Err(_) => unchecked,
        }
    }

    /// About how many octets are hashed: the content once, and the header for each signature.
    fn work(&self) -> u64 {
        let sets = match &self.chain {
            Some(Ok(chain)) => chain.sets.len() + 1,
            Some(Err(_)) | None => 0,
        };
        let signatures = (self.candidates.len() + sets) as u64;
        let header = self.message.header().len() as u64;
        self.message.length() + header.saturating_mul(signatures)
    }

    /// What is said when nothing can be checked, and why.
    pub(crate) fn unchecked(self, why: &str) -> Shown {
        self.shown_unchecked(why)
    }

    fn shown_unchecked(&self, why: &str) -> Shown {
        let dkim = self.candidates.iter().map(|candidate| DkimOutcome {
            result: DkimResult::TempError,
            reason: Some(printable(why)),
            ..candidate.facts.clone()
        });
        let arc = match &self.chain {
            Some(Ok(chain)) => ArcOutcome {
                result: ArcResult::TempError,
                sets: u32::try_from(chain.sets.len()).unwrap_or(u32::MAX),
                sealer: chain.sealers().pop(),
                sealers: chain.sealers(),
                reason: Some(printable(why)),
                claims_dmarc_pass: false,
            },
            Some(Err(broken)) => arc::broken(broken),
            None => arc::none(),
        };
        Shown {
            dkim: dkim.collect(),
            arc,
        }
    }

    fn check(self, keys: &Keys) -> Shown {
        let fields = self.message.fields();
        let bodies = Bodies::new(&self.message);
        let arc = arc::verify(
            self.chain.as_ref(),
            &fields,
            &bodies,
            keys,
            self.author.as_ref(),
        );
        let dkim = self.candidates.into_iter().map(|candidate| {
            let checked = match &candidate.signature {
                Ok(signature) => arc::key(keys, &signature.selector, &signature.domain)
                    .and_then(|key| dkim::check(&fields, &bodies, candidate.field, signature, key)),
                // The flaw is in the candidate already.
                Err(_) => Err(Flaw::new(DkimResult::Neutral, "")),
            };
            candidate.outcome(checked)
        });
        Shown {
            dkim: dkim.collect(),
            arc,
        }
    }
}
