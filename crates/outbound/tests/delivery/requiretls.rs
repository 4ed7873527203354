//! Mail whose sender demands TLS all the way (RFC 8689; P26).

use std::sync::Arc;

use async_trait::async_trait;
use postern_fetch::{StsFinding, StsPolicies};
use postern_mail::{Domain, ReversePath, TlsWish};
use postern_smtp::server::RequireTls;
use postern_testkit::Authority;
use tokio::sync::Semaphore;

use crate::{
    neighbour::{Neighbour, Tls},
    published::{
        Presenting, Published, Succession, misnamed, plain, policy, serving, sound, submit,
    },
    world::{Plan, World},
};

const BOTH: [RequireTls; 2] = [RequireTls::Offered; 2];

/// The sender's own host, which is told what became of the message.
struct Sender {
    host: Neighbour,
}

impl Sender {
    /// Its certificate is for its name, because notices travel as their messages were to.
    async fn start(authority: &Authority) -> Self {
        let leaf = postern_testkit::Leaf::named("sender.example");
        let host = Neighbour::start(serving(&authority.issue(&leaf))).await;
        Self { host }
    }

    /// A plan in which mail for the sender goes there.
    fn known_to(&self, plan: Plan) -> Plan {
        let hop = format!("sender.example:{}", self.host.address.port()).leak();
        Plan {
            zone: format!("{}\nsender.example A 127.0.0.1", plan.zone),
            next_hops: vec![("example.org", hop)],
            ..plan
        }
    }

    async fn is_told(&mut self, status: &str) {
        let notice = String::from_utf8(self.host.arrival().await.content).unwrap();
        assert!(
            notice.contains(&format!("Status: {status}\r\n")),
            "{notice}"
        );
    }
}

