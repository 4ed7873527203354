//! What people and programs are told.

use std::time::Duration;

use postern_mail::{ReversePath, TlsWish};
use postern_policy::{
    BreakGlass, ChannelLevel, IdentityTerms, InboundTerms, Label, Lowered, OutboundTerms, Policy,
    Provenance, RouteFloor, Stage, StsMode, WhyMeasured,
};
use postern_tls::{Date, NotSecured, Profile, ProfileName};
use rustls_pki_types::UnixTime;

use crate::{
    peers::{self, now},
    policies::{self, ministry, names},
    published::{self, SECURE, mx1, no_dane, records, sts},
};

fn with_ministry(stage: Stage) -> Policy {
    let partner = ministry(stage)
        .profile(Profile::named(ProfileName::SuiteB128))
        .outbound(OutboundTerms {
            identity: names(&["mx1.ministry.example"]),
            hosts: vec!["mx1.ministry.example:25".parse().unwrap()],
            ..OutboundTerms::requiring(ChannelLevel::Authenticated)
        })
        .inbound(InboundTerms::requiring(ChannelLevel::Encrypted))
        .build()
        .unwrap();
    policies::policy(vec![partner])
}

fn route() -> RouteFloor {
    let (label, level) = (Label::new("*"), ChannelLevel::Encrypted);
    RouteFloor::new(label, level, IdentityTerms::default(), &[]).unwrap()
}

#[test]
fn an_enforced_rule_is_explained_axis_by_axis() {
    let plan = policies::plan(
        &with_ministry(Stage::Enforce),
        &"ministry.example".parse().unwrap(),
        Some(&route()),
    );
    assert_eq!(
        plan.explanation().to_string(),
        "\
to ministry.example: partner Ministry of Examples, stage enforce
  channel   authenticated  (partner Ministry of Examples)
  identity  mx1.ministry.example by ministry.pem  (partner Ministry of Examples)
  profile   suite-b-128  (partner Ministry of Examples)
  hosts     mx1.ministry.example  (partner Ministry of Examples)
rules that took part:
  the default: channel any, profile intermediate; TLS is used where it is offered ([tls])
  route *: channel encrypted; the route requires it ([[route]])
  partner Ministry of Examples: channel authenticated, identity mx1.ministry.example by \
ministry.pem, profile suite-b-128, hosts mx1.ministry.example; its outbound rule, at stage enforce ([partner.outbound])
"
    );
}

#[test]
fn a_rule_that_is_only_measured_says_so() {
    let plan = policies::plan(
        &with_ministry(Stage::Observe),
        &"ministry.example".parse().unwrap(),
        Some(&route()),
    );
    assert_eq!(
        plan.explanation().to_string(),
        "\
to ministry.example: partner Ministry of Examples, stage observe
  channel   authenticated  (partner Ministry of Examples)
  identity  mx1.ministry.example by ministry.pem  (partner Ministry of Examples)
  profile   suite-b-128  (partner Ministry of Examples)
  hosts     mx1.ministry.example  (partner Ministry of Examples)
of which is in force:
  channel   encrypted  (route *)
  identity  anybody
  profile   intermediate  (the default)
  hosts     any host
rules that took part:
  the default: channel any, profile intermediate; TLS is used where it is offered ([tls])
  route *: channel encrypted; the route requires it ([[route]])
  partner Ministry of Examples: channel authenticated, identity mx1.ministry.example by \
ministry.pem, profile suite-b-128, hosts mx1.ministry.example; its outbound rule, at stage \
observe ([partner.outbound]), measured only: stage observe
"
    );
}

#[test]
fn programs_are_told_the_same() {
    let policy = with_ministry(Stage::Enforce);
    let plan = policies::plan(&policy, &"office.ministry.example".parse().unwrap(), None);
    let json = serde_json::to_value(plan.explanation()).unwrap();
    assert_eq!(json["direction"], "outbound");
    assert_eq!(json["domain"], "office.ministry.example");
    assert_eq!(json["stage"], "enforce");
    assert_eq!(json["demanded"]["channel"]["demand"], "authenticated");
    let decided = &json["demanded"]["channel"]["decided-by"][0]["partner-rule"];
    assert_eq!(decided, "Ministry of Examples");
    assert_eq!(json["rules"][1]["effect"], "in-force");
    assert_eq!(json["in-force"], serde_json::Value::Null);
}

/// The sentence of a refusal is the same wherever it is read.
#[test]
fn an_outcome_is_told_in_the_words_of_the_refusal() {
    let policy = with_ministry(Stage::Enforce);
    let from = ReversePath::Mailbox("clerk@ministry.example".parse().unwrap());
    let verdict = policy.judge_mail(&(&from).into(), None, Err(&NotSecured::NotOffered), now());
    let refusal = verdict.findings()[0].refusal.to_string();
    assert!(refusal.ends_with("; partner Ministry of Examples demands an encrypted channel"));
    let explained = verdict.explanation().to_string();
    assert!(explained.starts_with("from ministry.example: partner Ministry of Examples, stage"));
    assert!(
        explained.ends_with(&format!("outcome: {refusal}\n")),
        "{explained}"
    );
    let postern_policy::Consequence::Refuse(reply) = verdict.consequence() else {
        panic!("{explained}");
    };
    assert_eq!(reply.lines(), [refusal]);
}

