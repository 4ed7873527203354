use std::fmt::Write as _;

use postern_dns::FixedZone;
use postern_tls::Date;
use rustls_pki_types::UnixTime;

use super::*;
use crate::{Facts, Outcome, Severity};

/// What is found of `example.org` with our one address, the worst first.
async fn findings(zone: &str) -> Vec<(Option<Severity>, String)> {
    let zone: FixedZone = zone.parse().unwrap();
    let mut facts = Facts::of("mx1.example.org".parse().unwrap());
    facts.senders = vec!["192.0.2.1".parse().unwrap()];
    let look = Look::new(&zone, &facts, Date(UnixTime::now())).await;
    let domain = OurDomain::named("example.org".parse().unwrap());
    let mut found: Vec<_> = check(&look, &domain).await.0.iter().map(told).collect();
    found.sort_by(|one, other| other.cmp(one));
    found
}

fn told(finding: &crate::Finding) -> (Option<Severity>, String) {
    let severity = match finding.outcome {
        Outcome::Found { severity, .. } => Some(severity),
        Outcome::Fine(_) | Outcome::Unknown(_) => None,
    };
    (severity, finding.text().to_owned())
}

/// The worst that is found of one record.
async fn check_record(record: &str, expected: (Option<Severity>, &str)) {
    let zone = format!(
        "example.org TXT {record}
         example.org MX 10 mx1.example.org
         mx1.example.org A 192.0.2.1
         mx1.example.org AAAA 2001:db8::1
         yes.example TXT v=spf1 ip4:192.0.2.0/24 -all
         no.example TXT v=spf1 ip4:198.51.100.0/24 -all
         twice.example TXT v=spf1 -all
         twice.example TXT v=spf1 +all
         loop.example TXT v=spf1 include:loop.example -all
         slow.example FAIL timeout"
    );
    let found = findings(&zone).await;
    let (severity, text) = found.first().unwrap();
    assert_eq!((*severity, text.as_str()), expected, "{record}");
}

#[tokio::test]
async fn our_address_is_held_against_the_record() {
    let fine = (None, "SPF lets 192.0.2.1 send");
    for record in [
        "v=spf1 ip4:192.0.2.1 -all",
        "v=spf1 ip4:192.0.2.200/24 -all",
        "V=SPF1 MX -ALL",
        "v=spf1 mx//64 -all",
        "v=spf1 a:mx1.example.org/24//64 ~all",
        "v=spf1 ip6:2001:db8::/32 include:yes.example -all",
        "v=spf1 -include:no.example +ip4:192.0.2.1 -all exp=why.example",
        "v=spf1 redirect=yes.example",
        // Whatever the macro leads to, the address passes.
        "v=spf1 exists:%{i}.example ip4:192.0.2.1 -all",
    ] {
        check_record(record, fine).await;
    }
    let fail = "mail from 192.0.2.1 gets `fail`";
    check_record("v=spf1 -all", (Some(Severity::Broken), fail)).await;
    check_record(
        "v=spf1 include:no.example -all",
        (Some(Severity::Broken), fail),
    )
    .await;
    check_record(
        "v=spf1 -ip4:192.0.2.0/24 mx -all",
        (Some(Severity::Broken), fail),
    )
    .await;
    check_record("v=spf1 redirect=no.example", (Some(Severity::Broken), fail)).await;
    let soft = "mail from 192.0.2.1 gets `softfail`";
    check_record("v=spf1 ~all", (Some(Severity::Weak), soft)).await;
}

#[tokio::test]
async fn what_others_may_do_is_told() {
    let open = "+all lets everybody send as the domain";
    check_record("v=spf1 ip4:192.0.2.1 +all", (Some(Severity::Weak), open)).await;
    let silent = "the SPF record says nothing about those whom it does not name";
    check_record("v=spf1 ip4:192.0.2.1 ?all", (Some(Severity::Weak), silent)).await;
    check_record("v=spf1 ip4:192.0.2.1", (Some(Severity::Weak), silent)).await;
}

