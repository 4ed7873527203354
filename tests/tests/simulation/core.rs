//! What all ends have in common: time, chance, our machine, the ledger, and the errands of
//! senders.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use postern_mail::{EnhancedStatusCode, Envelope, Host as MailHost};
use postern_outbound::{Schedule, Vigil};
use postern_policy::DeliveryRequest;
use postern_smtp::client::{RecipientOutcome, Speaker};
use postern_smtp::server::Answer;
use postern_spool::{
    BounceTo, ClaimedRecipient, ContentWriter, Failure, Origin, Outcome as Recorded, PeerOrigin,
    ReservedId, Settlement, Spool as _, Submission,
    simulated::{Disk, Machine},
};

use super::{
    caller::{Letter, Outcome, Upgrade},
    cast::{CAST, DESTINATIONS, Face, destination, host},
    clock::WallClock,
    ends::{Carriage, later},
    errand::Errand,
    grant::Terms,
    host::{Attempt, Done, Failed, Host, Job, Work, at_once},
    ledger::{self, Final, Key, Ledger},
    listener::Reaction,
    mutation::Mutation,
    published::Published,
    random::Random,
    reload::Situation,
    settling,
    timeline::{Event, Timeline},
};

/// When simulated time begins: some moment whose number is easy to know again.
pub(crate) const EPOCH: u64 = 1_700_000_000_000;

/// How many messages are delivered at a time.
pub(crate) const ATTEMPTS: usize = 6;

/// A connection that our side wants to make.
#[derive(Debug)]
pub(crate) struct Dial {
    pub(crate) carriage: Carriage,
    pub(crate) upgrade: Upgrade,
    pub(crate) terms: Box<Terms>,
}

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) random: Random,
    pub(crate) now: u64,
    base: Instant,
    pub(crate) timeline: Timeline,
    pub(crate) disk: Disk,
    pub(crate) machine: Machine,
    pub(crate) host: Option<Host>,
    /// How many times the machine has started.
    pub(crate) boots: u32,
    pub(crate) ledger: Ledger,
    pub(crate) errands: Vec<Errand>,
    pub(crate) dials: Vec<Dial>,
    pub(crate) mutation: Option<Mutation>,
    pub(crate) clock: WallClock,
    /// Destinations that the operator has frozen.
    pub(crate) frozen: [bool; DESTINATIONS.len()],
    pub(crate) healed: bool,
    pub(crate) schedule: Schedule,
    pub(crate) situation: Situation,
    /// Whether destinations publish anything in this world, and what each of them does about its TLS.
    pub(crate) publishing: bool,
    pub(crate) published: [Published; DESTINATIONS.len()],
    pub(crate) letters: u32,
    pub(crate) crashes: u64,
    pub(crate) reloads: u64,
    /// Messages that went over a connection that was kept.
    pub(crate) reused: u64,
    /// Messages that went by DATA after BDAT was not understood.
    pub(crate) rewound: u64,
    /// Whether something was promised since the last check.
    pub(crate) promised: bool,
    trace: Option<Vec<String>>,
    counter: u64,
}

impl Core {
    pub(crate) fn new(seed: u64, mutation: Option<Mutation>, traced: bool) -> Self {
        const MINUTE: u64 = 60;
        let (disk, machine) = (Disk::default(), Machine::default());
        machine.set_millis(EPOCH);
        let minutes = |minutes| Duration::from_secs(minutes * MINUTE);
        let base = Instant::now();
        let vigil = Vigil::new(SystemTime::UNIX_EPOCH + Duration::from_millis(EPOCH), base);
        Self {
            random: Random::new(seed),
            now: 0,
            base,
            timeline: Timeline::default(),
            host: Some(Host::boot(&disk, &machine, vigil)),
            clock: WallClock::default(),
            frozen: [false; DESTINATIONS.len()],
            disk,
            machine,
            boots: 1,
            ledger: Ledger::default(),
            errands: Vec::new(),
            dials: Vec::new(),
            mutation,
            healed: false,
            schedule: Schedule {
                retry: [1, 5, 15].map(minutes).to_vec(),
                lifetime: minutes(180),
                delay_notice: minutes(30),
            },
            situation: Situation::usual(),
            publishing: false,
            published: [Published::NOTHING; DESTINATIONS.len()],
            letters: 0,
            crashes: 0,
            reloads: 0,
            reused: 0,
            rewound: 0,
            promised: false,
            trace: traced.then(Vec::new),
            counter: 0,
        }
    }

