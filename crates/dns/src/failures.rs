//! A short memory of failures (RFC 9520 §3.2).
//!
//! hickory remembers answers and denials, but asks anew after each failure. With a thousand
//! messages for a domain whose servers are silent, that would be a thousand times the full
//! deadline, and a thousand times the load on servers that already suffer.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use hickory_resolver::proto::rr::RecordType;

use crate::{Failure, Name};

/// How long a failure is remembered: the shortest time that RFC 9520 §3.2 has in mind, since a
/// caller who comes back after a pause does want to know whether things are better.
const REMEMBERED: Duration = Duration::from_secs(5);

/// The most failures remembered at once. Names come from peers, so there must be a bound.
const MOST: usize = 4096;

#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<HashMap<Question, (Instant, Failure)>>);

pub(crate) type Question = (Name, RecordType);

impl Failures {
    pub(crate) fn recall(&self, question: &Question, now: Instant) -> Option<Failure> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, failure) = known.get(question)?;
        (now.saturating_duration_since(*since) < REMEMBERED).then(|| failure.clone())
    }

    /// Remembers a failure, unless the memory is full of fresh ones: forgetting costs a question
    /// more and nothing else.
    pub(crate) fn remember(&self, question: Question, failure: Failure, now: Instant) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, (since, _)| now.saturating_duration_since(*since) < REMEMBERED);
        }
        if known.len() < MOST {
            known.insert(question, (now, failure));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cause;

    fn question(n: usize) -> Question {
        (format!("n{n}.example").parse().unwrap(), RecordType::MX)
    }

    fn failure() -> Failure {
        Failure {
            cause: Cause::Timeout,
            text: "MX of n.example".to_owned(),
        }
    }

    #[test]
    fn a_failure_is_remembered_for_its_question_and_a_short_time() {
        let (failures, start) = (Failures::default(), Instant::now());
        failures.remember(question(1), failure(), start);
        assert_eq!(failures.recall(&question(1), start), Some(failure()));
        assert_eq!(failures.recall(&question(2), start), None);
        let other_type = (question(1).0, RecordType::A);
        assert_eq!(failures.recall(&other_type, start), None);
        assert_eq!(failures.recall(&question(1), start + REMEMBERED), None);
    }

    #[test]
    fn the_memory_is_bounded_and_makes_room_for_fresh_failures() {
        let (failures, start) = (Failures::default(), Instant::now());
        for n in 0..MOST {
            failures.remember(question(n), failure(), start);
        }
        failures.remember(question(MOST), failure(), start);
        assert_eq!(failures.recall(&question(MOST), start), None);
        let later = start + REMEMBERED;
        failures.remember(question(MOST), failure(), later);
        assert_eq!(failures.recall(&question(MOST), later), Some(failure()));
        assert_eq!(failures.0.lock().unwrap().len(), 1);
    }
}
