//! The decisions whose cost is measured, each among many partners.

use std::hint::black_box;

use postern_mail::{Host, ReversePath};
use postern_policy::{
    ChannelLevel, Defaults, DeliveryRequest, Denied, DeniedCertificate, Exclusivity, HostFacts,
    IdentityTerms, InboundTerms, OutboundTerms, Partner, Policy, Stage,
};
use postern_tls::{Profile, ProfileName};
use rustls_pki_types::UnixTime;

use crate::{
    peers::{self, ANCHORS, PINS, Peer, now},
    published::{self, INSECURE, SECURE, mx1, no_dane},
};

/// Something that is decided for every message.
pub(crate) struct Decision {
    pub(crate) name: &'static str,
    /// Whether signatures of certificates are verified on the way, which costs what it costs.
    pub(crate) signatures: bool,
    decide: Box<dyn FnMut()>,
}

impl Decision {
    fn new(name: &'static str, signatures: bool, decide: impl FnMut() + 'static) -> Self {
        Self {
            name,
            signatures,
            decide: Box::new(decide),
        }
    }

    pub(crate) fn decide(&mut self) {
        (self.decide)();
    }
}

/// All of them, under a policy of `count` partners.
pub(crate) fn among(count: usize) -> Vec<Decision> {
    let policy: &'static Policy = Box::leak(Box::new(policy(count)));
    let denying: &'static Policy = Box::leak(Box::new(self::policy(count).with_denied(denied())));
    let partners: Vec<Host> = (0..997)
        .map(|n| {
            format!("mail.p{}.example", n * 7919 % count)
                .parse()
                .unwrap()
        })
        .collect();
    let strangers: Vec<Host> = vec!["stranger.test".parse().unwrap()];
    let pinned: Vec<Host> = vec!["pinned.example".parse().unwrap()];
    let ministry: Vec<Host> = vec!["ministry.example".parse().unwrap()];
    let (server, client) = (peer_among(peers::servers()), peer_among(peers::clients()));
    let outbound = |name, signatures, to: Vec<Host>, facts: HostFacts, peer: Peer| {
        let (mut at, now) = (0, now());
        Decision::new(name, signatures, move || {
            at = (at + 1) % to.len();
            let plan = policy.plan_delivery(&DeliveryRequest::to(&to[at]), now);
            let _ = black_box(plan.for_host(&facts).judge(peer.security.as_ref(), now));
        })
    };
    let inbound = |name, signatures, policy: &'static Policy, from: &str, peer: Peer| {
        let from = ReversePath::Mailbox(from.parse().unwrap());
        let now = now();
        Decision::new(name, signatures, move || {
            let _ = black_box(judge(policy, &from, &peer, now));
        })
    };
    let unsigned = || mx1(INSECURE, no_dane());
    let signed = || mx1(SECURE, published::matching(&server("right")));
    let [plain, right] = ["offers no STARTTLS", "right"];
    let other = "other authority";
    vec![
        outbound(
            "to a stranger, over TLS",
            false,
            strangers.clone(),
            unsigned(),
            server(right),
        ),
        outbound(
            "to a stranger with TLSA records",
            false,
            strangers,
            signed(),
            server(right),
        ),
        outbound(
            "to a partner, refused in clear",
            false,
            partners,
            unsigned(),
            server(plain),
        ),
        outbound(
            "to a partner known by its key",
            false,
            pinned,
            unsigned(),
            server(right),
        ),
        outbound(
            "to a partner known by its name",
            true,
            ministry,
            unsigned(),
            server(right),
        ),
        inbound(
            "from a stranger in clear",
            false,
            policy,
            "a@stranger.test",
            client(plain),
        ),
        inbound(
            "from a stranger with a certificate",
            false,
            policy,
            "a@stranger.test",
            client(other),
        ),
        inbound(
            "the same, with certificates denied",
            false,
            denying,
            "a@stranger.test",
            client(other),
        ),
        inbound(
            "from a partner known by its key",
            false,
            policy,
            "a@pinned.example",
            client("expired, right key"),
        ),
        inbound(
            "from a partner known by its name",
            true,
            policy,
            "a@ministry.example",
            client(right),
        ),
    ]
}

fn judge(policy: &Policy, from: &ReversePath, peer: &Peer, now: UnixTime) -> bool {
    let verdict = policy.judge_mail(&from.into(), None, peer.security.as_ref(), now);
    verdict.findings().is_empty()
}

fn peer_among(peers: Vec<Peer>) -> impl Fn(&str) -> Peer {
    move |name| {
        let found = peers.iter().find(|peer| peer.name == name);
        found.unwrap().clone()
    }
}

fn policy(count: usize) -> Policy {
    let numbered = (0..count).map(|n| {
        let (name, domain) = (format!("Partner {n}"), format!("p{n}.example"));
        partner(&name, &domain, &named(&format!("mx.p{n}.example")))
    });
    let key = IdentityTerms {
        pins: PINS.to_vec(),
        ..IdentityTerms::default()
    };
    let known = [
        partner("Pinned", "pinned.example", &key),
        partner(
            "Ministry",
            "ministry.example",
            &named("mx1.ministry.example"),
        ),
    ];
    let defaults = Defaults {
        profile: Profile::named(ProfileName::Intermediate),
        trust: ANCHORS[0].clone(),
    };
    Policy::new(defaults, numbered.chain(known).collect()).unwrap()
}

fn named(name: &str) -> IdentityTerms {
    IdentityTerms {
        names: vec![peers::reference(name)],
        ..IdentityTerms::default()
    }
}

/// A partner that is held to everything.
fn partner(name: &str, domain: &str, identity: &IdentityTerms) -> Partner {
    Partner::builder(name.parse().unwrap(), Stage::Enforce)
        .domain(domain.parse().unwrap())
        .domain(format!("*.{domain}").parse().unwrap())
        .outbound(OutboundTerms {
            identity: identity.clone(),
            ..OutboundTerms::requiring(ChannelLevel::Authenticated)
        })
        .inbound(InboundTerms {
            identity: identity.clone(),
            exclusive: Exclusivity::Exclusive,
            ..InboundTerms::requiring(ChannelLevel::Authenticated)
        })
        .build()
        .unwrap()
}

/// A thousand keys and a thousand serial numbers that nobody here has.
fn denied() -> Vec<Denied> {
    let keys = (0..1000).map(|n| DeniedCertificate::Key(format!("{n:064x}").parse().unwrap()));
    let serials = (0..1000).map(|n| DeniedCertificate::Serial {
        serial: format!("{n:040x}").parse().unwrap(),
        issuer: None,
    });
    let entry = |what| Denied {
        what,
        reason: "stolen".into(),
    };
    keys.chain(serials).map(entry).collect()
}
