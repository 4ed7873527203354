//! Any sequence of operations, held against a queue that is a map in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use postern_mail::QueueId;
use postern_spool::{Claim, LocalSpool, Outcome, RecipientState, Settings, Settlement, Spool};
use proptest::prelude::*;

use crate::common::{failure, read, settings, submission};

#[derive(Debug, Clone)]
enum Step {
    Accept {
        recipients: usize,
        octets: usize,
    },
    Claim {
        limit: usize,
    },
    /// Settles each recipient of an open claim by its own fate; the claim stays open.
    Settle {
        claim: usize,
        fates: Vec<Fate>,
    },
    EndClaim {
        claim: usize,
    },
    Hold {
        message: usize,
    },
    Release {
        message: usize,
    },
    Retry {
        message: usize,
    },
    Remove {
        message: usize,
    },
    Wait {
        minutes: u64,
    },
    Reopen,
}

#[derive(Debug, Clone, Copy)]
enum Fate {
    Delivered,
    Deferred { minutes: u64 },
    Postponed { minutes: u64 },
    Bounced { with_notice: bool },
    Undecided,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        3 => Just(Fate::Delivered),
        3 => (0..90u64).prop_map(|minutes| Fate::Deferred { minutes }),
        1 => (0..90u64).prop_map(|minutes| Fate::Postponed { minutes }),
        1 => any::<bool>().prop_map(|with_notice| Fate::Bounced { with_notice }),
        1 => Just(Fate::Undecided),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let any = 0..8usize;
    let fates = prop::collection::vec(fate(), 4);
    prop_oneof![
        5 => (1..4usize, 0..3000usize)
            .prop_map(|(recipients, octets)| Step::Accept { recipients, octets }),
        5 => (1..5usize).prop_map(|limit| Step::Claim { limit }),
        6 => (any.clone(), fates).prop_map(|(claim, fates)| Step::Settle { claim, fates }),
        4 => any.clone().prop_map(|claim| Step::EndClaim { claim }),
        1 => any.clone().prop_map(|message| Step::Hold { message }),
        1 => any.clone().prop_map(|message| Step::Release { message }),
        1 => any.clone().prop_map(|message| Step::Retry { message }),
        1 => any.prop_map(|message| Step::Remove { message }),
        2 => (1..60u64).prop_map(|minutes| Step::Wait { minutes }),
        1 => Just(Step::Reopen),
    ]
}

/// What a recipient is in the model: due at a time, or done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// Due since it came, or since somebody wanted it tried.
    AtOnce,
    At(SystemTime),
    Delivered,
    Bounced,
}

#[derive(Debug)]
struct Modelled {
    content: Bytes,
    recipients: Vec<Expected>,
    leased: BTreeSet<usize>,
    held: bool,
}

impl Modelled {
    fn new(content: Bytes, recipients: usize) -> Self {
        Self {
            content,
            recipients: vec![Expected::AtOnce; recipients],
            leased: BTreeSet::new(),
            held: false,
        }
    }

    fn due(&self, now: SystemTime) -> BTreeSet<usize> {
        let is_due = |at: &usize| match self.recipients[*at] {
            Expected::AtOnce => true,
            Expected::At(until) => until <= now,
            Expected::Delivered | Expected::Bounced => false,
        };
        let all = 0..self.recipients.len();
        let free = all.filter(|at| !self.held && !self.leased.contains(at));
        free.filter(is_due).collect()
    }

    fn waits(&self) -> bool {
        let waits = |state: &Expected| matches!(state, Expected::AtOnce | Expected::At(_));
        self.recipients.iter().any(waits)
    }
}

/// The queue and its model, step by step.
struct Pair {
    settings: Settings,
    spool: Option<LocalSpool>,
    claims: Vec<Claim>,
    model: BTreeMap<QueueId, Modelled>,
    now: SystemTime,
}

