//! The authors of a message, held against the partners' rules when its content has come in.

use postern_mail::{Domain, Reply};
use postern_policy::{Finding, InboundVerdict};
use postern_tls::{Evidence, NotSecured};
use rustls_pki_types::UnixTime;

use super::{journal, transaction::Transaction};
use crate::{admission, authors, header_watch::HeaderWatch};

/// An author at a partner's domain.
#[derive(Debug)]
pub(super) struct Author {
    pub(super) domain: Domain,
    /// What the policy says to mail of such authors over this channel.
    pub(super) verdict: InboundVerdict,
}

impl Author {
    /// Why the message is not to be taken because of this author.
    fn objection(&self) -> Option<&Finding> {
        let mut findings = self.verdict.findings().iter();
        findings.find(|finding| finding.stage.stops_mail())
    }
}

/// The partners whose authors a message names, one author for each. The partner whose domain
/// the reverse-path names was judged at MAIL, by the same rule and on the same channel.
pub(super) fn of(
    header: &HeaderWatch,
    transaction: &Transaction,
    evidence: Option<&Evidence>,
    now: UnixTime,
) -> Vec<Author> {
    let security = evidence.ok_or(&NotSecured::NotUsed);
    let floor = transaction.door.floor.as_ref();
    let policy = &transaction.situation.policy;
    if policy.partners().next().is_none() {
        return Vec::new();
    }
    let partner = transaction.verdict.partner();
    let mut judged: Vec<_> = partner.into_iter().map(|it| it.name().clone()).collect();
    let mut authors = Vec::new();
    for domain in authors::domains(header.authors()) {
        let Some(partner) = policy.partner_of(&domain).map(|it| it.name()) else {
            continue;
        };
        if judged.contains(partner) {
            continue;
        }
        judged.push(partner.clone());
        if let Some(verdict) = policy.judge_author(&domain, floor, security, now) {
            authors.push(Author { domain, verdict });
        }
    }
    authors
}

/// The reply to a message with an author whose domain the channel does not speak for.
pub(super) fn object(transaction: &Transaction, authors: &[Author]) -> Option<Reply> {
    let (author, finding) = authors
        .iter()
        .find_map(|author| Some((author, author.objection()?)))?;
    let reply = admission::author(&author.domain, &finding.refusal);
    journal::author_refused(transaction, author, finding, &reply);
    Some(reply)
}
