//! A new configuration counts for everything that has not left yet.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use postern_fetch::{StsFinding, StsPolicies};
use postern_mail::{Domain, TlsWish};
use postern_policy::{ChannelLevel, OutboundTerms, Partner, PartnerName, Stage};
use postern_spool::QueuedMessage;
use postern_testkit::{Authority, Leaf, server_config};
use tokio::sync::Semaphore;

use crate::{
    PATIENCE,
    neighbour::{Neighbour, Tls},
    published::{self, Published, plain},
    scripted::{Say, Scripted, obliging},
    world::{Plan, World},
};

const MESSAGE: &[u8] = b"Subject: secret\r\n\r\nFor your eyes only.\r\n";

/// `ministry.example`, which must be authenticated, at this stage.
fn ministry(stage: Stage) -> Partner {
    at("ministry.example", stage)
}

/// The partner of a domain, which must be authenticated.
fn at(domain: &str, stage: Stage) -> Partner {
    let name: PartnerName = "Ministry".parse().unwrap();
    Partner::builder(name, stage)
        .domain(domain.parse().unwrap())
        .outbound(OutboundTerms::requiring(ChannelLevel::Authenticated))
        .build()
        .unwrap()
}

fn plan(address: std::net::SocketAddr, partners: Vec<Partner>) -> Plan {
    Plan {
        routes: vec![("*", vec![address])],
        partners,
        connections: 1,
        keep_alive: Duration::from_secs(60),
        ..Plan::default()
    }
}

async fn submit(world: &World) -> postern_mail::QueueId {
    let to = ["<minister@ministry.example>"];
    world.submit("<me@example.org>", &to, MESSAGE).await
}

/// A connection is kept that proves nothing; then the partner has to prove something.
async fn check_kept_connection(before: Vec<Partner>) {
    let identity = Authority::self_signed(&Leaf::named("ministry.example"));
    let tls = Tls::With(Arc::new(server_config(&identity, None)));
    let mut neighbour = Neighbour::start(tls).await;
    let world = World::start(plan(neighbour.address, before));
    let id = submit(&world).await;
    neighbour.arrival().await;
    world.until_gone(id).await;

    world.reload(plan(neighbour.address, vec![ministry(Stage::Enforce)]));
    let failure = world.until_deferred(submit(&world).await).await;
    assert_eq!(failure.status().to_string(), "4.7.5");
    assert_eq!(neighbour.transactions(), 1, "MAIL was said again");
    assert!(neighbour.is_untouched());
}

#[tokio::test]
async fn a_kept_connection_of_a_stranger_is_not_good_for_a_partner() {
    check_kept_connection(Vec::new()).await;
}

/// Here the connection would be found again: it was made for the same partner.
#[tokio::test]
async fn a_kept_connection_made_at_observe_is_not_good_at_enforce() {
    check_kept_connection(vec![ministry(Stage::Observe)]).await;
}

/// Knows no policy of anybody, and says so when it is let.
#[derive(Debug)]
struct Gated {
    asked: Semaphore,
    gate: Semaphore,
}

#[async_trait]
impl StsPolicies for Gated {
    async fn find(&self, _: &Domain) -> StsFinding {
        self.asked.add_permits(1);
        self.gate.acquire().await.unwrap().forget();
        StsFinding::default()
    }

    async fn renew(&self, domain: &Domain) -> StsFinding {
        self.find(domain).await
    }
}

impl Gated {
    async fn until_asked(&self) {
        let asked = tokio::time::timeout(PATIENCE, self.asked.acquire()).await;
        asked.expect("it is asked in time").unwrap().forget();
    }
}

