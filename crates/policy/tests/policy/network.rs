//! What others demand: DANE, MTA-STS, REQUIRETLS, and `TLS-Required: No`.

use std::sync::Arc;

use postern_mail::TlsWish;
use postern_policy::{
    Basis, ChannelLevel, Dane, DaneFacts, HostFacts, HostPlan, IdentityConstraint, KnownPolicy,
    Mismatch, OutboundTerms, Policy, Provenance, Refusal, Source, Stage, StsMode, Verdict,
};

use crate::{
    peers::{self, now},
    policies,
    published::{self, INSECURE, MX1, SECURE, mx1, no_dane, plan, sts},
};

fn judged(plan: &HostPlan, server: &str) -> Result<Basis, Refusal> {
    plan.judge(peers::server(server).security.as_ref(), now())
}

/// `plain`, `encrypted`, `authenticated`, or the final status and who refuses.
fn told(plan: &HostPlan, server: &str) -> String {
    match judged(plan, server) {
        Ok(basis) => basis.verdict().to_string(),
        Err(refusal) => {
            let sources = refusal.demanded_by().iter().map(ToString::to_string);
            let sources: Vec<_> = sources.collect();
            format!("{} {}", refusal.final_status(), sources.join(", "))
        }
    }
}

fn strangers() -> Policy {
    policies::policy(vec![])
}

fn dane_partner(stage: Stage) -> Policy {
    let terms = OutboundTerms {
        dane: Dane::Demanded,
        ..OutboundTerms::requiring(ChannelLevel::Authenticated)
    };
    policies::outbound(stage, terms)
}

#[track_caller]
fn check_required(facts: &HostFacts, sts: Option<&Arc<KnownPolicy>>, cases: &[(&str, &str)]) {
    let plan = plan(&strangers(), TlsWish::Required, sts, facts);
    for (server, expected) in cases {
        assert_eq!(told(&plan, server), *expected, "{server}");
    }
}

/// RFC 8689 §4.2.1: TLS, a certificate for the host, and a host that is proven.
#[test]
fn requiretls_is_met_by_a_proven_host_with_its_certificate() {
    let cases = [
        ("right", "authenticated"),
        ("offers no STARTTLS", "5.7.10 REQUIRETLS of the sender"),
        ("other name", "5.7.10 REQUIRETLS of the sender"),
        ("self-signed", "5.7.10 REQUIRETLS of the sender"),
    ];
    check_required(&mx1(SECURE, DaneFacts::Absent), None, &cases);
    check_required(&mx1(Provenance::Configured, no_dane()), None, &cases);
    let listing = sts(StsMode::Testing, &["*.ministry.example"]);
    check_required(&mx1(INSECURE, no_dane()), Some(&listing), &cases);
}

#[test]
fn requiretls_is_not_met_by_a_host_that_nobody_vouches_for() {
    let refused = [("right", "5.7.30 REQUIRETLS of the sender")];
    check_required(&mx1(INSECURE, no_dane()), None, &refused);
    let elsewhere = sts(StsMode::Testing, &["mx2.ministry.example"]);
    check_required(&mx1(INSECURE, no_dane()), Some(&elsewhere), &refused);
    let none = sts(StsMode::None, &[]);
    check_required(&mx1(INSECURE, no_dane()), Some(&none), &refused);
}

/// Either proof will do: MTA-STS is asked where DNSSEC does not say, not on top of it.
#[test]
fn a_host_that_dnssec_proves_meets_requiretls_though_a_policy_under_test_does_not_list_it() {
    let elsewhere = sts(StsMode::Testing, &["mx2.ministry.example"]);
    let facts = mx1(SECURE, DaneFacts::Absent);
    check_required(&facts, Some(&elsewhere), &[("right", "authenticated")]);
    let elsewhere = sts(StsMode::Enforce, &["mx2.ministry.example"]);
    let refused = "5.7.0 MTA-STS of ministry.example";
    check_required(&facts, Some(&elsewhere), &[("right", refused)]);
}

#[test]
fn requiretls_is_met_by_dane_in_place_of_an_authority() {
    let own = published::matching(&peers::server("self-signed"));
    let cases = [
        ("self-signed", "authenticated"),
        (
            "right",
            "5.7.5 DANE of mx1.ministry.example, REQUIRETLS of the sender",
        ),
    ];
    check_required(&mx1(SECURE, own), None, &cases);
    // Records of no use say that there is TLS, and a certificate for the name says the rest.
    let cases = [
        ("right", "authenticated"),
        ("self-signed", "5.7.10 REQUIRETLS of the sender"),
    ];
    check_required(&mx1(SECURE, published::unusable()), None, &cases);
}

