//! What is asked or told of all messages for a domain.

use postern_mail::Domain;

use super::{
    index::{Filed, Index, TAKEN},
    shared::Shared,
};
use crate::{
    DomainCensus,
    time::{self, Millis, NEVER},
};

/// How many messages are looked at before others have their turn at the index.
const STEP: usize = 2000;

const FIVE_MINUTES: Millis = 5 * 60 * 1000;
const AN_HOUR: Millis = 60 * 60 * 1000;

impl Shared {
    pub(crate) fn hasten(&self, domain: &Domain) -> usize {
        let now = self.clock.now();
        self.index().hasten_taken(domain, now);
        let mut hastened = 0;
        loop {
            let step = self.index().hasten(domain, now, STEP);
            hastened += step;
            if step < STEP {
                break;
            }
        }
        if hastened > 0 {
            self.notify();
        }
        hastened
    }

    pub(crate) fn census(&self) -> Vec<DomainCensus> {
        let mut census = Census {
            now: self.clock.now(),
            counted: Vec::new(),
            behind: None,
        };
        while census.step(&self.index()) {}
        census.counted
    }
}

struct Census {
    now: Millis,
    counted: Vec<DomainCensus>,
    behind: Option<Filed>,
}

impl Census {
    /// Counts some more. `false` means that there are no more.
    fn step(&mut self, index: &Index) -> bool {
        let filed = index.filed_behind(self.behind, STEP);
        for one in &filed {
            let domain = index.domain(one.lane().domain());
            let same = self
                .behind
                .is_some_and(|last| last.lane().domain() == one.lane().domain());
            if !same
                || self
                    .counted
                    .last()
                    .is_none_or(|last| last.domain.as_ref() != domain)
            {
                self.counted.push(DomainCensus::of(domain.cloned()));
            }
            self.behind = Some(*one);
            if let Some(counted) = self.counted.last_mut() {
                count(counted, one, self.now);
            }
        }
        filed.len() == STEP
    }
}

fn count(census: &mut DomainCensus, filed: &Filed, now: Millis) {
    let received = time::from_millis(filed.id().milliseconds());
    census.count_age(received, time::from_millis(now));
    census.fresh += u64::from(filed.lane().is_fresh());
    let column = match filed.due() {
        NEVER => &mut census.held,
        TAKEN => &mut census.claimed,
        due if due <= now => &mut census.due,
        due if due - now < FIVE_MINUTES => &mut census.soon,
        due if due - now < AN_HOUR => &mut census.within_an_hour,
        _ => &mut census.later,
    };
    *column += 1;
}
