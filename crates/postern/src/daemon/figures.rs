//! How mail was judged since the start, in numbers. The words come from enums, so they are few.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use postern_admin::VerdictCount;
use postern_authentication::{DkimOutcome, DkimResult, Verdict};

/// What is counted.
#[derive(Debug, Default)]
pub(super) struct Figures {
    verdicts: Mutex<Verdicts>,
}

/// How often each verdict was reached.
#[derive(Debug, Clone, Default)]
pub(super) struct Verdicts {
    pub(super) judged: u64,
    pub(super) dispositions: Tally,
    pub(super) spf: Tally,
    pub(super) dkim: Tally,
    pub(super) dmarc: Tally,
    pub(super) arc: Tally,
}

impl Figures {
    /// A message was judged, and this became of it.
    pub(super) fn judged(&self, verdict: &Verdict, became: &impl fmt::Display) {
        let mut counted = self.locked();
        counted.judged += 1;
        counted.dispositions.count(became);
        counted.spf.count(&verdict.spf().result);
        match best(&verdict.dkim) {
            Some(result) => counted.dkim.count(&result),
            None => counted.dkim.count(&"none"),
        }
        counted.dmarc.count(&verdict.dmarc.result);
        counted.arc.count(&verdict.arc.result);
    }

    /// What became of strangers' mail so far.
    pub(super) fn verdicts(&self) -> Verdicts {
        self.locked().clone()
    }

    /// A panic in between leaves nothing worse than a count that lacks one.
    fn locked(&self) -> MutexGuard<'_, Verdicts> {
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a message has to show for itself: a signature that passes, or else what its first one
/// came to.
fn best(signatures: &[DkimOutcome]) -> Option<DkimResult> {
    let results = || signatures.iter().map(|it| it.result);
    let passing = results().find(|it| *it == DkimResult::Pass);
    passing.or_else(|| results().next())
}

/// How often each word was said.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally(BTreeMap<String, u64>);

impl Tally {
    fn count(&mut self, word: &impl fmt::Display) {
        *self.0.entry(word.to_string()).or_default() += 1;
    }

    /// The most frequent first.
    pub(super) fn counts(&self) -> Vec<VerdictCount> {
        let each = self.0.iter().map(|(verdict, messages)| VerdictCount {
            verdict: verdict.clone(),
            messages: *messages,
        });
        let mut counts: Vec<_> = each.collect();
        counts.sort_by_key(|it| std::cmp::Reverse(it.messages));
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_word_comes_first() {
        let mut tally = Tally::default();
        for word in ["fail", "pass", "none", "pass"] {
            tally.count(&word);
        }
        let counts = tally.counts();
        let told: Vec<_> = counts
            .iter()
            .map(|it| (it.verdict.as_str(), it.messages))
            .collect();
        assert_eq!(told, [("pass", 2), ("fail", 1), ("none", 1)]);
    }
}