impl Pair {
    fn open(path: &Path) -> Self {
        // Half of the messages stay in memory, half are read from disk.
        let settings = Settings {
            fresh: 4000,
            ..settings(path)
        };
        let mut pair = Self {
            settings,
            spool: None,
            claims: Vec::new(),
            model: BTreeMap::new(),
            // Ahead of the clock that the queue reads, in whole milliseconds as it stores them.
            now: SystemTime::UNIX_EPOCH + Duration::from_secs(10_000_000_000),
        };
        pair.reopen();
        pair
    }

    fn reopen(&mut self) {
        self.claims.clear();
        self.spool = None;
        let opened = LocalSpool::open(&self.settings).unwrap();
        assert_eq!(opened.quarantined, []);
        self.spool = Some(opened.spool);
        for message in self.model.values_mut() {
            message.leased.clear();
        }
    }

    fn spool(&self) -> &LocalSpool {
        self.spool.as_ref().unwrap()
    }

    fn nth(&self, number: usize) -> Option<QueueId> {
        let count = self.model.len().max(1);
        self.model.keys().nth(number % count).copied()
    }

    async fn take(&mut self, step: &Step) {
        match step {
            Step::Accept { recipients, octets } => self.accept(*recipients, *octets).await,
            Step::Claim { limit } => self.claim(*limit).await,
            Step::Settle { claim, fates } => self.settle(*claim, fates).await,
            Step::EndClaim { claim } => self.end_claim(*claim),
            Step::Hold { message } => {
                if let Some(id) = self.nth(*message) {
                    self.spool().hold(id, "held").await.unwrap();
                    self.model.get_mut(&id).unwrap().held = true;
                }
            }
            Step::Release { message } => {
                if let Some(id) = self.nth(*message) {
                    self.spool().release(id).await.unwrap();
                    self.model.get_mut(&id).unwrap().held = false;
                }
            }
            Step::Retry { message } => {
                if let Some(id) = self.nth(*message) {
                    self.spool().retry(id).await.unwrap();
                    for state in &mut self.model.get_mut(&id).unwrap().recipients {
                        if let Expected::At(_) = state {
                            *state = Expected::AtOnce;
                        }
                    }
                }
            }
            Step::Remove { message } => {
                if let Some(id) = self.nth(*message) {
                    self.spool().remove(id).await.unwrap();
                    self.model.remove(&id);
                }
            }
            Step::Wait { minutes } => self.now += Duration::from_secs(60 * minutes),
            Step::Reopen => self.reopen(),
        }
    }

    async fn accept(&mut self, recipients: usize, octets: usize) {
        let names = ["a@x.example", "b@y.example", "c@z.example"];
        let content = Bytes::from(vec![b'x'; octets]);
        let submission = submission(&names[..recipients], content.clone());
        let id = self.spool().accept(submission).await.unwrap();
        let before = self.model.insert(id, Modelled::new(content, recipients));
        assert!(before.is_none(), "an id is used once");
    }

    async fn claim(&mut self, limit: usize) {
        let due: BTreeMap<_, _> = self
            .model
            .iter()
            .map(|(id, message)| (*id, message.due(self.now)))
            .filter(|(_, due)| !due.is_empty())
            .collect();
        let next_due = self.spool().next_due();
        assert_eq!(next_due.is_some_and(|at| at <= self.now), !due.is_empty());
        let claims = self.spool().claim(self.now, limit).await.unwrap();
        assert_eq!(claims.len(), due.len().min(limit));
        for claim in claims {
            let indexes = claim.recipients().iter().map(|due| due.index.as_usize());
            let claimed: BTreeSet<_> = indexes.collect();
            assert_eq!(Some(&claimed), due.get(&claim.id()));
            let message = self.model.get_mut(&claim.id()).unwrap();
            assert_eq!(read(claim.content()).await, message.content);
            message.leased.extend(claimed);
            self.claims.push(claim);
        }
    }

