//! The laws of the join, and that nothing joined to a rule lowers it.

use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};

use postern_mail::Host;
use postern_policy::{
    ChannelDemand, Contribution, DnsProof, Grounds, HostPattern, HostRule, Identity,
    IdentityConstraint, Label, PinSet, PkixConstraint, ProfileDemand, Provenance, Requirement,
    Source, TlsaConstraint,
};
use postern_tls::{
    CertificateUsage, CrlSource, Profile, ProfileName, RevocationCheck, TlsaRecord, TlsaSet,
    TrustAnchors, UnknownStatus,
};
use proptest::prelude::*;

use crate::{
    peers::{self, Peer},
    published,
};

static PEERS: LazyLock<Vec<Peer>> = LazyLock::new(peers::all);

const HOSTS: [&str; 4] = [
    "mx1.ministry.example",
    "mx2.ministry.example",
    "mx.evil.test",
    "[192.0.2.1]",
];

fn source() -> impl Strategy<Value = Source> {
    prop::sample::select(vec![
        Source::Default,
        Source::RouteFloor(Label::new("*")),
        Source::ListenerFloor(Label::new("[::]:25")),
        Source::PartnerRule("Ministry".parse().unwrap()),
        Source::PartnerRule("Bank".parse().unwrap()),
        Source::BreakGlass("Bank".parse().unwrap()),
        Source::Denylist,
        Source::MtaSts("ministry.example".parse().unwrap()),
        Source::Dane("mx1.ministry.example".parse().unwrap()),
        Source::RequireTls,
    ])
}

fn constraint() -> impl Strategy<Value = IdentityConstraint> {
    let names = prop::sample::subsequence(vec!["mx1.ministry.example", "mx.evil.test"], 1..=2);
    let anchors = prop::sample::select(peers::ANCHORS.to_vec());
    let usage = prop::sample::select(vec![
        CertificateUsage::ServerAuth,
        CertificateUsage::ClientAuth,
        CertificateUsage::ClientOrServerAuth,
    ]);
    let pkix = (names, anchors, usage, prop::option::of(revocation()))
        .prop_map(|(names, anchors, usage, revocation)| pkix(&names, anchors, usage, revocation));
    let pins = prop::sample::subsequence(peers::PINS.to_vec(), 1..=2)
        .prop_map(|pins| PinSet::new(pins).unwrap().into());
    let undetermined = prop::sample::select(vec!["the answer is bogus", "a timeout"])
        .prop_map(|reason| IdentityConstraint::Undetermined(reason.into()));
    prop_oneof![
        6 => pkix,
        3 => pins,
        3 => tlsa(),
        1 => undetermined,
        1 => Just(IdentityConstraint::Nameless),
    ]
}

fn pkix(
    names: &[&str],
    anchors: TrustAnchors,
    usage: CertificateUsage,
    revocation: Option<RevocationCheck>,
) -> IdentityConstraint {
    let names = names.iter().map(|name| peers::reference(name));
    let pkix = PkixConstraint::new(names, anchors, usage).unwrap();
    pkix.with_revocation(revocation).into()
}

/// A list that says nothing yet, which is enough or is not.
fn revocation() -> impl Strategy<Value = RevocationCheck> {
    let unknown = prop::sample::select(vec![UnknownStatus::Refuse, UnknownStatus::Accept]);
    let label = prop::sample::select(vec!["a.crl", "b.crl"]);
    (label, unknown).prop_map(|(label, unknown)| {
        RevocationCheck::new([Arc::new(CrlSource::new(label))], unknown)
    })
}

/// Records that one of the peers matches, or none, with names that count and names that do not.
fn tlsa() -> impl Strategy<Value = IdentityConstraint> {
    let matching = |name| (3, published::leaf(&peers::server(name)));
    let authority = (2, peers::authority().to_vec());
    let records = vec![matching("right"), matching("self-signed"), authority];
    let records = prop::sample::subsequence(records, 1..=3);
    let base = prop::sample::select(vec!["mx1.ministry.example", "mx.evil.test"]);
    (records, base).prop_map(|(records, base)| {
        let records = records.into_iter().map(|(usage, association)| TlsaRecord {
            usage,
            selector: 0,
            matching: 0,
            association,
        });
        let base = base.parse().unwrap();
        let tlsa = TlsaConstraint::new(base, TlsaSet::new(records), []);
        tlsa.unwrap().into()
    })
}

fn channel() -> impl Strategy<Value = ChannelDemand> {
    let authenticated =
        constraint().prop_map(|constraint| ChannelDemand::Authenticated(constraint.into()));
    prop_oneof![
        1 => Just(ChannelDemand::Any),
        1 => Just(ChannelDemand::Encrypted),
        3 => authenticated,
    ]
}

fn hosts() -> impl Strategy<Value = HostRule> {
    let patterns = [
        "mx1.ministry.example",
        "*.ministry.example",
        "*.test",
        "[192.0.2.1]",
    ];
    let some = prop::sample::subsequence(patterns.to_vec(), 0..=3).prop_map(|patterns| {
        let patterns = patterns
            .into_iter()
            .map(|pattern| pattern.parse::<HostPattern>().unwrap());
        HostRule::among(patterns)
    });
    prop_oneof![2 => Just(HostRule::any()), 2 => some, 1 => Just(HostRule::proven())]
}

