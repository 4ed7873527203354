//! Every peer against every rule at every stage, with the verdict written out.

use postern_mail::ReversePath;
use postern_policy::{
    ChannelLevel, Consequence, Finding, IdentityTerms, InboundTerms, OutboundTerms, Policy, Stage,
    Verdict,
};

use crate::{
    peers::{self, Peer, now},
    policies,
};

/// A verdict in the tables below: plain, encrypted, authenticated, refused.
const P: Option<Verdict> = Some(Verdict::Plain);
const E: Option<Verdict> = Some(Verdict::Encrypted);
const A: Option<Verdict> = Some(Verdict::Authenticated);
const X: Option<Verdict> = None;

const STAGES: [Stage; 3] = [Stage::Observe, Stage::Warn, Stage::Enforce];

/// The rules: a level and an identity.
fn rules() -> [(ChannelLevel, IdentityTerms); 5] {
    let name = || policies::names(&["mx1.ministry.example"]);
    let both = IdentityTerms {
        pins: policies::pins().pins,
        ..name()
    };
    [
        (ChannelLevel::Any, IdentityTerms::default()),
        (ChannelLevel::Encrypted, IdentityTerms::default()),
        (ChannelLevel::Authenticated, name()),
        (ChannelLevel::Authenticated, policies::pins()),
        (ChannelLevel::Authenticated, both),
    ]
}

/// What is decided about a server, by the rules in their order:
/// any, encrypted, authenticated by name, by pin, by both.
const SERVERS: &[(&str, [Option<Verdict>; 5])] = &[
    ("offers no STARTTLS", [P, X, X, X, X]),
    ("refuses STARTTLS", [P, X, X, X, X]),
    ("fails the handshake", [P, X, X, X, X]),
    ("right", [E, E, A, A, A]),
    ("right on TLS 1.2", [E, E, A, A, A]),
    ("right name, other key", [E, E, A, X, X]),
    ("wildcard", [E, E, A, X, X]),
    ("other name", [E, E, X, X, X]),
    ("common name only", [E, E, X, X, X]),
    ("other authority", [E, E, X, X, X]),
    ("self-signed", [E, E, X, X, X]),
    ("expired, right key", [E, E, X, A, X]),
    ("not yet valid", [E, E, X, X, X]),
    ("for clients only", [E, E, X, X, X]),
    ("for servers only", [E, E, A, X, X]),
    ("stolen certificate", [E, E, X, X, X]),
];

/// The same for a client. One for servers only passes: public authorities issue no other.
const CLIENTS: &[(&str, [Option<Verdict>; 5])] = &[
    ("offers no STARTTLS", [P, X, X, X, X]),
    ("refuses STARTTLS", [P, X, X, X, X]),
    ("fails the handshake", [P, X, X, X, X]),
    ("no certificate", [E, E, X, X, X]),
    ("right", [E, E, A, A, A]),
    ("right on TLS 1.2", [E, E, A, A, A]),
    ("right name, other key", [E, E, A, X, X]),
    ("wildcard", [E, E, A, X, X]),
    ("other name", [E, E, X, X, X]),
    ("common name only", [E, E, X, X, X]),
    ("other authority", [E, E, X, X, X]),
    ("self-signed", [E, E, X, X, X]),
    ("expired, right key", [E, E, X, A, X]),
    ("not yet valid", [E, E, X, X, X]),
    ("for clients only", [E, E, A, X, X]),
    ("for servers only", [E, E, A, X, X]),
    ("stolen certificate", [E, E, X, X, X]),
];

/// Pairs peers with their rows, and sees that neither is without the other.
fn rows(
    peers: Vec<Peer>,
    table: &'static [(&'static str, [Option<Verdict>; 5])],
) -> Vec<(Peer, [Option<Verdict>; 5])> {
    let names: Vec<_> = peers.iter().map(|peer| peer.name).collect();
    let rows: Vec<_> = table.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, rows);
    let verdicts = table.iter().map(|(_, verdicts)| *verdicts);
    peers.into_iter().zip(verdicts).collect()
}

#[test]
fn every_server_at_every_level_and_stage() {
    let servers = rows(peers::servers(), SERVERS);
    for stage in STAGES {
        for (rule, (require, identity)) in rules().into_iter().enumerate() {
            let terms = OutboundTerms {
                identity,
                ..OutboundTerms::requiring(require)
            };
            let policy = policies::outbound(stage, terms);
            for (peer, verdicts) in &servers {
                check_server(&policy, stage, peer, verdicts[rule]);
            }
        }
    }
}

#[track_caller]
fn check_server(policy: &Policy, stage: Stage, peer: &Peer, expected: Option<Verdict>) {
    let plan = policies::plan(policy, &"ministry.example".parse().unwrap(), None);
    let full = peer
        .judged_by(plan.full())
        .ok()
        .map(|basis| basis.verdict());
    assert_eq!(full, expected, "{} at {stage}", peer.name);
    let in_force = if stage.stops_mail() {
        expected
    } else {
        peer.opportunistic()
    };
    let enforced = peer
        .judged_by(plan.enforced())
        .ok()
        .map(|basis| basis.verdict());
    assert_eq!(enforced, in_force, "{} at {stage}", peer.name);
}

#[test]
fn every_client_at_every_level_and_stage() {
    let clients = rows(peers::clients(), CLIENTS);
    for stage in STAGES {
        for (rule, (require, identity)) in rules().into_iter().enumerate() {
            let terms = InboundTerms {
                identity,
                ..InboundTerms::requiring(require)
            };
            let policy = policies::inbound(stage, terms);
            for (peer, verdicts) in &clients {
                check_client(&policy, stage, peer, verdicts[rule]);
            }
        }
    }
}

#[track_caller]
fn check_client(policy: &Policy, stage: Stage, peer: &Peer, expected: Option<Verdict>) {
    let path = ReversePath::Mailbox("clerk@ministry.example".parse().unwrap());
    let verdict = policy.judge_mail(&(&path).into(), None, peer.security.as_ref(), now());
    let accepted = *verdict.consequence() == Consequence::Accept;
    assert_eq!(
        accepted,
        expected.is_some() || !stage.stops_mail(),
        "{} at {stage}",
        peer.name
    );
    let findings: Vec<_> = verdict
        .findings()
        .iter()
        .map(|Finding { stage, .. }| *stage)
        .collect();
    let found = if expected.is_some() {
        vec![]
    } else {
        vec![stage]
    };
    assert_eq!(findings, found, "{} at {stage}", peer.name);
    let shown = expected.or_else(|| peer.opportunistic());
    assert_eq!(
        Some(verdict.basis().verdict()),
        shown,
        "{} at {stage}",
        peer.name
    );
}
