//! The jobs in line for one destination.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use super::{
    Inner, Key,
    bucket::Bucket,
    lock,
    speed::{Speed, WORK_IN_LINE},
    state::DestinationState,
    turns::Turns,
    window::Window,
};
use crate::{job::Job, pace::Pace};

/// How late a job comes again that did not get into line, at most.
const LONGEST_ABSENCE: Duration = Duration::from_secs(5 * 60);

/// How soon it comes again, at the least.
const SHORTEST_ABSENCE: Duration = Duration::from_millis(100);

/// The jobs for one destination.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) key: Key,
    pub(super) state: Mutex<LineState>,
    /// Wakes a worker for each job.
    pub(super) arrived: Notify,
}

#[derive(Debug)]
pub(super) struct LineState {
    pub(super) waiting: Turns,
    pub(super) workers: usize,
    /// Workers that wait for a job.
    idle: usize,
    /// Workers whose connection stands.
    pub(super) standing: usize,
    pub(super) speed: Speed,
    pub(super) window: Window,
    /// By the newest of the jobs.
    pub(super) pace: Pace,
    bucket: Bucket,
    /// Until when those that found the line full have been told to come again.
    told_until: Option<Instant>,
}

/// What a worker finds at its line.
pub(super) enum Found<'a> {
    /// The next job.
    Job(Box<Job>),
    /// Nothing, as long as it keeps this.
    Nothing(Idle<'a>),
    /// More workers than the destination may have connections: it has been counted out.
    TooMany,
}

impl Line {
    pub(super) fn new(key: Key, pace: Pace, bucket: Bucket) -> Self {
        let state = LineState {
            waiting: Turns::default(),
            workers: 0,
            idle: 0,
            standing: 0,
            speed: Speed::default(),
            window: Window::default(),
            pace,
            bucket,
            told_until: None,
        };
        Self {
            key,
            state: Mutex::new(state),
            arrived: Notify::new(),
        }
    }

    pub(super) fn shown(&self) -> DestinationState {
        let state = lock(&self.state);
        DestinationState {
            hops: self.key.hops.to_string(),
            connections: state.standing,
            allowed: state.window.allowed(&state.pace),
            in_line: state.waiting.len(),
            pace: Some(state.pace),
            down: None,
        }
    }

    /// What there is for a worker, whose connection stands or not.
    pub(super) fn look(&self, stands: bool) -> Found<'_> {
        let mut state = lock(&self.state);
        let allowed = state.window.allowed(&state.pace);
        let together = match stands {
            true => state.standing,
            false => state.workers,
        };
        if together > allowed {
            state.workers -= 1;
            state.standing -= usize::from(stands);
            return Found::TooMany;
        }
        if let Some(job) = state.take() {
            return Found::Job(Box::new(job));
        }
        state.idle += 1;
        Found::Nothing(Idle(self))
    }
}

impl LineState {
    /// The next job.
    pub(super) fn take(&mut self) -> Option<Job> {
        let job = self.waiting.take()?;
        self.speed.begin(Instant::now());
        Some(job)
    }

    /// Counts a job that is about to be begun, and says when it may be.
    pub(super) fn may_begin(&mut self, now: Instant) -> Option<Instant> {
        let rate = self.pace.rate?;
        Some(self.bucket.take(rate, now))
    }

    /// How many jobs the line may hold.
    pub(super) fn longest(&self, now: Instant) -> usize {
        let allowed = self.window.allowed(&self.pace);
        let prospect = self.speed.prospect(allowed, now);
        let longest = self.pace.connections.max(prospect).max(1);
        match self.pace.rate {
            Some(rate) => longest.min(self.bucket.within(WORK_IN_LINE, rate, now)),
            None => longest,
        }
    }

    /// After how long a job comes again that finds the line full, where it is known how fast the
    /// line is: those that do are told to come one after the other, twice as fast as they can be
    /// served, so that the line never runs dry.
    pub(super) fn absence(&mut self, now: Instant) -> Option<Duration> {
        let allowed = self.window.allowed(&self.pace);
        let by_rate = self.pace.rate.map(|rate| {
            self.told_until = self.told_until.or(Some(self.bucket.next(rate, now)));
            rate.interval()
        });
        let each = self.speed.interval(allowed, now).max(by_rate)? / 2;
        let line = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
        let served = now + each.saturating_mul(line).min(LONGEST_ABSENCE);
        let at = self.told_until.map_or(served, |until| until.max(served));
        let after = at.saturating_duration_since(now);
        if after >= LONGEST_ABSENCE {
            // Not all of them at the same time.
            return Some(LONGEST_ABSENCE.mul_f64(0.5 + fastrand::f64() / 2.0));
        }
        self.told_until = Some(at + each);
        Some(after.max(SHORTEST_ABSENCE))
    }

    /// How many further workers the jobs in line are worth.
    pub(super) fn workers_due(&self) -> usize {
        let most = match self.standing {
            0 => 1,
            _ => self.window.allowed(&self.pace),
        };
        let unattended = self.waiting.len().saturating_sub(self.idle);
        unattended.min(most.saturating_sub(self.workers))
    }

    /// Counts a worker out, and forgets a line that has none left.
    pub(super) fn leave(&mut self, all: &mut Inner, key: &Key) {
        self.workers -= 1;
        if self.workers == 0 {
            self.close(all, key);
        }
    }

    /// Forgets a line that nobody serves.
    pub(super) fn close(&mut self, all: &mut Inner, key: &Key) {
        all.open.remove(key);
        all.memory.look_ended(key);
        if self.pace.rate.is_some() {
            all.memory.keep_bucket(key, self.bucket, Instant::now());
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

/// Takes what is in line beyond what it may hold.
pub(super) fn shed(line: &Arc<Line>, now: Instant) -> Vec<Job> {
    let mut state = lock(&line.state);
    let longest = state.longest(now).max(1);
    let mut shed = Vec::new();
    while state.waiting.len() > longest
        && let Some(job) = state.waiting.drop_last()
    {
        shed.push(job);
    }
    shed
}