#[test]
fn strangers_are_explained_too() {
    let plan = policies::plan(
        &with_ministry(Stage::Enforce),
        &"[192.0.2.1]".parse().unwrap(),
        None,
    );
    let explained = plan.explanation().to_string();
    assert!(explained.starts_with("to [192.0.2.1]: no partner\n  channel   any  (the default)\n"));
}

/// What others publish is told with who published it, since when, and until when it counts.
#[test]
fn what_the_network_says_is_explained_with_its_age() {
    let known = sts(StsMode::Testing, &["mx2.ministry.example"]);
    let facts = mx1(SECURE, records(&[(3, 1, 1, &[0; 32]), (1, 1, 1, &[1; 32])]));
    let policy = policies::policy(vec![]);
    let plan = published::plan(&policy, TlsWish::Required, Some(&known), &facts);
    let (fetched, expires) = (Date(known.fetched), Date(known.expires));
    let zeros = "0".repeat(64);
    let used = format!("TLSA 3 1 1 {zeros}");
    let all = format!("TLSA 1 1 1 {}, 3 1 1 {zeros}", "01".repeat(32));
    assert_eq!(
        plan.explanation().to_string(),
        format!(
            "\
to ministry.example: no partner
  channel   authenticated  (MTA-STS of ministry.example, DANE of mx1.ministry.example, \
REQUIRETLS of the sender)
  identity  mx1.ministry.example by ministry.pem, and mx1.ministry.example by {all}  (MTA-STS of \
ministry.example, DANE of mx1.ministry.example, REQUIRETLS of the sender)
  profile   intermediate  (the default)
  hosts     mx2.ministry.example, and hosts proven to be the destination's  (MTA-STS of \
ministry.example, REQUIRETLS of the sender)
of which is in force:
  channel   authenticated  (DANE of mx1.ministry.example, REQUIRETLS of the sender)
  identity  mx1.ministry.example by {all}  (DANE of mx1.ministry.example, REQUIRETLS of the sender)
  profile   intermediate  (the default)
  hosts     hosts proven to be the destination's  (REQUIRETLS of the sender)
rules that took part:
  the default: channel any, profile intermediate; TLS is used where it is offered ([tls])
  MTA-STS of ministry.example: channel authenticated, identity mx1.ministry.example by \
ministry.pem, hosts mx2.ministry.example; policy 20261123, mode testing, fetched {fetched}, \
expires {expires}, measured only: testing mode
  DANE of mx1.ministry.example: channel authenticated, identity mx1.ministry.example by {all}; \
its TLSA records, published at mx1.ministry.example
  REQUIRETLS of the sender: channel authenticated, identity mx1.ministry.example by {all}, hosts \
hosts proven to be the destination's; the message came with REQUIRETLS
next hop mx1.ministry.example (MX, secure; TLSA of mx1.ministry.example: {}; not usable: 1 1 1 \
{}: usages 0 and 1 are not for SMTP (RFC 7672 §3.1.3))
  would not be dialled if every rule were in force: the next hop is mx1.ministry.example; MTA-STS \
of ministry.example demands a next hop among mx2.ministry.example, and hosts proven to be the \
destination's
",
            used.trim_start_matches("TLSA "),
            "01".repeat(32),
        )
    );
    let json = serde_json::to_value(plan.explanation()).unwrap();
    let sts = &json["rules"][1];
    assert_eq!(sts["source"]["mta-sts"], "ministry.example");
    assert_eq!(sts["effect"], "measured");
    assert_eq!(sts["measured-because"], "testing");
    let grounds = serde_json::json!({
        "kind": "mta-sts",
        "domain": "ministry.example",
        "id": "20261123",
        "mode": "testing",
        "mx": ["mx2.ministry.example"],
        "fetched": fetched.to_string(),
        "expires": expires.to_string(),
    });
    assert_eq!(sts["grounds"], grounds);
    let dane = &json["rules"][2];
    assert_eq!(dane["effect"], "in-force");
    assert_eq!(dane["measured-because"], serde_json::Value::Null);
    assert_eq!(dane["grounds"]["kind"], "tlsa");
    assert_eq!(dane["grounds"]["base"], "mx1.ministry.example");
    assert_eq!(json["rules"][3]["grounds"]["kind"], "message");
    let hop = &json["next-hop"];
    assert_eq!(hop["provenance"]["dns"], "secure");
    assert_eq!(hop["dane"]["kind"], "records");
    assert_eq!(hop["refused"], serde_json::Value::Null);
}

