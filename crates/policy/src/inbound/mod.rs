//! Whether a mail transaction may begin, at MAIL FROM, and whether its content may be taken, by
//! its From: field.

mod sender;
mod verdict;

use std::sync::Arc;

use postern_mail::{Domain, ReversePath};
use postern_tls::{Evidence, NotSecured};
use rustls_pki_types::UnixTime;

pub use self::{
    sender::MailClaim,
    verdict::{Consequence, Finding, InboundVerdict},
};
use self::{
    sender::{SaidBy, Sender, counts_at},
    verdict::consequence,
};
use crate::{
    Basis, BreakGlass, Direction, Exclusivity, Explanation, ListenerFloor, Mismatch, Policy,
    Refusal, Requirement, Source, Stage, break_glass,
    certificates::{Completeness, Holders},
    rules::Rules,
};

impl Policy {
    /// Judges a `MAIL FROM` on a channel of this security.
    pub fn judge_mail(
        &self,
        claim: &MailClaim<'_>,
        listener: Option<&ListenerFloor>,
        security: Result<&Evidence, &NotSecured>,
        now: UnixTime,
    ) -> InboundVerdict {
        self.judge_sender(self.sender(claim, now), listener, security, now)
    }

    /// Judges content whose From: field names an author at this domain; `None` where that is no
    /// partner's.
    ///
    /// People see that field and nothing else, so what a partner requires of a channel that
    /// speaks for its domains, it requires of one that brings mail of its authors.
    pub fn judge_author(
        &self,
        domain: &Domain,
        listener: Option<&ListenerFloor>,
        security: Result<&Evidence, &NotSecured>,
        now: UnixTime,
    ) -> Option<InboundVerdict> {
        let claimed = self.rules_of(domain)?;
        let sender = Sender {
            said_by: SaidBy::Author(domain.clone()),
            broken: self.broken_inbound(Some(claimed), now),
            claimed: Some(Arc::clone(claimed)),
            excepted: self.rules_excepting(domain).cloned(),
        };
        Some(self.judge_sender(sender, listener, security, now))
    }

    fn judge_sender(
        &self,
        sender: Sender,
        listener: Option<&ListenerFloor>,
        security: Result<&Evidence, &NotSecured>,
        now: UnixTime,
    ) -> InboundVerdict {
        let (full, enforced) = self.inbound_requirements(&sender, listener);
        let holders = security.map_or_else(
            |_| Holders::default(),
            |evidence| {
                let claimed = sender.claimed.as_ref();
                self.certificates.holders(evidence, claimed, self, now)
            },
        );
        let judged = full.judge(security, now).and_then(|basis| {
            let vouched = self.denied.judge_proofs(basis.proofs());
            vouched.map(|()| basis)
        });
        let mut findings = Vec::new();
        if let Err(refusal) = self.denied.judge(security) {
            findings.push(Finding {
                partner: None,
                stage: Stage::Enforce,
                refusal,
            });
        }
        if let Err(refusal) = &judged {
            findings.push(sender.finding(refusal.clone(), security, &enforced, now));
        }
        findings.extend(self.exclusivity(&sender, &holders, now));
        InboundVerdict {
            basis: basis(judged, security, &holders),
            consequence: consequence(&findings),
            holders: holders.partners,
            sender,
            full,
            enforced,
            findings,
        }
    }

    /// What a `MAIL FROM` would have to meet.
    pub fn explain_mail(
        &self,
        claim: &MailClaim<'_>,
        listener: Option<&ListenerFloor>,
        now: UnixTime,
    ) -> Explanation {
        let sender = self.sender(claim, now);
        let (full, enforced) = self.inbound_requirements(&sender, listener);
        sender.explanation(&full, &enforced)
    }

