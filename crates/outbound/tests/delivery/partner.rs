//! Mail for partners: over a channel that proves what their rule demands, or not at all.

use std::sync::Arc;

use postern_mail::NextHop;
use postern_policy::{
    CertificateName, ChannelLevel, IdentityTerms, OutboundTerms, Partner, PartnerName, Stage,
};
use postern_spool::Cause;
use postern_testkit::{Authority, Identity, Leaf, Validity, server_config};
use postern_tls::{ReferenceIdentity, SpkiPin, TrustAnchors};

use crate::{
    neighbour::{Neighbour, Tls},
    world::{Plan, World},
};

const MESSAGE: &[u8] = b"Subject: secret\r\n\r\nFor your eyes only.\r\n";

struct Ministry {
    authority: Authority,
    neighbour: Neighbour,
}

impl Ministry {
    /// A partner whose host shows the certificate that `issue` makes.
    async fn showing(issue: impl FnOnce(&Authority) -> Identity) -> Self {
        let authority = Authority::new("Ministry CA");
        let config = server_config(&issue(&authority), None);
        let neighbour = Neighbour::start(Tls::With(Arc::new(config))).await;
        Self {
            authority,
            neighbour,
        }
    }

    async fn without_tls() -> Self {
        let neighbour = Neighbour::start(Tls::None).await;
        Self {
            authority: Authority::new("Ministry CA"),
            neighbour,
        }
    }

    fn terms(&self) -> OutboundTerms {
        let name: postern_mail::Domain = "mx.ministry.example".parse().unwrap();
        OutboundTerms {
            identity: IdentityTerms {
                names: vec![ReferenceIdentity::from(name)],
                pins: Vec::new(),
                trust: Some(TrustAnchors::from_pem("ministry", &self.authority.pem()).unwrap()),
                revocation: None,
            },
            hosts: vec![
                self.neighbour
                    .address
                    .to_string()
                    .parse::<NextHop>()
                    .unwrap(),
            ],
            ..OutboundTerms::requiring(ChannelLevel::Authenticated)
        }
    }
}

fn partner(terms: OutboundTerms, stage: Stage) -> Partner {
    let name: PartnerName = "Ministry".parse().unwrap();
    Partner::builder(name, stage)
        .domain("ministry.example".parse().unwrap())
        .outbound(terms)
        .build()
        .unwrap()
}

fn world_with(partner: Partner) -> World {
    World::start(Plan {
        partners: vec![partner],
        ..Plan::default()
    })
}

async fn submit(world: &World) -> postern_mail::QueueId {
    world
        .submit(
            "<me@example.org>",
            &["<minister@ministry.example>"],
            MESSAGE,
        )
        .await
}

#[tokio::test]
async fn a_partner_that_proves_its_name_is_given_mail() {
    let mut ministry =
        Ministry::showing(|authority| authority.issue(&Leaf::named("mx.ministry.example"))).await;
    let world = world_with(partner(ministry.terms(), Stage::Enforce));
    let id = submit(&world).await;
    let arrival = ministry.neighbour.arrival().await;
    assert!(arrival.over_tls);
    world.until_gone(id).await;
}

/// Nothing is handed over, and the reason names what was wrong.
async fn check_refused(mut ministry: Ministry, terms: OutboundTerms, status: &str, reason: &str) {
    let world = world_with(partner(terms, Stage::Enforce));
    let id = submit(&world).await;
    let failure = world.until_deferred(id).await;
    assert_eq!(failure.status().to_string(), status);
    let Cause::Here(text) = failure.cause() else {
        panic!("no host said anything")
    };
    assert!(text.contains(reason), "{text}");
    assert!(text.contains("partner Ministry"), "{text}");
    assert!(ministry.neighbour.is_untouched());
    assert_eq!(ministry.neighbour.transactions(), 0, "MAIL was said");
}

#[tokio::test]
async fn a_partner_without_starttls_is_given_nothing() {
    let ministry = Ministry::without_tls().await;
    let terms = ministry.terms();
    check_refused(ministry, terms, "4.7.10", "does not offer STARTTLS").await;
}

#[tokio::test]
async fn a_partner_whose_handshake_fails_is_given_nothing_in_clear() {
    let authority = Authority::new("Ministry CA");
    let ministry = Ministry {
        authority,
        neighbour: Neighbour::start(Tls::Broken).await,
    };
    let terms = ministry.terms();
    check_refused(ministry, terms, "4.7.5", "not TLS").await;
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let ministry =
        Ministry::showing(|authority| authority.issue(&Leaf::named("mx.evil.example"))).await;
    let terms = ministry.terms();
    check_refused(ministry, terms, "4.7.5", "mx.evil.example").await;
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let ministry = Ministry::showing(|_| {
        Authority::new("Other CA").issue(&Leaf::named("mx.ministry.example"))
    })
    .await;
    let terms = ministry.terms();
    check_refused(ministry, terms, "4.7.5", "Other CA").await;
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let ministry = Ministry::showing(|authority| {
        authority.issue(&Leaf::named("mx.ministry.example").validity(Validity::Expired))
    })
    .await;
    let terms = ministry.terms();
    check_refused(ministry, terms, "4.7.5", "expired").await;
}