#[test]
fn dane_is_a_match_or_tls_or_a_wait_or_nothing() {
    let check = |dane: DaneFacts, right: &str, plain: &str| {
        let plan = plan(&strangers(), TlsWish::Unstated, None, &mx1(SECURE, dane));
        assert_eq!(told(&plan, "right"), right);
        assert_eq!(told(&plan, "offers no STARTTLS"), plain);
    };
    let [needed, failed, waits] =
        ["5.7.10", "5.7.5", "5.7.0"].map(|code| format!("{code} DANE of {MX1}"));
    let right = published::matching(&peers::server("right"));
    check(right, "authenticated", &needed);
    check(published::mismatching(), &failed, &needed);
    check(published::unusable(), "encrypted", &needed);
    check(published::unknown(), &waits, &waits);
    check(DaneFacts::Absent, "encrypted", "plain");
    check(no_dane(), "encrypted", "plain");
}

/// Whoever forges an insecure MX answer would choose whose records count.
#[test]
fn dane_of_a_host_that_is_not_proven_identifies_no_partner() {
    let matching = || published::matching(&peers::server("right"));
    let policy = dane_partner(Stage::Enforce);
    let told = |provenance| {
        let facts = mx1(provenance, matching());
        told(&plan(&policy, TlsWish::Unstated, None, &facts), "right")
    };
    let refused = "5.7.0 partner Ministry of Examples";
    assert_eq!(told(SECURE), "authenticated");
    assert_eq!(told(Provenance::Configured), "authenticated");
    assert_eq!(told(INSECURE), refused);
}

#[test]
fn dane_that_is_demanded_must_be_there() {
    let policy = dane_partner(Stage::Enforce);
    for dane in [
        DaneFacts::Absent,
        no_dane(),
        published::unusable(),
        published::unknown(),
    ] {
        let plan = plan(&policy, TlsWish::Waived, None, &mx1(SECURE, dane));
        let refusal = judged(&plan, "right").unwrap_err();
        let text = refusal.to_string();
        assert!(
            text.starts_with("mx1.ministry.example cannot authenticate by DANE: "),
            "{text}"
        );
        assert_eq!(refusal.status().to_string(), "4.7.0");
    }
}

/// RFC 7672 §3.2.2: the domain of the mailboxes counts where DNSSEC leads from it to the host.
#[test]
fn the_names_of_usage_2_are_those_that_are_proven() {
    let names = |provenance| {
        let records = published::records(&[(2, 1, 1, &[0; 32])]);
        let plan = plan(
            &strangers(),
            TlsWish::Unstated,
            None,
            &mx1(provenance, records),
        );
        let identity = plan.enforced().identity().unwrap().clone();
        let constraints = identity
            .constraints()
            .filter_map(|constraint| match constraint {
                IdentityConstraint::Tlsa(tlsa) => Some(tlsa.names().clone()),
                _ => None,
            });
        let names = constraints.flatten().map(|name| name.to_string());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(SECURE), ["ministry.example", MX1]);
    assert_eq!(names(Provenance::Configured), [MX1]);
    assert_eq!(names(INSECURE), [MX1]);
}

#[test]
fn mta_sts_is_a_list_of_hosts_and_a_certificate_for_each() {
    let check = |mode, mx: &[&str], server: &str, expected: &str| {
        let known = sts(mode, mx);
        let facts = mx1(INSECURE, no_dane());
        let plan = plan(&strangers(), TlsWish::Unstated, Some(&known), &facts);
        assert_eq!(told(&plan, server), expected, "{mx:?} {server}");
        plan
    };
    let by_sts = |code: &str| format!("{code} MTA-STS of ministry.example");
    let listed = ["*.ministry.example"];
    check(StsMode::Enforce, &listed, "right", "authenticated");
    check(StsMode::Enforce, &listed, "other name", &by_sts("5.7.5"));
    check(StsMode::Enforce, &listed, "self-signed", &by_sts("5.7.5"));
    check(
        StsMode::Enforce,
        &listed,
        "offers no STARTTLS",
        &by_sts("5.7.10"),
    );
    check(
        StsMode::Enforce,
        &["mx2.ministry.example"],
        "right",
        &by_sts("5.7.0"),
    );
    let plan = check(StsMode::Testing, &listed, "offers no STARTTLS", "plain");
    assert!(plan.measures_more());
    let plan = check(StsMode::None, &[], "offers no STARTTLS", "plain");
    assert!(!plan.measures_more());
}

/// RFC 8461 §2: a policy that is met does not make up for records that are not, nor the reverse.
#[test]
fn dane_and_mta_sts_must_both_be_met() {
    let told = |dane, mx: &str, server: &str| {
        let known = sts(StsMode::Enforce, &[mx]);
        let plan = plan(
            &strangers(),
            TlsWish::Unstated,
            Some(&known),
            &mx1(SECURE, dane),
        );
        told(&plan, server)
    };
    let own = || published::matching(&peers::server("self-signed"));
    let right = || published::matching(&peers::server("right"));
    assert_eq!(told(right(), MX1, "right"), "authenticated");
    assert_eq!(
        told(own(), MX1, "self-signed"),
        "5.7.5 MTA-STS of ministry.example"
    );
    assert_eq!(
        told(published::mismatching(), MX1, "right"),
        format!("5.7.5 DANE of {MX1}")
    );
    assert_eq!(
        told(right(), "mx2.ministry.example", "right"),
        "5.7.0 MTA-STS of ministry.example"
    );
}

