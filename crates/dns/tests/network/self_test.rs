//! The test of the servers at start-up, with servers fit and unfit for validation.

use std::time::{Duration, Instant};

use postern_dns::{Resolver, SelfTest, Servers, Settings, Suspicion, Validation, Verdict};
use postern_testkit::signed_zone::{DnsTree, NameServer, Scripted, Signing, Zone, record};

use crate::{anchor_file, anchored, serve, settings, validating};

const DAY: Duration = Duration::from_secs(86_400);

async fn only_verdict(dns: &Resolver) -> Verdict {
    let found = dns.self_test().await;
    let SelfTest::Servers(tests) = &found else {
        panic!("{found:?}");
    };
    let [test] = tests.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!([test.server], *dns.servers());
    assert_eq!(found.is_passed(), test.verdict == Verdict::Passed);
    test.verdict.clone()
}

#[tokio::test]
async fn each_kind_of_server_is_known_for_what_it_is() {
    for (root, expected, told) in [
        (Signing::Good, Verdict::Passed, "and they hold"),
        (
            Signing::Stripped,
            Verdict::StripsSignatures,
            "strips DNSSEC signatures",
        ),
        (
            Signing::OtherKey,
            Verdict::Bogus(Suspicion::OtherKeys),
            "not the trust anchors",
        ),
        (
            Signing::Expired,
            Verdict::Bogus(Suspicion::ClockAhead(DAY)),
            "the signatures ended 24 hours ago",
        ),
        (
            Signing::Future,
            Verdict::Bogus(Suspicion::ClockBehind(2 * DAY)),
            "the signatures begin 2 days from now",
        ),
    ] {
        let (_tree, dns) = serve(DnsTree::new().root(root)).await;
        let found = rounded(only_verdict(&dns).await);
        assert_eq!(found, expected, "{root:?}");
        let shown = found.to_string();
        assert!(shown.contains(told) && !shown.contains('\n'), "{shown}");
    }
}

/// The seconds that the test took do not matter.
fn rounded(verdict: Verdict) -> Verdict {
    let hours = |by: Duration| Duration::from_secs((by.as_secs() + 60) / 3600 * 3600);
    match verdict {
        Verdict::Bogus(Suspicion::ClockAhead(by)) => {
            Verdict::Bogus(Suspicion::ClockAhead(hours(by)))
        }
        Verdict::Bogus(Suspicion::ClockBehind(by)) => {
            Verdict::Bogus(Suspicion::ClockBehind(hours(by)))
        }
        other => other,
    }
}

#[tokio::test]
async fn a_server_that_forges_is_not_explained_away() {
    let forged = Scripted::Sections([
        {
            let zone = Zone::new(Signing::Good, ".", &[]);
            let soa = record(". SOA evil.test. admin.test. 1 3600 600 86400 300");
            vec![soa.clone(), zone.sign(&[soa])]
        },
        vec![],
        vec![],
    ]);
    let (_tree, dns) = serve(DnsTree::new().answer(".", "SOA", forged)).await;
    let expected = Verdict::Bogus(Suspicion::Unexplained);
    assert_eq!(only_verdict(&dns).await, expected);
}

#[tokio::test]
async fn a_server_that_does_not_answer_costs_a_bounded_time() {
    for (trouble, told) in [
        (Scripted::Silence, "no answer in time"),
        (Scripted::ServFail, "the name server failed"),
        (Scripted::Refused, "the name server refused"),
        (Scripted::Silence, "does not answer (no answer in time"),
        (Scripted::ServFail, "gives no answer of use (the name"),
        (Scripted::answer(&[]), "gives no answer of use ("),
    ] {
        let (_tree, dns) = serve(DnsTree::new().answer(".", "SOA", trouble)).await;
        let start = Instant::now();
        let verdict = only_verdict(&dns).await;
        assert!(start.elapsed() < Duration::from_secs(10));
        let shown = verdict.to_string();
        assert!(matches!(verdict, Verdict::NoAnswer(_)), "{shown}");
        assert!(shown.contains(told), "{shown}");
    }
}

#[tokio::test]
async fn each_server_is_tested_by_itself() {
    let good = Zone::new(Signing::Good, ".", &[]);
    let anchor = good.anchor();
    let good = NameServer::start(vec![good], vec![]).await;
    let stripping = Zone::new(Signing::None, ".", &[]);
    let stripping = NameServer::start(vec![stripping], vec![]).await;
    let both = vec![stripping.address(), good.address()];
    let alone = validating(good.address(), &anchor);
    let file = anchor_file(&anchor);
    let dns = Resolver::new(&Settings {
        servers: Servers::At(both.clone()),
        ..settings(good.address(), anchored(file.path()))
    })
    .unwrap();
    assert_eq!(only_verdict(&alone).await, Verdict::Passed);
    let found = dns.self_test().await;
    let SelfTest::Servers(tests) = &found else {
        panic!("{found:?}");
    };
    let verdicts: Vec<_> = tests
        .iter()
        .map(|test| (test.server, &test.verdict))
        .collect();
    assert_eq!(
        verdicts,
        [
            (both[0], &Verdict::StripsSignatures),
            (both[1], &Verdict::Passed)
        ]
    );
    assert!(!found.is_passed());
    assert!(found.to_string().contains(&both[0].to_string()), "{found}");
}

#[tokio::test]
async fn validation_begins_at_the_root() {
    let below = anchor_file(&Zone::new(Signing::Good, "one.test.", &[]).anchor());
    let server = "127.0.0.1:53".parse().unwrap();
    let refused = Resolver::new(&settings(server, anchored(below.path()))).unwrap_err();
    let told = refused.to_string();
    assert!(told.contains("no key of the root zone"), "{told}");
}

#[tokio::test]
async fn without_validation_there_is_nothing_to_test() {
    let server = NameServer::start(vec![Zone::new(Signing::None, ".", &[])], vec![]).await;
    let dns = Resolver::new(&settings(server.address(), Validation::Off)).unwrap();
    assert_eq!(dns.validation(), &Validation::Off);
    assert_eq!(dns.self_test().await, SelfTest::Off);
    assert_eq!(server.questions(), 0);
}
