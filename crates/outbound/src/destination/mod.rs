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
//! holds what is likely to be done in two seconds, and always as much as the destination may
//! have connections. What finds it full goes back to the queue, and so does, when others need
//! the room, what was in line before a destination became slow.

mod line;
mod post;
mod speed;
pub(crate) mod state;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use postern_mail::{Host, NextHop};
use postern_policy::PoolKey;
use tokio::time::Instant;

pub(crate) use self::post::Post;
use self::{line::Line, state::DestinationState};
use crate::job::Job;

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

/// All lines there are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Destinations {
    open: Arc<Mutex<HashMap<Key, Arc<Line>>>>,
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
        Enqueued::WorkerDue(Post::new(self, line))
    }

    /// The destinations that have workers now.
    pub(crate) fn states(&self) -> Vec<DestinationState> {
        let open = lock(&self.open);
        let mut states: Vec<_> = open.values().map(|line| line.shown()).collect();
        states.sort_by(|one, other| one.hops.cmp(&other.hops));
        states
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
}

/// No code that holds one of these locks can panic half-way through a change, so what a
/// poisoned lock guards is sound.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(crate) mod tests;
