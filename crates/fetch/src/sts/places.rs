//! What is known in memory of each domain, and when to look again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use postern_mail::Domain;
use postern_policy::{KnownPolicy, StsId, StsMode};
use rustls_pki_types::UnixTime;

use super::{StsFinding, StsTrouble};
use crate::clock::{after, is_recent};

/// After a failure nobody asks the policy host again for this long (RFC 8461 §3.3).
const RETRY: Duration = Duration::from_secs(5 * 60);

/// How far further failures let the next refresh wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// A policy is fetched anew after this long, or half of its life, whichever is first: daily
/// (RFC 8461 §10.2), so that whoever can keep us from fetching must do so for a whole `max_age`.
const DAILY: Duration = Duration::from_secs(24 * 60 * 60);

/// A policy is good for this long, whatever its `max_age`: long enough to be used by those who
/// waited for it, and for a `max_age` of zero not to cost a fetch for every message.
const FRESH: Duration = Duration::from_secs(60);

/// What an operator may want to know about one domain's policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StsStatus {
    /// Whose policy it is.
    pub domain: Domain,
    /// The policy that counts, with its age and its end.
    pub known: Option<Arc<KnownPolicy>>,
    /// What went wrong last, unless it went well since.
    pub trouble: Option<(UnixTime, StsTrouble)>,
    /// When it is fetched anew at the earliest.
    pub refresh: Option<UnixTime>,
}

/// What makes a fetch needless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Enough {
    /// A policy of the id that is announced.
    SameId,
    /// Such a policy, fetched minutes ago.
    SameIdAndNew,
}

/// One domain.
#[derive(Debug)]
pub(super) struct Place {
    /// Held by whoever fetches, so that nobody else does meanwhile.
    pub(super) flight: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    known: Option<Arc<KnownPolicy>>,
    used: UnixTime,
    failure: Option<Failure>,
    refresh: Option<UnixTime>,
}

#[derive(Debug)]
struct Failure {
    at: UnixTime,
    in_a_row: u32,
    trouble: StsTrouble,
}

impl Place {
    fn new(known: Option<Arc<KnownPolicy>>, used: UnixTime) -> Self {
        let refresh = known.as_deref().and_then(first_refresh);
        Self {
            flight: tokio::sync::Mutex::default(),
            state: Mutex::new(State {
                known,
                used,
                failure: None,
                refresh,
            }),
        }
    }

    /// The policy that counts now, for a delivery.
    pub(super) fn used(&self, now: UnixTime) -> Option<Arc<KnownPolicy>> {
        let mut state = self.state();
        state.used = now;
        state.current(now)
    }

    /// The policy that counts now.
    pub(super) fn current(&self, now: UnixTime) -> Option<Arc<KnownPolicy>> {
        self.state().current(now)
    }

    /// The outcome that a fetch would be too early to change.
    pub(super) fn settled(&self, id: &StsId, enough: Enough, now: UnixTime) -> Option<StsFinding> {
        let state = self.state();
        let known = state.current(now);
        let is_enough = known.as_deref().is_some_and(|known| {
            let new = is_recent(known.fetched, RETRY, now);
            known.id == *id && (enough == Enough::SameId || new)
        });
        if is_enough {
            return Some(StsFinding {
                known,
                trouble: None,
            });
        }
        let failure = state.failure.as_ref();
        let failure = failure.filter(|failure| is_recent(failure.at, RETRY, now))?;
        Some(StsFinding {
            known,
            trouble: Some(failure.trouble.clone()),
        })
    }

    pub(super) fn succeed(&self, known: Arc<KnownPolicy>) {
        let mut state = self.state();
        state.refresh = first_refresh(&known);
        state.failure = None;
        state.known = Some(known);
    }

    /// What is known stays known: nothing that goes wrong changes it (RFC 8461 §3.3).
    pub(super) fn fail(&self, trouble: StsTrouble, now: UnixTime) {
        let mut state = self.state();
        let before = state.failure.as_ref().map_or(0, |it| it.in_a_row);
        let in_a_row = before.saturating_add(1);
        let wait = RETRY * 2_u32.pow(before.min(8));
        if state.refresh.is_some() {
            state.refresh = Some(after(now, wait.min(LONGEST_WAIT)));
        }
        state.failure = Some(Failure {
            at: now,
            in_a_row,
            trouble,
        });
    }

    /// Puts the next refresh off: there is nothing to be fetched.
    pub(super) fn postpone(&self, now: UnixTime) {
        let mut state = self.state();
        if state.refresh.is_some() {
            state.refresh = Some(after(now, LONGEST_WAIT));
        }
    }

