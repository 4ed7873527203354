//! Checking all signatures of a message at once, once their keys are known.

use std::{collections::BTreeSet, time::SystemTime};

use postern_mail::Domain;
use tokio::{
    task::spawn_blocking,
    time::{Instant, timeout_at},
};

use crate::{
    arc::{self, ArcOutcome, ArcResult, Broken, Chain},
    dkim::{
        self, Bodies, Candidate, DkimOutcome, DkimResult,
        key::{Keys, for_library},
        signature::Signature,
    },
    message::Message,
    reason::printable,
};

/// More octets than this are hashed on a thread of their own: they take about a millisecond, and
/// other sessions should not wait longer than that.
const MUCH: u64 = 256 * 1024;

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
        let read = message.read();
        let candidates = read
            .as_ref()
            .map(|it| dkim::candidates(it, signatures, now));
        let candidates = candidates.unwrap_or_default();
        let chain = read.as_ref().and_then(Chain::read);
        drop(read);
        Self {
            candidates,
            chain,
            message,
            author,
        }
    }

    /// The names of the keys that are needed, each once: those of signatures, and what else the
    /// chain needs.
    pub(crate) fn keys(&self) -> (Vec<String>, Vec<String>) {
        let signatures = self.candidates.iter();
        let signatures = signatures.filter_map(|it| it.signature.as_ref().ok());
        let signatures: BTreeSet<_> = signatures.map(Signature::key).collect();
        let mut chain = Vec::new();
        if let Some(Ok(found)) = &self.chain {
            let others = found.keys.iter().filter(|key| !signatures.contains(*key));
            chain.extend(others.cloned());
        }
        (signatures.into_iter().collect(), chain)
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
            Some(Ok(chain)) => chain.sealers.len() + 1,
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
                reason: Some(printable(why)),
                ..arc::unknown(chain, ArcResult::TempError)
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
        let known = for_library(keys);
        let bodies = Bodies::new(&self.message);
        let mut read = self.message.read();
        let (chain, author) = (self.chain.as_ref(), self.author.as_ref());
        let arc = arc::verify(chain, read.as_mut(), &bodies, &known, author);
        let dkim = dkim::verify(self.candidates, read.as_mut(), &bodies, keys, &known);
        Shown { dkim, arc }
    }
}
