//! Unsigned zones: records, denials, aliases, failures, transport.

use std::time::{Duration, Instant};

use postern_dns::{
    Cause, Dns, LookupError, MOST_ALIASES, Proof, Resolver, ResolverError, Servers, Settings,
    Validation,
};
use postern_testkit::signed_zone::{NameServer, Scripted, Signing, Transport, Zone};

use crate::{assert_cause, name, settings, unvalidated};

async fn serve(lines: &[&str], scripted: Vec<(&str, &str, Scripted)>) -> NameServer {
    let reverse = Zone::new(
        Signing::None,
        "arpa.",
        &["1.2.0.192.in-addr.arpa. PTR Mx.Plain.test."],
    );
    NameServer::start(
        vec![Zone::new(Signing::None, "plain.test.", lines), reverse],
        scripted,
    )
    .await
}

#[tokio::test]
async fn every_type_is_found() {
    let lines = &[
        "plain.test. MX 10 Mx.Plain.test.",
        "plain.test. MX 0 .",
        "plain.test. TXT \"v=spf1 \" \"-all\"",
        "mx.plain.test. A 192.0.2.1",
        "mx.plain.test. AAAA 2001:db8::1",
        "_25._tcp.mx.plain.test. TLSA 3 1 1 00ff7f",
        "_25._tcp.mx.plain.test. TLSA 255 9 77 aa",
    ];
    let server = serve(lines, vec![]).await;
    let dns = unvalidated(&server);
    let mx = dns.mx(&name("PLAIN.test")).await.unwrap();
    assert_eq!(mx.canonical, name("plain.test"));
    assert_eq!((mx.proof, mx.aliases.len()), (Proof::Indeterminate, 0));
    let mut hosts: Vec<_> = mx
        .records
        .iter()
        .map(|mx| (mx.preference, mx.exchange.to_string()))
        .collect();
    hosts.sort();
    assert_eq!(hosts, [(0, ".".into()), (10, "mx.plain.test".into())]);
    let txt = dns.txt(&name("plain.test")).await.unwrap();
    assert_eq!(txt.records, [b"v=spf1 -all".to_vec()]);
    let both = dns
        .addresses(&name("mx.plain.test"))
        .await
        .combined()
        .unwrap();
    let both: Vec<_> = both.records.iter().map(ToString::to_string).collect();
    assert_eq!(both, ["2001:db8::1", "192.0.2.1"]);
    let owner = name("mx.plain.test").tlsa_owner(25).unwrap();
    let mut tlsa = dns.tlsa(&owner).await.unwrap().records;
    tlsa.sort_by_key(|tlsa| tlsa.usage);
    let numbers: Vec<_> = tlsa
        .iter()
        .map(|t| (t.usage, t.selector, t.matching))
        .collect();
    assert_eq!(numbers, [(3, 1, 1), (255, 9, 77)]);
    assert_eq!(tlsa[0].association, [0x00, 0xff, 0x7f]);
    let ptr = dns.ptr("192.0.2.1".parse().unwrap()).await.unwrap();
    assert_eq!(ptr.records, [name("mx.plain.test")]);
}

#[tokio::test]
async fn what_is_missing_is_told_apart() {
    let server = serve(
        &[
            "here.plain.test. A 192.0.2.1",
            "a.plain.test. CNAME b.plain.test.",
            "b.plain.test. CNAME here.plain.test.",
            "gone.plain.test. CNAME absent.plain.test.",
        ],
        vec![],
    )
    .await;
    let dns = unvalidated(&server);
    for (asked, ends_at, exists, aliases) in [
        ("here.plain.test", "here.plain.test", true, 0),
        ("absent.plain.test", "absent.plain.test", false, 0),
        ("a.plain.test", "here.plain.test", true, 2),
        ("gone.plain.test", "absent.plain.test", false, 1),
    ] {
        let (found, denial) = match dns.mx(&name(asked)).await {
            Err(LookupError::NoData(denial)) => (true, denial),
            Err(LookupError::NoSuchDomain(denial)) => (false, denial),
            other => panic!("{asked}: {other:?}"),
        };
        assert_eq!((found, denial.name), (exists, name(ends_at)), "{asked}");
        assert_eq!(denial.aliases.len(), aliases, "{asked}");
    }
}

