//! Whether a mail transaction may begin: the judgement at MAIL FROM.

use std::sync::Arc;

use postern_mail::{EnhancedStatusCode, Reply, ReplyCode, ReversePath};
use postern_tls::{Evidence, NotSecured};
use rustls_pki_types::UnixTime;

use crate::{
    Basis, Direction, Exclusivity, Explanation, ListenerFloor, Mismatch, Partner, PartnerName,
    Policy, Refusal, Requirement, Source, Stage,
    certificates::{Completeness, Holders},
    rules::Rules,
};

/// What the policy says to a `MAIL FROM`.
///
/// Only an authenticated channel may speak for the domains of a partner that requires it, and
/// the certificate of an exclusive partner speaks for no other domain. What SPF or DKIM say does
/// not enter: they are further signals, never a substitute.
#[derive(Debug, Clone)]
#[must_use = "a verdict that nobody reads refuses nothing"]
pub struct InboundVerdict {
    sender: Sender,
    full: Arc<Requirement>,
    enforced: Arc<Requirement>,
    basis: Basis,
    holders: Vec<Arc<Rules>>,
    findings: Vec<Finding>,
    consequence: Consequence,
}

/// What follows from a verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consequence {
    /// The transaction may begin.
    Accept,
    /// It may not: this is the reply to `MAIL`.
    Refuse(Reply),
}

/// A rule that was not met, in force or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The partner whose rule it is; none where a listener's floor was not met.
    pub partner: Option<PartnerName>,
    /// At what stage that partner is; what is no partner's is always in force.
    pub stage: Stage,
    /// What was not met.
    pub refusal: Refusal,
}

/// Whom the reverse-path names.
#[derive(Debug, Clone)]
struct Sender {
    path: ReversePath,
    /// The partner whose domain it is.
    claimed: Option<Arc<Rules>>,
}

impl Policy {
    /// Judges a `MAIL FROM` with this reverse-path on a channel of this security.
    pub fn judge_mail(
        &self,
        reverse_path: &ReversePath,
        listener: Option<&ListenerFloor>,
        security: Result<&Evidence, &NotSecured>,
        now: UnixTime,
    ) -> InboundVerdict {
        let sender = self.sender(reverse_path);
        let (full, enforced) = self.inbound_requirements(&sender, listener);
        let holders = security.map_or_else(
            |_| Holders::default(),
            |evidence| {
                let bounds = self.default.bounds();
                self.certificates
                    .holders(evidence, sender.claimed.as_ref(), bounds, now)
            },
        );
        let judged = full.judge(security, now);
        let mut findings = Vec::new();
        if let Err(refusal) = &judged {
            findings.push(sender.finding(refusal.clone(), security, &enforced, now));
        }
        findings.extend(sender.exclusivity(&holders));
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

    /// What a `MAIL FROM` with this reverse-path would have to meet.
    pub fn explain_mail(
        &self,
        reverse_path: &ReversePath,
        listener: Option<&ListenerFloor>,
    ) -> Explanation {
        let sender = self.sender(reverse_path);
        let (full, enforced) = self.inbound_requirements(&sender, listener);
        sender.explanation(&full, &enforced)
    }

    fn sender(&self, reverse_path: &ReversePath) -> Sender {
        let domain = reverse_path.domain();
        Sender {
            path: reverse_path.clone(),
            claimed: domain.and_then(|domain| self.rules_of(domain)).cloned(),
        }
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
                let enforced = match rules.partner.stage() {
                    Stage::Enforce => Arc::clone(&full),
                    Stage::Observe | Stage::Warn => floored(&self.default),
                };
                (full, enforced)
            }
        }
    }
}

impl Sender {
    /// A refusal by the full rule, as a finding at the stage at which it counts.
    fn finding(
        &self,
        refusal: Refusal,
        security: Result<&Evidence, &NotSecured>,
        enforced: &Requirement,
        now: UnixTime,
    ) -> Finding {
        let measured = || self.claimed.as_ref().map(|rules| rules.partner.stage());
        let (refusal, stage) = match enforced.judge(security, now) {
            Err(in_force) => (in_force, Stage::Enforce),
            Ok(_) => (refusal, measured().unwrap_or(Stage::Enforce)),
        };
        let partner = refusal
            .demanded_by()
            .iter()
            .find_map(|source| match source {
                Source::PartnerRule(name) => Some(name.clone()),
                Source::Default | Source::ListenerFloor(_) | Source::RouteFloor(_) => None,
            });
        Finding {
            partner,
            stage,
            refusal,
        }
    }