    fn status(&self, domain: &Domain, now: UnixTime) -> StsStatus {
        let state = self.state();
        let trouble = state.failure.as_ref();
        StsStatus {
            domain: domain.clone(),
            known: state.current(now),
            trouble: trouble.map(|failure| (failure.at, failure.trouble.clone())),
            refresh: state.refresh,
        }
    }

    fn is_due(&self, now: UnixTime) -> bool {
        let state = self.state();
        let alive = state.current(now).is_some();
        alive && state.refresh.is_some_and(|refresh| refresh <= now)
    }

    /// Whether nothing would be lost with it.
    fn is_spent(&self, now: UnixTime) -> bool {
        let state = self.state();
        let failed = state.failure.as_ref();
        state.current(now).is_none() && !failed.is_some_and(|it| is_recent(it.at, RETRY, now))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn current(&self, now: UnixTime) -> Option<Arc<KnownPolicy>> {
        let counts =
            |it: &&Arc<KnownPolicy>| !it.has_expired(now) || is_recent(it.fetched, FRESH, now);
        self.known.as_ref().filter(counts).cloned()
    }
}

/// A policy that was taken back needs no refresh: it may end.
fn first_refresh(known: &KnownPolicy) -> Option<UnixTime> {
    match known.policy.mode() {
        StsMode::Enforce | StsMode::Testing => {
            let span = (known.policy.max_age() / 2).clamp(FRESH, DAILY);
            Some(after(known.fetched, span))
        }
        StsMode::None => None,
    }
}

/// All domains of which something is known, so many at most.
#[derive(Debug)]
pub(super) struct Places {
    by_domain: Mutex<HashMap<Domain, Arc<Place>>>,
    most: usize,
}

impl Places {
    pub(super) fn new(most: usize) -> Self {
        Self {
            by_domain: Mutex::default(),
            most,
        }
    }

    /// Takes a policy in that was known before. False when there is no room.
    pub(super) fn restore(&self, known: KnownPolicy) -> bool {
        let mut places = self.places();
        let room = places.len() < self.most;
        if room {
            let (domain, used) = (known.domain.clone(), known.fetched);
            places.insert(domain, Arc::new(Place::new(Some(Arc::new(known)), used)));
        }
        room
    }

    pub(super) fn of(&self, domain: &Domain) -> Option<Arc<Place>> {
        self.places().get(domain).cloned()
    }

    /// The place of a domain, which is made if there is none, and the domains that it displaced.
    pub(super) fn make(&self, domain: &Domain, now: UnixTime) -> (Arc<Place>, Vec<Domain>) {
        let mut places = self.places();
        if let Some(place) = places.get(domain) {
            return (Arc::clone(place), Vec::new());
        }
        let displaced = match places.len() < self.most {
            true => Vec::new(),
            false => make_room(&mut places, now),
        };
        let place = Arc::new(Place::new(None, now));
        places.insert(domain.clone(), Arc::clone(&place));
        (place, displaced)
    }

    /// Takes the domains out of which nothing is known any more.
    pub(super) fn sweep(&self, now: UnixTime) -> Vec<Domain> {
        sweep(&mut self.places(), now)
    }

    /// The policies that are to be fetched anew.
    pub(super) fn due(&self, now: UnixTime) -> Vec<Domain> {
        let places = self.places();
        let due = places.iter().filter(|(_, place)| place.is_due(now));
        due.map(|(domain, _)| domain.clone()).collect()
    }

    pub(super) fn list(&self, now: UnixTime) -> Vec<StsStatus> {
        let places = self.places();
        let mut all: Vec<_> = places
            .iter()
            .map(|(domain, place)| place.status(domain, now))
            .collect();
        drop(places);
        all.sort_unstable_by(|a, b| a.domain.cmp(&b.domain));
        all
    }

