//! What TLSA records do to mail (RFC 7672; P9, P10, P11, P14).

use postern_mail::TlsWish;
use postern_testkit::{Authority, Leaf};

use crate::{
    neighbour::Tls,
    published::{Published, plain, serving, sound, submit, tlsa, wrong_tlsa},
    world::World,
};

/// Delivers to one host of `to.example` in a zone with these proofs and lines; in them stands
/// `RIGHT` for a record of the host's certificate and `WRONG` for another one. Returns what was
/// counted, and why the message waits if it does.
struct Case {
    tls: bool,
    mx: &'static str,
    hosts: &'static str,
    lines: &'static str,
}

const CASE: Case = Case {
    tls: true,
    mx: "secure",
    hosts: "secure",
    lines: "",
};

/// Over what mail arrives.
#[derive(Debug, PartialEq, Eq)]
enum Arrives {
    OverTls,
    InClear,
}

impl Case {
    async fn published(&self) -> (Published, World) {
        let identity = Authority::self_signed(&Leaf::named("nobody.example"));
        let tls = |_: &Authority, _: &str| {
            if self.tls {
                serving(&identity)
            } else {
                Tls::None
            }
        };
        let published = Published::with(&[&tls]).await;
        let lines = self.lines.replace("RIGHT", &tlsa(&identity));
        let lines = lines.replace("WRONG", &wrong_tlsa());
        let zone = published.zone(self.mx, self.hosts, &lines);
        let world = World::start(published.plan(zone));
        (published, world)
    }

    async fn arrives(self, expected: Arrives, counted: &[&str]) -> Published {
        let (mut published, world) = self.published().await;
        let id = submit(&world, TlsWish::Unstated).await;
        let arrival = published.hosts[0].arrival().await;
        let found = if arrival.over_tls {
            Arrives::OverTls
        } else {
            Arrives::InClear
        };
        assert_eq!(found, expected, "{}", self.lines);
        world.until_gone(id).await;
        assert_eq!(published.accounts.results(), counted, "{}", self.lines);
        published
    }

    /// Nothing arrives. `connections` is how many there were.
    async fn waits(self, status: &str, reason: &str, connections: usize, counted: &[&str]) {
        let (published, world) = self.published().await;
        let failure = world
            .until_deferred(submit(&world, TlsWish::Unstated).await)
            .await;
        assert_eq!(failure.status().to_string(), status, "{}", self.lines);
        let text = format!("{:?}", failure.cause());
        assert!(text.contains(reason), "{text}");
        assert_eq!(published.visits(), [(connections, 0)], "{}", self.lines);
        assert_eq!(published.accounts.results(), counted, "{}", self.lines);
    }
}

#[tokio::test]
async fn a_host_that_matches_its_records_is_given_mail() {
    let lines = "_PORT._tcp.a.to.example TLSA WRONG\n_PORT._tcp.a.to.example TLSA RIGHT";
    let published = Case { lines, ..CASE }
        .arrives(Arrives::OverTls, &["tlsa met"])
        .await;
    let session = &published.accounts.sessions()[0];
    let host = published.hosts[0].address.ip();
    assert_eq!(session.receiving_ip, Some(host));
    assert_eq!(session.domain.as_str(), "to.example");
    let policy = &session.policies[0].policy;
    assert_eq!(policy.policy_domain.as_str(), "a.to.example");
    assert_eq!(policy.policy_string.len(), 2);
}

#[tokio::test]
async fn a_host_that_does_not_match_is_given_nothing() {
    let lines = "_PORT._tcp.a.to.example TLSA WRONG";
    Case { lines, ..CASE }
        .waits("4.7.5", "DANE of a.to.example", 1, &["tlsa tlsa-invalid"])
        .await;
    let tls = false;
    Case { tls, lines, ..CASE }
        .waits(
            "4.7.10",
            "DANE of a.to.example",
            1,
            &["tlsa starttls-not-supported"],
        )
        .await;
}

#[tokio::test]
async fn trouble_with_records_is_never_taken_for_none() {
    for cause in ["bogus", "servfail", "timeout"] {
        let lines = format!("_PORT._tcp.a.to.example TLSA FAIL {cause}").leak();
        for tls in [true, false] {
            Case { tls, lines, ..CASE }
                .waits(
                    "4.7.0",
                    "could not be found out",
                    0,
                    &["tlsa dnssec-invalid"],
                )
                .await;
        }
        let lines = format!("a.to.example FAIL {cause}").leak();
        Case { lines, ..CASE }
            .waits(
                "4.4.3",
                "could not be found out",
                0,
                &["tlsa dnssec-invalid"],
            )
            .await;
        let lines = format!("to.example MX FAIL {cause}").leak();
        Case { lines, ..CASE }
            .waits("4.4.3", "could not be found out", 0, &[])
            .await;
    }
}

