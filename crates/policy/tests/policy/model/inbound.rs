//! Mail that is said to be the ministry's, and mail that the ministry's certificate brings.

use postern_mail::{Domain, ReversePath};
use postern_policy::{
    ChannelLevel, Consequence, Exclusivity, InboundTerms, InboundVerdict, Label, ListenerFloor,
    Lowered, MailClaim, Partner, Policy, Stage, Verdict,
};

use super::{CHANNELS, Channel, GLASS, Rule, STAGES, with};
use crate::{
    peers::{self, Peer, now},
    policies::ministry,
};

/// Whose mail it is said to be, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// The reverse-path names this domain.
    From(Whose),
    /// The reverse-path is null, and nothing is said.
    Null,
    /// The reverse-path is null, and the client greeted with this domain.
    Greeting(Whose),
    /// The From: field names this domain.
    Author(Whose),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Ministry,
    /// Another partner, of whom nothing is demanded.
    Bank,
    Stranger,
}

impl Whose {
    fn domain(self) -> Domain {
        let name = match self {
            Self::Ministry => "ministry.example",
            Self::Bank => "bank.example",
            Self::Stranger => "stranger.test",
        };
        name.parse().unwrap()
    }
}

#[derive(Debug, Clone, Copy)]
struct Case {
    rule: Rule,
    exclusive: bool,
    stage: Stage,
    glass: Option<Lowered>,
    floor: bool,
    claim: Claim,
    channel: Channel,
}

/// What stands against the mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Objection {
    /// It stops the mail.
    Stops,
    /// It is counted or told, and stops nothing.
    Measured,
}

/// The page: what stands against the mail, as the listener, the rule of whom it is said to be of,
/// and the exclusivity of the certificate that brings it see it.
fn objections(case: &Case) -> [Option<Objection>; 2] {
    let plain = case.channel == Channel::Plain;
    let in_force = case.stage == Stage::Enforce && case.glass.is_none();
    let weight = if in_force {
        Objection::Stops
    } else {
        Objection::Measured
    };
    // A null reverse-path speaks through the greeting.
    let claims_ministry = matches!(
        case.claim,
        Claim::From(Whose::Ministry)
            | Claim::Greeting(Whose::Ministry)
            | Claim::Author(Whose::Ministry)
    );
    let is_met = match case.rule {
        Rule::Any => true,
        Rule::Encrypted => !plain,
        _ => proves_ministry(case),
    };
    // While the glass is broken for less, TLS may still be demanded, of a rule that does.
    let left = case.glass == Some(Lowered::Encrypted)
        && case.stage == Stage::Enforce
        && case.rule != Rule::Any;
    let spoken_for = if case.floor && plain || left && plain && claims_ministry {
        Some(Objection::Stops)
    } else {
        Some(weight).filter(|_| claims_ministry && !is_met)
    };
    let for_others = matches!(
        case.claim,
        Claim::From(Whose::Bank | Whose::Stranger) | Claim::Author(Whose::Bank)
    );
    let strays = case.exclusive && for_others && proves_ministry(case);
    [spoken_for, Some(weight).filter(|_| strays)]
}

fn proves_ministry(case: &Case) -> bool {
    match case.rule {
        Rule::Name | Rule::Key => case.channel == Channel::Right,
        Rule::OtherName => case.channel == Channel::Other,
        Rule::Any | Rule::Encrypted | Rule::OtherKey | Rule::Dane => false,
    }
}

/// A certificate is recognised whoever the mail is said to be of.
fn shown(case: &Case) -> Verdict {
    match case.channel {
        Channel::Plain => Verdict::Plain,
        _ if proves_ministry(case) => Verdict::Authenticated,
        Channel::SelfSigned | Channel::Right | Channel::Other => Verdict::Encrypted,
    }
}

