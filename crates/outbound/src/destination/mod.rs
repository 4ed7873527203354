//! Jobs in line for a destination, and the workers that serve the line.
//!
//! A destination is a next hop together with what a connection to it is made for
//! ([`PoolKey`]): jobs of one line may share connections. A worker has a [`Post`] at a line,
//! holds one connection, serves job after job over it, and goes when no job has come for a
//! while. A destination without workers is forgotten, but for what [`memory`] keeps of it: that
//! it could not be reached, and how fast it was given mail.
//!
//! A destination proves itself first. One worker connects; only when its connection *stands*
//! are more workers sent, as many as its [`window`] allows, and when a further connection is
//! refused while others stand, these get the work: a host that grants five connections is a good
//! host. What is told of a host that cannot be reached is told of everything in line for it.
//!
//! Messages under way are bounded in number, and a slow destination must not use them up. A line
//! holds what is likely to be done in two seconds, and always as much as the destination may
//! have connections, unless its rate is limited to less. What finds it full goes back to the
//! queue, and so does, when others need the room, what was in line before a destination became
//! slow. Within a line senders take [`turns`].

mod bucket;
mod line;
mod memory;
mod post;
mod speed;
pub(crate) mod state;
mod turns;
mod window;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use postern_mail::{Host, NextHop};
use postern_policy::PoolKey;
use tokio::time::Instant;

use self::{line::Line, memory::Memory, state::DestinationState};
pub(crate) use self::{
    memory::Told,
    post::{Post, Stands},
};
use crate::{
    attempt::Weight,
    job::{CameTo, Job},
};

/// What tells one destination from another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// Where connections go.
    pub(crate) hops: Hops,
    /// What they are made for.
    pub(crate) pool: PoolKey,
    /// Whether the peer must offer REQUIRETLS. A peer that does not is told of as failing to all
    /// in line, so those who can do without are in another one.
    pub(crate) needs_requiretls: bool,
}

/// Where connections go.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Hops {
    /// To next hops that the configuration fixes.
    Fixed(Vec<NextHop>),
    /// To the MX hosts of a domain, or to an address.
    Found(Host),
}

impl fmt::Display for Hops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found(Host::Domain(domain)) => write!(f, "MX of {domain}"),
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

/// All lines there are, and what is known of other destinations.
#[derive(Debug, Clone, Default)]
pub(crate) struct Destinations {
    inner: Arc<Mutex<Inner>>,
}

/// Locked before the state of a line, where both are.
#[derive(Debug, Default)]
struct Inner {
    open: HashMap<Key, Arc<Line>>,
    memory: Memory,
}

/// What became of a job that was to be put in line.
#[derive(Debug)]
pub(crate) enum Enqueued {
    /// A worker that is there will take it.
    InLine,
    /// It is in line, and somebody is to be sent to this post.
    WorkerDue(Post),
    /// The line is full, and likely to have room for it after this long, where that is known.
    Full(Job, Option<Duration>),
    /// The destination could not be reached, and this is no time to look again.
    Down(Job, Told),
}

impl Destinations {
    /// Puts a job in line for a destination. Another job may lose its place for it.
    pub(crate) fn enqueue(&self, key: &Key, job: Job) -> Enqueued {
        let now = Instant::now();
        let mut all = lock(&self.inner);
        if let Some(told) = all.memory.advise(key, job.part(), now) {
            return Enqueued::Down(job, told);
        }
        let line = all.line(key, &job, now);
        let mut state = lock(&line.state);
        state.pace = job.part().pace;
        if state.waiting.len() >= state.longest(now) {
            let after = state.absence(now);
            let Some(displaced) = state.waiting.displace(&job) else {
                if state.workers == 0 {
                    state.close(&mut all, key);
                }
                return Enqueued::Full(job, after);
            };
            state.waiting.push(job);
            drop(state);
            drop(all);
            displaced.finish(CameTo::Crowded { after });
            return Enqueued::InLine;
        }
        state.waiting.push(job);
        if state.workers_due() == 0 {
            line.arrived.notify_one();
            return Enqueued::InLine;
        }
        state.workers += 1;
        drop(state);
        Enqueued::WorkerDue(Post::new(self, &line))
    }

    /// Forgets which destinations could not be reached, of those that `which` is true for, and
    /// returns whose mail waits for them.
    pub(crate) fn forget(
        &self,
        which: impl Fn(&Hops, Weight) -> bool,
    ) -> Vec<postern_mail::Domain> {
        lock(&self.inner).memory.forget(which)
    }

    /// The destinations that have workers now, and those that could not be reached.
    pub(crate) fn states(&self) -> Vec<(Hops, DestinationState)> {
        let mut all = lock(&self.inner);
        let Inner { open, memory } = &mut *all;
        let lines = open.iter().map(|(key, line)| (key.clone(), line.shown()));
        let mut states: HashMap<Key, DestinationState> = lines.collect();
        for (key, down) in memory.down(Instant::now()) {
            let state = states.entry(key.clone());
            let state = state.or_insert_with(|| DestinationState::unserved(&key.hops));
            state.down = Some(down);
        }
        let states = states.into_iter();
        states.map(|(key, state)| (key.hops, state)).collect()
    }

    /// How many destinations have workers now.
    pub(crate) fn len(&self) -> usize {
        lock(&self.inner).open.len()
    }

    /// Takes out of all lines what they should not hold.
    pub(crate) fn shed(&self) -> Vec<Job> {
        let now = Instant::now();
        let all = lock(&self.inner);
        let lines = all.open.values();
        lines.flat_map(|line| line::shed(line, now)).collect()
    }
}

impl Inner {
    fn line(&mut self, key: &Key, job: &Job, now: Instant) -> Arc<Line> {
        if let Some(line) = self.open.get(key) {
            return Arc::clone(line);
        }
        let bucket = self.memory.bucket(key, now);
        let line = Arc::new(Line::new(key.clone(), job.part().pace, bucket));
        self.open.insert(key.clone(), Arc::clone(&line));
        line
    }
}

/// No code that holds one of these locks can panic half-way through a change, so what a
/// poisoned lock guards is sound.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(crate) mod tests;
