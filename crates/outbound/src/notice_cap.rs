//! How many notices an address is sent.
//!
//! A notice is mail that we send to whomever a stranger names. Mail that is known to lie about
//! its sender causes none at all; of the rest, what one address gets within an hour is bounded,
//! so that it is of little use to write in somebody's name to thousands who do not exist. What is
//! over the bound is not sent later either: those who need to know have heard it many times.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use postern_mail::Mailbox;

/// What the bound is for.
const HOUR: Duration = Duration::from_secs(60 * 60);

/// The most addresses that are counted at a time. Whoever has one forgotten by naming as many
/// others has caused as many notices to these, and so much mail to us.
const MOST_ADDRESSES: usize = 10_000;

/// Counts the notices that addresses are sent, without regard to case: most hosts have none for
/// theirs, and whoever writes in somebody's name could spell it in thousands of ways.
#[derive(Debug, Default)]
pub(crate) struct NoticeCap(Mutex<HashMap<String, Count>>);

/// The notices to one address since a point in time.
#[derive(Debug, Clone, Copy)]
struct Count {
    since: Instant,
    notices: u32,
}

impl Count {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= HOUR
    }
}

impl NoticeCap {
    /// Whether one more may be sent to the address, of which `most` go within an hour. It is
    /// counted if so.
    pub(crate) fn admits(&self, address: &Mailbox, most: u32, now: Instant) -> bool {
        let address = address.to_string().to_lowercase();
        // A change of the table is a single insertion or removal, sound even after a panic.
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= MOST_ADDRESSES && !counts.contains_key(&address) {
            make_room(&mut counts, now);
        }
        let fresh = Count {
            since: now,
            notices: 0,
        };
        let count = counts.entry(address).or_insert(fresh);
        if count.is_over(now) {
            *count = fresh;
        }
        let admitted = count.notices < most;
        count.notices += u32::from(admitted);
        admitted
    }
}

/// Forgets what is over; where nothing is, the count that is nearest to it.
fn make_room(counts: &mut HashMap<String, Count>, now: Instant) {
    counts.retain(|_, count| !count.is_over(now));
    if counts.len() >= MOST_ADDRESSES {
        let oldest = counts.iter().min_by_key(|(_, count)| count.since);
        if let Some(address) = oldest.map(|(address, _)| address.clone()) {
            counts.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(local: usize) -> Mailbox {
        format!("jo{local}@from.example").parse().unwrap()
    }

    #[test]
    fn an_hour_admits_so_many_and_the_next_one_as_many_again() {
        let (cap, start) = (NoticeCap::default(), Instant::now());
        let at = |minutes: u64| start + Duration::from_secs(60 * minutes);
        let admitted = |minutes| {
            (0..5)
                .filter(|_| cap.admits(&address(1), 3, at(minutes)))
                .count()
        };
        assert_eq!(admitted(0), 3);
        assert_eq!(admitted(59), 0);
        assert_eq!(admitted(60), 3);
        assert!(cap.admits(&address(2), 3, at(60)));
        assert!(!cap.admits(&address(3), 0, at(60)));
    }

    #[test]
    fn the_table_is_bounded_and_forgets_the_oldest_first() {
        let (cap, start) = (NoticeCap::default(), Instant::now());
        let at = |second: usize| start + Duration::from_millis(second as u64);
        for number in 0..MOST_ADDRESSES + 10 {
            assert!(cap.admits(&address(number), 1, at(number)));
        }
        let held = cap.0.lock().unwrap().len();
        assert_eq!(held, MOST_ADDRESSES);
        let now = at(MOST_ADDRESSES + 10);
        assert!(
            !cap.admits(&address(MOST_ADDRESSES), 1, now),
            "it is still counted"
        );
        assert!(cap.admits(&address(0), 1, now), "it was forgotten");
    }
}