/// What is asked before a message is planned may take minutes, and a connection is kept meanwhile
/// that nobody wants any more.
#[tokio::test]
async fn a_kept_connection_carries_nothing_when_its_domain_becomes_a_partner_amid_a_look_up() {
    let mut published = Published::with(&[&plain]).await;
    let sts = Arc::new(Gated {
        asked: Semaphore::new(0),
        gate: Semaphore::new(1),
    });
    let zone = published.zone("insecure", "insecure", "");
    let plan = |partners| Plan {
        sts: Arc::<Gated>::clone(&sts),
        partners,
        connections: 1,
        keep_alive: Duration::from_secs(60),
        ..published.plan(zone.clone())
    };
    let (before, after) = (
        plan(Vec::new()),
        plan(vec![at("to.example", Stage::Enforce)]),
    );
    let world = World::start(before);
    let first = published::submit(&world, TlsWish::Unstated).await;
    sts.until_asked().await;
    published.hosts[0].arrival().await;
    world.until_gone(first).await;

    let second = published::submit(&world, TlsWish::Unstated).await;
    sts.until_asked().await;
    world.reload(after);
    sts.gate.add_permits(99);
    let failure = world.until_deferred(second).await;
    assert_eq!(failure.status().to_string(), "4.7.10");
    assert_eq!(published.hosts[0].transactions(), 1, "MAIL was said again");
}

/// A host that greets when it is let.
async fn behind_a_gate() -> Scripted {
    Scripted::start(|heard| match heard.line {
        "" => Say::Gated("220 at last"),
        line => obliging(line),
    })
    .await
}

#[tokio::test]
async fn mail_that_waits_in_line_when_its_domain_becomes_a_partner_stays() {
    let mut host = behind_a_gate().await;
    let world = World::start(plan(host.address, Vec::new()));
    let first = world.submit("<>", &["<jo@other.example>"], MESSAGE).await;
    host.until_said("", 1).await;
    let recipients = ["<jo@other.example>", "<minister@ministry.example>"];
    let second = world.submit("<>", &recipients, MESSAGE).await;
    world.until_claimed(2).await;
    world.reload(plan(host.address, vec![ministry(Stage::Enforce)]));
    host.gate.add_permits(9);
    world.until_gone(first).await;
    let one_left = |message: Option<&QueuedMessage>| message.is_some_and(|it| it.waiting() == 1);
    let left = world.until(second, one_left).await.unwrap();
    let failure = world.until(second, |message| {
        message.is_some_and(|message| message.progress[1].last_failure.is_some())
    });
    assert!(failure.await.is_some());
    assert_eq!(left.progress[0].attempts, 1);
    assert_eq!(host.count("RCPT TO:<jo@other.example>"), 2);
    assert_eq!(host.count("RCPT TO:<minister@ministry.example>"), 0);
}

#[tokio::test]
async fn a_connection_under_way_when_its_domain_becomes_a_partner_carries_nothing() {
    let mut host = behind_a_gate().await;
    let world = World::start(plan(host.address, Vec::new()));
    let id = submit(&world).await;
    host.until_said("", 1).await;
    world.reload(plan(host.address, vec![ministry(Stage::Enforce)]));
    host.gate.add_permits(9);
    let failure = world.until_deferred(id).await;
    assert_eq!(failure.status().to_string(), "4.7.10");
    assert_eq!(host.count("MAIL"), 0);
}

/// A route goes elsewhere: what waits for the old next hop goes to the new one.
#[tokio::test]
async fn mail_that_waits_in_line_follows_its_route() {
    let mut old = behind_a_gate().await;
    let mut new = Neighbour::start(Tls::None).await;
    let world = World::start(plan(old.address, Vec::new()));
    let id = submit(&world).await;
    old.until_said("", 1).await;
    world.reload(plan(new.address, Vec::new()));
    old.gate.add_permits(9);
    new.arrival().await;
    world.until_gone(id).await;
    assert_eq!(old.count("MAIL"), 0);
}

#[tokio::test]
async fn more_and_fewer_messages_at_a_time() {
    let mut neighbour = Neighbour::start(Tls::None).await;
    let world = World::start(plan(neighbour.address, Vec::new()));
    for messages in [1, 50, 0, 2] {
        world.reload(Plan {
            messages,
            ..plan(neighbour.address, Vec::new())
        });
        for _ in 0..5 {
            submit(&world).await;
        }
        for _ in 0..5 {
            neighbour.arrival().await;
        }
    }
}
