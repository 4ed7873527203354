//! Whose mail it is said to be, and where that is said.

use std::sync::Arc;

use postern_mail::{Domain, ReversePath};
use postern_tls::{Evidence, NotSecured};
use rustls_pki_types::UnixTime;

use super::Finding;
use crate::{
    BreakGlass, Direction, Excepted, Explanation, Refusal, Requirement, Source, Stage, WhyMeasured,
    break_glass, rules::Rules,
};

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
    pub(super) fn domain(&self) -> Option<&Domain> {
        match self.reverse_path {
            ReversePath::Null => self.helo,
            ReversePath::Mailbox(_) => self.reverse_path.domain(),
        }
    }
}

/// Whose mail it is said to be.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    pub(super) said_by: SaidBy,
    /// The partner whose domain it is.
    pub(super) claimed: Option<Arc<Rules>>,
    /// The exception to its rule that is made at present.
    pub(super) broken: Option<Arc<BreakGlass>>,
    /// The rules that the domain is excepted from.
    pub(super) excepted: Option<Arc<Rules>>,
}

/// Where it is said.
#[derive(Debug, Clone)]
pub(super) enum SaidBy {
    ReversePath(ReversePath),
    /// The null reverse-path says nothing, the greeting does.
    Greeting(Domain),
    Author(Domain),
}

impl Sender {
    /// A refusal by the full rule, as a finding at the stage at which it counts.
    pub(super) fn finding(
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

    pub(super) fn explanation(&self, full: &Requirement, enforced: &Requirement) -> Explanation {
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

/// At what stage a rule counts: while the glass is broken, an enforced one only warns.
pub(super) fn counts_at(stage: Stage, broken: Option<&Arc<BreakGlass>>) -> Stage {
    match break_glass::measured(stage, broken) {
        Some(WhyMeasured::BrokenGlass) => Stage::Warn,
        _ => stage,
    }
}