#[tokio::test]
async fn errors_of_a_record_are_named() {
    let check = async |record: &str, error: &str| {
        let text = format!("the SPF record is in error: {error}");
        check_record(record, (Some(Severity::Broken), &text)).await;
    };
    check(
        "v=spf1 ipv4:192.0.2.1 -all",
        "ipv4:192.0.2.1 is no mechanism",
    )
    .await;
    check(
        "v=spf1 ip4:192.0.2.1/33 -all",
        "ip4:192.0.2.1/33 is no mechanism",
    )
    .await;
    check(
        "v=spf1 ip4:2001:db8::1 -all",
        "ip4:2001:db8::1 is no mechanism",
    )
    .await;
    check("v=spf1 a/33 -all", "/33 is no target").await;
    check("v=spf1 include -all", "include is no mechanism").await;
    check("v=spf1 all:x", "all:x is no mechanism").await;
    check("v=spf1 a:b..c", "b..c: a name has an empty label").await;
}

#[tokio::test]
async fn what_is_included_has_to_be_there() {
    let check = async |record: &str, error: &str| {
        let text = format!("the SPF record is in error: {error}");
        check_record(record, (Some(Severity::Broken), &text)).await;
    };
    let gone = "gone.example has no SPF record to include";
    check("v=spf1 include:gone.example -all", gone).await;
    check("v=spf1 redirect=gone.example", gone).await;
    check(
        "v=spf1 redirect=a.example redirect=b.example",
        "redirect= stands twice",
    )
    .await;
    let twice = "twice.example has several SPF records";
    check("v=spf1 include:twice.example -all", twice).await;
    check(
        "v=spf1 include:loop.example -all",
        "loop.example includes itself",
    )
    .await;
}

#[tokio::test]
async fn what_is_not_known_is_not_called_wrong() {
    let unknown = "no answer in time: TXT of slow.example";
    check_record("v=spf1 include:slow.example -all", (None, unknown)).await;
    let unsure = "what mail from 192.0.2.1 gets depends on the message: the record has macros, \
                  exists or ptr";
    check_record("v=spf1 exists:%{i}.example -all", (None, unsure)).await;
    check_record("v=spf1 include:%{d}.example -all", (None, unsure)).await;
}

#[tokio::test]
async fn several_records_are_an_error_and_none_is_weak() {
    let two = "example.org TXT v=spf1 -all\n example.org TXT v=spf1 +all";
    let found = findings(two).await;
    let text = "there are 2 SPF records, which is an error".to_owned();
    assert_eq!(found, [(Some(Severity::Broken), text)]);
    let other = "example.org TXT v=spf10 -all";
    let found = findings(other).await;
    let text = "there is no SPF record: anybody can send as the domain".to_owned();
    assert_eq!(found, [(Some(Severity::Weak), text)]);
}

#[tokio::test]
async fn look_ups_are_counted_through_includes() {
    let chain = |length: usize| {
        let mut zone = "example.org TXT v=spf1 ip4:192.0.2.1 include:n1.example -all\n".to_owned();
        for n in 1..length {
            let _ = writeln!(
                zone,
                "n{n}.example TXT v=spf1 include:n{}.example -all",
                n + 1
            );
        }
        let _ = writeln!(zone, "n{length}.example TXT v=spf1 -all");
        zone
    };
    let fine = (None, "SPF lets 192.0.2.1 send".to_owned());
    assert_eq!(findings(&chain(10)).await, [fine]);
    let eleven = "the SPF record takes 11 look-ups, 10 are allowed: it counts as an error";
    let found = findings(&chain(11)).await;
    assert_eq!(found[0], (Some(Severity::Broken), eleven.to_owned()));
    let many = "the SPF record takes more than 30 look-ups, 10 are allowed";
    let found = findings(&chain(100)).await;
    assert_eq!(found, [(Some(Severity::Broken), many.to_owned())]);
}

#[tokio::test]
async fn names_that_lead_nowhere_are_counted() {
    let zone = "example.org TXT v=spf1 ip4:192.0.2.1 a:a.example mx:b.example a:c.example -all";
    let found = findings(zone).await;
    let text = "3 names in the SPF record lead nowhere, 2 are allowed: it counts as an error";
    assert_eq!(found[0], (Some(Severity::Broken), text.to_owned()));
}
