//! When answers came. hickory remembers for how long an answer may be used, and not since when
//! it is known; whoever explains a decision wants to say both.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use crate::failures::Question;

#[derive(Debug)]
pub(crate) struct Ages {
    most: usize,
    known: Mutex<HashMap<Question, Instant>>,
}

impl Ages {
    /// Room for as many answers as hickory keeps.
    pub(crate) fn new(cache_size: u64) -> Self {
        Self {
            most: usize::try_from(cache_size).unwrap_or(usize::MAX),
            known: Mutex::default(),
        }
    }

    /// Notes that the question was answered just now. When there is no room left all is
    /// forgotten: names come from peers, and an age is worth no more than that.
    pub(crate) fn note(&self, question: Question, now: Instant) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= self.most {
            known.clear();
        }
        known.insert(question, now);
    }

    pub(crate) fn recall(&self, question: &Question) -> Option<Instant> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(question).copied()
    }
}

#[cfg(test)]
mod tests {
    use hickory_resolver::proto::rr::RecordType;

    use super::*;

    #[test]
    fn an_age_is_known_until_there_is_no_room() {
        let (ages, now) = (Ages::new(2), Instant::now());
        let question = |n: usize| (format!("n{n}.example").parse().unwrap(), RecordType::MX);
        ages.note(question(1), now);
        assert_eq!(ages.recall(&question(1)), Some(now));
        assert_eq!(ages.recall(&question(2)), None);
        ages.note(question(2), now);
        ages.note(question(3), now);
        assert_eq!(ages.recall(&question(1)), None);
        assert_eq!(ages.recall(&question(3)), Some(now));
    }
}