#[test]
fn broken_glass_is_explained_with_who_answers_for_it() {
    let until = now();
    let until = Duration::from_secs(until.as_secs() + 3600);
    let until = UnixTime::since_unix_epoch(until);
    let entry = BreakGlass {
        partner: "Ministry of Examples".parse().unwrap(),
        direction: None,
        allow: Lowered::Encrypted,
        reason: "their certificate ran out".into(),
        approved_by: "A. Officer".into(),
        until,
    };
    let policy = with_ministry(Stage::Enforce);
    let policy = policy.with_broken_glass(vec![entry]).unwrap();
    let facts = mx1(Provenance::Configured, no_dane());
    let plan = published::plan(&policy, TlsWish::Unstated, None, &facts);
    let self_signed = peers::server("self-signed");
    let explanation = plan.explain_channel(self_signed.security.as_ref(), now());
    let text = explanation.to_string();
    for line in [
        "stage enforce ([partner.outbound]), measured only: the glass is broken\n".to_owned(),
        format!(
            "\n  break-glass for partner Ministry of Examples: channel encrypted; approved by A. \
             Officer: their certificate ran out, until {}\n",
            Date(until)
        ),
        "\nnext hop mx1.ministry.example (configured; no DANE: the MX answer is insecure)\n"
            .to_owned(),
        "\noutcome: encrypted (unauthenticated), TLSv1.3 ".to_owned(),
        "\nif every rule were in force: protocol version: TLSv1.3 was used".to_owned(),
    ] {
        assert!(text.contains(&line), "{line}{text}");
    }
    let json = serde_json::to_value(&explanation).unwrap();
    let broken = json["rules"].as_array().unwrap().last().unwrap();
    let grounds = serde_json::json!({
        "kind": "break-glass",
        "allow": "encrypted",
        "reason": "their certificate ran out",
        "approved-by": "A. Officer",
        "until": Date(until).to_string(),
    });
    assert_eq!(broken["grounds"], grounds);
    assert_eq!(json["rules"][1]["measured-because"], "broken-glass");
}

#[test]
fn why_a_rule_is_measured_is_told_for_each_reason() {
    let why = |stage, wish, mode| {
        let known = sts(mode, &["mx1.ministry.example"]);
        let facts = mx1(SECURE, published::mismatching());
        let plan = published::plan(&with_ministry(stage), wish, Some(&known), &facts);
        let rules = plan.explanation().rules;
        let told = rules.iter().map(|rule| rule.measured_because);
        told.collect::<Vec<_>>()
    };
    // The default, the partner, MTA-STS, DANE.
    let all = [None; 4];
    let wish = TlsWish::Unstated;
    assert_eq!(why(Stage::Enforce, wish, StsMode::Enforce), all);
    let stage = Some(WhyMeasured::Stage(Stage::Warn));
    assert_eq!(
        why(Stage::Warn, wish, StsMode::Testing),
        [None, stage, Some(WhyMeasured::Testing), None]
    );
    let waived = Some(WhyMeasured::Waived);
    assert_eq!(
        why(Stage::Enforce, TlsWish::Waived, StsMode::Enforce),
        [None, None, waived, waived]
    );
}

#[test]
fn a_domain_that_is_excepted_says_from_what() {
    let partner = ministry(Stage::Enforce)
        .except("old.ministry.example".parse().unwrap())
        .outbound(OutboundTerms::requiring(ChannelLevel::Encrypted))
        .build()
        .unwrap();
    let policy = policies::policy(vec![partner]);
    let plan = policies::plan(&policy, &"old.ministry.example".parse().unwrap(), None);
    let begin = "to old.ministry.example: no partner\nexcepted from the domains of partner \
                 Ministry of Examples by old.ministry.example\n";
    assert!(plan.explanation().to_string().starts_with(begin));
    let from = ReversePath::Mailbox("clerk@old.ministry.example".parse().unwrap());
    let explained = policy.explain_mail(&(&from).into(), None, now());
    let json = serde_json::to_value(&explained).unwrap();
    assert_eq!(json["excepted"]["partner"], "Ministry of Examples");
    assert_eq!(json["excepted"]["by"], "old.ministry.example");
    let plan = policies::plan(&policy, &"new.ministry.example".parse().unwrap(), None);
    assert_eq!(plan.explanation().excepted, None);
}

/// What an enforce stage would do is told where it is something else.
#[test]
fn what_enforcement_would_do_is_told_before() {
    let told = |stage| {
        let terms = InboundTerms::requiring(ChannelLevel::Encrypted);
        let policy = policies::inbound(stage, terms);
        let from = ReversePath::Mailbox("clerk@ministry.example".parse().unwrap());
        let verdict = policy.judge_mail(&(&from).into(), None, Err(&NotSecured::NotOffered), now());
        verdict.explanation().if_enforced
    };
    let refusal = "the channel is plain: the peer does not offer STARTTLS; partner Ministry of \
                   Examples demands an encrypted channel";
    assert_eq!(told(Stage::Observe).as_deref(), Some(refusal));
    assert_eq!(told(Stage::Enforce), None, "it is what happened");
}