    async fn settle(&mut self, claim: usize, fates: &[Fate]) {
        let Some(claim) = self.claims.get(claim) else {
            return;
        };
        let mut settlement = Settlement::default();
        let mut notices = 0;
        for (due, fate) in claim.recipients().iter().zip(fates) {
            let failure = failure("as the model wants it");
            let outcome = match fate {
                Fate::Delivered => Outcome::Delivered,
                Fate::Deferred { minutes } => Outcome::Deferred {
                    until: self.now + Duration::from_secs(60 * minutes),
                    failure,
                },
                Fate::Postponed { minutes } => Outcome::Postponed {
                    until: self.now + Duration::from_secs(60 * minutes),
                },
                Fate::Bounced { with_notice } => {
                    notices += usize::from(*with_notice);
                    Outcome::Bounced { failure }
                }
                Fate::Undecided => continue,
            };
            settlement.outcomes.push((due.index, outcome));
        }
        let notice = || submission(&["jo@sender.example"], "notice");
        settlement.submissions = (0..notices).map(|_| notice()).collect();
        let outcomes = settlement.outcomes.clone();
        let settled = self.spool().settle(claim, settlement).await.unwrap();
        let id = claim.id();
        let Some(message) = self.model.get_mut(&id) else {
            assert_eq!((settled.waiting, settled.submitted.len()), (0, 0));
            return;
        };
        for (index, outcome) in outcomes {
            let state = &mut message.recipients[index.as_usize()];
            if let Expected::AtOnce | Expected::At(_) = state {
                *state = match outcome {
                    Outcome::Delivered => Expected::Delivered,
                    Outcome::Deferred { until, .. } | Outcome::Postponed { until } => {
                        Expected::At(until)
                    }
                    Outcome::Bounced { .. } => Expected::Bounced,
                };
            }
        }
        assert_eq!(settled.waiting > 0, message.waits());
        if !message.waits() {
            self.model.remove(&id);
        }
        for id in settled.submitted {
            self.model.insert(id, Modelled::new("notice".into(), 1));
        }
    }

    fn end_claim(&mut self, claim: usize) {
        if claim < self.claims.len() {
            let claim = self.claims.remove(claim);
            if let Some(message) = self.model.get_mut(&claim.id()) {
                for due in claim.recipients() {
                    message.leased.remove(&due.index.as_usize());
                }
            }
        }
    }

    /// Everything that can be seen from outside is as in the model.
    async fn compare(&self) {
        let figures = self.spool().figures();
        assert_eq!(figures.messages, self.model.len() as u64);
        let held = self.model.values().filter(|message| message.held).count();
        assert_eq!(figures.held, held as u64);
        let leased = |message: &&Modelled| !message.leased.is_empty();
        let claimed = self.model.values().filter(leased).count();
        assert_eq!(figures.claimed, claimed as u64);
        for (id, expected) in &self.model {
            let seen = self.spool().get(*id).await.unwrap().unwrap();
            assert_eq!(seen.hold.is_some(), expected.held);
            assert_eq!(seen.octets, expected.content.len() as u64);
            for (progress, expected) in seen.progress.iter().zip(&expected.recipients) {
                let as_expected = match (progress.state, expected) {
                    (RecipientState::Waiting { next_attempt }, Expected::At(until)) => {
                        next_attempt == *until
                    }
                    (RecipientState::Waiting { next_attempt }, Expected::AtOnce) => {
                        next_attempt <= SystemTime::now()
                    }
                    (RecipientState::Delivered, Expected::Delivered)
                    | (RecipientState::Bounced, Expected::Bounced) => true,
                    _ => false,
                };
                assert!(as_expected, "{id}: {progress:?} is not {expected:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_queue_is_its_model(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let mut pair = Pair::open(directory.path());
            for step in &steps {
                pair.take(step).await;
                pair.compare().await;
            }
            pair.reopen();
            pair.compare().await;
        });
    }
}
