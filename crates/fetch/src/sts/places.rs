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

/// No policy is fetched anew in the background more often than this. One that ends sooner is
/// fetched when somebody asks for it.
const HOURLY: Duration = Duration::from_secs(60 * 60);

/// A policy is good for this long, whatever its `max_age` and whatever is announced meanwhile:
/// long enough to be used by those who waited for it, and for neither a `max_age` of zero nor an
/// id that is another one with each look to cost a fetch for every message.
const FRESH: Duration = Duration::from_secs(60);

/// A domain to which there was mail this long after the first one is more than a passer-by.
const PROBATION: Duration = DAILY;

/// A domain to which there was none for this long is no longer.
const IDLE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// So many names of hosts are some four kibibytes at most.
const HOSTS_OF_A_SHARE: usize = 16;

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
    first_used: UnixTime,
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
    fn new(known: Option<Arc<KnownPolicy>>, first_used: UnixTime, used: UnixTime) -> Self {
        let refresh = known.as_deref().and_then(first_refresh);
        Self {
            flight: tokio::sync::Mutex::default(),
            state: Mutex::new(State {
                known,
                first_used,
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
            let is_within = |span| is_recent(known.fetched, span, now);
            let is_same = known.id == *id && (enough == Enough::SameId || is_within(RETRY));
            is_same || is_within(FRESH)
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

    /// How much room it takes, in shares of which there are as many as domains.
    fn shares(&self) -> usize {
        let state = self.state();
        let hosts = state.known.as_deref().map_or(0, |it| it.policy.mx().len());
        1 + hosts / HOSTS_OF_A_SHARE
    }

    fn worth(&self, now: UnixTime) -> Worth {
        let shares = self.shares();
        let state = self.state();
        let is_established = shares == 1
            && after(state.first_used, PROBATION) <= state.used
            && now < after(state.used, IDLE);
        match state.current(now).map(|known| known.policy.mode()) {
            None => Worth::Nothing,
            Some(StsMode::None) => Worth::TakenBack,
            Some(StsMode::Testing) => Worth::Tested,
            Some(StsMode::Enforce) if is_established => Worth::Established,
            Some(StsMode::Enforce) => Worth::Enforced,
        }
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
            let span = (known.policy.max_age() / 2).clamp(HOURLY, DAILY);
            Some(after(known.fetched, span))
        }
        StsMode::None => None,
    }
}

/// What would be lost with a place, the least first.
///
/// A policy that is forgotten is one that whoever stands in the way need not let us have again.
/// So a stranger, for whose ten thousand domains somebody sends us mail, must not get those
/// forgotten that we have to do with: the domains of passers-by make room for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Worth {
    /// No more than a failure that was not long ago.
    Nothing,
    /// A policy that says that there is none.
    TakenBack,
    /// A policy that is only tested.
    Tested,
    /// A policy that is enforced.
    Enforced,
    /// Such a policy, of a domain to which there is mail time and again. It stays until its end.
    Established,
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

    /// Takes policies in that were known before, those that are enforced first, and says for how
    /// many there is no room. For how long they have been used is not known, so they are given
    /// credit for it.
    pub(super) fn restore(&self, mut policies: Vec<KnownPolicy>) -> usize {
        policies.sort_by_key(|known| known.policy.mode() != StsMode::Enforce);
        let mut places = self.places();
        let (mut taken, mut left) = (0, 0);
        for known in policies {
            let (domain, used) = (known.domain.clone(), known.fetched);
            let long_ago = UnixTime::since_unix_epoch(Duration::ZERO);
            let place = Place::new(Some(Arc::new(known)), long_ago, used);
            taken += place.shares();
            if taken > self.most {
                left += 1;
            } else {
                places.insert(domain, Arc::new(place));
            }
        }
        left
    }

    /// Whether this is the place of the domain.
    pub(super) fn hold(&self, domain: &Domain, place: &Place) -> bool {
        let places = self.places();
        places
            .get(domain)
            .is_some_and(|held| std::ptr::eq(&**held, place))
    }

    pub(super) fn of(&self, domain: &Domain) -> Option<Arc<Place>> {
        self.places().get(domain).cloned()
    }

    /// The place of a domain, which is made if there is none, and the domains that it displaced.
    /// Where there is no room, what comes to be known in the new place is forgotten with it.
    pub(super) fn make(&self, domain: &Domain, now: UnixTime) -> (Arc<Place>, Vec<Domain>) {
        let mut places = self.places();
        if let Some(place) = places.get(domain) {
            return (Arc::clone(place), Vec::new());
        }
        let (has_room, displaced) = make_room(&mut places, self.most, now);
        let place = Arc::new(Place::new(None, now, now));
        if has_room {
            places.insert(domain.clone(), Arc::clone(&place));
        }
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

/// Lets go of what is spent, and then of what is worth least and was not used for the longest
/// time, until there is room for one more; and says whether there is.
fn make_room(
    places: &mut HashMap<Domain, Arc<Place>>,
    most: usize,
    now: UnixTime,
) -> (bool, Vec<Domain>) {
    let mut gone = Vec::new();
    let mut taken: usize = places.values().map(|place| place.shares()).sum();
    if taken >= most {
        gone = sweep(places, now);
        taken = places.values().map(|place| place.shares()).sum();
    }
    while taken >= most {
        let idle = places.iter().filter(|(_, it)| Arc::strong_count(it) == 1);
        let ranked = idle.map(|(domain, it)| (it.worth(now), it.state().used, domain));
        let least = ranked.min().filter(|it| it.0 < Worth::Established);
        let Some(domain) = least.map(|(.., domain)| domain.clone()) else {
            break;
        };
        if let Some(place) = places.remove(&domain) {
            taken = taken.saturating_sub(place.shares());
        }
        gone.push(domain);
    }
    (taken < most, gone)
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
        check_refresh(StsMode::Enforce, 0, Some(1000 + 3600));
        check_refresh(StsMode::None, 86400, None);
    }

    #[test]
    fn a_policy_counts_until_its_end() {
        let place = Place::new(
            Some(Arc::new(known("a.example", StsMode::Enforce, 1000, 1000))),
            at(1000),
            at(1000),
        );
        assert!(place.current(at(1999)).is_some());
        assert!(place.current(at(2000)).is_none());
        let short = Place::new(
            Some(Arc::new(known("a.example", StsMode::Enforce, 0, 1000))),
            at(1000),
            at(1000),
        );
        assert!(short.current(at(1059)).is_some());
        assert!(short.current(at(1060)).is_none());
    }

    #[test]
    fn a_failure_changes_nothing_and_is_not_repeated_at_once() {
        let policy = Arc::new(known("a.example", StsMode::Enforce, 100_000, 1000));
        let place = Place::new(Some(Arc::clone(&policy)), at(1000), at(1000));
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

    /// Another id with each look is no reason to fetch with each look.
    #[test]
    fn an_id_that_never_stays_the_same_costs_a_fetch_a_minute() {
        let policy = Arc::new(known("a.example", StsMode::Enforce, 100_000, 1000));
        let place = Place::new(Some(Arc::clone(&policy)), at(1000), at(1000));
        let other: StsId = "2".parse().unwrap();
        let settled = StsFinding {
            known: Some(policy),
            trouble: None,
        };
        for enough in [Enough::SameId, Enough::SameIdAndNew] {
            let finding = place.settled(&other, enough, at(1059));
            assert_eq!(finding.as_ref(), Some(&settled));
            assert_eq!(place.settled(&other, enough, at(1060)), None);
        }
    }

    /// Makes a place, lets go of it, and says what it displaced.
    fn displaced_by(places: &Places, of: &str, mode: Option<StsMode>, now: u64) -> Vec<Domain> {
        let (place, displaced) = places.make(&domain(of), at(now));
        if let Some(mode) = mode {
            place.succeed(Arc::new(known(of, mode, 9_000_000, now)));
        }
        displaced
    }

    #[test]
    fn what_is_worth_least_makes_room() {
        let places = Places::new(4);
        let modes = [
            ("a.example", Some(StsMode::Enforce)),
            ("b.example", Some(StsMode::Testing)),
            ("c.example", Some(StsMode::None)),
            ("d.example", Some(StsMode::Enforce)),
        ];
        for (now, (of, mode)) in (1000..).zip(modes) {
            assert_eq!(displaced_by(&places, of, mode, now), []);
        }
        for (of, expected) in [
            ("e.example", "c.example"),
            ("f.example", "b.example"),
            ("g.example", "a.example"),
            ("h.example", "d.example"),
        ] {
            let displaced = displaced_by(&places, of, Some(StsMode::Enforce), 2000);
            assert_eq!(displaced, [domain(expected)]);
        }
        assert_eq!(displaced_by(&places, "i.example", None, 3000).len(), 1);
        // Of the last nothing came to be known, so it goes first.
        let displaced = displaced_by(&places, "j.example", None, 3001);
        assert_eq!(displaced, [domain("i.example")]);
        assert_eq!(places.list(at(3002)).len(), 4);
        assert_eq!(places.sweep(at(3002)), [domain("j.example")]);
    }

    #[test]
    fn a_flood_of_strangers_gets_no_one_forgotten_who_stays() {
        const DAY: u64 = 86400;
        let places = Places::new(10);
        let neighbour = |places: &Places| {
            let place = places.of(&domain("bank.example"));
            place.is_some_and(|place| place.current(at(2 * DAY)).is_some())
        };
        displaced_by(&places, "bank.example", Some(StsMode::Enforce), 0);
        places.of(&domain("bank.example")).unwrap().used(at(DAY));
        for number in 0..100 {
            let of = format!("{number}.evil.example");
            displaced_by(&places, &of, Some(StsMode::Enforce), DAY + number);
            places.of(&domain(&of)).unwrap().used(at(DAY + number));
        }
        assert!(neighbour(&places));
        assert_eq!(places.list(at(2 * DAY)).len(), 10);
        // Even where all have stayed, nobody is forgotten for a stranger, who is served and not
        // remembered.
        places
            .list(at(2 * DAY))
            .iter()
            .for_each(|it| drop(places.of(&it.domain).unwrap().used(at(3 * DAY))));
        let (stranger, displaced) = places.make(&domain("new.example"), at(3 * DAY));
        assert_eq!(displaced, []);
        assert!(!places.hold(&domain("new.example"), &stranger));
        // Whom there was no mail to for a month is a stranger again.
        places
            .of(&domain("bank.example"))
            .unwrap()
            .used(at(20 * DAY));
        for number in 100..150 {
            let of = format!("{number}.evil.example");
            let displaced = displaced_by(&places, &of, None, 33 * DAY);
            assert_eq!(displaced.len(), 1);
        }
        assert!(neighbour(&places));
    }

    #[test]
    fn long_policies_take_the_room_of_several() {
        let places = Places::new(20);
        let hosts = |number| (0..number).map(|at| format!("mx{at}.example").parse().unwrap());
        for number in 0..20 {
            let of = format!("{number}.example");
            let (place, _) = places.make(&domain(&of), at(1000 + number));
            let age = Duration::from_secs(9_000_000);
            let policy = StsPolicy::new(StsMode::Enforce, hosts(200).collect(), age).unwrap();
            let id = "1".parse().unwrap();
            let known = KnownPolicy::fetched(domain(&of), id, policy, at(1000 + number));
            place.succeed(Arc::new(known));
        }
        assert_eq!(places.list(at(1030)).len(), 2);
    }

    #[test]
    fn what_was_known_before_is_taken_in_as_far_as_there_is_room() {
        let places = Places::new(2);
        let before = [
            known("a.example", StsMode::Testing, 9000, 1000),
            known("b.example", StsMode::Enforce, 9000, 1000),
            known("c.example", StsMode::Enforce, 9000, 1000),
        ];
        assert_eq!(places.restore(before.to_vec()), 1);
        let held: Vec<_> = places
            .list(at(1001))
            .into_iter()
            .map(|it| it.domain)
            .collect();
        assert_eq!(held, [domain("b.example"), domain("c.example")]);
        assert_eq!(places.sweep(at(20_000)).len(), 2);
    }
}
