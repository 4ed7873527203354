//! Jobs in line for a destination, and the workers that serve the line.
//!
//! A destination is a next hop together with what a connection to it is made for
//! ([`PoolKey`]): jobs of one line may share connections. A line gets a worker for each job
//! until it has as many as it may have; a worker holds one connection, serves job after job over
//! it, and goes when no job has come for a while. A destination without workers is forgotten.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use postern_mail::{Domain, Host, NextHop};
use postern_policy::PoolKey;
use tokio::sync::{Notify, mpsc};

use crate::{attempt::Outcome, part::Part};

/// The most jobs in one line. What comes beyond waits in the queue instead: a destination that
/// hangs must not hold all the messages that may be under way.
const LONGEST_LINE: usize = 200;

/// What tells one destination from another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// Where connections go.
    pub(crate) hops: Hops,
    /// What they are made for.
    pub(crate) pool: PoolKey,
}

/// Where connections go.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Hops {
    /// To next hops that the configuration fixes.
    Fixed(Vec<NextHop>),
    /// To the MX hosts of a domain, or to an address.
    Found(Host),
}

impl std::fmt::Display for Hops {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Found(Host::Domain(domain)) => write_mx(f, domain),
            Self::Found(literal @ Host::Literal(_)) => literal.fmt(f),
            Self::Fixed(hops) => {
                for (at, hop) in hops.iter().enumerate() {
                    write!(f, "{}{hop}", if at == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
        }
    }
}

fn write_mx(f: &mut std::fmt::Formatter<'_>, domain: &Domain) -> std::fmt::Result {
    write!(f, "MX of {domain}")
}

/// A part of a message that goes to one destination.
#[derive(Debug)]
pub(crate) struct Job {
    /// What is to be delivered to whom.
    pub(crate) part: Arc<Part>,
    /// Where the outcomes go, in the order of the part's recipients.
    pub(crate) done: mpsc::Sender<(Arc<Part>, Vec<Outcome>)>,
}

impl Job {
    /// Reports what it came to. Whoever waited may be gone when the daemon stops; the queue
    /// then knows of no outcome, and the recipients are tried again.
    pub(crate) async fn finish(self, outcomes: Vec<Outcome>) {
        let Self { part, done } = self;
        let _nobody_waits = done.send((part, outcomes)).await;
    }
}

/// All lines there are.
#[derive(Debug, Default)]
pub(crate) struct Destinations {
    open: Mutex<HashMap<Key, Arc<Line>>>,
}

/// The jobs for one destination.
#[derive(Debug)]
pub(crate) struct Line {
    key: Key,
    state: Mutex<LineState>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct LineState {
    waiting: VecDeque<Job>,
    workers: usize,
    idle: usize,
}

/// What became of a job that was to be put in line.
#[derive(Debug)]
pub(crate) enum Enqueued {
    /// A worker that is there will take it.
    InLine,
    /// It is in line, and a further worker is to be started for this line.
    WorkerDue(Arc<Line>),
    /// The line is full.
    Full(Job),
}

impl Destinations {
    /// Puts a job in line.
    pub(crate) fn enqueue(&self, key: Key, job: Job, most_workers: usize) -> Enqueued {
        let mut open = lock(&self.open);
        let line = open
            .entry(key.clone())
            .or_insert_with(|| Arc::new(Line::new(key)));
        let mut state = lock(&line.state);
        if state.waiting.len() >= LONGEST_LINE {
            return Enqueued::Full(job);
        }
        state.waiting.push_back(job);
        if state.idle >= state.waiting.len() || state.workers >= most_workers {
            line.arrived.notify_one();
            return Enqueued::InLine;
        }
        state.workers += 1;
        drop(state);
        Enqueued::WorkerDue(Arc::clone(line))
    }

    /// How many destinations have workers now.
    pub(crate) fn len(&self) -> usize {
        lock(&self.open).len()
    }

    /// The next job of `line` for a worker, or nothing when none has come for `patience`: the
    /// worker is then counted out.
    pub(crate) async fn next_job(&self, line: &Line, patience: Duration) -> Option<Job> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            // Enabled before looking, so that a job that comes in between wakes it.
            let arrived = line.arrived.notified();
            match line.take_or_idle() {
                Some(job) => return Some(job),
                None => {
                    let woken = tokio::time::timeout_at(deadline, arrived).await;
                    lock(&line.state).idle -= 1;
                    if woken.is_err() {
                        return self.take_or_leave(line);
                    }
                }
            }
        }
    }

    /// The next job of `line` for a worker that will not wait for one, or nothing: the worker
    /// is then counted out.
    pub(crate) fn leave(&self, line: &Line) -> Option<Job> {
        self.take_or_leave(line)
    }

    /// Takes all jobs of a line, for a worker that has found the destination unreachable.
    pub(crate) fn drain(line: &Line) -> VecDeque<Job> {
        std::mem::take(&mut lock(&line.state).waiting)
    }

    fn take_or_leave(&self, line: &Line) -> Option<Job> {
        let mut open = lock(&self.open);
        let mut state = lock(&line.state);
        if let Some(job) = state.waiting.pop_front() {
            return Some(job);
        }
        state.workers -= 1;
        if state.workers == 0 {
            open.remove(&line.key);
        }
        None
    }
}

impl Line {
    fn new(key: Key) -> Self {
        Self {
            key,
            state: Mutex::default(),
            arrived: Notify::new(),
        }
    }

    /// Where its connections go.
    pub(crate) fn hops(&self) -> &Hops {
        &self.key.hops
    }

    fn take_or_idle(&self) -> Option<Job> {
        let mut state = lock(&self.state);
        let job = state.waiting.pop_front();
        if job.is_none() {
            state.idle += 1;
        }
        job
    }
}

/// No code that holds one of these locks can panic half-way through a change, so what a
/// poisoned lock guards is sound.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