#[tokio::test]
async fn a_denial_is_remembered() {
    let server = serve(&[], vec![]).await;
    let dns = unvalidated(&server);
    for _ in 0..5 {
        assert!(dns.mx(&name("absent.plain.test")).await.is_err());
    }
    assert_eq!(server.times(Transport::Udp, "absent.plain.test.", "MX"), 1);
}

#[tokio::test]
async fn an_answer_and_a_denial_say_when_they_came() {
    let server = serve(&["plain.test. MX 10 mx.plain.test."], vec![]).await;
    let dns = unvalidated(&server);
    let start = Instant::now();
    let first = dns.mx(&name("plain.test")).await.unwrap();
    let now = Instant::now();
    assert!(first.received.is_some_and(|it| start <= it && it <= now));
    assert!(first.age(now).is_some_and(|age| age <= now - start));
    assert!(first.ttl(now) > Duration::from_secs(3590));
    let again = dns.mx(&name("plain.test")).await.unwrap();
    assert_eq!(again.received, first.received);
    let denial = || async {
        match dns.mx(&name("absent.plain.test")).await {
            Err(LookupError::NoSuchDomain(denial)) => denial,
            other => panic!("{other:?}"),
        }
    };
    let first = denial().await;
    assert!(first.received.is_some_and(|it| now <= it));
    assert_eq!(denial().await.received, first.received);
}

#[tokio::test]
async fn nobody_is_believed_to_have_validated() {
    // What is scripted comes with the AD bit (RFC 7672 §2.1: it counts on the loopback at most).
    let answer = Scripted::answer(&["plain.test. MX 10 evil.test."]);
    let server = serve(&[], vec![("plain.test.", "MX", answer)]).await;
    let mx = unvalidated(&server).mx(&name("plain.test")).await.unwrap();
    assert_eq!(mx.proof, Proof::Indeterminate);
}

#[tokio::test]
async fn aliases_are_followed_to_a_bound_and_never_in_a_circle() {
    let chain = |letter: char, length: usize| -> Vec<String> {
        (0..length)
            .map(|n| {
                format!(
                    "{letter}{n}.plain.test. CNAME {letter}{}.plain.test.",
                    n + 1
                )
            })
            .chain([format!("{letter}{length}.plain.test. TXT end")])
            .collect()
    };
    let (fits, long) = (chain('f', MOST_ALIASES), chain('l', MOST_ALIASES + 1));
    let mut lines: Vec<_> = fits.iter().chain(&long).map(String::as_str).collect();
    lines.extend([
        "circle.plain.test. CNAME round.plain.test.",
        "round.plain.test. CNAME circle.plain.test.",
        "self.plain.test. CNAME self.plain.test.",
    ]);
    let server = serve(&lines, vec![]).await;
    let dns = unvalidated(&server);
    let answer = dns.txt(&name("f0.plain.test")).await.unwrap();
    assert_eq!(answer.aliases.len(), MOST_ALIASES);
    assert_eq!(
        answer.canonical.to_string(),
        format!("f{MOST_ALIASES}.plain.test")
    );
    for endless in ["l0.plain.test", "circle.plain.test", "self.plain.test"] {
        assert_cause(dns.txt(&name(endless)).await, Cause::Aliases);
    }
}

