//! What a session costs the budgets of its client.

use std::time::Instant;

use postern_mail::{Reply, Severity};

use super::{Visit, reception::Reception, transaction::Transaction};
use crate::{
    admission,
    budget::{Good, Payer},
};

impl Reception<'_> {
    /// Puts one down to the client of this transaction. A partner that its certificate proves has
    /// an account of its own, which strangers at the same address do not use up.
    pub(super) fn spend(&self, good: Good, transaction: &Transaction) -> Result<(), Reply> {
        let Visit { shared, peer, .. } = self.visit;
        let allowances = &transaction.situation.limits.allowances;
        let spend = |payers: &[Payer]| {
            let budgets = &shared.budgets;
            let spent = budgets.spend(good, payers, allowances, Instant::now());
            spent.map_err(|spent| admission::too_much(&spent))
        };
        match transaction.partner() {
            Some(partner) => spend(&[Payer::Partner(partner.clone())]),
            None if transaction.situation.has_reserve(peer.ip()) => Ok(()),
            None => spend(&Payer::of(peer.ip())),
        }
    }
}

impl Visit {
    /// Takes note of a refusal. Those for good count as mistakes of the address.
    pub(super) fn note_refusal(&self, reply: &Reply) {
        let client = self.peer.ip();
        let situation = self.shared.situation.load();
        if reply.severity() == Severity::PermanentNegative && !situation.has_reserve(client) {
            let (allowances, payers) = (&situation.limits.allowances, Payer::of(client));
            let budgets = &self.shared.budgets;
            budgets.charge(Good::Error, &payers, allowances, Instant::now());
        }
    }
}
