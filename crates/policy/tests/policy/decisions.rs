//! The decisions whose cost is measured, each among many partners.

use std::{hint::black_box, sync::Arc};

use postern_mail::{Host, ReversePath};
use postern_policy::{
    ChannelLevel, DeliveryRequest, Denied, DeniedCertificate, Exclusivity, HostFacts,
    IdentityTerms, InboundTerms, KnownPolicy, OutboundTerms, Partner, Policy, Stage, StsMode,
};

use crate::{
    peers::{self, PINS, Peer, now},
    policies,
    published::{self, INSECURE, SECURE, mx1, no_dane},
};

/// Something that is decided for every message.
pub(crate) struct Decision {
    pub(crate) name: &'static str,
    /// Whether a chain is verified on the way, with its signatures.
    pub(crate) signatures: bool,
    sts: Option<Arc<KnownPolicy>>,
    decide: Decide,
}

/// It is given the MTA-STS policy of the destination.
type Decide = Box<dyn FnMut(Option<&Arc<KnownPolicy>>)>;

/// All of them, under policies of `count` partners and one more.
pub(crate) fn among(count: usize) -> Vec<Decision> {
    let (keyed, named) = (keyed(), named("mx1.ministry.example"));
    let by_key = Arc::new(policy(count, &keyed));
    let by_name = Arc::new(policy(count, &named));
    let denying = Arc::new(policy(count, &keyed).with_denied(denied()));
    let (server, client) = (peer_among(peers::servers()), peer_among(peers::clients()));
    let ministry = || vec!["ministry.example".parse().unwrap()];
    let stranger = || vec!["stranger.test".parse().unwrap()];
    let partners = (0..997).map(|n| {
        format!("mail.p{}.example", n * 7919 % count)
            .parse()
            .unwrap()
    });
    let unsigned = || mx1(INSECURE, no_dane());
    let signed = || mx1(SECURE, published::matching(&server("right")));
    let enforcing = published::sts_of("stranger.test", StsMode::Enforce, &["*.ministry.example"]);
    vec![
        Decision::outbound(
            "to a stranger, over TLS",
            &by_key,
            stranger(),
            unsigned(),
            server("right"),
        ),
        Decision::outbound(
            "to a stranger with TLSA records",
            &by_key,
            stranger(),
            signed(),
            server("right"),
        ),
        Decision::outbound(
            "to partners in turn, refused in clear",
            &by_key,
            partners.collect(),
            unsigned(),
            server("offers no STARTTLS"),
        ),
        Decision::outbound(
            "to a partner known by its key",
            &by_key,
            ministry(),
            unsigned(),
            server("right"),
        ),
        Decision::outbound(
            "to a partner known by its name",
            &by_name,
            ministry(),
            unsigned(),
            server("right"),
        )
        .verifying(),
        Decision::outbound(
            "to a stranger with an MTA-STS policy",
            &by_key,
            stranger(),
            unsigned(),
            server("right"),
        )
        .under(enforcing)
        .verifying(),
        Decision::inbound(
            "from a stranger in clear",
            &by_key,
            "stranger.test",
            client("offers no STARTTLS"),
        ),
        Decision::inbound(
            "from a stranger with a certificate",
            &by_key,
            "stranger.test",
            client("other name"),
        ),
        Decision::inbound(
            "the same, where 2000 certificates are denied",
            &denying,
            "stranger.test",
            client("other name"),
        ),
        Decision::inbound(
            "from a partner known by its key",
            &by_key,
            "ministry.example",
            client("right"),
        ),
        Decision::inbound(
            "from a partner known by its name",
            &by_name,
            "ministry.example",
            client("right"),
        )
        .verifying(),
        Decision::inbound(
            "from a stranger who claims a partner's name",
            &by_name,
            "stranger.test",
            client("other authority"),
        )
        .verifying(),
    ]
}

impl Decision {
    /// Mail for these destinations in turn, at one next hop of which this is known.
    fn outbound(
        name: &'static str,
        policy: &Arc<Policy>,
        to: Vec<Host>,
        facts: HostFacts,
        peer: Peer,
    ) -> Self {
        let (policy, now, mut at) = (Arc::clone(policy), now(), 0);
        Self::new(name, move |sts| {
            at = (at + 1) % to.len();
            let request = DeliveryRequest {
                sts,
                ..DeliveryRequest::to(&to[at])
            };
            let plan = policy.plan_delivery(&request, now).for_host(&facts);
            let _ = black_box(plan.judge(peer.security.as_ref(), now));
        })
    }

    fn inbound(name: &'static str, policy: &Arc<Policy>, from: &str, peer: Peer) -> Self {
        let from = ReversePath::Mailbox(format!("clerk@{from}").parse().unwrap());
        let (policy, now) = (Arc::clone(policy), now());
        Self::new(name, move |_| {
            let security = peer.security.as_ref();
            let _ = black_box(policy.judge_mail(&(&from).into(), None, security, now));
        })
    }

    fn new(name: &'static str, decide: impl FnMut(Option<&Arc<KnownPolicy>>) + 'static) -> Self {
        Self {
            name,
            signatures: false,
            sts: None,
            decide: Box::new(decide),
        }
    }

    fn verifying(self) -> Self {
        Self {
            signatures: true,
            ..self
        }
    }

    fn under(self, sts: Arc<KnownPolicy>) -> Self {
        Self {
            sts: Some(sts),
            ..self
        }
    }

    pub(crate) fn decide(&mut self) {
        (self.decide)(self.sts.as_ref());
    }
}

fn peer_among(peers: Vec<Peer>) -> impl Fn(&str) -> Peer {
    move |name| {
        let found = peers.iter().find(|peer| peer.name == name);
        found.unwrap().clone()
    }
}

/// `count` partners, and the ministry, which is known so.
fn policy(count: usize, ministry: &IdentityTerms) -> Policy {
    let numbered = (0..count).map(|n| {
        let (name, domain) = (format!("Partner {n}"), format!("p{n}.example"));
        partner(&name, &domain, &named(&format!("mx.p{n}.example")))
    });
    let ministry = partner("Ministry", "ministry.example", ministry);
    let partners = numbered.chain([ministry]).collect();
    Policy::new(policies::defaults(), partners).unwrap()
}

fn keyed() -> IdentityTerms {
    IdentityTerms {
        pins: PINS.to_vec(),
        ..IdentityTerms::default()
    }
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
