//! What a worker does at its line.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::time::{Instant, timeout_at};

use super::{Destinations, Hops, line::Line, lock};
use crate::job::Job;

/// How long no further connection is tried after a destination refused one while others stood.
const GRANTED: Duration = Duration::from_secs(30);

/// A worker's place at a line. Dropped, it is given up, however the worker has ended.
#[derive(Debug)]
pub(crate) struct Post {
    destinations: Destinations,
    line: Arc<Line>,
    stands: bool,
    left: bool,
}

impl Post {
    pub(super) fn new(destinations: &Destinations, line: &Arc<Line>) -> Self {
        Self {
            destinations: destinations.clone(),
            line: Arc::clone(line),
            stands: false,
            left: false,
        }
    }

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
            .map(|_| Self::new(&self.destinations, &self.line))
            .collect()
    }

    /// Notes that a job was finished that was begun then.
    pub(crate) fn finished(&self, began: Instant) {
        let mut state = lock(&self.line.state);
        state.speed.finish(began, Instant::now());
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
        if state.standing == 0 || state.workers == 1 {
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
        let job = state.take();
        if job.is_none() {
            // A connection that is about to be closed is nobody's to rely on.
            state.standing -= usize::from(std::mem::take(&mut self.stands));
            state.leave(&mut open, &self.line.key);
            self.left = true;
        }
        job
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
