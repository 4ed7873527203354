//! The jobs in line for one destination.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
};

use tokio::{sync::Notify, time::Instant};

use super::{Key, lock, speed::Speed, state::DestinationState};
use crate::job::Job;

/// The jobs for one destination.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) key: Key,
    pub(super) state: Mutex<LineState>,
    /// Wakes a worker for each job.
    pub(super) arrived: Notify,
}

#[derive(Debug, Default)]
pub(super) struct LineState {
    pub(super) waiting: VecDeque<Job>,
    pub(super) workers: usize,
    /// Workers that wait for a job.
    idle: usize,
    /// Workers whose connection stands.
    pub(super) standing: usize,
    pub(super) speed: Speed,
    /// Until when there are enough workers, because the destination refused one more.
    pub(super) enough_until: Option<Instant>,
}

impl Line {
    pub(super) fn new(key: Key) -> Self {
        Self {
            key,
            state: Mutex::default(),
            arrived: Notify::new(),
        }
    }

    pub(super) fn shown(&self) -> DestinationState {
        let state = lock(&self.state);
        DestinationState {
            hops: self.key.hops.to_string(),
            connections: state.standing,
            allowed: state.workers,
            in_line: state.waiting.len(),
            pace: None,
            down: None,
        }
    }

    /// The next job, or a worker that waits for one.
    pub(super) fn take_or_idle(&self) -> Result<Job, Idle<'_>> {
        let mut state = lock(&self.state);
        state.take().ok_or_else(|| {
            state.idle += 1;
            Idle(self)
        })
    }
}

impl LineState {
    /// The next job.
    pub(super) fn take(&mut self) -> Option<Job> {
        let job = self.waiting.pop_front()?;
        self.speed.begin(Instant::now());
        Some(job)
    }

    /// How many jobs the line may hold.
    pub(super) fn longest(&self, connections: usize, now: Instant) -> usize {
        let prospect = self.speed.prospect(connections, now);
        connections.max(prospect).max(1)
    }

    /// How many further workers the jobs in line are worth.
    pub(super) fn workers_due(&self, connections: usize, now: Instant) -> usize {
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

    /// Counts a worker out, and forgets a line that has none left.
    pub(super) fn leave(&mut self, open: &mut HashMap<Key, Arc<Line>>, key: &Key) {
        self.workers -= 1;
        if self.workers == 0 {
            open.remove(key);
        }
    }
}

/// A worker that waits for a job, for as long as it does.
pub(super) struct Idle<'a>(&'a Line);

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).idle -= 1;
    }
}
