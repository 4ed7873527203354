//! Nothing that comes from the network lowers a local rule.
//!
//! For any partner, route, stage and broken glass, and for anything at all that is published,
//! proven, wished for or shown: what a plan lets pass that knows it, a plan lets pass that knows
//! nothing of it.

use std::sync::{Arc, LazyLock};

use postern_mail::{Host, TlsWish};
use postern_policy::{
    BreakGlass, ChannelLevel, Dane, DaneFacts, DaneRecords, DeliveryRequest, Denied,
    DeniedCertificate, Direction, DnsProof, HostFacts, HostPlan, IdentityTerms, KnownPolicy, Label,
    Lowered, OutboundTerms, Policy, Provenance, RouteFloor, Stage, StsMode,
};
use postern_tls::{
    CrlSource, Profile, ProfileName, RevocationCheck, TlsaRecord, TlsaSet, UnknownStatus,
};
use proptest::prelude::*;
use rustls_pki_types::UnixTime;

use crate::{
    peers::{self, ANCHORS, PINS, Peer, now},
    policies::{self, ministry},
    published,
};

static PEERS: LazyLock<Vec<Peer>> = LazyLock::new(peers::servers);

const HOSTS: [&str; 4] = [
    "mx1.ministry.example",
    "mx.evil.test",
    "ministry.example",
    "[192.0.2.1]",
];

/// What the operator says.
#[derive(Debug)]
struct Local {
    policy: Policy,
    floor: Option<RouteFloor>,
    /// Whether a rule of the operator's own is about what is published.
    dane: Dane,
}

/// What everybody else says.
#[derive(Debug, Clone)]
struct Network {
    wish: TlsWish,
    sts: Option<Arc<KnownPolicy>>,
    dane: DaneFacts,
}

fn identity() -> impl Strategy<Value = IdentityTerms> {
    let names = vec!["mx1.ministry.example", "mx.evil.test", "ministry.example"];
    let names = prop::sample::subsequence(names, 0..=2);
    let pins = prop::sample::subsequence(PINS.to_vec(), 0..=2);
    let trust = prop::option::of(prop::sample::select(ANCHORS.to_vec()));
    let unknown = prop::sample::select(vec![UnknownStatus::Refuse, UnknownStatus::Accept]);
    (names, pins, trust, prop::option::of(unknown)).prop_map(|(names, pins, trust, unknown)| {
        let list = || Arc::new(CrlSource::new("ministry.crl"));
        let by_key_alone = names.is_empty() && trust.is_none() && !pins.is_empty();
        let unknown = unknown.filter(|_| !by_key_alone);
        IdentityTerms {
            names: names.into_iter().map(peers::reference).collect(),
            pins,
            trust,
            revocation: unknown.map(|unknown| RevocationCheck::new([list()], unknown)),
        }
    })
}

/// A level, and as whom where it asks that.
fn levels_and_identities() -> impl Strategy<Value = (ChannelLevel, IdentityTerms)> {
    let none = IdentityTerms::default;
    prop_oneof![
        1 => Just((ChannelLevel::Any, none())),
        1 => Just((ChannelLevel::Encrypted, none())),
        3 => identity().prop_map(|identity| (ChannelLevel::Authenticated, identity)),
    ]
}

fn terms() -> impl Strategy<Value = OutboundTerms> {
    let dane = prop::sample::select(vec![Dane::WherePublished, Dane::Demanded]);
    let hosts = prop::sample::subsequence(HOSTS.to_vec(), 0..=2);
    (levels_and_identities(), dane, hosts).prop_map(|((level, mut identity), dane, hosts)| {
        let hosts = hosts
            .into_iter()
            .map(|host| format!("{host}:25").parse().unwrap());
        let asked = level == ChannelLevel::Authenticated && dane == Dane::Demanded;
        let dane = if asked {
            Dane::Demanded
        } else {
            Dane::WherePublished
        };
        let by_name = !identity.names.is_empty() || identity.trust.is_some();
        if asked && !by_name {
            identity.revocation = None; // nothing that it would be asked about
        }
        OutboundTerms {
            identity,
            hosts: hosts.collect(),
            dane,
            ..OutboundTerms::requiring(level)
        }
    })
}