/// The message goes back with `status`, and nobody was given any of it.
async fn check_returned(
    tls: &[&Presenting<'_>],
    requiretls: &[RequireTls],
    mx: &str,
    status: &str,
    connections: &[usize],
) {
    let published = Published::offering(tls, requiretls).await;
    let mut sender = Sender::start(&published.authority).await;
    let zone = published.zone(mx, "secure", "");
    let world = World::start(sender.known_to(published.plan(zone)));
    let id = submit(&world, TlsWish::Required).await;
    world.until_gone(id).await;
    sender.is_told(status).await;
    let expected: Vec<_> = connections.iter().map(|times| (*times, 0)).collect();
    assert_eq!(published.visits(), expected);
}

#[tokio::test]
async fn a_proven_host_that_offers_it_is_given_mail_with_the_demand() {
    for (mx, policies) in [
        ("secure", None),
        ("insecure", Some(policy("enforce", &["a.to.example"]))),
    ] {
        let mut published = Published::with(&[&sound]).await;
        let zone = published.zone(mx, "secure", "");
        let world = World::start(Plan {
            sts: Succession::of(policies),
            ..published.plan(zone)
        });
        let id = submit(&world, TlsWish::Required).await;
        let arrival = published.hosts[0].arrival().await;
        assert_eq!(arrival.envelope.tls_wish, TlsWish::Required);
        world.until_gone(id).await;
    }
}

#[tokio::test]
async fn a_host_that_does_not_offer_it_gives_way_to_one_that_does() {
    let requiretls = [RequireTls::NotOffered, RequireTls::Offered];
    let mut published = Published::offering(&[&sound, &sound], &requiretls).await;
    let zone = published.zone("secure", "secure", "");
    let world = World::start(published.plan(zone));
    let id = submit(&world, TlsWish::Required).await;
    published.hosts[1].arrival().await;
    world.until_gone(id).await;
    assert_eq!(published.visits(), [(1, 0), (1, 1)]);
}

#[tokio::test]
async fn mail_that_no_host_will_carry_on_so_goes_back() {
    let none = [RequireTls::NotOffered; 2];
    check_returned(&[&sound, &sound], &none, "secure", "5.7.30", &[1, 1]).await;
    check_returned(&[&plain], &BOTH, "secure", "5.7.10", &[1]).await;
    check_returned(&[&misnamed], &BOTH, "secure", "5.7.10", &[1]).await;
}

/// Nobody can say that the host is the destination's, so it is not dialled.
#[tokio::test]
async fn mail_to_a_host_that_nothing_proves_goes_back() {
    for mx in ["insecure", "indeterminate"] {
        check_returned(&[&sound], &BOTH, mx, "5.7.30", &[0]).await;
    }
}

/// What may be over soon is waited for, with one host as with several.
#[tokio::test]
async fn mail_waits_while_a_host_may_still_serve() {
    let hangs_up = |_: &Authority, _: &str| Tls::HangsUp;
    let published = Published::with(&[&plain, &hangs_up]).await;
    let zone = published.zone("secure", "secure", "");
    let world = World::start(published.plan(zone));
    let failure = world
        .until_deferred(submit(&world, TlsWish::Required).await)
        .await;
    assert_eq!(failure.status().to_string(), "4.7.10");
    assert!(published.visits().iter().all(|(_, mail)| *mail == 0));
}

/// What the destination demands as well is waited for, whatever the sender said.
#[tokio::test]
async fn mail_waits_for_what_others_demand_too() {
    let published = Published::with(&[&plain]).await;
    let zone = published.zone("insecure", "insecure", "");
    let world = World::start(Plan {
        sts: Succession::of([policy("enforce", &["a.to.example"])]),
        ..published.plan(zone)
    });
    let failure = world
        .until_deferred(submit(&world, TlsWish::Required).await)
        .await;
    assert_eq!(failure.status().to_string(), "4.7.10");
}

/// Holds back what it knows until it is let go.
#[derive(Debug)]
struct Held(Semaphore);

#[async_trait]
impl StsPolicies for Held {
    async fn find(&self, _: &Domain) -> StsFinding {
        let _there_is_always_more = self.0.acquire().await.unwrap();
        StsFinding::default()
    }

    async fn renew(&self, domain: &Domain) -> StsFinding {
        self.find(domain).await
    }
}

/// RFC 8689 §5: a notice may go without the parameter, and what is wrong with a host for the
/// message before it in line is not wrong for the notice.
#[tokio::test]
async fn a_notice_does_not_share_the_fate_of_mail() {
    let mut published = Published::offering(&[&sound], &[RequireTls::NotOffered]).await;
    let zone = published.zone("secure", "secure", "");
    let held = Arc::new(Held(Semaphore::new(0)));
    let world = World::start(Plan {
        sts: Arc::<Held>::clone(&held),
        ..published.plan(zone)
    });
    let to = ["<jo@to.example>"];
    let mail = submit(&world, TlsWish::Required).await;
    world.until_claimed(1).await;
    let notice = world.submit_under(TlsWish::Required, "<>", &to).await;
    world.until_claimed(2).await;
    held.0.add_permits(1);
    let arrival = published.hosts[0].arrival().await;
    assert_eq!(arrival.envelope.reverse_path, ReversePath::Null);
    for id in [mail, notice] {
        world.until_gone(id).await;
    }
}

/// There is nobody to be told that a notice was thrown away.
#[tokio::test]
async fn a_notice_waits_for_a_channel_that_is_good_enough() {
    for (tls, mx, status) in [
        (
            &plain as &dyn Fn(&Authority, &str) -> Tls,
            "secure",
            "4.7.10",
        ),
        (&misnamed, "secure", "4.7.10"),
        (&sound, "insecure", "4.7.30"),
    ] {
        let published = Published::with(&[tls]).await;
        let world = World::start(published.plan(published.zone(mx, "secure", "")));
        let to = ["<jo@to.example>"];
        let id = world.submit_under(TlsWish::Required, "<>", &to).await;
        let failure = world.until_deferred(id).await;
        assert_eq!(failure.status().to_string(), status);
        assert!(published.visits().iter().all(|(_, mail)| *mail == 0));
    }
}
