//! What the policy says to mail that comes in.

use std::sync::Arc;

use postern_mail::{EnhancedStatusCode, Reply, ReplyCode};
use postern_tls::ChainFault;

use super::Sender;
use crate::{
    Basis, BreakGlass, Explanation, Mismatch, Partner, PartnerName, Refusal, Requirement, Stage,
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
    pub(super) sender: Sender,
    pub(super) full: Arc<Requirement>,
    pub(super) enforced: Arc<Requirement>,
    pub(super) basis: Basis,
    pub(super) holders: Vec<Arc<Rules>>,
    pub(super) findings: Vec<Finding>,
    pub(super) consequence: Consequence,
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

pub(super) fn consequence(findings: &[Finding]) -> Consequence {
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