/// The policy domain is that of the recipients and no other (RFC 8461 §1.1): one that came with
/// the wrong domain neither demands anything nor proves a host.
#[test]
fn the_mta_sts_policy_of_another_domain_says_nothing() {
    let other = published::sts_of("evil.test", StsMode::Enforce, &["mx.evil.test", MX1]);
    let facts = mx1(INSECURE, no_dane());
    let required = plan(&strangers(), TlsWish::Required, Some(&other), &facts);
    assert_eq!(told(&required, "right"), "5.7.30 REQUIRETLS of the sender");
    let plan = plan(&strangers(), TlsWish::Unstated, Some(&other), &facts);
    assert_eq!(told(&plan, "offers no STARTTLS"), "plain");
}

/// RFC 8689 §3, and the algebra: what the sender waives is what the recipient's domain publishes.
#[test]
fn who_waives_tls_waives_what_others_demand_and_nothing_of_ours() {
    let known = sts(StsMode::Enforce, &["mx2.ministry.example"]);
    for dane in [
        published::mismatching(),
        published::unusable(),
        published::unknown(),
    ] {
        let facts = mx1(SECURE, dane);
        let waived = plan(&strangers(), TlsWish::Waived, Some(&known), &facts);
        assert_eq!(told(&waived, "offers no STARTTLS"), "plain");
        assert!(waived.measures_more());
        let full = waived.judge_in_full(peers::server("right").security.as_ref(), now());
        assert!(full.is_err());

        let terms = OutboundTerms::requiring(ChannelLevel::Encrypted);
        let policy = policies::outbound(Stage::Enforce, terms);
        let waived = plan(&policy, TlsWish::Waived, Some(&known), &facts);
        let refused = "5.7.10 partner Ministry of Examples";
        assert_eq!(told(&waived, "offers no STARTTLS"), refused);
        assert_eq!(told(&waived, "self-signed"), "encrypted");
    }
}

/// The next hops of the operator are not the destination's MX hosts.
#[test]
fn mta_sts_does_not_speak_of_configured_next_hops() {
    let known = sts(StsMode::Enforce, &["mx2.ministry.example"]);
    for provenance in [Provenance::Configured, Provenance::Literal] {
        let facts = mx1(provenance, no_dane());
        let plan = plan(&strangers(), TlsWish::Unstated, Some(&known), &facts);
        assert_eq!(told(&plan, "offers no STARTTLS"), "plain");
    }
}

#[tokio::test]
async fn a_plan_is_over_when_the_policy_it_stands_on_is() {
    let policy = strangers();
    let known = sts(StsMode::Enforce, &[MX1]);
    let facts = mx1(INSECURE, no_dane());
    let plan = plan(&policy, TlsWish::Unstated, Some(&known), &facts);
    let (channel, _) = peers::channel("right").await;
    let permit = policy.authorize(&plan, channel, now()).unwrap();
    let refused = permit.rejudge(&policy, &plan, known.expires).unwrap_err();
    assert_eq!(*refused.refusal().mismatch(), Mismatch::StalePlan);
}

/// RFC 7672 §8.1: the name to indicate is that of the records that will be held against it.
#[test]
fn the_name_to_indicate_is_the_tlsa_base_domain_where_records_count() {
    let name = |records: &[(u8, u8, u8, &[u8])]| {
        let DaneFacts::Records(mut found) = published::records(records) else {
            unreachable!();
        };
        found.base = "gateway.example".parse().unwrap();
        let facts = mx1(SECURE, DaneFacts::Records(found));
        let plan = plan(&strangers(), TlsWish::Unstated, None, &facts);
        plan.server_name().unwrap().to_string()
    };
    assert_eq!(name(&[(3, 1, 1, &[0; 32])]), "gateway.example");
    assert_eq!(name(&[(1, 1, 1, &[0; 32])]), MX1);
}

#[test]
fn each_rule_is_told_by_itself() {
    let known = sts(StsMode::Testing, &["mx2.ministry.example"]);
    let facts = mx1(SECURE, published::matching(&peers::server("right")));
    let plan = plan(&strangers(), TlsWish::Required, Some(&known), &facts);
    let right = peers::server("right");
    let verdicts = plan.judge_each(right.security.as_ref(), now());
    let told: Vec<_> = verdicts
        .iter()
        .map(|verdict| {
            (
                verdict.source.to_string(),
                verdict.outcome.as_ref().map(Basis::verdict).ok(),
            )
        })
        .collect();
    let expected = [
        ("the default", Some(Verdict::Encrypted)),
        ("MTA-STS of ministry.example", None),
        ("DANE of mx1.ministry.example", Some(Verdict::Authenticated)),
        ("REQUIRETLS of the sender", Some(Verdict::Authenticated)),
    ]
    .map(|(source, verdict)| (source.to_owned(), verdict));
    assert_eq!(told, expected);
    assert!(!Source::RequireTls.is_local());
}
