//! What reception tells of partners' rules, and of who wrote messages, as it is counted.

use std::sync::Arc;

use postern_inbound::{Accounts, Attempt, AttemptOutcome, Done, JudgedMail};
use postern_policy::Stage;
use postern_reports::ledger::{self, Direction, Ledger, PartnerAttempt};

use crate::daemon::{figures::Figures, reporting::Reporting};

/// Keeps account of the mail that comes in.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) ledger: Ledger,
    pub(super) reporting: Arc<Reporting>,
    pub(super) figures: Arc<Figures>,
}

impl Accounts for Books {
    fn record(&self, attempt: &Attempt<'_>) {
        self.ledger.record_attempt(&PartnerAttempt {
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

    fn judged(&self, mail: &JudgedMail<'_>) {
        self.figures.judged(mail.verdict, &word(mail.done));
        self.reporting.judged(mail);
    }
}

fn stage(stage: Stage) -> ledger::Stage {
    match stage {
        Stage::Observe => ledger::Stage::Observe,
        Stage::Warn => ledger::Stage::Warn,
        Stage::Enforce => ledger::Stage::Enforce,
    }
}

/// What was done, in a word for people.
fn word(done: Done<'_>) -> &'static str {
    match done {
        Done::Taken => "accepted",
        Done::LetBe(_) => "accepted all the same",
        Done::Quarantined => "quarantined",
        Done::Refused => "refused",
        Done::PutOff => "deferred",
    }
}
