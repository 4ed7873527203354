//! What stands above the rules of partners: the broken glass, the list of refused certificates,
//! and the domains that are excepted.

use std::time::Duration;

use postern_mail::{Domain, Host, ReversePath, TlsWish};
use postern_policy::{
    BreakGlass, ChannelLevel, Consequence, Dane, Denied, DeniedCertificate, Direction, Lowered,
    Mismatch, OutboundTerms, Partner, Policy, Source, Stage,
};
use postern_policy::{Exclusivity, InboundTerms};
use postern_tls::NotSecured;
use rustls_pki_types::UnixTime;

use crate::{
    peers::{self, PINS, Peer, now},
    policies::{self, ministry, names},
    published::{INSECURE, SECURE, mx1, no_dane, plan, unknown},
};

const LEVELS: [ChannelLevel; 3] = [
    ChannelLevel::Any,
    ChannelLevel::Encrypted,
    ChannelLevel::Authenticated,
];

fn later(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(now().as_secs() + seconds))
}

fn broken(allow: Lowered, direction: Option<Direction>, until: UnixTime) -> BreakGlass {
    BreakGlass {
        partner: "Ministry of Examples".parse().unwrap(),
        direction,
        allow,
        reason: "their certificate ran out".into(),
        approved_by: "A. Officer".into(),
        until,
    }
}

/// The ministry at this level in both directions, with this much of the glass broken.
fn with_broken(require: ChannelLevel, entries: Vec<BreakGlass>) -> Policy {
    let mut inbound = InboundTerms::requiring(require);
    let mut outbound = OutboundTerms::requiring(require);
    if require.requires_authenticated_peer() {
        inbound.identity = names(&["mx1.ministry.example"]);
        outbound.identity = names(&["mx1.ministry.example"]);
    }
    let partner = ministry(Stage::Enforce).outbound(outbound).inbound(inbound);
    policies::policy(vec![partner.build().unwrap()])
        .with_broken_glass(entries)
        .unwrap()
}

fn outbound(policy: &Policy, peer: &Peer, at: UnixTime) -> bool {
    let to = "ministry.example".parse().unwrap();
    let plan = policy.plan_delivery(&postern_policy::DeliveryRequest::to(&to), at);
    let plan = plan.for_host(&mx1(INSECURE, no_dane()));
    plan.judge(peer.security.as_ref(), at).is_ok()
}

fn inbound(policy: &Policy, peer: &Peer, at: UnixTime) -> bool {
    let from = ReversePath::Mailbox("clerk@ministry.example".parse().unwrap());
    let verdict = policy.judge_mail(&(&from).into(), None, peer.security.as_ref(), at);
    *verdict.consequence() == Consequence::Accept
}

/// Whoever breaks the glass of a rule that demands less than the exception does not thereby
/// demand more.
#[test]
fn the_broken_glass_lowers_a_rule_and_never_raises_it() {
    let peers = [
        "offers no STARTTLS",
        "self-signed",
        "right",
        "other authority",
    ];
    for require in LEVELS {
        let rule = with_broken(require, vec![]);
        for (allow, left) in [
            (Lowered::Any, ChannelLevel::Any),
            (Lowered::Encrypted, ChannelLevel::Encrypted),
        ] {
            let lowered = with_broken(require, vec![broken(allow, None, later(60))]);
            let left = with_broken(left, vec![]);
            for name in peers {
                let (server, client) = (peers::server(name), peers::client(name));
                let expected = outbound(&rule, &server, now()) || outbound(&left, &server, now());
                assert_eq!(
                    outbound(&lowered, &server, now()),
                    expected,
                    "{require} {name}"
                );
                let expected = inbound(&rule, &client, now()) || inbound(&left, &client, now());
                assert_eq!(
                    inbound(&lowered, &client, now()),
                    expected,
                    "{require} {name}"
                );
            }
        }
    }
}

#[test]
fn the_broken_glass_has_a_direction_and_an_end() {
    let plain = peers::server("offers no STARTTLS");
    let until = later(60);
    let only = |direction| {
        let entry = broken(Lowered::Any, direction, until);
        let policy = with_broken(ChannelLevel::Authenticated, vec![entry]);
        let moments = [now(), until];
        moments.map(|at| (outbound(&policy, &plain, at), inbound(&policy, &plain, at)))
    };
    let nothing = (false, false);
    assert_eq!(only(None), [(true, true), nothing]);
    assert_eq!(only(Some(Direction::Outbound)), [(true, false), nothing]);
    assert_eq!(only(Some(Direction::Inbound)), [(false, true), nothing]);
}

/// The one that was approved for a shorter time is not stretched by the other.
#[test]
fn of_two_exceptions_the_one_that_ends_first_counts() {
    let entries = vec![
        broken(Lowered::Encrypted, None, later(600)),
        broken(Lowered::Any, None, later(60)),
    ];
    let policy = with_broken(ChannelLevel::Authenticated, entries);
    let plain = peers::server("offers no STARTTLS");
    assert!(outbound(&policy, &plain, now()));
    assert!(!outbound(&policy, &plain, later(60)));
    assert!(outbound(&policy, &peers::server("self-signed"), later(60)));
}