    /// What speaks against the holders of the certificate sending for this sender. A null
    /// reverse-path names no domain, so it is no other domain.
    fn exclusivity(&self, holders: &Holders) -> Vec<Finding> {
        let ReversePath::Mailbox(mailbox) = &self.path else {
            return Vec::new();
        };
        let exclusive = holders
            .partners
            .iter()
            .map(|rules| &rules.partner)
            .filter(|partner| partner.inbound().exclusive == Exclusivity::Exclusive);
        let mut findings: Vec<_> = exclusive
            .map(|partner| {
                let mismatch = Mismatch::Exclusive {
                    holder: partner.name().clone(),
                    domain: mailbox.host().clone(),
                };
                let source = Source::PartnerRule(partner.name().clone());
                Finding {
                    partner: Some(partner.name().clone()),
                    stage: partner.stage(),
                    refusal: Refusal::new(mismatch, "mail of their own domains only", vec![source]),
                }
            })
            .collect();
        if holders.completeness == Completeness::Overflow {
            let demand = "certificates of few names, since some are exclusive to partners";
            findings.push(Finding {
                partner: None,
                stage: Stage::Enforce,
                refusal: Refusal::new(Mismatch::TooManyPartners, demand, vec![Source::Default]),
            });
        }
        findings
    }

    fn explanation(&self, full: &Requirement, enforced: &Requirement) -> Explanation {
        let explanation = Explanation::new(Direction::Inbound, full, enforced)
            .of_partner(self.claimed.as_ref().map(|rules| &rules.partner));
        match self.path.mailbox() {
            Some(mailbox) => explanation.about(mailbox.host().to_string()),
            None => explanation,
        }
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

fn consequence(findings: &[Finding]) -> Consequence {
    findings
        .iter()
        .find(|finding| finding.stage.stops_mail())
        .map_or(Consequence::Accept, |finding| {
            Consequence::Refuse(reply(&finding.refusal))
        })
}

/// How a refusal is told to a client: 530 where the client can still do what is missing, in this
/// or the next session (RFC 3207 §4, RFC 4954 §6), 550 where it has done the wrong thing.
fn reply(refusal: &Refusal) -> Reply {
    let (code, detail) = match refusal.mismatch() {
        Mismatch::NotEncrypted(_) => (ReplyCode::STARTTLS_FIRST, 10),
        Mismatch::NoCertificate => (ReplyCode::STARTTLS_FIRST, 0),
        Mismatch::Profile(_)
        | Mismatch::Chain { .. }
        | Mismatch::Nameless
        | Mismatch::Host(_)
        | Mismatch::Exclusive { .. }
        | Mismatch::TooManyPartners
        | Mismatch::StalePlan => (ReplyCode::UNAVAILABLE, 1),
    };
    Reply::new(code, refusal.to_string()).with_status(EnhancedStatusCode::permanent(7, detail))
}

impl InboundVerdict {
    /// The partner whose domain the reverse-path names.
    pub fn partner(&self) -> Option<&Partner> {
        self.sender.claimed.as_ref().map(|rules| &rules.partner)
    }

    /// Other partners whose certificate the client proved to hold.
    pub fn certificate_holders(&self) -> impl Iterator<Item = &Partner> {
        self.holders.iter().map(|rules| &rules.partner)
    }

    /// What the channel turned out to be; it prints as the channel verdict to record.
    pub fn basis(&self) -> &Basis {
        &self.basis
    }

    /// Whether the transaction may begin.
    pub fn consequence(&self) -> &Consequence {
        &self.consequence
    }

    /// Every rule that was not met, whether or not it stopped anything.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Every rule that took part, and what came of it.
    pub fn explanation(&self) -> Explanation {
        let explanation = self.sender.explanation(&self.full, &self.enforced);
        let explanation = explanation.with_outcome(&self.basis);
        self.findings
            .iter()
            .fold(explanation, |explanation, finding| {
                explanation.with_outcome(&finding.refusal)
            })
    }
}
