use std::{sync::Arc, time::Duration};

use postern_dns::FixedZone;
use proptest::prelude::*;
use tokio::time::Instant;

use super::*;

/// What SPF says about `jo@d.example` from a client that calls itself `helo.example`.
async fn outcome(zone: &str, client: &str, sender: &str) -> SpfOutcome {
    let zone: FixedZone = zone.parse().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let questions = Questions::new(Arc::new(zone), 100, deadline);
    let (reverse_path, _) = ReversePath::parse_prefix(&format!("<{sender}>")).unwrap();
    let helo = "helo.example".parse().unwrap();
    let outcome = mail_from(&questions, client.parse().unwrap(), &helo, &reverse_path);
    outcome.await.unwrap()
}

async fn check_from(zone: &str, client: &str, expected: SpfResult) {
    let found = outcome(zone, client, "jo@d.example").await;
    assert_eq!(found.result, expected, "{zone}\n{found:?}");
    assert_eq!(found.domain, "d.example");
}

async fn check(zone: &str, expected: SpfResult) {
    check_from(zone, "192.0.2.1", expected).await;
}

/// The only record in sight.
async fn check_record(record: &str, expected: SpfResult) {
    let zone = format!("d.example TXT {record}\n d.example A 192.0.2.1");
    check(&zone, expected).await;
}

#[tokio::test]
async fn mechanisms_match_as_they_should() {
    use SpfResult::{Fail, Neutral, Pass, SoftFail};
    for (record, expected) in [
        ("v=spf1", Neutral),
        ("V=SPF1 -ALL", Fail),
        ("v=spf1 ~all", SoftFail),
        ("v=spf1 ?all", Neutral),
        ("v=spf1   a  -all  ", Pass),
        ("v=spf1 a/24 -all", Pass),
        ("v=spf1 a/0//0 -all", Pass),
        ("v=spf1 ip4:192.0.2.0/24 -all", Pass),
        ("v=spf1 ip4:192.0.3.0/24 -all", Fail),
        ("v=spf1 ip4:192.0.2.1/32 -all", Pass),
        ("v=spf1 ip4:0.0.0.0/0 -all", Pass),
        ("v=spf1 ip6:::/0 -all", Fail),
        ("v=spf1 -a:d.example", Fail),
        ("v=spf1 exists:%{d} -all", Pass),
        ("v=spf1 exists:%{l}.%{d} -all", Fail),
        ("v=spf1 moo=%{t}:cow op=ra/: -all", Fail),
        ("v=spf1 exp=%{d} -all", Fail),
    ] {
        check_record(record, expected).await;
    }
}

#[tokio::test]
async fn a_mistake_anywhere_is_a_permanent_error() {
    for term in [
        "foo",
        "foo:bar",
        "a=",
        "all:x",
        "all/8",
        "a:",
        "a/33",
        "a/024",
        "a//129",
        "a/8/8",
        "a:x.example/",
        "mx:",
        "mx/-1",
        "include",
        "include:",
        "include:x",
        "exists",
        "exists:%{c}.x.example",
        "ip4:192.0.2",
        "ip4:192.0.2.1/33",
        "ip4:192.0.2.256",
        "ip4:192.0.2.01",
        "ip4",
        "ip6:192.0.2.1",
        "ip6:::1/129",
        "ip6::::1",
        "redirect=",
        "redirect=x.example redirect=y.example",
        "exp=",
        "exp=x.example exp=y.example",
        "ptr:",
        "ptr/24",
        "+-all",
        "a:%x.example",
        "a:%{d",
        "1a=x",
        "\u{fc}=1",
        "include:localhost",
    ] {
        // `a=` alone is a modifier that is not known, which is no mistake.
        if term == "a=" {
            check_record(&format!("v=spf1 {term} +all"), SpfResult::Pass).await;
            continue;
        }
        check_record(&format!("v=spf1 +all {term}"), SpfResult::PermError).await;
    }
    let tab = record::Record::read(b"v=spf1 a\tmx -all");
    assert!(tab.is_err(), "{tab:?}");
}

