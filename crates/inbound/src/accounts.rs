//! How the rules of partners fare with the mail that comes in, for whoever keeps account of it.
//!
//! The operator of a partner at stage `observe` wants to know when it is safe to enforce: how
//! often the rule was held against mail, and what it was that would have failed. Whoever counts
//! is given each case as it is decided, and must not make the session wait.

use std::{
    fmt,
    net::IpAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use postern_authentication::{Override, Verdict as AuthorVerdict};
use postern_mail::{QueueId, Recipient, ReversePath};
use postern_policy::{
    Basis, Direction, InboundVerdict, Partner, PartnerName, Refusal, Stage, Verdict,
};
use postern_tls::{Evidence, PeerCertificates};

/// Keeps account of what becomes of partners' rules. It is called on the way of mail: it must
/// neither block nor fail.
pub trait Accounts: fmt::Debug + Send + Sync {
    /// A rule was held against a transaction: at MAIL where that was refused, else when the
    /// content had come in. A transaction that came to nothing for another reason is none.
    fn record(&self, attempt: &Attempt<'_>);

    /// It was found out who wrote a message, and something was done about it. A message that is
    /// not taken for another reason is none. Who does not say otherwise keeps no account of it.
    fn judged(&self, mail: &JudgedMail<'_>) {
        let _ = mail;
    }
}

/// A message of which it was found out who wrote it: what DMARC's reports tell its author domain
/// (RFC 9990, RFC 9991).
#[derive(Debug, Clone, Copy)]
pub struct JudgedMail<'a> {
    /// What was found out.
    pub verdict: &'a AuthorVerdict,
    /// What was done.
    pub done: Done<'a>,
    /// Whom the client says it comes from.
    pub reverse_path: &'a ReversePath,
    /// Whom the client named as recipients, before aliases took their place.
    pub recipients: &'a [Recipient],
    /// The header as it came.
    pub header: &'a [u8],
    /// The message, where it is ours.
    pub queue_id: Option<QueueId>,
    /// When.
    pub at: SystemTime,
}

/// What was done with a message after it was found out who wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done<'a> {
    /// It was taken; nothing else was asked for.
    Taken,
    /// It was taken though something else was asked for.
    LetBe(LetBe<'a>),
    /// It was taken and is under suspicion, as was asked for.
    Quarantined,
    /// It was refused, as was asked for or because there is nobody to ask.
    Refused,
    /// It is to come again, because something could not be found out.
    PutOff,
}

/// Why something else was done than what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetBe<'a> {
    /// Somebody who is trusted had it in hand.
    Overridden(&'a Override),
    /// The author domain is a partner's, and the channel proved that the client is this partner.
    Proven,
    /// The listener does nothing but mark.
    Marked,
    /// It has been put off for long enough, or too many of its kind have been.
    PutOffEnough,
}

/// Keeps no account.
#[derive(Debug, Clone, Copy)]
pub struct NoAccounts;

impl Accounts for NoAccounts {
    fn record(&self, _: &Attempt<'_>) {}
}

/// One time that a partner's rule was held against a client.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// Whose rule.
    pub partner: &'a PartnerName,
    /// What it demands, in words ([`Partner::rule_in_words`]).
    pub rule: &'a Arc<str>,
    /// How far it has been put in force.
    pub stage: Stage,
    /// What came of it.
    pub outcome: AttemptOutcome<'a>,
    /// When.
    pub at: SystemTime,
    /// The client's address.
    pub client: IpAddr,
    /// What the channel was; it names the peer's identity, where one was proven.
    pub basis: &'a Basis,
    /// Until when the client's certificate is valid, where it proved who the client is. What
    /// strangers show says nothing about a partner.
    pub certificate_not_after: Option<SystemTime>,
    /// Whether an exception had the rule out of force.
    pub broken_glass: bool,
}

/// What came of a partner's rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptOutcome<'a> {
    /// It was met.
    Met,
    /// It was not met, and is not in force: mail passed.
    WouldFail(&'a Refusal),
    /// It was not met, and mail was refused.
    Failed(&'a Refusal),
}

impl AttemptOutcome<'_> {
    fn severity(self) -> u8 {
        match self {
            Self::Met => 0,
            Self::WouldFail(_) => 1,
            Self::Failed(_) => 2,
        }
    }
}

/// What one message came to for each partner, by the verdicts on it: that on its reverse-path,
/// and those on its authors. A partner whom more than one of them concerns has one attempt, the
/// worst of them.
pub(crate) fn of_message<'a>(
    verdicts: impl IntoIterator<Item = &'a InboundVerdict>,
    visitor: &Visitor<'a>,
) -> Vec<Attempt<'a>> {
    let mut told: Vec<Attempt<'a>> = Vec::new();
    let all = verdicts.into_iter();
    for attempt in all.flat_map(|verdict| attempts(verdict, visitor)) {
        match told.iter_mut().find(|it| it.partner == attempt.partner) {
            None => told.push(attempt),
            Some(earlier) if earlier.outcome.severity() < attempt.outcome.severity() => {
                *earlier = attempt;
            }
            Some(_) => {}
        }
    }
    told
}