#[tokio::test]
async fn what_was_planned_behind_broken_glass_ends_with_it() {
    let until = later(60);
    let entry = broken(Lowered::Any, None, until);
    let policy = with_broken(ChannelLevel::Authenticated, vec![entry]);
    let plan = plan(&policy, TlsWish::Unstated, None, &mx1(INSECURE, no_dane()));
    let channel = || peers::plain_channel(NotSecured::NotOffered);
    let (plain, _end) = channel();
    let permit = policy.authorize(&plan, plain, now()).unwrap();
    let shadow = permit.shadow().unwrap();
    assert!(shadow.outcome.is_err(), "the rule is judged all the same");
    let refused = permit.rejudge(&policy, &plan, until).unwrap_err();
    assert_eq!(*refused.refusal().mismatch(), Mismatch::StalePlan);
}

/// Not the route's floor, not what the network demands, not the list of refused certificates.
#[test]
fn the_broken_glass_touches_the_rule_of_its_partner_alone() {
    let entry = || vec![broken(Lowered::Any, None, later(60))];
    let policy = with_broken(ChannelLevel::Authenticated, entry());
    let unknown = plan(&policy, TlsWish::Unstated, None, &mx1(SECURE, unknown()));
    assert!(unknown.judge_host().is_err());
    let terms = OutboundTerms {
        dane: Dane::Demanded,
        ..OutboundTerms::requiring(ChannelLevel::Authenticated)
    };
    let demanded = policies::outbound(Stage::Enforce, terms);
    let lowered = demanded.with_broken_glass(entry()).unwrap();
    let none = plan(&lowered, TlsWish::Unstated, None, &mx1(INSECURE, no_dane()));
    assert!(none.judge_host().is_ok());

    let from = ReversePath::Mailbox("clerk@ministry.example".parse().unwrap());
    let denying = policy.with_denied(vec![denied_key(0)]);
    let right = peers::client("right");
    let verdict = denying.judge_mail(&(&from).into(), None, right.security.as_ref(), now());
    assert!(matches!(verdict.consequence(), Consequence::Refuse(_)));
}

#[test]
fn what_the_broken_glass_still_demands_is_told_of_the_partner() {
    let entry = broken(Lowered::Encrypted, None, later(60));
    let policy = with_broken(ChannelLevel::Authenticated, vec![entry]);
    let from = ReversePath::Mailbox("clerk@ministry.example".parse().unwrap());
    let plain = peers::client("offers no STARTTLS");
    let verdict = policy.judge_mail(&(&from).into(), None, plain.security.as_ref(), now());
    let finding = &verdict.findings()[0];
    let partner = finding.partner.as_ref().map(|name| name.as_str());
    assert_eq!(partner, Some("Ministry of Examples"));
    assert_eq!(finding.stage, Stage::Enforce);
}

fn denied_key(pin: usize) -> Denied {
    Denied {
        what: DeniedCertificate::Key(PINS[pin]),
        reason: "stolen in June".into(),
    }
}

/// A plan that was made before the list was given would not know it.
#[tokio::test]
async fn a_list_that_is_given_later_makes_plans_stale() {
    let policy = policies::policy(vec![]);
    let plan = || plan(&policy, TlsWish::Unstated, None, &mx1(INSECURE, no_dane()));
    let (before, also_before) = (plan(), plan());
    let denying = policy.with_denied(vec![denied_key(0)]);
    let (channel, _) = peers::channel("right").await;
    let refused = denying.authorize(&before, channel, now()).unwrap_err();
    assert_eq!(*refused.refusal().mismatch(), Mismatch::StalePlan);
    let same = denying.with_broken_glass(vec![]).unwrap();
    let (channel, _) = peers::channel("right").await;
    assert!(same.authorize(&also_before, channel, now()).is_err());
}

#[test]
fn who_shows_what_is_denied_carries_nothing_at_any_level() {
    for require in LEVELS {
        for stage in [Stage::Observe, Stage::Enforce] {
            let policy = policies::outbound(stage, OutboundTerms::requiring(require));
            let policy = policy.with_denied(vec![denied_key(0)]);
            let plan = plan(&policy, TlsWish::Unstated, None, &mx1(INSECURE, no_dane()));
            let right = peers::server("right");
            let refusal = plan.judge(right.security.as_ref(), now()).unwrap_err();
            assert_eq!(refusal.demanded_by(), [Source::Denylist]);
            assert!(refusal.to_string().contains("stolen in June"), "{refusal}");
            assert!(plan.judge_in_full(right.security.as_ref(), now()).is_err());
            let each = plan.judge_each(right.security.as_ref(), now());
            let told = each.iter().find(|it| it.source == Source::Denylist);
            assert!(told.is_some_and(|it| it.outcome.is_err()), "{each:?}");
        }
    }
}