fn contribution() -> impl Strategy<Value = Requirement> {
    let profile = prop::option::of(prop::sample::select(ProfileName::ALL));
    (source(), channel(), profile, hosts(), "[ab]").prop_map(
        |(source, channel, profile, hosts, reason)| {
            let contribution =
                Contribution::new(source, channel, &reason, Grounds::Message).with_hosts(hosts);
            match profile {
                Some(name) => {
                    let bounds = Profile::named(name).bounds().clone();
                    contribution
                        .with_profile(ProfileDemand::new(name, bounds))
                        .into()
                }
                None => contribution.into(),
            }
        },
    )
}

/// A join of one to four contributions.
fn requirement() -> impl Strategy<Value = Requirement> {
    prop::collection::vec(contribution(), 1..=4).prop_map(|parts| {
        let mut parts = parts.into_iter();
        let first = parts.next().unwrap();
        parts.fold(first, |all, part| all.join(&part))
    })
}

/// Every host, known in every way.
fn hosts_known() -> impl Iterator<Item = (Host, Provenance)> {
    let provenances = [
        Provenance::Configured,
        Provenance::Literal,
        Provenance::Dns(DnsProof::Secure),
        Provenance::Dns(DnsProof::Insecure),
        Provenance::Dns(DnsProof::Indeterminate),
    ];
    let hosts = HOSTS.into_iter().map(|host| host.parse::<Host>().unwrap());
    hosts.flat_map(move |host| provenances.map(|provenance| (host.clone(), provenance)))
}

fn constraints(requirement: &Requirement) -> BTreeSet<IdentityConstraint> {
    let identity = requirement.identity();
    identity
        .into_iter()
        .flat_map(Identity::constraints)
        .cloned()
        .collect()
}

proptest! {
    #[test]
    fn a_join_is_commutative(a in requirement(), b in requirement()) {
        prop_assert_eq!(a.join(&b), b.join(&a));
    }

    #[test]
    fn a_join_is_associative(a in requirement(), b in requirement(), c in requirement()) {
        prop_assert_eq!(a.join(&b).join(&c), a.join(&b.join(&c)));
    }

    #[test]
    fn a_join_is_idempotent(a in requirement(), b in requirement()) {
        prop_assert_eq!(a.join(&a), a.clone());
        prop_assert_eq!(a.join(&b).join(&b), a.join(&b));
    }

    #[test]
    fn no_axis_is_lowered(a in requirement(), b in requirement()) {
        let both = a.join(&b);
        prop_assert_eq!(both.level(), a.level().stricter(b.level()));
        prop_assert!(constraints(&both).is_superset(&constraints(&a)));
        prop_assert_eq!(&both.bounds().intersect(a.bounds()), both.bounds());
        for (host, provenance) in hosts_known() {
            let admitted = |rule: &Requirement| rule.hosts().admits(&host, provenance);
            prop_assert!(admitted(&a) || !admitted(&both));
        }
        for contribution in a.contributions() {
            prop_assert!(both.contributions().any(|kept| kept == contribution));
        }
    }

    /// The same as the rule is used: no peer that a local rule refuses gets through because of
    /// what is joined to the rule, be it a thousand demands of the network.
    #[test]
    fn nobody_gets_through_a_join_whom_one_side_refuses(a in requirement(), b in requirement()) {
        let both = a.join(&b);
        let prospect = |rule: &Requirement| rule.judge_prospect().is_ok();
        prop_assert_eq!(prospect(&both), prospect(&a) && prospect(&b));
        for peer in PEERS.iter() {
            let (a, b, both) = (peer.judged_by(&a), peer.judged_by(&b), peer.judged_by(&both));
            if both.is_ok() {
                prop_assert!(a.is_ok() && b.is_ok(), "{}: {:?} {:?}", peer.name, a, b);
            }
        }
        for (host, provenance) in hosts_known() {
            let admits = |rule: &Requirement| rule.judge_host(&host, provenance).is_ok();
            let either = admits(&a) && admits(&b);
            prop_assert_eq!(admits(&both), either);
        }
    }

    /// However long the list, each demand on it takes away or leaves as it is.
    #[test]
    fn the_longer_the_list_the_fewer_get_through(parts in prop::collection::vec(contribution(), 1..=6)) {
        let mut all = parts[0].clone();
        for part in &parts[1..] {
            let longer = all.join(part);
            for peer in PEERS.iter() {
                prop_assert!(peer.judged_by(&all).is_ok() || peer.judged_by(&longer).is_err());
            }
            all = longer;
        }
        let reversed = parts.iter().rev().skip(1);
        let reversed = reversed.fold(parts[parts.len() - 1].clone(), |all, part| all.join(part));
        prop_assert_eq!(all, reversed);
    }

    /// Authentication is always as somebody.
    #[test]
    fn what_is_authenticated_has_proven_every_constraint(requirement in requirement()) {
        for peer in PEERS.iter() {
            let Ok(basis) = peer.judged_by(&requirement) else { continue };
            match basis {
                postern_policy::Basis::Authenticated { proofs, .. } => {
                    prop_assert!(!proofs.is_empty());
                    prop_assert_eq!(proofs.len(), constraints(&requirement).len());
                }
                postern_policy::Basis::Encrypted(_) | postern_policy::Basis::Plain(_) => {
                    prop_assert!(!requirement.level().requires_authenticated_peer());
                }
            }
        }
    }

    #[test]
    fn a_refusal_names_who_demands_what_was_not_met(requirement in requirement()) {
        for peer in PEERS.iter() {
            let Err(refusal) = peer.judged_by(&requirement) else { continue };
            prop_assert!(!refusal.demanded_by().is_empty());
            let text = refusal.to_string();
            for source in refusal.demanded_by() {
                prop_assert!(text.contains(&source.to_string()), "{}", text);
            }
        }
    }
}
