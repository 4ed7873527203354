//! RFC 7208.

use mail_auth::SpfResult as Library;
use postern_authentication::SpfResult;

use crate::both::{library_spf, our_spf};

/// What the library says of `jo@d.example` from 192.0.2.1, and what this crate does.
async fn check(zone: &str, theirs: Library, ours: SpfResult) {
    check_from("192.0.2.1", zone, theirs, ours).await;
}

async fn check_from(client: &str, zone: &str, theirs: Library, ours: SpfResult) {
    assert_eq!(library_spf(zone, client).await, theirs, "{zone}");
    let found = our_spf(zone, client).await;
    assert_eq!(found.result, ours, "{zone}\n{found:?}");
}

#[tokio::test]
async fn look_ups_that_find_nothing_are_not_counted() {
    let zone = "d.example TXT v=spf1 a:a.example exists:b.d.example a:c.example +all
        b.d.example A 127.0.0.2";
    check(zone, Library::Pass, SpfResult::Pass).await;
    let zone = "d.example TXT v=spf1 a:a.example a:b.example a:c.example +all";
    check(zone, Library::Pass, SpfResult::PermError).await;
    // One of them in a record that is included.
    let zone = "d.example TXT v=spf1 a:a.example include:i.example a:c.example +all
        i.example TXT v=spf1 a:b.example";
    check(zone, Library::Pass, SpfResult::PermError).await;
}

#[tokio::test]
async fn the_first_of_several_records_is_taken() {
    let zone = "d.example TXT v=spf1 +all
        d.example TXT v=spf1 -all";
    check(zone, Library::Pass, SpfResult::PermError).await;
    let zone = "d.example TXT v=spf1 include:i.example
        i.example TXT v=spf1 +all
        i.example TXT v=spf1 -all";
    check(zone, Library::Pass, SpfResult::PermError).await;
}

/// A cache can hold addresses, and cannot hold that they are not known.
#[tokio::test]
async fn a_cache_knows_of_no_failure() {
    let zone = "d.example TXT v=spf1 a:x.example +all
        x.example FAIL timeout";
    check(zone, Library::Pass, SpfResult::TempError).await;
    let zone = "d.example TXT v=spf1 exists:x.example -all";
    check(zone, Library::Pass, SpfResult::Fail).await;
}

#[tokio::test]
async fn two_records_that_include_each_other_are_left_at_once() {
    let zone = "d.example TXT v=spf1 -include:i.example ~all
        i.example TXT v=spf1 +include:j.example
        j.example TXT v=spf1 +all";
    check(zone, Library::Pass, SpfResult::Fail).await;
    let zone = "d.example TXT v=spf1 include:i.example +all
        i.example TXT v=spf1 -include:j.example
        j.example TXT v=spf1 +all";
    check(zone, Library::Fail, SpfResult::Pass).await;
}

#[tokio::test]
async fn the_domain_of_an_included_record_has_a_dot_too_many() {
    let zone = "d.example TXT v=spf1 include:i.%{d} -all
        i.d.example TXT v=spf1 a:%{d}.w.example -all
        i.d.example.w.example A 192.0.2.1";
    check(zone, Library::Fail, SpfResult::Pass).await;
}

#[tokio::test]
async fn a_name_counts_as_validated_that_is_not() {
    let zone = "d.example TXT v=spf1 a:%{p}.w.example/0 -all
        1.2.0.192.in-addr.arpa PTR fake.example
        fake.example.w.example A 127.0.0.2";
    check(zone, Library::Pass, SpfResult::Fail).await;
}

#[tokio::test]
async fn every_name_of_the_client_is_a_term() {
    let looked_up = " a:o.example".repeat(9);
    let zone = format!(
        "d.example TXT v=spf1{looked_up} ptr -all
         o.example A 192.0.2.9
         1.2.0.192.in-addr.arpa PTR m.d.example
         m.d.example A 192.0.2.1"
    );
    check(&zone, Library::Fail, SpfResult::Pass).await;
}

#[tokio::test]
async fn an_ipv4_address_is_taken_for_an_ipv6_one() {
    let zone = "d.example TXT v=spf1 ip6:::/0 -all";
    check(zone, Library::Pass, SpfResult::Fail).await;
    check_from("2001:db8::1", zone, Library::Pass, SpfResult::Pass).await;
}

#[tokio::test]
async fn a_slash_in_a_name_is_taken_for_a_length() {
    let zone = "d.example TXT v=spf1 redirect=a/b.example
        a/b.example TXT v=spf1 -all";
    assert_eq!(library_spf(zone, "192.0.2.1").await, Library::None);
    // No zone file has such a name; that it is asked for is what matters.
    let zone = "d.example TXT v=spf1 exists:a/b.example +all";
    assert_eq!(our_spf(zone, "192.0.2.1").await.result, SpfResult::Pass);
}

#[tokio::test]
async fn records_that_are_not_of_the_grammar_are_read() {
    for mistake in [
        "foo:bar",
        "+-~a",
        "a:localhost",
        "ip4:192.0.2.256",
        "ip4:192.0.2.1/99",
    ] {
        let zone = format!("d.example TXT v=spf1 +all {mistake}");
        check(&zone, Library::Pass, SpfResult::PermError).await;
    }
}
