//! How a partner's rule fared: it is judged at every stage, and counted whatever comes of it.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use postern_policy::{HostPlan, Mismatch, Partner, Refusal, RuleVerdict, Source, Stage};
use postern_reports::ledger::{self, AttemptOutcome, Direction, PartnerAttempt};
use postern_tls::{Evidence, NotSecured, PeerCertificates};
use rustls_pki_types::UnixTime;

/// How the partner's rule fared with a channel to a host, or with the host alone where the rule
/// kept it from being dialled; nothing where the destination is no partner's.
pub(crate) fn attempt(
    plan: &HostPlan,
    security: Option<Result<&Evidence, &NotSecured>>,
    at: SystemTime,
    now: UnixTime,
) -> Option<PartnerAttempt> {
    let partner = plan.partner()?;
    let glass = plan.delivery().broken_glass().is_some();
    let verdict = match security {
        Some(security) => of_rule(plan.judge_each(security, now)),
        None => Err(plan.judge_host().err().filter(is_of_rule)?),
    };
    let (outcome, basis, identity) = match verdict {
        Ok(found) => {
            let (basis, identity) = found?;
            (AttemptOutcome::Met, basis, identity)
        }
        Err(refusal) => {
            let basis = security.map_or_else(|| "not dialled".to_owned(), described);
            let identity = None;
            (failed(partner, glass, &refusal), basis, identity)
        }
    };
    Some(PartnerAttempt {
        partner: partner.name().to_string(),
        direction: Direction::Outbound,
        rule: Arc::clone(partner.rule_in_words(postern_policy::Direction::Outbound)),
        stage: stage(partner.stage()),
        at,
        peer: plan.host().to_string(),
        basis,
        outcome,
        identity,
        certificate_not_after: security.and_then(Result::ok).and_then(not_after),
        break_glass: glass,
    })
}

/// The verdict of the partner's rule: on what basis it is met, and as whom the peer is known.
/// There may be more than one contribution of it; all must be met, and the one that proves most
/// is told. A certificate that we refuse meets no rule.
fn of_rule(verdicts: Vec<RuleVerdict>) -> Result<Option<(String, Option<String>)>, Refusal> {
    let mut told = None;
    for verdict in verdicts {
        if let Source::PartnerRule(_) | Source::Denylist = verdict.source {
            let basis = verdict.outcome?;
            let identity = basis.peer_identity();
            if told.is_none() || identity.is_some() {
                told = Some((basis.to_string(), identity));
            }
        }
    }
    Ok(told)
}

fn is_of_rule(refusal: &Refusal) -> bool {
    let is_rule = |source: &Source| matches!(source, Source::PartnerRule(_));
    refusal.demanded_by().iter().any(is_rule)
}

/// A failure counts where the rule is in force, and would count elsewhere. What is denied is
/// denied at every stage.
fn failed(partner: &Partner, glass: bool, refusal: &Refusal) -> AttemptOutcome {
    let denied = matches!(refusal.mismatch(), Mismatch::Denied { .. });
    if denied || partner.stage().stops_mail() && !glass {
        AttemptOutcome::Failed(refusal.to_string())
    } else {
        AttemptOutcome::WouldFail(refusal.to_string())
    }
}

fn described(security: Result<&Evidence, &NotSecured>) -> String {
    match security {
        Ok(evidence) => format!("encrypted, {evidence}"),
        Err(reason) => format!("plain ({reason})"),
    }
}

fn not_after(evidence: &Evidence) -> Option<SystemTime> {
    let PeerCertificates::Chain(chain) = evidence.peer() else {
        return None;
    };
    let not_after = chain.summary().contents?.not_after.0;
    let since_epoch = Duration::from_secs(not_after.as_secs());
    SystemTime::UNIX_EPOCH.checked_add(since_epoch)
}

fn stage(stage: Stage) -> ledger::Stage {
    match stage {
        Stage::Observe => ledger::Stage::Observe,
        Stage::Warn => ledger::Stage::Warn,
        Stage::Enforce => ledger::Stage::Enforce,
    }
}