#[tokio::test]
async fn one_record_counts_and_several_are_an_error() {
    check("", SpfResult::None).await;
    check("d.example A 192.0.2.1", SpfResult::None).await;
    check("d.example TXT v=spf10 +all", SpfResult::None).await;
    check(
        "d.example TXT other\n d.example TXT v=spf1 +all",
        SpfResult::Pass,
    )
    .await;
    let two = "d.example TXT v=spf1 +all\n d.example TXT v=spf1 -all";
    check(two, SpfResult::PermError).await;
    check("d.example FAIL servfail", SpfResult::TempError).await;
}

#[tokio::test]
async fn included_records_match_or_do_not() {
    use SpfResult::{Fail, Neutral, Pass, PermError, TempError};
    for (included, expected) in [
        ("i.example TXT v=spf1 +all", Pass),
        ("i.example TXT v=spf1 -all", Fail),
        ("i.example TXT v=spf1 ~all", Fail),
        ("i.example TXT v=spf1", Fail),
        ("i.example TXT v=spf1 foo", PermError),
        ("i.example FAIL timeout", TempError),
        ("", PermError),
    ] {
        let zone = format!("d.example TXT v=spf1 include:i.example -all\n {included}");
        check(&zone, expected).await;
    }
    // What an inner record says is not what the outer one says: the library by itself would leave
    // both at once.
    for (inner, outer, expected) in [
        ("+include:j.example", "-include:i.example", Fail),
        (
            "-include:j.example",
            "+include:i.example",
            SpfResult::SoftFail,
        ),
        (
            "?include:j.example",
            "+include:i.example",
            SpfResult::SoftFail,
        ),
    ] {
        let zone = format!(
            "d.example TXT v=spf1 {outer} ~all
             i.example TXT v=spf1 {inner}
             j.example TXT v=spf1 +all"
        );
        check(&zone, expected).await;
    }
    for (target, expected) in [
        ("i.example TXT v=spf1 +all", Pass),
        ("i.example TXT v=spf1", Neutral),
        ("i.example FAIL timeout", TempError),
        ("", PermError),
    ] {
        let zone = format!("d.example TXT v=spf1 redirect=i.example\n {target}");
        check(&zone, expected).await;
    }
    // Behind `all` it is never reached.
    check("d.example TXT v=spf1 redirect=none.example -all", Fail).await;
    // The macros of an included record are about its own domain.
    let zone = "d.example TXT v=spf1 include:i.example -all
        i.example TXT v=spf1 exists:%{d}.%{o} -all
        i.example.d.example A 127.0.0.2";
    check(zone, Pass).await;
}

#[tokio::test]
async fn ten_terms_cause_look_ups_and_not_more() {
    let terms = |number: usize| {
        let mut zone = "a.d.example A 192.0.2.9\n".to_owned();
        zone += &format!(
            "d.example TXT v=spf1{} +all",
            " a:a.d.example".repeat(number)
        );
        zone
    };
    check(&terms(10), SpfResult::Pass).await;
    check(&terms(11), SpfResult::PermError).await;
    check(
        "d.example TXT v=spf1 include:d.example +all",
        SpfResult::PermError,
    )
    .await;
    check(
        "d.example TXT v=spf1 redirect=d.example",
        SpfResult::PermError,
    )
    .await;
    let pair = "d.example TXT v=spf1 include:e.example\n e.example TXT v=spf1 redirect=d.example";
    check(pair, SpfResult::PermError).await;
    check(
        "d.example TXT v=spf1 include:%{d}.%{d} +all",
        SpfResult::PermError,
    )
    .await;
}

#[tokio::test]
async fn two_look_ups_may_find_nothing_and_not_more() {
    let terms = |number: usize| {
        let terms: String = (0..number)
            .map(|at| format!(" a:n{at}.d.example"))
            .collect();
        format!("d.example TXT v=spf1{terms} +all")
    };
    check(&terms(2), SpfResult::Pass).await;
    check(&terms(3), SpfResult::PermError).await;
    check(
        "d.example TXT v=spf1 exists:a.%{d} mx exists:b.%{d} +all",
        SpfResult::PermError,
    )
    .await;
    // So does an address without a name, for every term that asks for one.
    check(
        "d.example TXT v=spf1 ptr ptr:x.example a:b.%{d} +all",
        SpfResult::PermError,
    )
    .await;
    // Hosts of an MX record that do not exist count as well.
    let hosts = "d.example TXT v=spf1 mx +all
        d.example MX 1 a.d.example
        d.example MX 1 b.d.example
        d.example MX 1 c.d.example";
    check(hosts, SpfResult::PermError).await;
}