/// The rules that a verdict is about, each with what came of it: that of the partner whose
/// domain was claimed, and those that spoke against the transaction. Where no partner's domain
/// was claimed, those of the certificate's holders were met, if nothing speaks against it: so
/// the notifications of a partner count, which claim nothing.
fn attempts<'a>(
    verdict: &'a InboundVerdict,
    visitor: &Visitor<'a>,
) -> impl Iterator<Item = Attempt<'a>> + use<'a> {
    let claimed = verdict.partner();
    let holders = verdict
        .certificate_holders()
        .filter(move |holder| claimed.is_none_or(|claimed| claimed.name() != holder.name()));
    let others = holders.filter_map(move |holder| {
        let outcome = outcome_for(holder, verdict, None);
        let is_of_account = claimed.is_none() || outcome != AttemptOutcome::Met;
        is_of_account.then_some((holder, outcome))
    });
    let visitor = *visitor;
    claimed
        .map(|partner| (partner, outcome_for(partner, verdict, Some(partner))))
        .into_iter()
        .chain(others)
        .map(move |(partner, outcome)| visitor.attempt(partner, outcome, verdict))
}

/// What came of this partner's rule. What is no partner's, such as the denylist, counts against
/// the one who was claimed.
fn outcome_for<'a>(
    partner: &Partner,
    verdict: &'a InboundVerdict,
    claimed: Option<&Partner>,
) -> AttemptOutcome<'a> {
    let findings = verdict.findings().iter();
    let concerns = findings.filter(|finding| match &finding.partner {
        Some(name) => name == partner.name(),
        None => claimed.is_some(),
    });
    // Of two findings the one that stopped mail is what happened.
    let worst = concerns.max_by_key(|finding| finding.stage.stops_mail());
    match worst {
        None => AttemptOutcome::Met,
        Some(finding) if finding.stage.stops_mail() => AttemptOutcome::Failed(&finding.refusal),
        Some(finding) => AttemptOutcome::WouldFail(&finding.refusal),
    }
}

/// Who brings the mail, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visitor<'a> {
    pub(crate) client: IpAddr,
    pub(crate) evidence: Option<&'a Evidence>,
    pub(crate) at: SystemTime,
}

impl<'a> Visitor<'a> {
    fn attempt(
        &self,
        partner: &'a Partner,
        outcome: AttemptOutcome<'a>,
        verdict: &'a InboundVerdict,
    ) -> Attempt<'a> {
        let basis = verdict.basis();
        let is_proven = basis.verdict() == Verdict::Authenticated;
        Attempt {
            partner: partner.name(),
            rule: partner.rule_in_words(Direction::Inbound),
            stage: partner.stage(),
            outcome,
            at: self.at,
            client: self.client,
            basis,
            certificate_not_after: is_proven.then(|| self.not_after()).flatten(),
            broken_glass: verdict.broken_glass().is_some(),
        }
    }

    fn not_after(&self) -> Option<SystemTime> {
        let PeerCertificates::Chain(chain) = self.evidence?.peer() else {
            return None;
        };
        let contents = chain.summary().contents?;
        let since = Duration::from_secs(contents.not_after.0.as_secs());
        SystemTime::UNIX_EPOCH.checked_add(since)
    }
}
