//! Whose job is next: senders take turns, and fresh mail goes before what was tried before.
//!
//! A line is short, so turns alone would be worth little: who sends ten thousand messages at a
//! time would fill it, and whoever sends one would find it full. Therefore the sender with most
//! jobs in a full line gives one place to whoever has less. In the same way fresh mail displaces
//! what was tried before, of which a fifth of the places remains: neither of them can keep the
//! other out for good.
//!
//! A sender is the domain of the reverse-path that the message came with; all notices are one.

use std::collections::{HashMap, VecDeque};

use postern_mail::Domain;

use crate::job::Job;

/// So many fresh jobs are taken for one that was tried before, where there are both.
const FRESH_FOR_ONE_RETRY: usize = 4;

/// The jobs in a line.
#[derive(Debug, Default)]
pub(super) struct Turns {
    fresh: Round,
    again: Round,
    /// How many fresh jobs were taken since one that was tried before.
    fresh_taken: usize,
}

/// Jobs by sender.
#[derive(Debug, Default)]
struct Round {
    jobs: HashMap<Sender, VecDeque<Job>>,
    /// Each sender that has jobs, once: the first is next.
    order: VecDeque<Sender>,
    count: usize,
}

type Sender = Option<Domain>;

impl Turns {
    pub(super) fn len(&self) -> usize {
        self.fresh.count + self.again.count
    }

    /// Puts a job behind those of its sender.
    pub(super) fn push(&mut self, job: Job) {
        self.round_of(&job).push(job);
    }

    /// Puts a job back that was taken.
    pub(super) fn put_back(&mut self, job: Job) {
        self.round_of(&job).put_back(job);
    }

    /// The next job.
    pub(super) fn take(&mut self) -> Option<Job> {
        let retry_is_due = self.fresh_taken >= FRESH_FOR_ONE_RETRY && self.again.count > 0;
        if !retry_is_due && let Some(job) = self.fresh.take() {
            self.fresh_taken += 1;
            return Some(job);
        }
        self.fresh_taken = 0;
        self.again.take()
    }

    /// Takes the job out that is to give its place in a full line to this one; nothing where
    /// this one has no better right to it.
    pub(super) fn displace(&mut self, by: &Job) -> Option<Job> {
        let share = self.len() / (FRESH_FOR_ONE_RETRY + 1);
        match is_fresh(by) {
            true if self.again.count > share => self.again.drop_last(),
            true => self.fresh.displace(by),
            false if self.again.count < share => self.fresh.drop_last(),
            false => self.again.displace(by),
        }
    }

    /// Takes out the job that has least right to its place.
    pub(super) fn drop_last(&mut self) -> Option<Job> {
        let share = self.len() / (FRESH_FOR_ONE_RETRY + 1);
        if self.again.count > share || self.fresh.count == 0 {
            self.again.drop_last()
        } else {
            self.fresh.drop_last()
        }
    }

    /// All jobs.
    pub(super) fn take_all(&mut self) -> Vec<Job> {
        std::iter::from_fn(|| self.take()).collect()
    }

    fn round_of(&mut self, job: &Job) -> &mut Round {
        match is_fresh(job) {
            true => &mut self.fresh,
            false => &mut self.again,
        }
    }
}

impl Round {
    fn push(&mut self, job: Job) {
        let sender = sender_of(&job);
        let jobs = self.jobs.entry(sender.clone()).or_default();
        if jobs.is_empty() {
            self.order.push_back(sender);
        }
        jobs.push_back(job);
        self.count += 1;
    }

    fn put_back(&mut self, job: Job) {
        let sender = sender_of(&job);
        let jobs = self.jobs.entry(sender.clone()).or_default();
        if jobs.is_empty() {
            self.order.push_front(sender);
        }
        jobs.push_front(job);
        self.count += 1;
    }

    fn take(&mut self) -> Option<Job> {
        let sender = self.order.pop_front()?;
        let jobs = self.jobs.get_mut(&sender)?;
        let job = jobs.pop_front()?;
        self.count -= 1;
        if jobs.is_empty() {
            self.jobs.remove(&sender);
        } else {
            self.order.push_back(sender);
        }
        Some(job)
    }

    /// The last job of the sender who has most, where that is more than `by`'s would have.
    fn displace(&mut self, by: &Job) -> Option<Job> {
        let own = self.jobs.get(&sender_of(by)).map_or(0, VecDeque::len);
        let most = self.jobs.values().map(VecDeque::len).max()?;
        if most <= own + 1 {
            return None;
        }
        self.drop_last()
    }

    fn drop_last(&mut self) -> Option<Job> {
        let most = self.jobs.iter().max_by_key(|(_, jobs)| jobs.len());
        let sender = most.map(|(sender, _)| sender.clone())?;
        let jobs = self.jobs.get_mut(&sender)?;
        let job = jobs.pop_back()?;
        self.count -= 1;
        if jobs.is_empty() {
            self.jobs.remove(&sender);
            self.order.retain(|other| *other != sender);
        }
        Some(job)
    }
}

fn sender_of(job: &Job) -> Sender {
    job.part().claim.envelope().reverse_path.domain().cloned()
}

fn is_fresh(job: &Job) -> bool {
    let mut recipients = job.part().recipients.iter();
    recipients.all(|claimed| claimed.attempts == 0)
}