#[tokio::test]
async fn ten_hosts_take_mail_and_not_more() {
    let hosts = |number: usize| {
        let mut zone = "d.example TXT v=spf1 mx -all\n".to_owned();
        for at in 0..number {
            zone += &format!("d.example MX 1 m{at}.d.example\n m{at}.d.example A 192.0.2.{at}\n");
        }
        zone
    };
    check(&hosts(10), SpfResult::Pass).await;
    check(&hosts(11), SpfResult::PermError).await;
    check(
        "d.example TXT v=spf1 mx -all\n d.example MX 0 .",
        SpfResult::Fail,
    )
    .await;
}

#[tokio::test]
async fn of_eleven_names_of_an_address_ten_are_looked_at() {
    let names = |own: usize| {
        let mut zone = "d.example TXT v=spf1 ptr -all\n m.d.example A 192.0.2.1\n".to_owned();
        for at in 0..11 {
            let name = match at == own {
                true => "m.d.example".to_owned(),
                false => format!("n{at}.other.example"),
            };
            zone += &format!("1.2.0.192.in-addr.arpa PTR {name}\n");
        }
        zone
    };
    check(&names(9), SpfResult::Pass).await;
    check(&names(10), SpfResult::Fail).await;
    // A name that does not lead back is worth nothing.
    let claimed = "d.example TXT v=spf1 ptr -all\n 1.2.0.192.in-addr.arpa PTR m.d.example";
    check(claimed, SpfResult::Fail).await;
    check(
        "d.example TXT v=spf1 ptr -all\n 1.2.0.192.in-addr.arpa FAIL servfail",
        SpfResult::Fail,
    )
    .await;
    let below = "d.example TXT v=spf1 ptr:d.example -all
        1.2.0.192.in-addr.arpa PTR evild.example
        evild.example A 192.0.2.1";
    check(below, SpfResult::Fail).await;
}

#[tokio::test]
async fn the_validated_name_is_validated() {
    let zone = |name: &str| {
        format!(
            "d.example TXT v=spf1 exists:%{{p}}.w.example -all
             unknown.w.example A 127.0.0.2
             1.2.0.192.in-addr.arpa PTR {name}
             real.example A 192.0.2.1
             fake.example A 192.0.2.2
             fake.example.w.example A 127.0.0.2"
        )
    };
    check(&zone("fake.example"), SpfResult::Pass).await;
    check(&zone("real.example"), SpfResult::Fail).await;
    check(
        "d.example TXT v=spf1 exists:%{p}.w.example -all\n unknown.w.example A 127.0.0.2",
        SpfResult::Pass,
    )
    .await;
}

#[tokio::test]
async fn addresses_are_of_their_family() {
    let zone = "d.example TXT v=spf1 a ip4:192.0.2.7 ip6:2001:db8::7 -all
        d.example A 192.0.2.1
        d.example AAAA 2001:db8::1";
    for client in [
        "192.0.2.1",
        "::ffff:192.0.2.1",
        "2001:db8::1",
        "192.0.2.7",
        "2001:db8::7",
    ] {
        check_from(zone, client, SpfResult::Pass).await;
    }
    for client in ["192.0.2.2", "2001:db8::2", "::192.0.2.1"] {
        check_from(zone, client, SpfResult::Fail).await;
    }
    // `exists` asks for A whatever the client has.
    let exists = "d.example TXT v=spf1 exists:e.%{d} -all\n e.d.example A 127.0.0.2";
    check_from(exists, "2001:db8::1", SpfResult::Pass).await;
    let exists = "d.example TXT v=spf1 exists:e.%{d} -all\n e.d.example AAAA 2001:db8::1";
    check_from(exists, "2001:db8::1", SpfResult::Fail).await;
}