fn glass() -> impl Strategy<Value = BreakGlass> {
    let allow = prop::sample::select(vec![Lowered::Any, Lowered::Encrypted]);
    let outbound = Some(Direction::Outbound);
    let direction = prop::sample::select(vec![None, outbound, Some(Direction::Inbound)]);
    let left = prop::sample::select(vec![-60_i64, 60, 600]);
    (allow, direction, left).prop_map(|(allow, direction, left)| BreakGlass {
        partner: "Ministry of Examples".parse().unwrap(),
        direction,
        allow,
        reason: "it must be".into(),
        approved_by: "A. Officer".into(),
        until: UnixTime::since_unix_epoch(std::time::Duration::from_secs(
            now().as_secs().saturating_add_signed(left),
        )),
    })
}

/// What the operator says. The few rules that make no sense together are no policy.
fn local() -> impl Strategy<Value = Local> {
    let stages = vec![Stage::Observe, Stage::Warn, Stage::Enforce];
    let profile = prop::option::of(prop::sample::select(ProfileName::ALL));
    let partner = prop::option::of((terms(), prop::sample::select(stages), profile));
    let floor = prop::option::of(levels_and_identities());
    let glass = prop::collection::vec(glass(), 0..=2);
    let denied = prop::bool::weighted(0.1);
    (partner, floor, glass, denied).prop_filter_map(
        "a policy",
        |(partner, floor, glass, denied)| {
            let dane = partner
                .as_ref()
                .map_or(Dane::WherePublished, |(terms, ..)| terms.dane);
            let partner = partner.map(|(terms, stage, profile)| {
                let profile = profile.filter(|_| terms.require != ChannelLevel::Any);
                let builder = ministry(stage).outbound(terms);
                let builder = match profile {
                    Some(name) => builder.profile(Profile::named(name)),
                    None => builder,
                };
                builder.build().unwrap()
            });
            let glass = if partner.is_some() { glass } else { Vec::new() };
            let policy = Policy::new(policies::defaults(), partner.into_iter().collect()).ok()?;
            let floor = floor
                .map(|(level, terms)| RouteFloor::new(Label::new("*"), level, terms, &[]).unwrap());
            let denied = denied.then(|| Denied {
                what: DeniedCertificate::Key(PINS[0]),
                reason: "stolen".into(),
            });
            let policy = policy.with_broken_glass(glass).unwrap();
            let policy = policy.with_denied(denied.into_iter().collect());
            Some(Local {
                policy,
                floor,
                dane,
            })
        },
    )
}

fn dane() -> impl Strategy<Value = DaneFacts> {
    let leaf = |name| published::leaf(&peers::server(name));
    let record = |usage, selector, matching, association: Vec<u8>| TlsaRecord {
        usage,
        selector,
        matching,
        association,
    };
    let records = vec![
        record(3, 0, 0, leaf("right")),
        record(3, 0, 0, leaf("self-signed")),
        record(3, 0, 0, leaf("other name")),
        record(2, 0, 0, peers::authority().to_vec()),
        record(3, 1, 1, vec![0; 32]),
        record(1, 1, 1, vec![0; 32]),
    ];
    let base = prop::sample::select(vec!["mx1.ministry.example", "mx.evil.test"]);
    let records = prop::sample::subsequence(records, 1..=3);
    let records = (base, records).prop_map(|(base, records)| {
        DaneFacts::Records(DaneRecords {
            base: base.parse().unwrap(),
            records: TlsaSet::new(records),
        })
    });
    prop_oneof![
        1 => Just(published::no_dane()),
        1 => Just(DaneFacts::Absent),
        1 => Just(published::unknown()),
        4 => records,
    ]
}

fn sts() -> impl Strategy<Value = Arc<KnownPolicy>> {
    let mode = prop::sample::select(vec![StsMode::Enforce, StsMode::Testing, StsMode::None]);
    let mx = ["mx1.ministry.example", "*.ministry.example", "*.test"];
    let mx = prop::sample::subsequence(mx.to_vec(), 1..=2);
    let domain = prop::sample::select(vec!["ministry.example", "ministry.example", "evil.test"]);
    (domain, mode, mx).prop_map(|(domain, mode, mx)| published::sts_of(domain, mode, &mx))
}

fn wishes() -> impl Strategy<Value = TlsWish> {
    prop::sample::select(vec![TlsWish::Unstated, TlsWish::Required, TlsWish::Waived])
}

prop_compose! {
    fn network()(wish in wishes(), sts in prop::option::of(sts()), dane in dane()) -> Network {
        Network { wish, sts, dane }
    }
}

fn host() -> impl Strategy<Value = (Host, Provenance)> {
    let host = prop::sample::select(HOSTS.to_vec()).prop_map(|host| host.parse().unwrap());
    let provenance = prop::sample::select(vec![
        Provenance::Configured,
        Provenance::Literal,
        Provenance::Dns(DnsProof::Secure),
        Provenance::Dns(DnsProof::Insecure),
        Provenance::Dns(DnsProof::Indeterminate),
    ]);
    (host, provenance)
}

