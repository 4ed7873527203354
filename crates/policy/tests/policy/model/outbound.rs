//! Mail for the ministry, at `mx1.ministry.example`.

use std::{array, sync::Arc};

use postern_mail::{Host, TlsWish};
use postern_policy::{
    Basis, ChannelLevel, Dane as DaneTerms, DaneFacts, DeliveryRequest, Denied, DeniedCertificate,
    DnsProof, IdentityTerms, KnownPolicy, Label, Lowered, OutboundTerms, Policy, Provenance,
    RouteFloor, Stage, StsMode, Verdict,
};

use super::{CHANNELS, Channel, GLASS, Rule, STAGES, with};
use crate::{
    peers::{self, PINS, Peer, now},
    policies::ministry,
    published,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sts {
    None,
    Testing(Listed),
    Enforce(Listed),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listed {
    Yes,
    No,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dane {
    NotApplicable,
    Absent,
    Unknown,
    Unusable,
    /// Usable records, which this channel matches.
    Matching(Channel),
    Mismatching,
}

#[derive(Debug, Clone, Copy)]
struct Case {
    rule: Option<Rule>,
    stage: Stage,
    glass: Option<Lowered>,
    floor: ChannelLevel,
    denied: bool,
    sts: Sts,
    dane: Dane,
    wish: TlsWish,
    provenance: Provenance,
    channel: Channel,
}

/// Which rules are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    InForce,
    /// As if everything that is only measured were in force.
    InFull,
}

/// What somebody needs of the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Nothing,
    Tls,
    /// A proof that this channel alone gives.
    ProofOf(Channel),
    /// A proof that no channel gives.
    Impossible,
}

/// The page.
fn needs(case: &Case, view: View) -> [Need; 6] {
    let in_full = view == View::InFull;
    let by_mx = matches!(case.provenance, Provenance::Dns(_));
    let proven = matches!(
        case.provenance,
        Provenance::Configured | Provenance::Dns(DnsProof::Secure)
    );
    let by_records = match case.dane {
        Dane::Matching(channel) => Some(Need::ProofOf(channel)),
        Dane::Mismatching => Some(Need::Impossible),
        Dane::NotApplicable | Dane::Absent | Dane::Unknown | Dane::Unusable => None,
    };

    // A rule counts once it is enforced, unless somebody broke the glass.
    let enforced = case.stage == Stage::Enforce;
    let counts = in_full || enforced && case.glass.is_none();
    let identity = match case.rule.filter(|_| counts) {
        None | Some(Rule::Any | Rule::Encrypted | Rule::Dane) => None,
        Some(Rule::Name | Rule::Key) => Some(Need::ProofOf(Channel::Right)),
        Some(Rule::OtherName) => Some(Need::ProofOf(Channel::Other)),
        Some(Rule::OtherKey) => Some(Need::Impossible),
    };
    let rule = match case.rule.filter(|_| counts) {
        None | Some(Rule::Any) => Need::Nothing,
        Some(Rule::Encrypted) => Need::Tls,
        // Records say whom to trust only behind an MX answer that is proven (RFC 7672 §2.2.1).
        Some(Rule::Dane) => by_records.filter(|_| proven).unwrap_or(Need::Impossible),
        Some(_) => identity.unwrap_or(Need::Impossible),
    };
    // What the broken glass leaves is no more than the rule.
    let left = match (case.rule, case.glass) {
        (None | Some(Rule::Any), _) | (_, None | Some(Lowered::Any)) => Need::Nothing,
        (Some(_), Some(Lowered::Encrypted)) if enforced => Need::Tls,
        (Some(_), Some(Lowered::Encrypted)) => Need::Nothing,
    };
    let floor = match case.floor {
        ChannelLevel::Any => Need::Nothing,
        ChannelLevel::Encrypted | ChannelLevel::Authenticated => Need::Tls,
    };

    // `TLS-Required: No` waives what others demand, and that alone (RFC 8689 §3).
    let others_count = in_full || case.wish != TlsWish::Waived;
    let dane = match case.dane {
        _ if !others_count => Need::Nothing,
        Dane::NotApplicable | Dane::Absent => Need::Nothing,
        Dane::Unusable => Need::Tls,       // RFC 7672 §2.2
        Dane::Unknown => Need::Impossible, // RFC 7672 §2.1.2
        Dane::Matching(_) | Dane::Mismatching => by_records.unwrap_or(Need::Nothing),
    };
    let listed = match case.sts {
        Sts::Testing(listed) | Sts::Enforce(listed) if by_mx => Some(listed),
        Sts::None | Sts::Testing(_) | Sts::Enforce(_) => None,
    };
    let is_tested = matches!(case.sts, Sts::Testing(_));
    let sts = match listed {
        _ if !others_count || is_tested && !in_full => Need::Nothing,
        None => Need::Nothing,
        Some(Listed::Yes) => Need::ProofOf(Channel::Right),
        Some(Listed::No) => Need::Impossible,
    };
    // RFC 8689 §4.2.1: a host that DNSSEC or MTA-STS vouches for, and its certificate, which is
    // proven as our own rule says, else as its records say, else by its name.
    let identity_in_force = identity.filter(|_| enforced && case.glass.is_none());
    let required = match case.wish {
        TlsWish::Unstated | TlsWish::Waived => Need::Nothing,
        TlsWish::Required if !proven && listed != Some(Listed::Yes) => Need::Impossible,
        TlsWish::Required => identity_in_force
            .or(by_records)
            .unwrap_or(Need::ProofOf(Channel::Right)),
    };
    let denied = if case.denied && case.channel == Channel::Right {
        Need::Impossible
    } else {
        Need::Nothing
    };
    [strictest(rule, left), floor, dane, sts, required, denied]
}

fn strictest(rule: Need, left: Need) -> Need {
    match (rule, left) {
        (Need::Nothing, left) => left,
        (rule, _) => rule,
    }
}

/// What follows from needs, for this channel.
fn verdict(needs: [Need; 6], channel: Channel) -> Option<Verdict> {
    let is_met = |need: &Need| match need {
        Need::Nothing => true,
        Need::Tls => channel != Channel::Plain,
        Need::ProofOf(wanted) => channel == *wanted,
        Need::Impossible => false,
    };
    if !needs.iter().all(is_met) {
        return None;
    }
    let proof = needs.iter().any(|need| matches!(need, Need::ProofOf(_)));
    Some(match channel {
        Channel::Plain => Verdict::Plain,
        _ if proof => Verdict::Authenticated,
        Channel::SelfSigned | Channel::Right | Channel::Other => Verdict::Encrypted,
    })
}

const RULES: [Option<Rule>; 8] = [
    None,
    Some(Rule::Any),
    Some(Rule::Encrypted),
    Some(Rule::Name),
    Some(Rule::OtherName),
    Some(Rule::Key),
    Some(Rule::OtherKey),
    Some(Rule::Dane),
];
const STS: [Sts; 5] = [
    Sts::None,
    Sts::Testing(Listed::Yes),
    Sts::Testing(Listed::No),
    Sts::Enforce(Listed::Yes),
    Sts::Enforce(Listed::No),
];
const DANE: [Dane; 7] = [
    Dane::NotApplicable,
    Dane::Absent,
    Dane::Unknown,
    Dane::Unusable,
    Dane::Matching(Channel::Right),
    Dane::Matching(Channel::SelfSigned),
    Dane::Mismatching,
];
const WISHES: [TlsWish; 3] = [TlsWish::Unstated, TlsWish::Required, TlsWish::Waived];
const PROVENANCES: [Provenance; 5] = [
    Provenance::Configured,
    Provenance::Literal,
    Provenance::Dns(DnsProof::Secure),
    Provenance::Dns(DnsProof::Insecure),
    Provenance::Dns(DnsProof::Indeterminate),
];

#[test]
fn every_verdict_is_that_of_the_page() {
    // What a case has, once.
    let peers = CHANNELS.map(|channel| peers::server(channel.name()));
    let dane = DANE.map(facts);
    let sts = STS.map(known);
    let mut cases = 0;
    for ((rule, stage), glass) in with(&with(&RULES, &STAGES), &GLASS) {
        for denied in [false, true] {
            // The denylist and the stages have little to do with the rest: that is looked at
            // where it could be otherwise.
            if stage == Stage::Warn && (denied || glass.is_some()) {
                continue;
            }
            let policy = policy(rule, stage, glass, denied);
            let floors = [ChannelLevel::Any, ChannelLevel::Encrypted];
            for (floor, wish) in with(&floors, &WISHES) {
                for (s, d) in with(
                    &array::from_fn::<_, 5, _>(|s| s),
                    &array::from_fn::<_, 7, _>(|d| d),
                ) {
                    for provenance in PROVENANCES {
                        let case = Case {
                            rule,
                            stage,
                            glass,
                            floor,
                            denied,
                            sts: STS[s],
                            dane: DANE[d],
                            wish,
                            provenance,
                            channel: Channel::Plain,
                        };
                        cases += check(&policy, case, sts[s].as_ref(), &dane[d], &peers);
                    }
                }
            }
        }
    }
    assert_eq!(cases, 8 * (2 * 3 * 2 + 1) * 2 * 3 * 35 * 5 * 4);
}

/// Judges the case over every channel, as it stands and in full.
fn check(
    policy: &Policy,
    case: Case,
    sts: Option<&Arc<KnownPolicy>>,
    dane: &DaneFacts,
    peers: &[Peer; 4],
) -> usize {
    let destination: Host = "ministry.example".parse().unwrap();
    let floor = RouteFloor::new(Label::new("*"), case.floor, IdentityTerms::default(), &[]);
    let floor = floor.unwrap();
    let request = DeliveryRequest {
        destination: &destination,
        route: Some(&floor),
        wish: case.wish,
        sts,
    };
    let plan = policy.plan_delivery(&request, now());
    let plan = plan.for_host(&published::mx1(case.provenance, dane.clone()));
    for (channel, peer) in CHANNELS.into_iter().zip(peers) {
        let case = Case { channel, ..case };
        let told = |basis: Basis| basis.verdict();
        let security = peer.security.as_ref();
        let in_force = plan.judge(security, now()).map(told).ok();
        let expected = verdict(needs(&case, View::InForce), channel);
        assert_eq!(in_force, expected, "in force: {case:#?}");
        let in_full = plan.judge_in_full(security, now()).map(told).ok();
        let expected = verdict(needs(&case, View::InFull), channel);
        assert_eq!(in_full, expected, "in full: {case:#?}");
    }
    peers.len()
}

fn policy(rule: Option<Rule>, stage: Stage, glass: Option<Lowered>, denied: bool) -> Policy {
    let partner = rule.map(|rule| {
        let mut terms = OutboundTerms::requiring(rule.level());
        terms.identity = rule.identity();
        if rule == Rule::Dane {
            terms.dane = DaneTerms::Demanded;
        }
        ministry(stage).outbound(terms).build().unwrap()
    });
    let glass = glass.filter(|_| partner.is_some());
    let denied = denied.then(|| Denied {
        what: DeniedCertificate::Key(PINS[0]),
        reason: "stolen".into(),
    });
    super::policy(partner.into_iter().collect(), glass).with_denied(denied.into_iter().collect())
}

fn known(sts: Sts) -> Option<Arc<KnownPolicy>> {
    let (mode, listed) = match sts {
        Sts::None => return None,
        Sts::Testing(listed) => (StsMode::Testing, listed),
        Sts::Enforce(listed) => (StsMode::Enforce, listed),
    };
    Some(match listed {
        Listed::Yes => published::sts(mode, &["*.ministry.example"]),
        Listed::No => published::sts(mode, &["mx2.ministry.example", "*.mx1.ministry.example"]),
    })
}

fn facts(dane: Dane) -> DaneFacts {
    match dane {
        Dane::NotApplicable => published::no_dane(),
        Dane::Absent => DaneFacts::Absent,
        Dane::Unknown => published::unknown(),
        Dane::Unusable => published::unusable(),
        Dane::Matching(channel) => published::matching(&peers::server(channel.name())),
        Dane::Mismatching => published::mismatching(),
    }
}
