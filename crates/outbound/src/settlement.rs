//! From outcomes to what the queue records and what the sender is told.

use std::{
    mem,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use postern_mail::{Domain, EnhancedStatusCode, Mailbox, Notify, NotifyEvent, ReversePath};
use postern_spool::{
    BounceTo, Claim, ClaimedRecipient, DelayNotice, Outcome as Recorded, RecipientIndex,
    Settlement, SpoolError, Submission,
};
use tracing::info;

use crate::{
    account,
    attempt::{FailedAttempt, Handover, Outcome, Permanence, Reporter},
    engine::Engine,
    notice::{self, Event, Told},
    part::Part,
    settings::Settings,
    situation::Situation,
};

/// How soon a message comes again that did not get into line.
const SHORTEST_POSTPONEMENT: Duration = Duration::from_secs(1);

/// How late a message comes again that did not get into line, however long it has waited.
const LONGEST_POSTPONEMENT: Duration = Duration::from_secs(5 * 60);

/// What is known so far of the recipients of a claim.
#[derive(Debug)]
pub(crate) struct Tally {
    claim: Arc<Claim>,
    delivered: Vec<(ClaimedRecipient, Reached)>,
    /// Who was delivered and settled already, and is still to be told of.
    untold: Vec<(ClaimedRecipient, Reached)>,
    failed: Vec<(ClaimedRecipient, FailedAttempt)>,
    postponed: Vec<(RecipientIndex, SystemTime)>,
}

impl Tally {
    pub(crate) fn new(claim: Arc<Claim>) -> Self {
        Self {
            claim,
            delivered: Vec::new(),
            untold: Vec::new(),
            failed: Vec::new(),
            postponed: Vec::new(),
        }
    }

    /// Takes the outcomes of a part, which are in the order of its recipients.
    pub(crate) fn record(&mut self, part: &Part, outcomes: Vec<Outcome>) {
        for (recipient, outcome) in part.recipients.iter().zip(outcomes) {
            self.record_one(recipient, outcome, Some(&part.reverse_path));
        }
    }

    /// Takes the outcome of one recipient, and logs it with what `MAIL` said, where it was said.
    pub(crate) fn record_one(
        &mut self,
        recipient: &ClaimedRecipient,
        outcome: Outcome,
        sent_as: Option<&ReversePath>,
    ) {
        let log = account::Line::new(&self.claim, recipient, sent_as);
        match outcome {
            Outcome::Delivered(handover) => {
                log.delivered(&handover);
                let reached = Reached::NextHop(Box::new(handover));
                self.delivered.push((recipient.clone(), reached));
            }
            Outcome::TakenIn => {
                log.taken_in();
                self.delivered.push((recipient.clone(), Reached::Here));
            }
            Outcome::Failed(attempt) => {
                let attempt = confirm_denial(recipient, attempt);
                log.failed(&attempt);
                self.failed.push((recipient.clone(), attempt));
            }
        }
    }

    /// Takes note that a part did not get into line, which is no attempt. It comes again when its
    /// line is likely to have room for it; where that is not known, after as long as it has
    /// waited already, so that a long queue costs little.
    pub(crate) fn crowded_out(&mut self, engine: &Engine, part: &Part, after: Option<Duration>) {
        let age = engine.now().duration_since(self.claim.received_at());
        let age = age.unwrap_or_default();
        let after = after.unwrap_or(age.clamp(SHORTEST_POSTPONEMENT, LONGEST_POSTPONEMENT));
        self.put_off(engine, &part.recipients, after, FailedAttempt::crowded_out);
    }

    /// Lets recipients wait who are not tried now, in memory alone, which is no attempt. But
    /// notices keep their time, and nothing waits beyond its lifetime: then it is told why it was
    /// not tried.
    pub(crate) fn put_off(
        &mut self,
        engine: &Engine,
        recipients: &[ClaimedRecipient],
        after: Duration,
        failed: impl Fn(SystemTime) -> FailedAttempt,
    ) {
        let now = engine.now();
        let situation = engine.situation();
        let schedule = &situation.settings.schedule;
        let received = self.claim.received_at();
        let age = now.duration_since(received).unwrap_or_default();
        let doubt = engine.doubts(received);
        for recipient in recipients {
            if doubt.is_none() && schedule.has_news(age, recipient.delay_notice) {
                self.record_one(recipient, Outcome::Failed(failed(now)), None);
                continue;
            }
            let until_news = match doubt {
                Some(doubt) => doubt,
                None => schedule.until_news(age, recipient.delay_notice),
            };
            let until = now + after.min(until_news);
            self.postponed.push((recipient.index, until));
        }
    }

    /// Settles what was delivered so far, and nothing else. Its sender hears of it at the end,
    /// in one notice: a message to a thousand next hops must not become a thousand notices.
    ///
    /// What cannot be recorded now is with the rest, or its recipients would get a second copy.
    pub(crate) async fn settle_delivered(&mut self, engine: &Engine) -> Result<(), SpoolError> {
        if self.delivered.is_empty() {
            return Ok(());
        }
        let settlement = Settlement {
            outcomes: self.delivered().collect(),
            ..Settlement::default()
        };
        engine.spool.settle(&self.claim, settlement).await?;
        self.forget_delivered();
        Ok(())
    }

    /// Settles everything, with one notice for all that was given up, all that is late, and all
    /// of whom nobody else will tell that they were reached.
    pub(crate) async fn settle(mut self, engine: &Engine) -> Result<(), SpoolError> {
        let situation = engine.situation();
        let mut settlement = Settlement {
            outcomes: self.delivered().collect(),
            ..Settlement::default()
        };
        self.forget_delivered();
        for (recipient, until) in &self.postponed {
            engine.spool.postpone(&self.claim, &[*recipient], *until);
        }
        let failures = self.add_failed(&mut settlement, engine, &situation);
        let told: Vec<_> = failures.into_iter().chain(self.reached()).collect();
        let notice = self.notice(engine, &situation, &told).await;
        settlement.submissions.extend(notice);
        if settlement.outcomes.is_empty() && settlement.submissions.is_empty() {
            return Ok(()); // there is nothing to be written
        }
        let settled = engine.spool.settle(&self.claim, settlement).await?;
        if settled.waiting == 0 {
            info!(queue_id = %self.claim.id(), "message done");
        }
        for id in settled.submitted {
            info!(queue_id = %id, about = %self.claim.id(), "notice to the sender queued");
        }
        Ok(())
    }

    fn delivered(&self) -> impl Iterator<Item = (RecipientIndex, Recorded)> {
        let delivered = self.delivered.iter();
        delivered.map(|(recipient, _)| (recipient.index, Recorded::Delivered))
    }

    /// Keeps of those that were delivered who is still to be told of.
    fn forget_delivered(&mut self) {
        let delivered = mem::take(&mut self.delivered);
        let untold = delivered.into_iter().filter(|(recipient, reached)| {
            let asked = Notify::or_default(recipient.recipient.notify);
            reached.is_ours_to_tell() && asked.asks_for(NotifyEvent::Success)
        });
        self.untold.extend(untold);
    }

    /// What is to be told of those that were reached.
    fn reached(&self) -> impl Iterator<Item = Told<'_>> {
        self.untold.iter().map(|(recipient, reached)| Told {
            recipient,
            event: match reached {
                Reached::NextHop(handover) => Event::Relayed(handover),
                Reached::Here => Event::Delivered,
            },
        })
    }

    /// Settles those that failed, and says what is to be told of them: first of those that were
    /// given up, then of those that are late.
    fn add_failed(
        &self,
        settlement: &mut Settlement,
        engine: &Engine,
        situation: &Situation,
    ) -> Vec<Told<'_>> {
        let now = engine.now();
        let doubt = engine.doubts(self.claim.received_at());
        // One draw for all of them: what failed together is tried together again, or a message
        // to a list would come apart into as many transactions as it has recipients.
        let spread = fastrand::f64();
        let (mut given_up, mut late) = (Vec::new(), Vec::new());
        for (recipient, attempt) in &self.failed {
            let failure = attempt.failure.clone();
            let recorded = match self.fate(recipient, attempt, situation, (now, doubt), spread) {
                Fate::GivenUp(status) => {
                    let event = Event::GivenUp(&attempt.failure, status);
                    given_up.push(Told { recipient, event });
                    Recorded::Bounced { failure }
                }
                Fate::TriedAgain { next, news } => {
                    if let Some(until) = news {
                        settlement.delay_notices.push(recipient.index);
                        let event = Event::Late(&attempt.failure, until);
                        late.push(Told { recipient, event });
                    }
                    Recorded::Deferred {
                        until: next,
                        failure: failure.noted_at(now),
                    }
                }
            };
            settlement.outcomes.push((recipient.index, recorded));
        }
        given_up.append(&mut late);
        given_up
    }

    /// The notice about these recipients, where there is to be one. It goes to whoever sent the
    /// message, whatever name the message was sent on in.
    async fn notice(
        &self,
        engine: &Engine,
        situation: &Situation,
        told: &[Told<'_>],
    ) -> Option<Submission> {
        let Some(sender) = notice::wanted_by(&self.claim, told) else {
            self.log_lost(told);
            return None;
        };
        if let BounceTo::Nobody(reason) = self.claim.bounce_to() {
            account::untold(&self.claim, told, reason);
            return None;
        }
        let most = situation.settings.notices_per_hour;
        let is_owed = is_owed_to_our_own(sender, told, &situation.settings);
        if !is_owed && !engine.notices.admits(sender, most, Instant::now()) {
            let reason = format!("{most} notices within an hour are enough");
            account::untold(&self.claim, told, &reason);
            return None;
        }
        notice::write(&self.claim, &situation.settings, told, engine.now()).await
    }

    /// A notice that cannot be delivered ends here, and nobody but the log will ever say so
    /// (RFC 5321 §4.5.5).
    fn log_lost(&self, told: &[Told<'_>]) {
        let given_up = |told: &Told<'_>| matches!(told.event, Event::GivenUp(..));
        let is_null = self.claim.envelope().reverse_path == ReversePath::Null;
        if is_null && told.iter().any(given_up) {
            account::untold(&self.claim, told, "the reverse-path is null");
        }
    }

    fn fate(
        &self,
        recipient: &ClaimedRecipient,
        attempt: &FailedAttempt,
        situation: &Situation,
        (now, doubt): (SystemTime, Option<Duration>),
        spread: f64,
    ) -> Fate {
        let status = attempt.failure.status();
        let final_status = EnhancedStatusCode::permanent(status.subject(), status.detail());
        if attempt.permanence == Permanence::Permanent {
            return Fate::GivenUp(final_status);
        }
        let schedule = &situation.settings.schedule;
        let received = self.claim.received_at();
        let failures = recipient.attempts.saturating_add(1);
        let verdict = schedule.after_failure(received, failures, now, spread);
        let is_news = verdict.delay_notice_due && recipient.delay_notice == DelayNotice::NotSent;
        if let Some(doubt) = doubt
            && (is_news || verdict.at.is_none())
        {
            let wait = schedule.wait_after(failures).min(doubt);
            return Fate::TriedAgain {
                next: now + wait,
                news: None,
            };
        }
        match verdict.at {
            None => Fate::GivenUp(final_status),
            Some(next) => Fate::TriedAgain {
                next,
                news: is_news.then(|| received + schedule.lifetime),
            },
        }
    }
}

/// Whether a notice is about mail that only our own hosts can have sent: from a domain of ours to
/// domains that are not. Nobody else can make us write such notices, and whoever does not get one
/// believes that the mail arrived.
fn is_owed_to_our_own(sender: &Mailbox, told: &[Told<'_>], settings: &Settings) -> bool {
    let is_ours = |domain: Option<&Domain>| {
        domain.is_some_and(|domain| settings.own_domains.find(domain).is_some())
    };
    let mut recipients = told.iter().map(|told| &told.recipient.recipient);
    is_ours(sender.domain()) && !recipients.any(|recipient| is_ours(recipient.domain()))
}

/// How a recipient was reached.
#[derive(Debug)]
enum Reached {
    /// By handing the message over.
    NextHop(Box<Handover>),
    /// By taking it in.
    Here,
}

impl Reached {
    /// Whether nobody else will tell the sender of it (RFC 3461 §5.2.2, §5.2.3).
    fn is_ours_to_tell(&self) -> bool {
        match self {
            Self::NextHop(handover) => handover.reporter == Reporter::Postern,
            Self::Here => true,
        }
    }
}

/// What is to become of a recipient whose attempt failed.
enum Fate {
    /// Nothing more; the sender is told with this status.
    GivenUp(EnhancedStatusCode),
    /// Another attempt.
    TriedAgain {
        /// When.
        next: SystemTime,
        /// When the last one will be, if the sender is to hear of the delay now.
        news: Option<SystemTime>,
    },
}

/// Settles a message whose delivery panicked. Whoever was delivered before may get it again;
/// that is not to happen over and over, and nothing is tried that may panic once more, such as
/// a notice.
pub(crate) async fn after_panic(engine: &Engine, claim: &Claim) -> Result<(), SpoolError> {
    let now = engine.now();
    let schedule = &engine.situation().settings.schedule;
    let deferred = |recipient: &ClaimedRecipient| {
        let attempt = FailedAttempt::ours(now);
        let failures = recipient.attempts.saturating_add(1);
        let recorded = Recorded::Deferred {
            until: now + schedule.wait_after(failures),
            failure: attempt.failure,
        };
        (recipient.index, recorded)
    };
    let settlement = Settlement {
        outcomes: claim.recipients().iter().map(deferred).collect(),
        ..Settlement::default()
    };
    engine.spool.settle(claim, settlement).await.map(drop)
}

/// What DNS denies must be denied twice before mail for it is returned: a name server that has
/// lost its zone for an hour says the same. That we remember what was said is no second time.
fn confirm_denial(recipient: &ClaimedRecipient, attempt: FailedAttempt) -> FailedAttempt {
    let detail = |status: EnhancedStatusCode| (status.subject(), status.detail());
    let denied = detail(attempt.failure.status());
    let before = recipient.last_failure.as_ref();
    let confirmed = before.is_some_and(|failure| {
        detail(failure.status()) == denied && failure.at() < attempt.found_out
    });
    let permanent = attempt.permanence == Permanence::Permanent;
    if permanent && attempt.is_denied_by_dns() && !confirmed {
        attempt.for_now()
    } else {
        attempt
    }
}