fn plan(local: &Local, network: &Network, (host, provenance): &(Host, Provenance)) -> HostPlan {
    let destination: Host = "ministry.example".parse().unwrap();
    let request = DeliveryRequest {
        destination: &destination,
        route: local.floor.as_ref(),
        wish: network.wish,
        sts: network.sts.as_ref(),
    };
    let plan = local.policy.plan_delivery(&request, now());
    plan.for_host(&HostFacts {
        host: host.clone(),
        provenance: *provenance,
        dane: network.dane.clone(),
    })
}

/// A network that says nothing. Where the operator demands DANE, and that counts, what is
/// published is what the operator's own rule is about, and is known.
fn nothing(local: &Local, network: &Network, demand_counts: bool) -> Network {
    Network {
        wish: TlsWish::Unstated,
        sts: None,
        dane: match local.dane {
            Dane::Demanded if demand_counts => network.dane.clone(),
            Dane::Demanded | Dane::WherePublished => published::no_dane(),
        },
    }
}

fn is_enforced(plan: &HostPlan) -> bool {
    let enforced = plan.partner().is_some_and(|it| it.stage().stops_mail());
    enforced && plan.delivery().broken_glass().is_none()
}

fn grants(plan: &HostPlan, peer: &Peer) -> bool {
    plan.judge(peer.security.as_ref(), now()).is_ok()
}

fn grants_in_full(plan: &HostPlan, peer: &Peer) -> bool {
    plan.judge_in_full(peer.security.as_ref(), now()).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn whatever_the_network_says_adds_to_local_rules(
        local in local(),
        network in network(),
        host in host(),
    ) {
        let knowing = plan(&local, &network, &host);
        let enforced = is_enforced(&knowing);
        let in_force = plan(&local, &nothing(&local, &network, enforced), &host);
        let in_full = plan(&local, &nothing(&local, &network, true), &host);
        for peer in PEERS.iter() {
            prop_assert!(grants(&in_force, peer) || !grants(&knowing, peer), "{}", peer.name);
            let full = grants_in_full(&in_full, peer) || !grants_in_full(&knowing, peer);
            prop_assert!(full, "{} in full", peer.name);
        }
    }

    /// What is in force is never more than what would be if all were.
    #[test]
    fn what_would_pass_in_full_passes(local in local(), network in network(), host in host()) {
        let plan = plan(&local, &network, &host);
        prop_assert_eq!(&plan.full().join(plan.enforced()), plan.full());
        for peer in PEERS.iter() {
            prop_assert!(grants(&plan, peer) || !grants_in_full(&plan, peer), "{}", peer.name);
        }
        prop_assert!(plan.measures_more() || plan.full() == plan.enforced());
    }

    /// The wishes are in an order: who waives gets no less through than who wishes nothing, and
    /// who demands no more. Where a rule of ours stands, waiving gives nothing that it refuses.
    #[test]
    fn a_wish_adds_or_waives_what_others_publish(
        local in local(),
        network in network(),
        host in host(),
    ) {
        let [required, unstated, waived] =
            [TlsWish::Required, TlsWish::Unstated, TlsWish::Waived].map(|wish| {
                plan(&local, &Network { wish, ..network.clone() }, &host)
            });
        for peer in PEERS.iter() {
            prop_assert!(grants(&unstated, peer) || !grants(&required, peer), "{}", peer.name);
            prop_assert!(grants(&waived, peer) || !grants(&unstated, peer), "{}", peer.name);
        }
    }

    /// Every rule in force is met by who gets through, each by itself.
    #[test]
    fn who_passes_meets_each_rule_in_force(local in local(), network in network(), host in host()) {
        let plan = plan(&local, &network, &host);
        let explanation = plan.explanation();
        for peer in PEERS.iter() {
            let each = plan.judge_each(peer.security.as_ref(), now());
            for (verdict, rule) in each.iter().zip(&explanation.rules) {
                prop_assert_eq!(&verdict.source, &rule.source);
                let in_force = rule.measured_because.is_none();
                prop_assert_eq!(in_force, rule.effect == postern_policy::Effect::InForce);
                if in_force && grants(&plan, peer) {
                    prop_assert!(verdict.outcome.is_ok(), "{} {:?}", peer.name, verdict);
                }
            }
        }
    }
}