/// The authority above a chain need not be sent, and is refused all the same where the chain
/// counts for what it vouches for.
#[test]
fn a_denied_authority_vouches_for_nobody() {
    let authority = Denied {
        what: DeniedCertificate::Key(peers::authority_pin()),
        reason: "it issues to anybody".into(),
    };
    let terms = OutboundTerms {
        identity: names(&["mx1.ministry.example"]),
        ..OutboundTerms::requiring(ChannelLevel::Authenticated)
    };
    let policy = policies::outbound(Stage::Enforce, terms).with_denied(vec![authority]);
    let plan = plan(&policy, TlsWish::Unstated, None, &mx1(INSECURE, no_dane()));
    let right = peers::server("right");
    let refusal = plan.judge(right.security.as_ref(), now()).unwrap_err();
    assert!(
        refusal.to_string().contains("it issues to anybody"),
        "{refusal}"
    );
    assert!(plan.judge_in_full(right.security.as_ref(), now()).is_err());
    let policy = {
        let terms = InboundTerms {
            identity: names(&["mx1.ministry.example"]),
            ..InboundTerms::requiring(ChannelLevel::Authenticated)
        };
        let denied = Denied {
            what: DeniedCertificate::Key(peers::authority_pin()),
            reason: "it issues to anybody".into(),
        };
        policies::inbound(Stage::Enforce, terms).with_denied(vec![denied])
    };
    assert!(!inbound(&policy, &peers::client("right"), now()));
    assert!(inbound(
        &policies::policy(vec![]),
        &peers::client("right"),
        now()
    ));
}

#[test]
fn an_excepted_domain_is_whose_it_is_otherwise() {
    let named = |name: &str| Partner::builder(name.parse().unwrap(), Stage::Enforce);
    let government = named("Government")
        .domain("*.gov.example".parse().unwrap())
        .except("old.gov.example".parse().unwrap())
        .except("*.bank.gov.example".parse().unwrap())
        .build()
        .unwrap();
    let all = named("Everybody else")
        .domain("*.example".parse().unwrap())
        .build()
        .unwrap();
    let bank = named("Bank")
        .domain("a.bank.gov.example".parse().unwrap())
        .build()
        .unwrap();
    let policy = policies::policy(vec![government, all, bank]);
    let check = |domain: &str, owner: &str, excepted: Option<&str>| {
        let domain: Domain = domain.parse().unwrap();
        let found = policy.partner_of(&domain).unwrap();
        assert_eq!(found.name().as_str(), owner, "{domain}");
        let by = policy.excepted_by(&domain);
        let by = by.map(|(partner, pattern)| format!("{} {pattern}", partner.name()));
        assert_eq!(by.as_deref(), excepted, "{domain}");
        let to = Host::from(domain);
        let plan = policies::plan(&policy, &to, None);
        assert_eq!(plan.partner().unwrap().name().as_str(), owner);
    };
    check("new.gov.example", "Government", None);
    check(
        "old.gov.example",
        "Everybody else",
        Some("Government old.gov.example"),
    );
    check(
        "b.bank.gov.example",
        "Everybody else",
        Some("Government *.bank.gov.example"),
    );
    // What another partner has by name is that partner's, and nothing was excepted from.
    check("a.bank.gov.example", "Bank", None);
    check("other.example", "Everybody else", None);
}

/// The stage of those whom an overflow concerns counts, as it does for what they refuse.
#[test]
fn too_many_exclusive_partners_stop_nothing_before_they_are_enforced() {
    let exclusive = |n: usize, stage| {
        Partner::builder(format!("Partner {n}").parse().unwrap(), stage)
            .domain(format!("p{n}.example").parse().unwrap())
            .inbound(InboundTerms {
                identity: names(&[&format!("out{n}.ministry.example")]),
                exclusive: Exclusivity::Exclusive,
                ..InboundTerms::requiring(ChannelLevel::Authenticated)
            })
            .build()
            .unwrap()
    };
    let wildcard = peers::client("wildcard");
    let from = ReversePath::Mailbox("a@stranger.test".parse().unwrap());
    let verdict = |enforced: usize| {
        let stage = |n| {
            if n < enforced {
                Stage::Enforce
            } else {
                Stage::Observe
            }
        };
        let partners = (0..30).rev().map(|n| exclusive(n, stage(n))).collect();
        let policy = policies::policy(partners);
        policy.judge_mail(&(&from).into(), None, wildcard.security.as_ref(), now())
    };
    let refused = |enforced| *verdict(enforced).consequence() != Consequence::Accept;
    assert!(!refused(0), "nobody enforces");
    // Those who enforce are looked at first, so that the others cannot crowd them out.
    let one = verdict(1);
    assert!(refused(1));
    let holder = one
        .findings()
        .iter()
        .find(|finding| finding.stage.stops_mail());
    assert_eq!(
        holder.unwrap().partner.as_ref().unwrap().as_str(),
        "Partner 0"
    );
}