#[tokio::test]
async fn failures_are_told_apart_and_are_never_a_denial() {
    let server = serve(
        &["alias.plain.test. CNAME fails.plain.test."],
        vec![
            ("fails.plain.test.", "MX", Scripted::ServFail),
            ("refuses.plain.test.", "MX", Scripted::Refused),
            ("notimp.plain.test.", "MX", Scripted::NotImplemented),
            ("silent.plain.test.", "MX", Scripted::Silence),
            ("cut.plain.test.", "MX", Scripted::Truncated),
        ],
    )
    .await;
    let dns = unvalidated(&server);
    for (asked, cause) in [
        ("fails.plain.test", Cause::ServerFailure),
        ("alias.plain.test", Cause::ServerFailure),
        ("notimp.plain.test", Cause::ServerFailure),
        ("refuses.plain.test", Cause::Refused),
        ("silent.plain.test", Cause::Timeout),
        ("cut.plain.test", Cause::Malformed),
    ] {
        assert_cause(dns.mx(&name(asked)).await, cause);
    }
    let error = dns.mx(&name("fails.plain.test")).await.unwrap_err();
    assert!(
        error.to_string().contains("MX of fails.plain.test"),
        "{error}"
    );
}

#[tokio::test]
async fn a_failure_is_not_asked_for_again_at_once() {
    let silent = ("silent.plain.test.", "MX", Scripted::Silence);
    let server = serve(&[], vec![silent]).await;
    let dns = unvalidated(&server);
    let times = || server.times(Transport::Udp, "silent.plain.test.", "MX");
    assert_cause(dns.mx(&name("silent.plain.test")).await, Cause::Timeout);
    let once = times();
    assert_cause(dns.mx(&name("silent.plain.test")).await, Cause::Timeout);
    assert!(once >= 1);
    assert_eq!(times(), once);
}

#[tokio::test]
async fn a_look_up_ends_at_its_deadline_whatever_the_retries() {
    let silent = ("silent.plain.test.", "MX", Scripted::Silence);
    let server = serve(&[], vec![silent]).await;
    let dns = Resolver::new(&Settings {
        query_timeout: Duration::from_secs(60),
        retries: 5,
        deadline: Duration::from_millis(300),
        ..settings(server.address(), Validation::Off)
    })
    .unwrap();
    let start = Instant::now();
    assert_cause(dns.mx(&name("silent.plain.test")).await, Cause::Timeout);
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_look_up_may_be_dropped() {
    let silent = ("silent.plain.test.", "TXT", Scripted::Silence);
    let server = serve(&["silent.plain.test. A 192.0.2.1"], vec![silent]).await;
    let dns = unvalidated(&server);
    let asked = name("silent.plain.test");
    tokio::select! {
        biased;
        _ = dns.txt(&asked) => panic!("somebody answered"),
        () = std::future::ready(()) => {}
    }
    assert!(dns.addresses(&asked).await.ipv4.is_ok());
}

#[tokio::test]
async fn a_truncated_answer_is_fetched_over_tcp() {
    let long = format!(
        "plain.test. TXT {}",
        format!("{} ", "x".repeat(200)).repeat(30)
    );
    let server = serve(&[long.as_str()], vec![]).await;
    let answer = unvalidated(&server).txt(&name("plain.test")).await.unwrap();
    assert_eq!(answer.records[0].len(), 6000);
    let asked = |transport| server.times(transport, "plain.test.", "TXT");
    assert_eq!((asked(Transport::Udp), asked(Transport::Tcp)), (1, 1));
}

#[tokio::test]
async fn nobody_at_the_address_is_a_network_failure() {
    let server = serve(&[], vec![]).await;
    let free = std::net::UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let dns = Resolver::new(&Settings {
        servers: Servers::At(vec![free]),
        ..settings(server.address(), Validation::Off)
    })
    .unwrap();
    let Err(LookupError::Temporary(failure)) = dns.mx(&name("plain.test")).await else {
        panic!("somebody answered");
    };
    assert!(
        matches!(failure.cause, Cause::Network | Cause::Timeout),
        "{failure}"
    );
}

#[tokio::test]
async fn without_servers_there_is_no_resolver() {
    let settings = Settings {
        servers: Servers::At(vec![]),
        ..Settings::default()
    };
    let error = Resolver::new(&settings).unwrap_err();
    assert!(matches!(error, ResolverError::NoServers), "{error}");
}
