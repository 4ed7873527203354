//! Destinations that an operator has frozen: their mail waits, and nobody is dialled for it.
//!
//! What is frozen are domains of recipients, whichever way their mail goes. It waits without
//! attempts, and as long as other mail does: senders hear of the delay, and what is still frozen
//! at the end of its lifetime is returned.

use std::{sync::Arc, time::SystemTime};

use arc_swap::ArcSwap;
use postern_mail::{Domain, DomainMap, DomainPattern};
use postern_spool::ClaimedRecipient;

/// Domains whose mail waits, because somebody said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frozen {
    /// Which domains.
    pub domain: DomainPattern,
    /// Why, in the words of whoever froze them. Senders are told of it when their mail is late.
    pub reason: String,
    /// Since when.
    pub since: SystemTime,
}

/// All that is frozen.
#[derive(Debug, Default)]
pub(crate) struct Freezer(ArcSwap<Contents>);

#[derive(Debug, Clone, Default)]
struct Contents {
    all: Vec<Arc<Frozen>>,
    by_domain: DomainMap<Arc<Frozen>>,
}

impl Contents {
    fn of(all: Vec<Arc<Frozen>>) -> Self {
        let pairs = all.iter().map(|it| (it.domain.clone(), Arc::clone(it)));
        Self {
            by_domain: pairs.collect(),
            all,
        }
    }
}

impl Freezer {
    /// Freezes domains; what was said of the same pattern before counts no more.
    pub(crate) fn freeze(&self, frozen: Frozen) {
        let frozen = Arc::new(frozen);
        self.0.rcu(|contents| {
            let others = contents.all.iter().filter(|it| it.domain != frozen.domain);
            let all = others.cloned().chain([Arc::clone(&frozen)]);
            Contents::of(all.collect())
        });
    }

    /// Lets domains go that were frozen by this very pattern. `false` means that none were.
    pub(crate) fn thaw(&self, domain: &DomainPattern) -> bool {
        let before = self.0.rcu(|contents| {
            let others = contents.all.iter().filter(|it| it.domain != *domain);
            Contents::of(others.cloned().collect())
        });
        before.all.iter().any(|it| it.domain == *domain)
    }

    /// All that is frozen, in the order in which it was.
    pub(crate) fn all(&self) -> Vec<Frozen> {
        let contents = self.0.load();
        contents.all.iter().map(|it| Frozen::clone(it)).collect()
    }

    /// What freezes a domain, if anything: the most specific pattern.
    pub(crate) fn find(&self, domain: &Domain) -> Option<Arc<Frozen>> {
        self.0.load().by_domain.find(domain).cloned()
    }

    /// Whether any of these recipients is frozen.
    pub(crate) fn holds_any(&self, recipients: &[ClaimedRecipient]) -> bool {
        let contents = self.0.load();
        !contents.all.is_empty()
            && recipients.iter().any(|claimed| {
                let domain = claimed.recipient.domain();
                domain.is_some_and(|domain| contents.by_domain.find(domain).is_some())
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frozen(domain: &str, reason: &str) -> Frozen {
        Frozen {
            domain: domain.parse().unwrap(),
            reason: reason.to_owned(),
            since: SystemTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn what_is_frozen_by_several_patterns_thaws_with_the_last() {
        let freezer = Freezer::default();
        let find = |domain: &str| {
            let found = freezer.find(&domain.parse().unwrap());
            found.map(|frozen| frozen.reason.clone())
        };
        freezer.freeze(frozen("*.example", "audit"));
        freezer.freeze(frozen("a.example", "first"));
        freezer.freeze(frozen("a.example", "second"));
        assert_eq!(freezer.all().len(), 2);
        assert_eq!(find("a.example").as_deref(), Some("second"));
        assert_eq!(find("b.example").as_deref(), Some("audit"));
        assert_eq!(find("example"), None);
        assert!(freezer.thaw(&"a.example".parse().unwrap()));
        assert!(!freezer.thaw(&"a.example".parse().unwrap()));
        assert_eq!(find("a.example").as_deref(), Some("audit"));
        assert!(freezer.thaw(&"*.example".parse().unwrap()));
        assert_eq!(find("a.example"), None);
    }
}
