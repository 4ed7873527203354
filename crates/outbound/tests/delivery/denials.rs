//! What DNS says against delivering at all, and who may have said it (P1, P22, P24, D8).

use std::{net::IpAddr, sync::Arc, time::Instant};

use async_trait::async_trait;
use postern_dns::{
    Addresses, Answer, Caa, Denial, Dns, FixedZone, LookupError, Mx, Name, Proof, Tlsa,
};
use postern_mail::{QueueId, TlsWish};
use postern_policy::{ChannelLevel, OutboundTerms, Partner, Stage};

use crate::{
    published::{Succession, policy, submit},
    world::{Plan, World},
};

/// Each of these says that mail for `to.example` is to go back.
const DENIALS: [&str; 5] = [
    "other.example TXT elsewhere",
    "to.example MX 0 .",
    "to.example MX 10 mx1.example.org",
    "to.example MX 10 missing.example",
    "to.example MX 10 -host.example",
];

fn plan(zone: &str) -> Plan {
    Plan {
        zone: zone.to_owned(),
        ..Plan::default()
    }
}

fn under_mta_sts(plan: Plan) -> Plan {
    Plan {
        sts: Succession::of([policy("enforce", &["missing.example"])]),
        ..plan
    }
}

fn for_a_partner(plan: Plan, stage: Stage) -> Plan {
    let partner = Partner::builder("Ministry".parse().unwrap(), stage)
        .domain("to.example".parse().unwrap())
        .outbound(OutboundTerms::requiring(ChannelLevel::Encrypted))
        .build();
    Plan {
        partners: vec![partner.unwrap()],
        ..plan
    }
}

/// Tries the message until so many attempts have failed; they are made as they are asked for.
async fn until_tried(world: &World, id: QueueId, times: u32) {
    for attempts in 1..=times {
        if attempts > 1 {
            world.retry(id).await;
        }
        let message = world
            .until(id, |message| {
                message.is_none_or(|it| it.progress[0].attempts == attempts)
            })
            .await;
        assert!(message.is_some(), "it went back at attempt {attempts}");
    }
}

#[tokio::test]
async fn what_anybody_may_have_said_returns_no_mail_that_is_guarded() {
    for zone in DENIALS {
        for plan in [
            under_mta_sts(plan(zone)),
            for_a_partner(plan(zone), Stage::Enforce),
        ] {
            let world = World::start(plan);
            let id = submit(&world, TlsWish::Unstated).await;
            until_tried(&world, id, 3).await;
        }
    }
}

#[tokio::test]
async fn what_is_proven_returns_mail_that_is_guarded() {
    for zone in DENIALS {
        let zone = format!("$PROOF secure\n{zone}\nexample TXT signed");
        for plan in [
            under_mta_sts(plan(&zone)),
            for_a_partner(plan(&zone), Stage::Enforce),
        ] {
            let world = World::start(plan);
            let id = submit(&world, TlsWish::Unstated).await;
            let tried = |message: Option<&postern_spool::QueuedMessage>| {
                message.is_none_or(|message| message.progress[0].attempts > 0)
            };
            if world.until(id, tried).await.is_some() {
                world.retry(id).await;
            }
            world.until_gone(id).await;
        }
    }
}

/// Nobody is protected by waiting where nothing is demanded, or where the sender waives it.
#[tokio::test]
async fn what_is_said_of_others_is_believed() {
    for (plan, wish) in [
        (plan(DENIALS[1]), TlsWish::Unstated),
        (plan(DENIALS[1]), TlsWish::Required),
        (under_mta_sts(plan(DENIALS[1])), TlsWish::Waived),
        (
            for_a_partner(plan(DENIALS[1]), Stage::Warn),
            TlsWish::Unstated,
        ),
    ] {
        let world = World::start(plan);
        let id = submit(&world, wish).await;
        world.until_gone(id).await;
    }
}

/// Denies every domain, and remembers when it first did.
#[derive(Debug)]
struct Remembered {
    received: Instant,
    nothing: FixedZone,
}

#[async_trait]
impl Dns for Remembered {
    async fn mx(&self, name: &Name) -> Result<Answer<Mx>, LookupError> {
        Err(LookupError::NoSuchDomain(Denial {
            name: name.clone(),
            proof: Proof::Insecure,
            received: Some(self.received),
            aliases: Box::default(),
        }))
    }

    async fn addresses(&self, name: &Name) -> Addresses {
        self.nothing.addresses(name).await
    }

    async fn txt(&self, name: &Name) -> Result<Answer<Vec<u8>>, LookupError> {
        self.nothing.txt(name).await
    }

    async fn tlsa(&self, name: &Name) -> Result<Answer<Tlsa>, LookupError> {
        self.nothing.tlsa(name).await
    }

    async fn ptr(&self, address: IpAddr) -> Result<Answer<Name>, LookupError> {
        self.nothing.ptr(address).await
    }

    async fn caa(&self, name: &Name) -> Result<Answer<Caa>, LookupError> {
        self.nothing.caa(name).await
    }
}

#[tokio::test]
async fn a_denial_that_is_only_remembered_is_not_said_twice() {
    let dns = Remembered {
        received: Instant::now(),
        nothing: FixedZone::default(),
    };
    let world = World::start(Plan {
        dns: Some(Arc::new(dns)),
        ..Plan::default()
    });
    let id = submit(&world, TlsWish::Unstated).await;
    until_tried(&world, id, 3).await;
}