    fn sender(&self, claim: &MailClaim<'_>, now: UnixTime) -> Sender {
        let claimed = claim.domain().and_then(|domain| self.rules_of(domain));
        let said_by = match (claim.reverse_path, claim.helo) {
            (ReversePath::Null, Some(helo)) => SaidBy::Greeting(helo.clone()),
            (path, _) => SaidBy::ReversePath(path.clone()),
        };
        Sender {
            said_by,
            broken: self.broken_inbound(claimed, now),
            claimed: claimed.cloned(),
            excepted: claim
                .domain()
                .and_then(|domain| self.rules_excepting(domain))
                .cloned(),
        }
    }

    fn broken_inbound(&self, rules: Option<&Arc<Rules>>, now: UnixTime) -> Option<Arc<BreakGlass>> {
        let partner = &rules?.partner;
        self.broken_glass(partner.name(), Direction::Inbound, now)
            .cloned()
    }

    /// The requirement with the partner's rule, and the one in force.
    fn inbound_requirements(
        &self,
        sender: &Sender,
        listener: Option<&ListenerFloor>,
    ) -> (Arc<Requirement>, Arc<Requirement>) {
        let floored = |requirement: &Arc<Requirement>| match listener {
            Some(listener) => Arc::new(requirement.join(&listener.contribution().into())),
            None => Arc::clone(requirement),
        };
        match &sender.claimed {
            None => {
                let requirement = floored(&self.default);
                (Arc::clone(&requirement), requirement)
            }
            Some(rules) => {
                let full = floored(&rules.inbound);
                let broken = sender.broken.as_ref();
                break_glass::in_force(rules, Direction::Inbound, broken, full, || {
                    floored(&self.default)
                })
            }
        }
    }

    /// What speaks against the holders of the certificate sending for this sender. A null
    /// reverse-path names no domain, so it is no other domain; and authors elsewhere may have
    /// written what an exclusive partner passes on, unless they are another partner's.
    fn exclusivity(&self, sender: &Sender, holders: &Holders, now: UnixTime) -> Vec<Finding> {
        let domain = match &sender.said_by {
            SaidBy::ReversePath(ReversePath::Mailbox(mailbox)) => mailbox.host().clone(),
            SaidBy::Author(domain) => domain.clone().into(),
            SaidBy::ReversePath(ReversePath::Null) | SaidBy::Greeting(_) => return Vec::new(),
        };
        let exclusive = holders
            .partners
            .iter()
            .filter(|rules| rules.partner.inbound().exclusive == Exclusivity::Exclusive);
        let mut findings: Vec<_> = exclusive
            .map(|rules| {
                let partner = &rules.partner;
                let mismatch = Mismatch::Exclusive {
                    holder: partner.name().clone(),
                    domain: domain.clone(),
                };
                let source = Source::PartnerRule(partner.name().clone());
                let broken = self.broken_inbound(Some(rules), now);
                Finding {
                    partner: Some(partner.name().clone()),
                    stage: counts_at(partner.stage(), broken.as_ref()),
                    refusal: Refusal::new(mismatch, "mail of their own domains only", vec![source]),
                }
            })
            .collect();
        if let Completeness::Overflow(stage) = holders.completeness {
            let demand = "certificates of few names, since some are exclusive to partners";
            findings.push(Finding {
                partner: None,
                stage,
                refusal: Refusal::new(Mismatch::TooManyPartners, demand, vec![Source::Default]),
            });
        }
        findings
    }
}

/// What the channel proved: for the partner that was claimed, else for the certificate's holders.
fn basis(
    judged: Result<Basis, Refusal>,
    security: Result<&Evidence, &NotSecured>,
    holders: &Holders,
) -> Basis {
    let plain = match judged {
        Ok(Basis::Authenticated { proofs, protection }) => {
            return Basis::Authenticated { proofs, protection };
        }
        Ok(basis) => basis,
        Err(_) => Basis::unauthenticated(security),
    };
    match plain {
        Basis::Encrypted(protection) if !holders.proofs.is_empty() => Basis::Authenticated {
            proofs: holders.proofs.clone(),
            protection,
        },
        basis => basis,
    }
}