const RULES: [Rule; 6] = [
    Rule::Any,
    Rule::Encrypted,
    Rule::Name,
    Rule::OtherName,
    Rule::Key,
    Rule::OtherKey,
];
const CLAIMS: [Claim; 8] = [
    Claim::From(Whose::Ministry),
    Claim::From(Whose::Bank),
    Claim::From(Whose::Stranger),
    Claim::Null,
    Claim::Greeting(Whose::Ministry),
    Claim::Greeting(Whose::Stranger),
    Claim::Author(Whose::Ministry),
    Claim::Author(Whose::Bank),
];

#[test]
fn every_verdict_is_that_of_the_page() {
    let peers = CHANNELS.map(|channel| peers::client(channel.name()));
    let mut cases = 0;
    for ((rule, exclusive), (stage, glass)) in
        with(&with(&RULES, &[false, true]), &with(&STAGES, &GLASS))
    {
        if exclusive && rule.level() != ChannelLevel::Authenticated {
            continue; // which the partner's rules do not admit
        }
        let policy = policy(rule, exclusive, stage, glass);
        for (floor, claim) in with(&[false, true], &CLAIMS) {
            for (channel, peer) in CHANNELS.into_iter().zip(&peers) {
                let case = Case {
                    rule,
                    exclusive,
                    stage,
                    glass,
                    floor,
                    claim,
                    channel,
                };
                check(&policy, &case, peer);
                cases += 1;
            }
        }
    }
    assert_eq!(cases, (2 + 2 * 4) * 9 * 2 * 8 * 4);
    let policy = policy(Rule::Name, true, Stage::Enforce, None);
    let author = Whose::Stranger.domain();
    let nobody = policy.judge_author(&author, None, peers[2].security.as_ref(), now());
    assert!(nobody.is_none(), "authors elsewhere are nobody's");
}

#[track_caller]
fn check(policy: &Policy, case: &Case, peer: &Peer) {
    let verdict = judge(policy, case, peer);
    let objections = objections(case);
    let expected: Vec<_> = objections.into_iter().flatten().collect();
    let found: Vec<_> = verdict
        .findings()
        .iter()
        .map(|finding| match finding.stage.stops_mail() {
            true => Objection::Stops,
            false => Objection::Measured,
        })
        .collect();
    assert_eq!(found, expected, "{case:#?}");
    let refused = *verdict.consequence() != Consequence::Accept;
    assert_eq!(refused, expected.contains(&Objection::Stops), "{case:#?}");
    assert_eq!(verdict.basis().verdict(), shown(case), "{case:#?}");
}

fn judge(policy: &Policy, case: &Case, peer: &Peer) -> InboundVerdict {
    let listener = ListenerFloor::encrypted(Label::new("[::]:25"));
    let listener = Some(&listener).filter(|_| case.floor);
    let security = peer.security.as_ref();
    let (reverse_path, helo) = match case.claim {
        Claim::From(whose) => {
            let mailbox = format!("clerk@{}", whose.domain()).parse().unwrap();
            let helo = Whose::Stranger.domain();
            (ReversePath::Mailbox(mailbox), Some(helo))
        }
        Claim::Null => (ReversePath::Null, None),
        Claim::Greeting(whose) => (ReversePath::Null, Some(whose.domain())),
        Claim::Author(whose) => {
            let author = whose.domain();
            let verdict = policy.judge_author(&author, listener, security, now());
            return verdict.unwrap();
        }
    };
    let claim = MailClaim {
        reverse_path: &reverse_path,
        helo: helo.as_ref(),
    };
    policy.judge_mail(&claim, listener, security, now())
}

fn policy(rule: Rule, exclusive: bool, stage: Stage, glass: Option<Lowered>) -> Policy {
    let terms = InboundTerms {
        identity: rule.identity(),
        exclusive: match exclusive {
            true => Exclusivity::Exclusive,
            false => Exclusivity::Shared,
        },
        ..InboundTerms::requiring(rule.level())
    };
    let ministry = ministry(stage).inbound(terms).build().unwrap();
    let bank = Partner::builder("Bank".parse().unwrap(), Stage::Enforce)
        .domain(Whose::Bank.domain().to_string().parse().unwrap())
        .build()
        .unwrap();
    super::policy(vec![ministry, bank], glass)
}
