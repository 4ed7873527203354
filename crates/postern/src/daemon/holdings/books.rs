//! What reception tells of partners' rules, as the ledger has it.

use std::sync::Arc;

use postern_inbound::{Accounts, Attempt, AttemptOutcome};
use postern_policy::Stage;
use postern_reports::ledger::{self, Direction, Ledger, PartnerAttempt};

/// Keeps account of the mail that comes in.
#[derive(Debug)]
pub(crate) struct Books(pub(crate) Ledger);

impl Accounts for Books {
    fn record(&self, attempt: &Attempt<'_>) {
        self.0.record_attempt(&PartnerAttempt {
            partner: attempt.partner.to_string(),
            direction: Direction::Inbound,
            rule: Arc::clone(attempt.rule),
            stage: stage(attempt.stage),
            at: attempt.at,
            peer: attempt.client.to_string(),
            basis: attempt.basis.to_string(),
            outcome: match attempt.outcome {
                AttemptOutcome::Met => ledger::AttemptOutcome::Met,
                AttemptOutcome::WouldFail(refusal) => {
                    ledger::AttemptOutcome::WouldFail(refusal.to_string())
                }
                AttemptOutcome::Failed(refusal) => {
                    ledger::AttemptOutcome::Failed(refusal.to_string())
                }
            },
            identity: attempt.basis.peer_identity(),
            certificate_not_after: attempt.certificate_not_after,
            break_glass: attempt.broken_glass,
        });
    }
}

fn stage(stage: Stage) -> ledger::Stage {
    match stage {
        Stage::Observe => ledger::Stage::Observe,
        Stage::Warn => ledger::Stage::Warn,
        Stage::Enforce => ledger::Stage::Enforce,
    }
}
