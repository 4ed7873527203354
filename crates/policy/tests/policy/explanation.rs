//! What people and programs are told.

use postern_mail::ReversePath;
use postern_policy::{
    ChannelLevel, IdentityTerms, InboundTerms, Label, OutboundTerms, Policy, RouteFloor, Stage,
};
use postern_tls::{NotSecured, Profile, ProfileName};

use crate::{
    peers::now,
    policies::{self, ministry, names},
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
