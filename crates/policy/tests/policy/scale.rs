//! Ten thousand partners cost a decision no more than ten do.

use std::time::{Duration, Instant};

use postern_mail::{Host, ReversePath};
use postern_policy::{
    ChannelLevel, Consequence, Exclusivity, Finding, InboundTerms, Mismatch, OutboundTerms,
    Partner, Policy, Stage,
};

use crate::{
    decisions,
    peers::{self, now},
    policies::{self, names},
};

fn partner(n: usize) -> Partner {
    let name = format!("mx.p{n}.example");
    Partner::builder(format!("Partner {n}").parse().unwrap(), Stage::Enforce)
        .domain(format!("p{n}.example").parse().unwrap())
        .domain(format!("*.p{n}.example").parse().unwrap())
        .outbound(OutboundTerms {
            identity: names(&[&name]),
            ..OutboundTerms::requiring(ChannelLevel::Authenticated)
        })
        .inbound(InboundTerms {
            identity: names(&[&name]),
            exclusive: Exclusivity::Exclusive,
            ..InboundTerms::requiring(ChannelLevel::Authenticated)
        })
        .build()
        .unwrap()
}

fn with_partners(count: usize) -> Policy {
    policies::policy((0..count).map(partner).collect())
}

/// The least time that a hundred decisions took, out of several tries.
fn time(mut decide: impl FnMut()) -> Duration {
    let tries = (0..7).map(|_| {
        let begin = Instant::now();
        (0..100).for_each(|_| decide());
        begin.elapsed()
    });
    tries.min().unwrap()
}

/// Going through all partners would take a thousand times as long; caches and noise do not.
const ALLOWED: u32 = 30;

#[test]
fn a_decision_does_not_go_through_the_partners() {
    let (few, many) = (with_partners(10), with_partners(10_000));
    let to: Host = "mx.p9.example".parse().unwrap();
    let from = ReversePath::Mailbox("a@stranger.test".parse().unwrap());
    let stranger = peers::client("other authority");
    let plan = |policy: &Policy| time(|| drop(policies::plan(policy, &to, None)));
    let judge = |policy: &Policy| {
        time(|| drop(policy.judge_mail(&(&from).into(), None, stranger.security.as_ref(), now())))
    };
    for (few, many) in [(plan(&few), plan(&many)), (judge(&few), judge(&many))] {
        assert!(
            many < few * ALLOWED,
            "{few:?} with ten, {many:?} with ten thousand"
        );
    }
}

/// The same decisions as `cargo bench` measures, in a hurry: without optimisation they take ten
/// times as long, and machines that run tests do other things as well. What went through all
/// partners, or read a certificate anew, would take longer still.
#[test]
fn a_decision_takes_microseconds() {
    for mut decision in decisions::among(1000) {
        let allowed = Duration::from_micros(if decision.signatures { 20_000 } else { 1000 });
        let took = time(|| decision.decide()) / 100;
        assert!(took < allowed, "{}: {took:?}", decision.name);
    }
}

/// All customers of a provider authenticate alike: its certificate is verified once.
#[test]
fn customers_of_one_provider_share_its_verification() {
    let customer = |n: usize| {
        Partner::builder(format!("Customer {n}").parse().unwrap(), Stage::Enforce)
            .domain(format!("c{n}.example").parse().unwrap())
            .inbound(InboundTerms {
                identity: names(&["mx1.ministry.example"]),
                ..InboundTerms::requiring(ChannelLevel::Authenticated)
            })
            .build()
            .unwrap()
    };
    let policy = policies::policy((0..1000).map(customer).collect());
    let right = peers::client("right");
    let verdict = policy.judge_mail(
        &(&ReversePath::Null).into(),
        None,
        right.security.as_ref(),
        now(),
    );
    assert_eq!(verdict.certificate_holders().count(), 1000);
    let basis = verdict.basis().to_string();
    assert_eq!(basis.matches("mx1.ministry.example").count(), 1, "{basis}");
}

/// A certificate can name so many exclusive partners that nobody would want to verify it against
/// all of them; it sends nothing.
#[test]
fn a_certificate_that_names_too_many_exclusive_partners_is_refused() {
    let exclusive = |n: usize| {
        Partner::builder(format!("Partner {n}").parse().unwrap(), Stage::Enforce)
            .domain(format!("p{n}.example").parse().unwrap())
            .inbound(InboundTerms {
                identity: names(&[&format!("out{n}.ministry.example")]),
                exclusive: Exclusivity::Exclusive,
                ..InboundTerms::requiring(ChannelLevel::Authenticated)
            })
            .build()
            .unwrap()
    };
    let from = ReversePath::Mailbox("a@stranger.test".parse().unwrap());
    let wildcard = peers::client("wildcard");
    for (partners, overflows) in [(16, false), (17, true)] {
        let policy = policies::policy((0..partners).map(exclusive).collect());
        let verdict = policy.judge_mail(&(&from).into(), None, wildcard.security.as_ref(), now());
        assert!(matches!(verdict.consequence(), Consequence::Refuse(_)));
        let too_many = |finding: &Finding| *finding.refusal.mismatch() == Mismatch::TooManyPartners;
        assert_eq!(verdict.findings().iter().any(too_many), overflows);
    }
}
