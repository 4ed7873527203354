//! The sessions that a server keeps to resume.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rustls::server::StoresServerSessions;

/// How many sessions are kept. Each takes some 2 KiB; when there are more, the oldest goes.
const MOST: usize = 1024;

/// How long a session is kept. RFC 9325 §3.4 would allow a week; what a queue sends again within
/// minutes is what resumption is for, and a store that is read out tells of no older traffic.
const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Sessions in memory: of one server, bounded in number and in age. They go with the server, so
/// a reload ends them.
pub(super) struct Sessions {
    lifetime: Duration,
    most: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    sessions: HashMap<Vec<u8>, (Instant, Vec<u8>)>,
    /// The keys of the sessions as they came, with some that were taken since.
    order: VecDeque<(Instant, Vec<u8>)>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self::new(MOST, LIFETIME)
    }
}

impl Sessions {
    fn new(most: usize, lifetime: Duration) -> Self {
        Self {
            lifetime,
            most,
            kept: Mutex::default(),
        }
    }

    /// The sessions, without those whose time is over.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((since, _)) = kept.order.front()
            && since.elapsed() >= self.lifetime
        {
            kept.drop_oldest();
        }
        kept
    }
}

impl Kept {
    fn drop_oldest(&mut self) {
        if let Some((since, key)) = self.order.pop_front() {
            // The same key may have come again later.
            if self.sessions.get(&key).is_some_and(|kept| kept.0 == since) {
                self.sessions.remove(&key);
            }
        }
    }
}

impl StoresServerSessions for Sessions {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        let mut kept = self.kept();
        let now = Instant::now();
        kept.order.push_back((now, key.clone()));
        kept.sessions.insert(key, (now, value));
        while kept.order.len() > self.most {
            kept.drop_oldest();
        }
        true
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let kept = self.kept();
        kept.sessions.get(key).map(|(_, value)| value.clone())
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.kept().sessions.remove(key).map(|(_, value)| value)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

/// Sessions are secrets.
impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sessions({})", self.kept().sessions.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> Vec<u8> {
        number.to_be_bytes().to_vec()
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let sessions = Sessions::new(4, LIFETIME);
        for number in 0..10 {
            assert!(sessions.put(key(number), vec![1]));
        }
        assert_eq!(sessions.get(&key(5)), None);
        assert_eq!(sessions.get(&key(6)), Some(vec![1]));
        assert_eq!(sessions.take(&key(9)), Some(vec![1]));
        assert_eq!(sessions.get(&key(9)), None);
        assert_eq!(format!("{sessions:?}"), "Sessions(3)");
    }

    #[test]
    fn a_key_that_comes_again_counts_from_then() {
        let sessions = Sessions::new(2, LIFETIME);
        for value in [1, 2, 3] {
            sessions.put(key(7), vec![value]);
        }
        assert_eq!(sessions.get(&key(7)), Some(vec![3]));
    }

    #[test]
    fn what_is_too_old_is_gone() {
        let sessions = Sessions::new(4, Duration::ZERO);
        sessions.put(key(1), vec![1]);
        assert_eq!(sessions.get(&key(1)), None);
        assert_eq!(sessions.take(&key(1)), None);
        assert_eq!(format!("{sessions:?}"), "Sessions(0)");
    }
}