#[tokio::test]
async fn a_key_that_is_not_pinned_is_refused() {
    let ministry =
        Ministry::showing(|authority| authority.issue(&Leaf::named("mx.ministry.example"))).await;
    let other: SpkiPin = "00".repeat(32).parse().unwrap();
    let mut terms = ministry.terms();
    terms.identity = IdentityTerms {
        pins: vec![other],
        ..IdentityTerms::default()
    };
    check_refused(ministry, terms, "4.7.5", "key").await;
}

#[tokio::test]
async fn at_observe_the_same_mail_is_delivered() {
    let mut ministry =
        Ministry::showing(|authority| authority.issue(&Leaf::named("mx.evil.example"))).await;
    let world = world_with(partner(ministry.terms(), Stage::Observe));
    let id = submit(&world).await;
    assert!(ministry.neighbour.arrival().await.over_tls);
    world.until_gone(id).await;
}

#[tokio::test]
async fn our_certificate_is_shown_to_a_partner_that_demands_it() {
    let clients = Authority::new("Our CA");
    let authority = Authority::new("Ministry CA");
    let identity = authority.issue(&Leaf::named("mx.ministry.example"));
    let config = server_config(&identity, Some(&clients));
    let neighbour = Neighbour::start(Tls::With(Arc::new(config))).await;
    let mut ministry = Ministry {
        authority,
        neighbour,
    };
    let mut terms = ministry.terms();
    terms.present = Some(CertificateName::new("gateway"));
    let world = World::start(Plan {
        partners: vec![partner(terms, Stage::Enforce)],
        certificates: vec![("gateway", clients.issue(&Leaf::named("mx1.example.org")))],
        ..Plan::default()
    });
    let id = submit(&world).await;
    let arrival = ministry.neighbour.arrival().await;
    assert!(arrival.client_certificate.is_some());
    world.until_gone(id).await;
}

#[tokio::test]
async fn a_server_that_rejects_us_after_the_handshake_is_a_failed_handshake() {
    let clients = Authority::new("Our CA");
    let authority = Authority::new("Ministry CA");
    let identity = authority.issue(&Leaf::named("mx.ministry.example"));
    let config = server_config(&identity, Some(&clients));
    let neighbour = Neighbour::start(Tls::With(Arc::new(config))).await;
    let ministry = Ministry {
        authority,
        neighbour,
    };
    let terms = ministry.terms(); // presents nothing
    check_refused(ministry, terms, "4.7.5", "certificate_required").await;
}

/// Connections to one address are not shared by partners to whom we show different
/// certificates.
#[tokio::test]
async fn partners_behind_one_next_hop_see_each_their_own_certificate_of_ours() {
    let clients = Authority::new("Our CA");
    let authority = Authority::new("Gateway CA");
    let identity = authority.issue(&Leaf::named("gateway.example"));
    let config = server_config(&identity, Some(&clients));
    let mut gateway = Neighbour::start(Tls::With(Arc::new(config))).await;
    let shown = ["one", "two"].map(|name| clients.issue(&Leaf::named(name)));
    let partner = |name: &str, present: &str| {
        let reference: postern_mail::Domain = "gateway.example".parse().unwrap();
        let terms = OutboundTerms {
            identity: IdentityTerms {
                names: vec![ReferenceIdentity::from(reference)],
                pins: Vec::new(),
                trust: Some(TrustAnchors::from_pem("gateway", &authority.pem()).unwrap()),
                revocation: None,
            },
            hosts: vec![gateway.address.to_string().parse::<NextHop>().unwrap()],
            present: Some(CertificateName::new(present)),
            ..OutboundTerms::requiring(ChannelLevel::Authenticated)
        };
        Partner::builder(name.parse().unwrap(), Stage::Enforce)
            .domain(format!("{name}.example").parse().unwrap())
            .outbound(terms)
            .build()
            .unwrap()
    };
    let world = World::start(Plan {
        partners: vec![partner("bank", "one"), partner("hospital", "two")],
        certificates: vec![("one", shown[0].clone()), ("two", shown[1].clone())],
        ..Plan::default()
    });
    let to = ["<jo@bank.example>", "<jo@hospital.example>"];
    let id = world.submit("<me@example.org>", &to, MESSAGE).await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        let arrival = gateway.arrival().await;
        let to = arrival.envelope.recipients[0].forward_path.to_string();
        seen.push((to, arrival.client_certificate.unwrap()));
    }
    seen.sort();
    let expected = [0, 1].map(|at| (to[at].to_owned(), shown[at].leaf().to_vec()));
    assert_eq!(seen, expected);
    world.until_gone(id).await;
}
