//! What a worker does at its line.

use std::{sync::Arc, time::Duration};

use postern_mail::Domain;
use tokio::time::{Instant, timeout_at};

use super::{
    Destinations, Hops,
    line::{Found, Line},
    lock,
};
use crate::{attempt::FailedAttempt, job::Job};

/// A worker's place at a line. Dropped, it is given up, however the worker has ended.
#[derive(Debug)]
pub(crate) struct Post {
    destinations: Destinations,
    line: Arc<Line>,
    stands: bool,
    left: bool,
}

/// What follows from a connection that stands.
#[derive(Debug)]
pub(crate) struct Stands {
    /// Where somebody is to be sent to now.
    pub(crate) posts: Vec<Post>,
    /// Whose mail has waited for it.
    pub(crate) awaited_by: Vec<Domain>,
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

    /// The next job, or nothing when none has come for `patience`, or others serve the line well
    /// enough: the post is then given up.
    pub(crate) async fn next_job(&mut self, patience: Duration) -> Option<Job> {
        let deadline = Instant::now() + patience;
        let line = Arc::clone(&self.line);
        loop {
            let mut arrived = std::pin::pin!(line.arrived.notified());
            // Enabled before looking, so that a job that comes in between wakes it.
            arrived.as_mut().enable();
            let idle = match line.look(self.stands) {
                Found::Job(job) => return Some(*job),
                Found::Nothing(idle) => idle,
                Found::TooMany => {
                    self.stands = false;
                    self.left = true;
                    line.arrived.notify_one(); // it may have been woken for a job
                    return None;
                }
            };
            // Without patience there is no waiting, not even for the tick of a timer.
            let woken = !patience.is_zero() && timeout_at(deadline, arrived).await.is_ok();
            drop(idle);
            if !woken {
                return self.take_or_leave();
            }
        }
    }

    /// Counts a job that is about to be begun, and says when it may be, where there is a limit to
    /// how many are within a time.
    pub(crate) fn may_begin(&self) -> Option<Instant> {
        lock(&self.line.state).may_begin(Instant::now())
    }

    /// Notes that a connection stands.
    pub(crate) fn stands(&mut self) -> Stands {
        let awaited_by = lock(&self.destinations.inner)
            .memory
            .reached(&self.line.key);
        let mut state = lock(&self.line.state);
        if !self.stands {
            self.stands = true;
            state.standing += 1;
        }
        let standing = state.standing;
        state.window.granted(standing);
        let due = state.workers_due();
        state.workers += due;
        drop(state);
        Stands {
            posts: self.further(due),
            awaited_by,
        }
    }

    /// Notes that a job was finished that was begun then, whatever it came to.
    pub(crate) fn finished(&self, began: Instant) {
        let mut state = lock(&self.line.state);
        state.speed.finish(began, Instant::now());
    }

    /// Notes that the destination took a message, and returns the posts that somebody is to be
    /// sent to now.
    pub(crate) fn took_a_message(&self) -> Vec<Self> {
        let mut state = lock(&self.line.state);
        let (workers, pace) = (state.workers, state.pace);
        state.window.taken(workers, &pace, Instant::now());
        let due = match state.standing {
            0 => 0,
            _ => state.workers_due(),
        };
        state.workers += due;
        drop(state);
        self.further(due)
    }

    /// Notes that a session broke off.
    pub(crate) fn broke_off(&self) {
        let mut state = lock(&self.line.state);
        let pace = state.pace;
        state.window.broke_off(&pace, Instant::now());
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
    pub(crate) fn give_way(&mut self, job: Job) -> Result<(), Vec<Job>> {
        self.fell();
        let mut state = lock(&self.line.state);
        if state.standing == 0 || state.workers == 1 {
            let mut jobs = vec![job];
            jobs.extend(state.waiting.take_all());
            return Err(jobs);
        }
        state.waiting.put_back(job);
        let standing = state.standing;
        state.window.refused(standing, Instant::now());
        state.workers -= 1;
        self.left = true;
        drop(state);
        self.line.arrived.notify_one();
        Ok(())
    }

    /// Notes that the destination could not be reached for these jobs, and that what comes for it
    /// is to wait; at first for so long. A destination to which another connection stands is one
    /// that can be reached.
    pub(crate) fn not_reached(&self, jobs: &[Job], failed: &FailedAttempt, first_wait: Duration) {
        if !failed.is_of_the_destination() {
            return;
        }
        let (mut all, key) = (lock(&self.destinations.inner), &self.line.key);
        if lock(&self.line.state).standing > 0 {
            return;
        }
        let memory = &mut all.memory;
        if memory.not_reached(key, failed, first_wait, Instant::now()) {
            for job in jobs {
                memory.note_domains(key, job.part());
            }
        }
    }

    /// A job that is in line already, or nothing: the post is then given up.
    pub(crate) fn take_or_leave(&mut self) -> Option<Job> {
        let mut all = lock(&self.destinations.inner);
        let mut state = lock(&self.line.state);
        let job = state.take();
        if job.is_none() {
            // A connection that is about to be closed is nobody's to rely on.
            state.standing -= usize::from(std::mem::take(&mut self.stands));
            state.leave(&mut all, &self.line.key);
            self.left = true;
        }
        job
    }

    fn further(&self, count: usize) -> Vec<Self> {
        (0..count)
            .map(|_| Self::new(&self.destinations, &self.line))
            .collect()
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        self.fell();
        if self.left {
            return;
        }
        let abandoned = {
            let mut all = lock(&self.destinations.inner);
            let mut state = lock(&self.line.state);
            state.leave(&mut all, &self.line.key);
            match state.workers {
                0 => state.waiting.take_all(),
                _ => Vec::new(),
            }
        };
        drop(abandoned); // each reports that it was lost
        self.line.arrived.notify_one();
    }
}