    pub(crate) fn instant(&self) -> Instant {
        self.instant_in(0)
    }

    pub(crate) fn instant_in(&self, millis: u64) -> Instant {
        self.base + Duration::from_millis(self.now + millis)
    }

    /// The millisecond at which an instant has come.
    pub(crate) fn millis(&self, instant: Instant) -> u64 {
        let since = instant.saturating_duration_since(self.base);
        u64::try_from(since.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
    }

    /// What the wall clock shows.
    pub(crate) fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.wall_millis())
    }

    fn wall_millis(&self) -> u64 {
        (EPOCH + self.now).saturating_add_signed(self.clock.wrong)
    }

    pub(crate) fn set_time(&mut self, now: u64) {
        self.now = now;
        self.machine.set_millis(self.wall_millis());
    }

    pub(crate) fn at(&mut self, at: u64, event: Event) {
        self.timeline.add(at, event, &mut self.random);
    }

    pub(crate) fn after(&mut self, millis: u64, event: Event) {
        self.at(self.now + millis, event);
    }

    /// Chance, as long as the world is not healed.
    pub(crate) fn mishap(&mut self, percent: u64) -> bool {
        self.random.chance(percent) && !self.healed
    }

    pub(crate) fn note(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            let (seconds, millis) = (self.now / 1000, self.now % 1000);
            trace.push(format!("{seconds:>6}.{millis:03} {}", what()));
        }
    }

    pub(crate) fn take_trace(&mut self) -> Vec<String> {
        self.trace.take().unwrap_or_default()
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// Gives a message to the queue. The client is told when it is on disk.
    pub(crate) fn keep(
        &mut self,
        link: u32,
        shown: Option<Face>,
        id: ReservedId,
        writer: ContentWriter,
        envelope: &Envelope,
        seen: &Bytes,
    ) -> Reaction {
        let Ok(content) = at_once(writer.finish()) else {
            return Reaction::Answer(Answer::Refuse(later()));
        };
        let submission = Submission {
            envelope: envelope.clone(),
            origin: Origin::Peer(PeerOrigin {
                address: ([192, 0, 2, 1], 25).into(),
                helo: "client.example".to_owned(),
                channel: format!("{shown:?}"),
                partner: None,
            }),
            received_at: self.wall(),
            content,
            bounce_to: BounceTo::Sender,
            quarantined: None,
            hold: None,
        };
        let unsynced = self.mutation == Some(Mutation::AcknowledgedBeforeSync);
        let work = if unsynced {
            Work::Nothing
        } else {
            Work::Tell {
                link,
                envelope: Box::new(envelope.clone()),
                content: seen.clone(),
                shown,
            }
        };
        self.job(work, |host| {
            let spool = Arc::clone(&host.spool);
            async move { Done::Accepted(spool.accept_as(id, submission).await) }
        });
        if unsynced {
            self.promise(envelope, seen, shown);
            return Reaction::Answer(Answer::Accept);
        }
        Reaction::Later
    }

    pub(crate) fn promise(&mut self, envelope: &Envelope, content: &[u8], shown: Option<Face>) {
        self.ledger.promise(envelope, content, shown, self.now);
        self.promised = true;
    }

    /// Begins something that waits for the disk.
    pub(crate) fn job<F: Future<Output = Done> + 'static>(
        &mut self,
        work: Work,
        begin: impl FnOnce(&Host) -> F,
    ) {
        let number = self.number();
        if let Some(host) = &mut self.host {
            let job = Job::new(work, begin(host));
            host.jobs.insert(number, job);
        }
    }

    /// Takes out what is due, as long as there is room.
    pub(crate) fn claim(&mut self) {
        self.look_at_clock();
        let Some(host) = &mut self.host else { return };
        let room = ATTEMPTS.saturating_sub(host.attempts.len());
        let spool = Arc::clone(&host.spool);
        // A queue that is poisoned gives nothing out.
        let claims = at_once(spool.claim(self.wall(), room)).unwrap_or_default();
        for claim in claims {
            self.attempt(&Arc::new(claim));
        }
    }

    fn attempt(&mut self, claim: &Arc<postern_spool::Claim>) {
        let content = at_once(read(claim));
        let Ok(content) = content else {
            let id = claim.id();
            return self
                .ledger
                .violate(format!("the content of {id} cannot be read"));
        };
        let key = ledger::key(&claim.envelope().reverse_path, &content);
        let mut parts: BTreeMap<String, Vec<ClaimedRecipient>> = BTreeMap::new();
        for recipient in claim.recipients() {
            let domain = recipient.recipient.domain();
            let domain = domain.map(ToString::to_string).unwrap_or_default();
            parts.entry(domain).or_default().push(recipient.clone());
        }
        if self.mishap(5) {
            return self.put_off(claim);
        }
        let number = self.number();
        self.note(|| format!("{key:?} is taken out for {:?}", parts.keys()));
        let attempt = Attempt {
            claim: Arc::clone(claim),
            key,
            parts: parts.len(),
            delivered: Vec::new(),
            failed: Vec::new(),
            settling: false,
        };
        if let Some(host) = &mut self.host {
            host.attempts.insert(number, attempt);
        }
        for (domain, recipients) in parts {
            if self.is_frozen(&domain) {
                self.put_off_frozen(number, &recipients);
                continue;
            }
            let mut envelope = claim.envelope().clone();
            envelope.recipients = recipients.iter().map(|it| it.recipient.clone()).collect();
            let Some(to) = destination(&domain) else {
                self.ledger
                    .violate(format!("nobody can have accepted mail for {domain}"));
                continue;
            };
            let carriage = Carriage {
                attempt: number,
                key,
                recipients,
                to,
                letter: Letter {
                    envelope,
                    content: self.sent(key, &content),
                },
            };
            self.dial(carriage, Upgrade::IfOffered(Face::Nothing));
        }
    }

    /// What becomes of mail for a destination that is down: no attempt, and nothing is written.
    fn put_off(&mut self, claim: &postern_spool::Claim) {
        let until = self.wall() + Duration::from_millis(self.random.between(1_000, 900_000));
        let recipients: Vec<_> = claim.recipients().iter().map(|it| it.index).collect();
        if let Some(host) = &self.host {
            host.spool.postpone(claim, &recipients, until);
        }
    }

    fn sent(&self, key: Key, content: &Bytes) -> Bytes {
        let is_letter = matches!(key, Key::Letter(_));
        if self.mutation == Some(Mutation::ContentCut) && is_letter && content.len() > 900 {
            let cut = content.len() - 2;
            let end = content
                .slice(..cut)
                .iter()
                .rposition(|octet| *octet == b'\n');
            return content.slice(..=end.unwrap_or(cut));
        }
        content.clone()
    }

    /// What `connect` and `dial` of the daemon ask before a connection is made.
    pub(crate) fn dial(&mut self, carriage: Carriage, upgrade: Upgrade) {
        let now = self.wall();
        let here = |status, text: &str| Failed {
            permanent: false,
            failure: Failure::here(now, status, text),
        };
        if self.mishap(4) {
            let failed = here(EnhancedStatusCode::transient(4, 3), "DNS does not answer");
            return self.part_fails(&carriage, failed);
        }
        let to: MailHost = host(carriage.to.domain);
        let learnt = self.learn(carriage.to);
        let sts = learnt.truth.policy(carriage.to);
        let asked = self.mutation != Some(Mutation::StsForgotten);
        let request = DeliveryRequest {
            wish: carriage.letter.envelope.tls_wish,
            sts: sts.as_ref().filter(|_| asked),
            ..DeliveryRequest::to(&to)
        };
        let policy = Arc::clone(&self.situation.policy);
        let plan = policy.plan_delivery(&request, CAST.now);
        let plan = plan.for_host(&learnt.facts);
        if let Err(refusal) = plan.judge_host()
            && self.mutation != Some(Mutation::VerdictIgnored)
        {
            let failed = refused(&refusal, now);
            return self.part_fails(&carriage, failed);
        }
        if self.mishap(4) {
            let failed = here(EnhancedStatusCode::transient(4, 1), "nobody answers");
            return self.part_fails(&carriage, failed);
        }
        self.when_planned(Dial {
            carriage,
            upgrade,
            terms: Box::new(Terms {
                plan,
                policy,
                learnt,
                mutation: self.mutation,
            }),
        });
    }

    fn part_fails(&mut self, carriage: &Carriage, failed: Failed) {
        let outcomes = vec![Err(failed); carriage.recipients.len()];
        self.part_returns(carriage, outcomes);
    }

    /// A connection has come to its outcome.
    pub(crate) fn carriage_returns(
        &mut self,
        link: u32,
        carriage: &Carriage,
        outcome: Option<Outcome>,
    ) {
        let now = self.wall();
        let key = carriage.key;
        self.note(|| {
            format!(
                "connection {link}: {key:?} to {}: {outcome:?}",
                carriage.to.domain
            )
        });
        let everyone = |failed: Failed| vec![Err(failed); carriage.recipients.len()];
        let broken = |text: &str| Failed {
            permanent: false,
            failure: Failure::here(now, EnhancedStatusCode::transient(4, 2), text),
        };
        let outcomes = match outcome {
            Some(Outcome::InClear(reason)) => {
                self.ledger.link_ends(link, key, &[]);
                return self.dial(carriage.clone(), Upgrade::Not(reason));
            }
            Some(Outcome::Settled(outcomes)) => {
                let host = carriage.to.host;
                let outcomes = outcomes.into_iter();
                outcomes
                    .map(|outcome| self.one(outcome, host, now))
                    .collect()
            }
            Some(Outcome::Outdated | Outcome::Stale) => {
                self.ledger.link_ends(link, key, &[]);
                return self.dial(carriage.clone(), Upgrade::IfOffered(Face::Nothing));
            }
            Some(Outcome::Refused(refusal)) => everyone(refused(&refusal, now)),
            Some(Outcome::Failed(fault)) => everyone(broken(&fault.to_string())),
            Some(Outcome::NoTls(reason)) => everyone(broken(&reason.to_string())),
            None => everyone(broken("the session ended without an outcome")),
        };
        let delivered: Vec<_> = carriage
            .recipients
            .iter()
            .zip(&outcomes)
            .filter(|(_, outcome)| outcome.is_ok())
            .map(|(recipient, _)| settling::name(recipient))
            .collect();
        self.ledger.link_ends(link, key, &delivered);
        self.part_returns(carriage, outcomes);
    }

    fn one(&self, outcome: RecipientOutcome, host: &str, now: SystemTime) -> Result<(), Failed> {
        let (permanent, failure) = match outcome {
            RecipientOutcome::Delivered(_) => return Ok(()),
            RecipientOutcome::Transient(failure) => (false, failure),
            RecipientOutcome::Permanent(failure) => (true, failure),
        };
        let by_us = failure.said_by == Speaker::Postern;
        if self.mutation == Some(Mutation::CutTakenForSuccess) && by_us && !permanent {
            return Ok(());
        }
        let status = failure.reply.status();
        let status = status.unwrap_or_else(|| EnhancedStatusCode::transient(0, 0));
        let failure = if by_us {
            Failure::here(now, status, &failure.reply.to_string())
        } else {
            Failure::reply(now, status, host, &failure.reply)
        };
        Err(Failed { permanent, failure })
    }

    fn part_returns(&mut self, carriage: &Carriage, outcomes: Vec<Result<(), Failed>>) {
        let Some(host) = &mut self.host else { return };
        let Some(attempt) = host.attempts.get_mut(&carriage.attempt) else {
            return;
        };
        for (recipient, outcome) in carriage.recipients.iter().zip(outcomes) {
            match outcome {
                Ok(()) => attempt.delivered.push(recipient.clone()),
                Err(failed) => attempt.failed.push((recipient.clone(), failed)),
            }
        }
        attempt.parts -= 1;
        self.settle(carriage.attempt);
    }

    /// Settles what there is to settle: who was delivered at once, the rest when all is known.
    pub(crate) fn settle(&mut self, number: u64) {
        let Some(host) = &mut self.host else { return };
        let Some(attempt) = host.attempts.get_mut(&number) else {
            return;
        };
        if attempt.settling {
            return;
        }
        if attempt.parts > 0 {
            if !attempt.delivered.is_empty() {
                self.settle_early(number);
            }
            return;
        }
        let Some(attempt) = host.attempts.remove(&number) else {
            return;
        };
        if self.mutation == Some(Mutation::SettlementDropped) && !attempt.delivered.is_empty() {
            return;
        }
        let spread = self.random.fraction();
        let doubt = self.doubts(attempt.claim.received_at());
        let now = (self.wall(), doubt);
        let (settlement, finals) =
            settling::settlement(&attempt, &self.schedule, now, spread, self.mutation);
        let given_up = finals.iter().filter(|(_, is)| *is == Final::Bounced);
        let permanent = attempt.failed.iter().filter(|(_, it)| it.permanent);
        if given_up.count() > permanent.count() {
            self.too_old(&attempt);
        }
        if settlement.outcomes.is_empty() && settlement.submissions.is_empty() {
            return; // there is nothing to be written
        }
        let work = Work::Settle {
            key: attempt.key,
            finals,
            attempt: None,
            early: Vec::new(),
        };
        if self.mutation == Some(Mutation::SettledAgain) {
            let again = Settlement {
                outcomes: settlement.outcomes.clone(),
                ..Settlement::default()
            };
            self.settle_job(work.clone(), Arc::clone(&attempt.claim), again);
        }
        self.settle_job(work, attempt.claim, settlement);
    }

    fn settle_early(&mut self, number: u64) {
        let attempts = self.host.as_mut().map(|host| &mut host.attempts);
        let Some(attempt) = attempts.and_then(|attempts| attempts.get_mut(&number)) else {
            return;
        };
        attempt.settling = true;
        let early = std::mem::take(&mut attempt.delivered);
        let (claim, key) = (Arc::clone(&attempt.claim), attempt.key);
        let outcomes = early.iter().map(|it| (it.index, Recorded::Delivered));
        let settlement = Settlement {
            outcomes: outcomes.collect(),
            ..Settlement::default()
        };
        let finals = early
            .iter()
            .map(|it| (settling::name(it), Final::Delivered));
        let work = Work::Settle {
            key,
            finals: finals.collect(),
            attempt: Some(number),
            early,
        };
        self.settle_job(work, claim, settlement);
    }

    fn settle_job(&mut self, work: Work, claim: Arc<postern_spool::Claim>, settlement: Settlement) {
        self.job(work, |host| {
            let spool = Arc::clone(&host.spool);
            async move { Done::Settled(spool.settle(&claim, settlement).await) }
        });
    }

    /// A settlement has come to the disk, or has not.
    pub(crate) fn settled(&mut self, work: Work, ok: bool) {
        let Work::Settle {
            key,
            finals,
            attempt,
            early,
        } = work
        else {
            return;
        };
        if ok {
            for (name, state) in &finals {
                self.ledger.settles(key, name, *state);
            }
        }
        let Some(number) = attempt else { return };
        let attempts = self.host.as_mut().map(|host| &mut host.attempts);
        if let Some(attempt) = attempts.and_then(|attempts| attempts.get_mut(&number)) {
            attempt.settling = false;
            if !ok {
                attempt.delivered.extend(early);
            }
        }
        self.settle(number);
    }
}

fn refused(refusal: &postern_policy::Refusal, now: SystemTime) -> Failed {
    let permanent = !refusal.may_pass_later();
    let status = if permanent {
        refusal.final_status()
    } else {
        refusal.status()
    };
    Failed {
        permanent,
        failure: Failure::here(now, status, &refusal.to_string()),
    }
}

async fn read(claim: &postern_spool::Claim) -> Result<Bytes, postern_spool::SpoolError> {
    let mut reader = claim.content().reader();
    let mut content = Vec::new();
    while let Some(piece) = reader.next().await? {
        content.extend_from_slice(&piece);
    }
    Ok(content.into())
}