    fn places(&self) -> MutexGuard<'_, HashMap<Domain, Arc<Place>>> {
        self.by_domain
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn sweep(places: &mut HashMap<Domain, Arc<Place>>, now: UnixTime) -> Vec<Domain> {
    let mut spent = Vec::new();
    places.retain(|domain, place| {
        let stays = !place.is_spent(now) || Arc::strong_count(place) > 1;
        if !stays {
            spent.push(domain.clone());
        }
        stays
    });
    spent
}

/// Lets go of what is spent, or else of what was not used for the longest time.
fn make_room(places: &mut HashMap<Domain, Arc<Place>>, now: UnixTime) -> Vec<Domain> {
    let spent = sweep(places, now);
    if !spent.is_empty() {
        return spent;
    }
    let idle = places
        .iter()
        .filter(|(_, place)| Arc::strong_count(place) == 1);
    let oldest = idle.min_by_key(|(_, place)| place.state().used);
    let oldest = oldest.map(|(domain, _)| domain.clone());
    if let Some(domain) = &oldest {
        places.remove(domain);
    }
    oldest.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use postern_policy::StsPolicy;

    use super::*;
    use crate::sts::StsTroubleKind;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    fn domain(text: &str) -> Domain {
        text.parse().unwrap()
    }

    fn known(of: &str, mode: StsMode, max_age: u64, fetched: u64) -> KnownPolicy {
        let mx = vec!["*.example".parse().unwrap()];
        let policy = StsPolicy::new(mode, mx, Duration::from_secs(max_age)).unwrap();
        KnownPolicy::fetched(domain(of), "1".parse().unwrap(), policy, at(fetched))
    }

    fn trouble() -> StsTrouble {
        StsTrouble::new(StsTroubleKind::Fetch, &"no")
    }

    #[track_caller]
    fn check_refresh(mode: StsMode, max_age: u64, expected: Option<u64>) {
        let refresh = first_refresh(&known("a.example", mode, max_age, 1000));
        assert_eq!(refresh, expected.map(at), "{mode} {max_age}");
    }

    #[test]
    fn policies_are_refreshed_daily_or_at_half_time() {
        check_refresh(StsMode::Enforce, 31_557_600, Some(1000 + 86400));
        check_refresh(StsMode::Testing, 86400, Some(1000 + 43200));
        check_refresh(StsMode::Enforce, 0, Some(1060));
        check_refresh(StsMode::None, 86400, None);
    }

    #[test]
    fn a_policy_counts_until_its_end() {
        let place = Place::new(
            Some(Arc::new(known("a.example", StsMode::Enforce, 1000, 1000))),
            at(1000),
        );
        assert!(place.current(at(1999)).is_some());
        assert!(place.current(at(2000)).is_none());
        let short = Place::new(
            Some(Arc::new(known("a.example", StsMode::Enforce, 0, 1000))),
            at(1000),
        );
        assert!(short.current(at(1059)).is_some());
        assert!(short.current(at(1060)).is_none());
    }

    #[test]
    fn a_failure_changes_nothing_and_is_not_repeated_at_once() {
        let policy = Arc::new(known("a.example", StsMode::Enforce, 100_000, 1000));
        let place = Place::new(Some(Arc::clone(&policy)), at(1000));
        let other: StsId = "2".parse().unwrap();
        assert_eq!(place.settled(&other, Enough::SameId, at(2000)), None);
        place.fail(trouble(), at(2000));
        let kept = StsFinding {
            known: Some(policy),
            trouble: Some(trouble()),
        };
        assert_eq!(
            place.settled(&other, Enough::SameId, at(2299)),
            Some(kept.clone())
        );
        // Somebody who read the clock before the failure waited for it.
        assert_eq!(place.settled(&other, Enough::SameId, at(1990)), Some(kept));
        assert_eq!(place.settled(&other, Enough::SameId, at(2300)), None);
    }

    #[test]
    fn refreshes_that_fail_become_rarer() {
        let place = Place::new(
            Some(Arc::new(known("a.example", StsMode::Enforce, 864_000, 0))),
            at(0),
        );
        let mut now = 86400;
        for wait in [300, 600, 1200, 2400, 3600, 3600] {
            assert!(place.is_due(at(now)));
            place.fail(trouble(), at(now));
            assert!(!place.is_due(at(now + wait - 1)));
            now += wait;
        }
        assert!(place.is_due(at(now)));
        place.succeed(Arc::new(known("a.example", StsMode::Enforce, 864_000, now)));
        assert!(!place.is_due(at(now + 86399)));
    }

    #[test]
    fn what_was_not_used_for_longest_makes_room() {
        let places = Places::new(2);
        assert!(places.restore(known("a.example", StsMode::Enforce, 9000, 1000)));
        assert!(places.restore(known("b.example", StsMode::Enforce, 9000, 1001)));
        assert!(!places.restore(known("c.example", StsMode::Enforce, 9000, 1002)));
        places.of(&domain("a.example")).unwrap().used(at(1003));
        let (_, displaced) = places.make(&domain("c.example"), at(1004));
        assert_eq!(displaced, [domain("b.example")]);
        // Of the third nothing came to be known, so it goes first.
        let (_, displaced) = places.make(&domain("d.example"), at(1005));
        assert_eq!(displaced, [domain("c.example")]);
        assert_eq!(places.list(at(1005)).len(), 2);
        assert_eq!(places.sweep(at(1006)), [domain("d.example")]);
        assert_eq!(places.sweep(at(20_000)), [domain("a.example")]);
    }
}
