//! Jobs in line for a destination, and the workers that serve the line.
//!
//! A destination is a next hop together with what a connection to it is made for
//! ([`PoolKey`]): jobs of one line may share connections. A worker has a [`Post`] at a line,
//! holds one connection, serves job after job over it, and goes when no job has come for a
//! while. A destination without workers is forgotten.
//!
//! A destination proves itself first. One worker connects; only when its connection *stands*
//! are more workers sent, and when a further connection is refused while others stand, these
//! get the work: a host that grants five connections is a good host. What is told of a host
//! that cannot be reached is told of everything in line for it.
//!
//! Messages under way are bounded in number, and a slow destination must not use them up. A line
//! is as long as what was finished in two seconds, and no shorter than the destination has
//! connections. What finds it full goes back to the queue, and so does, when others need the
//! room, what was in line before a destination became slow.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use postern_mail::{Domain, Host, NextHop};
use postern_policy::PoolKey;
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use crate::{job::Job, pace::Pace};

/// How many seconds' work a line may hold. A worker must not run out of jobs while the queue is
/// asked for more.
const SECONDS_IN_LINE: usize = 2;

/// How long no further connection is tried after a destination refused one while others stood.
const GRANTED: Duration = Duration::from_secs(30);

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

/// All lines there are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Destinations {
    open: Arc<Mutex<HashMap<Key, Arc<Line>>>>,
}

/// The jobs for one destination.
#[derive(Debug)]
struct Line {
    key: Key,
    state: Mutex<LineState>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct LineState {
    waiting: VecDeque<Job>,
    workers: usize,
    /// Workers that wait for a job.
    idle: usize,
    /// Workers whose connection stands.
    standing: usize,
    pace: Pace,
    /// Until when there are enough workers, because the destination refused one more.
    enough_until: Option<Instant>,
}

/// What became of a job that was to be put in line.
#[derive(Debug)]
pub(crate) enum Enqueued {
    /// A worker that is there will take it.
    InLine,
    /// It is in line, and somebody is to be sent to this post.
    WorkerDue(Post),
    /// The line is full.
    Full(Job),
}

impl Destinations {
    /// Puts a job in line for a destination that may have so many connections.
    pub(crate) fn enqueue(&self, key: Key, job: Job, connections: usize) -> Enqueued {
        let now = Instant::now();
        let mut open = lock(&self.open);
        let line = open
            .entry(key.clone())
            .or_insert_with(|| Arc::new(Line::new(key)));
        let mut state = lock(&line.state);
        if state.waiting.len() >= state.longest(connections, now) {
            return Enqueued::Full(job);
        }
        state.waiting.push_back(job);
        if state.workers_due(connections, now) == 0 {
            line.arrived.notify_one();
            return Enqueued::InLine;
        }
        state.workers += 1;
        drop(state);
        Enqueued::WorkerDue(self.post(line))
    }

    /// How many destinations have workers now.
    pub(crate) fn len(&self) -> usize {
        lock(&self.open).len()
    }

    /// Takes out of all lines what they should not hold.
    pub(crate) fn shed(&self, connections: usize) -> Vec<Job> {
        let now = Instant::now();
        let mut shed = Vec::new();
        for line in lock(&self.open).values() {
            let mut state = lock(&line.state);
            let longest = state.longest(connections, now);
            if state.waiting.len() > longest {
                shed.extend(state.waiting.split_off(longest));
            }
        }
        shed
    }

    fn post(&self, line: &Arc<Line>) -> Post {
        Post {
            destinations: self.clone(),
            line: Arc::clone(line),
            stands: false,
            left: false,
        }
    }
}

impl LineState {
    /// How many jobs the line may hold.
    fn longest(&mut self, connections: usize, now: Instant) -> usize {
        let by_pace = self.pace.per_second(now).saturating_mul(SECONDS_IN_LINE);
        connections.max(by_pace).max(1)
    }