#[tokio::test]
async fn records_count_only_where_all_before_them_is_secure() {
    let lines = "$PROOF secure\n_PORT._tcp.a.to.example TLSA WRONG";
    let met = ["no-policy-found met"];
    let mx = "insecure";
    Case { mx, lines, ..CASE }
        .arrives(Arrives::OverTls, &met)
        .await;
    let hosts = "insecure";
    Case {
        hosts,
        lines,
        ..CASE
    }
    .arrives(Arrives::OverTls, &met)
    .await;
    let (mx, hosts) = ("indeterminate", "indeterminate");
    Case {
        mx,
        hosts,
        lines,
        ..CASE
    }
    .arrives(Arrives::OverTls, &met)
    .await;
}

#[tokio::test]
async fn a_host_proven_to_have_no_records_is_a_host_like_any_other() {
    CASE.arrives(Arrives::OverTls, &["no-policy-found met"])
        .await;
    let tls = false;
    Case { tls, ..CASE }
        .arrives(
            Arrives::InClear,
            &["no-policy-found starttls-not-supported"],
        )
        .await;
}

/// RFC 7672 §2.2: TLS is demanded, and nobody in particular.
#[tokio::test]
async fn records_of_no_use_demand_tls_with_anybody() {
    let lines = "_PORT._tcp.a.to.example TLSA 0 0 1 00\n_PORT._tcp.a.to.example TLSA 3 9 1 00";
    Case { lines, ..CASE }
        .arrives(Arrives::OverTls, &["tlsa tlsa-invalid"])
        .await;
    let tls = false;
    Case { tls, lines, ..CASE }
        .waits(
            "4.7.10",
            "DANE of a.to.example",
            1,
            &["tlsa starttls-not-supported"],
        )
        .await;
}

#[tokio::test]
async fn the_base_domain_is_indicated() {
    let identity = Authority::self_signed(&Leaf::named("nobody.example"));
    for (lines, expected) in [
        ("", "a.to.example"),
        ("_PORT._tcp.a.to.example TLSA RIGHT", "a.to.example"),
        ("_PORT._tcp.real.example TLSA RIGHT", "real.example"),
    ] {
        let mut published = Published::with(&[&|_, _| serving(&identity)]).await;
        let address = published.hosts[0].address.ip();
        let lines = lines
            .replace("RIGHT", &tlsa(&identity))
            .replace("PORT", &published.port().to_string());
        let zone = format!(
            "$PROOF secure\nto.example MX 1 a.to.example\na.to.example CNAME real.example\n\
             real.example A {address}\n{lines}"
        );
        let world = World::start(published.plan(zone));
        submit(&world, TlsWish::Unstated).await;
        let arrival = published.hosts[0].arrival().await;
        assert_eq!(arrival.server_name.as_deref(), Some(expected), "{lines}");
    }
}

#[tokio::test]
async fn a_host_in_trouble_gives_way_to_the_next() {
    for lines in [
        "_PORT._tcp.a.to.example TLSA FAIL bogus",
        "a.to.example A FAIL servfail",
    ] {
        let mut published = Published::with(&[&sound, &plain]).await;
        let zone = published.zone("secure", "secure", lines);
        let world = World::start(published.plan(zone));
        let id = submit(&world, TlsWish::Unstated).await;
        published.hosts[1].arrival().await;
        world.until_gone(id).await;
        assert_eq!(published.visits(), [(0, 0), (1, 1)], "{lines}");
    }
}

/// The sender waives what the destination publishes (RFC 8689 §3), and it is measured all the
/// same.
#[tokio::test]
async fn a_sender_may_waive_records() {
    let mut published = Published::with(&[&plain]).await;
    let lines = format!("_PORT._tcp.a.to.example TLSA {}", wrong_tlsa());
    let zone = published.zone("secure", "secure", &lines);
    let world = World::start(published.plan(zone));
    let id = submit(&world, TlsWish::Waived).await;
    assert!(!published.hosts[0].arrival().await.over_tls);
    world.until_gone(id).await;
    let counted = published.accounts.results();
    assert_eq!(counted, ["tlsa starttls-not-supported"]);
}
