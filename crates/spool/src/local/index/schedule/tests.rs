use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// A place in the schedule and the message in it.
fn filed(domain: u32, class: Class, due: Millis, number: u32) -> Filed {
    let lane = Lane::new(DomainNumber(domain), class);
    Filed::new(lane, due, QueueId::new(1, number))
}

/// Hands out everything that is due at `now`, in its order.
fn hand_out(schedule: &mut Schedule, all: &HashMap<QueueId, Filed>, now: Millis) -> Vec<Filed> {
    let mut out = Vec::new();
    while let Some(id) = schedule.next(now) {
        let one = all[&id];
        schedule.unfile(one);
        out.push(one);
    }
    out
}

fn schedule(filed: &[Filed]) -> (Schedule, HashMap<QueueId, Filed>) {
    let mut schedule = Schedule::default();
    filed.iter().for_each(|one| schedule.file(*one));
    let all = filed.iter().map(|one| (one.id(), *one)).collect();
    (schedule, all)
}

#[test]
fn a_million_retries_do_not_hold_up_new_mail_nor_the_other_way_round() {
    let old = (0..1000).map(|number| filed(1, Class::Tried, 1, number));
    let new = (1000..2000).map(|number| filed(1, Class::Fresh, 5, number));
    let (mut schedule, all) = schedule(&old.chain(new).collect::<Vec<_>>());
    let out = hand_out(&mut schedule, &all, 10);
    assert_eq!(out.len(), 2000);
    for claim in out.chunks(ROUND.into()).take(100) {
        let tried = claim.iter().filter(|one| !one.lane().is_fresh()).count();
        assert_eq!(tried, 1);
    }
}

#[test]
fn what_is_due_longest_comes_first_in_a_lane() {
    let dues = [7, 3, 9, 1, 5];
    let numbered = (0..).zip(dues);
    let lane: Vec<_> = numbered
        .map(|(number, due)| filed(1, Class::Tried, due, number))
        .collect();
    let (mut schedule, all) = schedule(&lane);
    let out: Vec<_> = hand_out(&mut schedule, &all, 7)
        .iter()
        .map(Filed::due)
        .collect();
    assert_eq!(out, [1, 3, 5, 7]);
    assert_eq!(schedule.next_due(), Some(9));
}

#[test]
fn what_is_taken_or_held_is_never_due() {
    let never = [TAKEN, NEVER].map(|due| filed(1, Class::Fresh, due, 1));
    let (mut schedule, _) = schedule(&never);
    assert_eq!((schedule.next_due(), schedule.next(TAKEN)), (None, None));
}

fn any_filed() -> impl Strategy<Value = Vec<Filed>> {
    let one = (0..6u32, any::<bool>(), 0..40u64);
    prop::collection::vec(one, 0..120).prop_map(|all| {
        let numbered = (0..).zip(all);
        let class = |tried| if tried { Class::Tried } else { Class::Fresh };
        let filed = |(number, (domain, tried, due))| filed(domain, class(tried), due, number);
        numbered.map(filed).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// All that is due is handed out once and nothing else, the next time is told right, and as
    /// long as several domains have something due none has two turns before each has had one.
    #[test]
    fn all_have_their_turn(filed in any_filed(), now in 0..40u64) {
        let (mut schedule, all) = schedule(&filed);
        prop_assert_eq!(schedule.next_due(), filed.iter().map(Filed::due).min());
        let out = hand_out(&mut schedule, &all, now);
        let due = |one: &&Filed| one.due() <= now;
        prop_assert_eq!(out.len(), filed.iter().filter(due).count());
        prop_assert!(out.iter().all(|one| one.due() <= now));
        let later = filed.iter().map(Filed::due).filter(|due| *due > now).min();
        prop_assert_eq!(schedule.next_due(), later);

        for class in [Class::Fresh, Class::Tried] {
            let of_class = |one: &&Filed| one.lane().class() == class;
            let lanes: Vec<_> = out.iter().filter(of_class).map(Filed::lane).collect();
            for (at, lane) in lanes.iter().enumerate() {
                let rest = &lanes[at + 1..];
                let Some(again) = rest.iter().position(|other| other == lane) else {
                    continue;
                };
                for other in &rest[again..] {
                    prop_assert!(rest[..again].contains(other) || other == lane);
                }
            }
        }
    }

    /// The same when places come and go in between.
    #[test]
    fn places_come_and_go(steps in prop::collection::vec((any_filed(), 0..40u64), 1..6)) {
        let mut schedule = Schedule::default();
        let mut there: HashMap<QueueId, Filed> = HashMap::new();
        for (filed, now) in steps {
            for one in filed {
                match there.remove(&one.id()) {
                    Some(before) => schedule.unfile(before),
                    None => {
                        schedule.file(one);
                        there.insert(one.id(), one);
                    }
                }
            }
            prop_assert_eq!(schedule.next_due(), there.values().map(Filed::due).min());
            let out = hand_out(&mut schedule, &there, now);
            let due = there.values().filter(|one| one.due() <= now).count();
            prop_assert_eq!(out.len(), due);
            there.retain(|id, _| !out.iter().any(|one| one.id() == *id));
        }
    }
}
