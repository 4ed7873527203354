//! Whether a mail transaction may begin, at MAIL FROM, and whether its content may be taken, by
//! its From: field.

use std::sync::Arc;

use postern_mail::{Domain, EnhancedStatusCode, Reply, ReplyCode, ReversePath};
use postern_tls::{ChainFault, Evidence, NotSecured};
use rustls_pki_types::UnixTime;

use crate::{
    Basis, BreakGlass, Direction, Excepted, Exclusivity, Explanation, ListenerFloor, Mismatch,
    Partner, PartnerName, Policy, Refusal, Requirement, Source, Stage, WhyMeasured, break_glass,
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
    /// The partner whose rule it is; none where a listener's floor was not met, or the
    /// certificate is refused.
    pub partner: Option<PartnerName>,
    /// At what stage that partner is; what is no partner's is always in force.
    pub stage: Stage,
    /// What was not met.
    pub refusal: Refusal,
}

/// By what a client says whose mail it brings.
#[derive(Debug, Clone, Copy)]
pub struct MailClaim<'a> {
    /// The reverse-path of `MAIL FROM`.
    pub reverse_path: &'a ReversePath,
    /// The domain that it greeted with. It speaks where the reverse-path is null and names
    /// nobody, as for SPF (RFC 7208 §2.4).
    pub helo: Option<&'a Domain>,
}

impl<'a> From<&'a ReversePath> for MailClaim<'a> {
    fn from(reverse_path: &'a ReversePath) -> Self {
        Self {
            reverse_path,
            helo: None,
        }
    }
}

impl MailClaim<'_> {
    fn domain(&self) -> Option<&Domain> {
        match self.reverse_path {
            ReversePath::Null => self.helo,
            ReversePath::Mailbox(_) => self.reverse_path.domain(),
        }
    }
}

/// Whose mail it is said to be.
#[derive(Debug, Clone)]
struct Sender {
    said_by: SaidBy,
    /// The partner whose domain it is.
    claimed: Option<Arc<Rules>>,
    /// The exception to its rule that is made at present.
    broken: Option<Arc<BreakGlass>>,
    /// The rules that the domain is excepted from.
    excepted: Option<Arc<Rules>>,
}

/// Where it is said.
#[derive(Debug, Clone)]
enum SaidBy {
    ReversePath(ReversePath),
    /// The null reverse-path says nothing, the greeting does.
    Greeting(Domain),
    Author(Domain),
}

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

/// At what stage a rule counts: while the glass is broken, an enforced one only warns.
fn counts_at(stage: Stage, broken: Option<&Arc<BreakGlass>>) -> Stage {
    match break_glass::measured(stage, broken) {
        Some(WhyMeasured::BrokenGlass) => Stage::Warn,
        _ => stage,
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
        let measured = || {
            let stage = self.claimed.as_ref().map(|rules| rules.partner.stage())?;
            Some(counts_at(stage, self.broken.as_ref()))
        };
        let (refusal, stage) = match enforced.judge(security, now) {
            Err(in_force) => (in_force, Stage::Enforce),
            Ok(_) => (refusal, measured().unwrap_or(Stage::Enforce)),
        };
        let partner = refusal
            .demanded_by()
            .iter()
            .find_map(|source| match source {
                Source::PartnerRule(name) | Source::BreakGlass(name) => Some(name.clone()),
                Source::Default
                | Source::ListenerFloor(_)
                | Source::RouteFloor(_)
                | Source::Denylist
                | Source::MtaSts(_)
                | Source::Dane(_)
                | Source::RequireTls => None,
            });
        Finding {
            partner,
            stage,
            refusal,
        }
    }

    fn explanation(&self, full: &Requirement, enforced: &Requirement) -> Explanation {
        let partner = self.claimed.as_ref().map(|rules| &rules.partner);
        let excepted = self.excepted.as_ref().zip(self.said_by.domain());
        let explanation = Explanation::new(Direction::Inbound, full, enforced, |source| {
            match (source, partner) {
                (Source::PartnerRule(_), Some(partner)) => {
                    break_glass::measured(partner.stage(), self.broken.as_ref())
                }
                _ => None,
            }
        })
        .of_partner(partner)
        .excepted(excepted.and_then(|(rules, domain)| Excepted::of(&rules.partner, domain)));
        match &self.said_by {
            SaidBy::ReversePath(ReversePath::Mailbox(mailbox)) => {
                explanation.about(mailbox.host().to_string())
            }
            SaidBy::ReversePath(ReversePath::Null) => explanation,
            SaidBy::Greeting(domain) => explanation.about(format!("<> (EHLO {domain})")),
            SaidBy::Author(domain) => explanation.about(format!("author at {domain}")),
        }
    }
}

impl SaidBy {
    fn domain(&self) -> Option<&Domain> {
        match self {
            Self::ReversePath(path) => path.domain(),
            Self::Greeting(domain) | Self::Author(domain) => Some(domain),
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
/// or the next session (RFC 3207 §4, RFC 4954 §6), 550 where it has done the wrong thing, and 451
/// where it is we who do not know: mail must not bounce because a revocation list of ours ran out.
fn reply(refusal: &Refusal) -> Reply {
    let permanent = |detail| EnhancedStatusCode::permanent(7, detail);
    let (code, status) = match refusal.mismatch() {
        Mismatch::NotEncrypted(_) => (ReplyCode::STARTTLS_FIRST, permanent(10)),
        Mismatch::NoCertificate => (ReplyCode::STARTTLS_FIRST, permanent(0)),
        Mismatch::Chain {
            fault: ChainFault::RevocationUnknown { .. },
            ..
        } => (ReplyCode::LOCAL_ERROR, EnhancedStatusCode::transient(7, 5)),
        Mismatch::Profile(_)
        | Mismatch::Denied { .. }
        | Mismatch::DeniedAuthority { .. }
        | Mismatch::Chain { .. }
        | Mismatch::Nameless
        | Mismatch::Undetermined(_)
        | Mismatch::Host(_)
        | Mismatch::HostUnproven(..)
        | Mismatch::Exclusive { .. }
        | Mismatch::TooManyPartners
        | Mismatch::StalePlan => (ReplyCode::UNAVAILABLE, permanent(1)),
    };
    Reply::new(code, refusal.to_string()).with_status(status)
}

impl InboundVerdict {
    /// The partner whose domain the client claims.
    pub fn partner(&self) -> Option<&Partner> {
        self.sender.claimed.as_ref().map(|rules| &rules.partner)
    }

    /// Other partners whose certificate the client proved to hold.
    pub fn certificate_holders(&self) -> impl Iterator<Item = &Partner> {
        self.holders.iter().map(|rules| &rules.partner)
    }

    /// The exception to that partner's rule that is made at present.
    pub fn broken_glass(&self) -> Option<&BreakGlass> {
        self.sender.broken.as_deref()
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

    /// Every rule that took part, what came of it, and what would if every rule were in force.
    pub fn explanation(&self) -> Explanation {
        let explanation = self.sender.explanation(&self.full, &self.enforced);
        let explanation = explanation.with_outcome(&self.basis);
        let stopped = matches!(self.consequence, Consequence::Refuse(_));
        let measured = self.findings.first().filter(|_| !stopped);
        self.findings
            .iter()
            .fold(explanation, |explanation, finding| {
                explanation.with_outcome(&finding.refusal)
            })
            .if_enforced(measured.map(|finding| finding.refusal.to_string()))
    }
}
