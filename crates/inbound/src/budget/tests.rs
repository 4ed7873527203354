use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn allow(count: u32, per: Duration) -> Allowances {
    Allowances {
        messages: Some(Allowance {
            count: NonZeroU32::new(count).unwrap(),
            per,
        }),
        ..Allowances::default()
    }
}

fn from(client: &str) -> [Payer; 2] {
    Payer::of(client.parse().unwrap())
}

/// How many of a thousand get through at once.
fn passing(budgets: &Budgets, allowances: &Allowances, client: &str, now: Instant) -> usize {
    let payers = from(client);
    let spend = |_: &u32| {
        let spent = budgets.spend(Good::Message, &payers, allowances, now);
        spent.is_ok()
    };
    (0..1000).filter(spend).count()
}

#[test]
fn what_is_used_up_comes_back_with_time() {
    let (budgets, allowances) = (Budgets::default(), allow(10, 10 * SECOND));
    let now = Instant::now();
    assert_eq!(passing(&budgets, &allowances, "192.0.2.1", now), 10);
    assert_eq!(passing(&budgets, &allowances, "192.0.2.1", now + SECOND), 1);
    let later = now + 4 * SECOND;
    assert_eq!(passing(&budgets, &allowances, "192.0.2.1", later), 3);
    let much_later = now + 100 * SECOND;
    assert_eq!(passing(&budgets, &allowances, "192.0.2.1", much_later), 10);
}

#[test]
fn a_network_has_what_eight_of_its_addresses_have() {
    let (budgets, allowances) = (Budgets::default(), allow(10, 10 * SECOND));
    let now = Instant::now();
    let total: usize = (1..=20)
        .map(|host| passing(&budgets, &allowances, &format!("192.0.2.{host}"), now))
        .sum();
    assert_eq!(total, 80);
    assert_eq!(passing(&budgets, &allowances, "192.0.3.1", now), 10);
}

#[test]
fn who_is_refused_pays_nothing() {
    let (budgets, allowances) = (Budgets::default(), allow(1, 10 * SECOND));
    let now = Instant::now();
    assert_eq!(passing(&budgets, &allowances, "192.0.2.1", now), 1);
    let spent = budgets.spend(Good::Message, &from("192.0.2.1"), &allowances, now);
    assert_eq!(
        spent.unwrap_err().to_string(),
        "Too many messages in a short time from your address"
    );
    assert_eq!(passing(&budgets, &allowances, "192.0.2.2", now), 1);
}

#[test]
fn mistakes_are_made_up_for_within_the_time_however_many_they_are() {
    let budgets = Budgets::default();
    let allowances = Allowances {
        errors: allow(10, 10 * SECOND).messages,
        ..Allowances::default()
    };
    let payers = from("192.0.2.1");
    let now = Instant::now();
    for _ in 0..1000 {
        budgets.charge(Good::Error, &payers, &allowances, now);
    }
    let look = |at| budgets.look(Good::Error, &payers, &allowances, at).is_ok();
    assert!(!look(now));
    assert!(look(now + SECOND));
}

#[test]
fn any_number_of_addresses_needs_bounded_memory_and_helps_nobody_who_is_over() {
    let budgets = Budgets::of(800);
    let allowances = allow(100, 1000 * SECOND);
    let now = Instant::now();
    assert_eq!(passing(&budgets, &allowances, "192.0.2.1", now), 100);
    for number in 0..10_000_u32 {
        let stranger = Ipv4Addr::from_bits(0x0a00_0000 + (number << 8)).into();
        let _ = budgets.spend(Good::Message, &Payer::of(stranger), &allowances, now);
        assert!(budgets.accounts().len() <= 800 + 2);
    }
    assert_eq!(passing(&budgets, &allowances, "192.0.2.1", now), 0);
}

#[test]
fn what_counts_as_one() {
    assert_eq!(from("::ffff:192.0.2.1"), from("192.0.2.1"));
    assert_eq!(from("2001:db8::1"), from("2001:db8::ffff:0:0:2"));
    let (one, other) = (from("2001:db8::1"), from("2001:db8:0:1::1"));
    assert_ne!(one[0], other[0]);
    assert_eq!(one[1], other[1]);
}

#[test]
fn without_an_allowance_nothing_is_counted() {
    let budgets = Budgets::default();
    let now = Instant::now();
    let none = Allowances::default();
    assert_eq!(passing(&budgets, &none, "192.0.2.1", now), 1000);
    assert!(budgets.accounts().is_empty());
}