#[tokio::test]
async fn names_that_are_none_match_nothing() {
    let label = "a".repeat(64);
    check_record(&format!("v=spf1 a:{label}.example -all"), SpfResult::Fail).await;
    check_record("v=spf1 a:x..example -all", SpfResult::Fail).await;
    check_record(
        &format!("v=spf1 include:{label}.example -all"),
        SpfResult::PermError,
    )
    .await;
    let long = outcome("", "192.0.2.1", "jo@localhost").await;
    assert_eq!(long.result, SpfResult::None);
    let literal = outcome("", "192.0.2.1", "jo@[192.0.2.1]").await;
    assert_eq!(
        (literal.result, literal.domain.as_str()),
        (SpfResult::None, "[192.0.2.1]")
    );
}

#[tokio::test]
async fn odd_local_parts_are_asked_for_as_they_are_or_not_at_all() {
    // A name with such characters is asked for, and here it does not exist.
    let zone = "d.example TXT v=spf1 exists:%{l}.%{d} ?all\n d.example A 192.0.2.1";
    assert_eq!(
        outcome(zone, "192.0.2.1", "a+b=c@d.example").await.result,
        SpfResult::Neutral
    );
    // RFC 8616 §4: a term that would need a local-part that is not ASCII never matches.
    let zone = "d.example TXT v=spf1 exists:%{l}.%{d} -all\n *.d.example A 127.0.0.2";
    let zone = zone.replace("*.d", "x.d");
    assert_eq!(
        outcome(&zone, "192.0.2.1", "x@d.example").await.result,
        SpfResult::Pass
    );
    assert_eq!(
        outcome(&zone, "192.0.2.1", "\u{fc}@d.example").await.result,
        SpfResult::Fail
    );
    let zone = "d.example TXT v=spf1 redirect=%{l}.%{d}";
    assert_eq!(
        outcome(zone, "192.0.2.1", "\u{fc}@d.example").await.result,
        SpfResult::PermError
    );
}

#[tokio::test]
async fn a_look_up_that_fails_is_a_temporary_error_where_it_is_reached() {
    let zone = |record: &str| {
        format!("d.example TXT {record}\n d.example A 192.0.2.1\n x.example FAIL timeout")
    };
    check(&zone("v=spf1 a a:x.example -all"), SpfResult::Pass).await;
    check(&zone("v=spf1 a:x.example a -all"), SpfResult::TempError).await;
    check(&zone("v=spf1 mx:x.example a -all"), SpfResult::TempError).await;
    check(
        &zone("v=spf1 exists:x.example a -all"),
        SpfResult::TempError,
    )
    .await;
}

#[tokio::test]
async fn a_reason_names_the_mechanism_or_the_mistake() {
    let zone = "d.example TXT v=spf1 ip4:192.0.2.1 -all";
    let pass = outcome(zone, "192.0.2.1", "jo@d.example").await;
    assert_eq!(
        pass.reason.as_deref(),
        Some("ip4:192.0.2.1 in the record of d.example")
    );
    let fail = outcome(zone, "192.0.2.2", "jo@d.example").await;
    assert_eq!(
        fail.reason.as_deref(),
        Some("-all in the record of d.example")
    );
    let wrong = outcome(
        "d.example TXT v=spf1 foo\u{fc}",
        "192.0.2.2",
        "jo@d.example",
    )
    .await;
    assert_eq!(
        wrong.reason.as_deref(),
        Some("d.example: the record holds more than printable ASCII")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_record_makes_a_panic(record in proptest::collection::vec(any::<u8>(), 0..100)) {
        let mut text = b"v=spf1 ".to_vec();
        text.extend(&record);
        let _ = record::Record::read(&text);
        let _ = record::Record::read(&record);
    }

    #[test]
    fn terms_in_any_order_pass_only_where_one_matches(
        terms in proptest::collection::vec("(ip4:192\\.0\\.2\\.[2-9]|-a:x\\.example|\\?mx|exists:%\\{[sloidpvh][0-9]?r?\\}\\.x\\.example|include:y\\.example|x=%\\{d\\})", 0..8)
    ) {
        let zone = format!("d.example TXT v=spf1 {}\n y.example TXT v=spf1 -all", terms.join(" "));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let found = runtime.block_on(outcome(&zone, "192.0.2.1", "jo@d.example"));
        prop_assert!(found.result != SpfResult::Pass, "{:?}", found);
    }
}