    /// How many further workers the jobs in line are worth.
    fn workers_due(&self, connections: usize, now: Instant) -> usize {
        let most = if self.standing == 0 {
            1
        } else if self.enough_until.is_some_and(|until| now < until) {
            self.workers
        } else {
            connections
        };
        let unattended = self.waiting.len().saturating_sub(self.idle);
        unattended.min(most.saturating_sub(self.workers))
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

    fn take_or_idle(&self) -> Result<Job, Idle<'_>> {
        let mut state = lock(&self.state);
        state.waiting.pop_front().ok_or_else(|| {
            state.idle += 1;
            Idle(self)
        })
    }
}

/// A worker that waits for a job, for as long as it does.
struct Idle<'a>(&'a Line);

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).idle -= 1;
    }
}

/// A worker's place at a line. Dropped, it is given up, however the worker has ended.
#[derive(Debug)]
pub(crate) struct Post {
    destinations: Destinations,
    line: Arc<Line>,
    stands: bool,
    left: bool,
}

impl Post {
    /// Where connections go.
    pub(crate) fn hops(&self) -> &Hops {
        &self.line.key.hops
    }

    /// The next job, or nothing when none has come for `patience`: the post is then given up.
    pub(crate) async fn next_job(&mut self, patience: Duration) -> Option<Job> {
        let deadline = Instant::now() + patience;
        let line = Arc::clone(&self.line);
        loop {
            let mut arrived = std::pin::pin!(line.arrived.notified());
            // Enabled before looking, so that a job that comes in between wakes it.
            arrived.as_mut().enable();
            let idle = match line.take_or_idle() {
                Ok(job) => return Some(job),
                Err(idle) => idle,
            };
            let woken = timeout_at(deadline, arrived).await;
            drop(idle);
            if woken.is_err() {
                return self.take_or_leave();
            }
        }
    }

    /// Notes that a connection stands, and returns the posts that somebody is to be sent to now.
    pub(crate) fn stands(&mut self, connections: usize) -> Vec<Self> {
        let mut state = lock(&self.line.state);
        if !self.stands {
            self.stands = true;
            state.standing += 1;
        }
        let due = state.workers_due(connections, Instant::now());
        state.workers += due;
        (0..due)
            .map(|_| self.destinations.post(&self.line))
            .collect()
    }

    /// Notes that a job was finished.
    pub(crate) fn moved(&self) {
        lock(&self.line.state).pace.count(Instant::now());
    }

    /// Notes that no connection stands.
    pub(crate) fn fell(&mut self) {
        if std::mem::take(&mut self.stands) {
            lock(&self.line.state).standing -= 1;
        }
    }

    /// Gives the post up and `job` to those whose connection stands. Where there is nobody, the
    /// job comes back with all others in line: what is wrong with the destination is wrong for
    /// them too.
    pub(crate) fn give_way(&mut self, job: Job) -> Result<(), VecDeque<Job>> {
        self.fell();
        let mut state = lock(&self.line.state);
        state.waiting.push_front(job);
        if state.standing == 0 {
            return Err(std::mem::take(&mut state.waiting));
        }
        state.enough_until = Some(Instant::now() + GRANTED);
        state.workers -= 1;
        self.left = true;
        drop(state);
        self.line.arrived.notify_one();
        Ok(())
    }

    /// A job that is in line already, or nothing: the post is then given up.
    pub(crate) fn take_or_leave(&mut self) -> Option<Job> {
        let mut open = lock(&self.destinations.open);
        let mut state = lock(&self.line.state);
        let job = state.waiting.pop_front();
        if job.is_none() {
            self.left = true;
            state.leave(&mut open, &self.line.key);
        }
        job
    }
}

impl LineState {
    fn leave(&mut self, open: &mut HashMap<Key, Arc<Line>>, key: &Key) {
        self.workers -= 1;
        if self.workers == 0 {
            open.remove(key);
        }
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        self.fell();
        if self.left {
            return;
        }
        let abandoned = {
            let mut open = lock(&self.destinations.open);
            let mut state = lock(&self.line.state);
            state.leave(&mut open, &self.line.key);
            match state.workers {
                0 => std::mem::take(&mut state.waiting),
                _ => VecDeque::new(),
            }
        };
        drop(abandoned); // each reports that it was lost
        self.line.arrived.notify_one();
    }
}

/// No code that holds one of these locks can panic half-way through a change, so what a
/// poisoned lock guards is sound.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
