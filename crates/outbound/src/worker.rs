//! A worker serves the line of one destination with one connection at a time.

use std::{
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, SystemTime},
};

use postern_policy::DeliveryPlan;
use postern_spool::Health;
use tokio::time::Instant;
use tracing::debug;

use crate::{
    account, accounts,
    attempt::{FailedAttempt, Outcome},
    connect,
    connection::{Connection, Sent},
    destination::{Post, Stands},
    engine::Engine,
    handover::hand_over,
    job::{CameTo, Job},
    planning::Freshness,
    slots::Slot,
};

/// Sends a worker to a post.
pub(crate) fn start(engine: &Arc<Engine>, post: Post) {
    let worker = Worker {
        engine: Arc::clone(engine),
        post,
        room: None,
        kept: None,
        carried: 0,
    };
    engine.tasks.spawn(worker.serve());
}

struct Worker {
    engine: Arc<Engine>,
    post: Post,
    /// Room for one connection. It is given back after that is gone.
    room: Option<Slot>,
    kept: Option<Connection>,
    /// How many messages the kept connection was given.
    carried: u32,
}

impl Worker {
    /// Serves job after job, until none has come for a while or the daemon stops.
    async fn serve(mut self) {
        while let Some(job) = self.next_job().await {
            let most = job.part().pace.messages_per_connection;
            let went = self.attempt(job).await;
            if most.is_some_and(|most| self.carried >= most.get()) {
                self.take_leave();
            }
            if self.kept.is_none() {
                self.post.fell();
                self.room = None;
            }
            if went.is_break() {
                break;
            }
        }
        if let Some(connection) = self.kept {
            connection.quit().await;
        }
    }

    async fn next_job(&mut self) -> Option<Job> {
        let patience = match self.engine.connections.free() {
            0 => Duration::ZERO, // others wait for the room that a kept connection takes
            _ => self.engine.situation().settings.keep_alive,
        };
        tokio::select! {
            biased;
            () = self.engine.stopping.cancelled() => {}
            job = self.post.next_job(patience) => return job,
        }
        // What has not begun stays in the queue.
        while let Some(job) = self.post.take_or_leave() {
            job.finish(CameTo::Withdrawn);
        }
        None
    }

    /// Ends a connection that has carried enough. The next one is made meanwhile, in the room
    /// that this one leaves.
    fn take_leave(&mut self) {
        let room = self.room.take();
        if let Some(connection) = self.kept.take() {
            self.engine.tasks.spawn(async move {
                connection.quit().await;
                drop(room);
            });
        }
    }

    /// Delivers one job over the kept connection or a new one. The worker breaks off where
    /// others are better placed to go on.
    async fn attempt(&mut self, job: Job) -> ControlFlow<()> {
        self.find_room().await;
        self.keep_pace().await;
        if let Some(reason) = self.why_not_now(&job) {
            job.finish(reason);
            return ControlFlow::Continue(());
        }
        let began = Instant::now();
        let part = job.part();
        let (wish, situation) = (part.tls_wish(), &part.situation);
        let planned = match situation.plan(&part.way, wish, Freshness::AsKnown).await {
            Ok(planned) => planned,
            Err(unreachable) => {
                let failed = FailedAttempt::unreachable(&unreachable, SystemTime::now());
                self.not_reached(std::slice::from_ref(&job), &failed);
                return self.finish_all(job, &failed, began);
            }
        };
        // Planning may wait for others. A kept connection is not judged by what counted before.
        if !self.engine.is_current(situation) {
            job.finish(CameTo::Outdated);
            return ControlFlow::Continue(());
        }
        account::planned(&part.claim, &planned.plan);
        if let Some(outcomes) = self.reuse(&job, &planned.plan).await {
            return self.finish(job, outcomes, began);
        }
        self.post.fell();
        match connect::connect(part, &planned).await {
            Ok(connection) => self.begin(connection, job, began).await,
            Err(failed) => self.give_way(job, &failed),
        }
    }

    /// Waits until there is room for a connection, or the daemon stops.
    async fn find_room(&mut self) {
        if self.room.is_none() {
            self.room = tokio::select! {
                room = self.engine.connections.take() => room,
                () = self.engine.stopping.cancelled() => None,
            };
        }
    }

    /// Waits until the destination may be given another message, or the daemon stops.
    async fn keep_pace(&self) {
        if let Some(begin) = self.post.may_begin() {
            tokio::select! {
                () = tokio::time::sleep_until(begin) => {}
                () = self.engine.stopping.cancelled() => {}
            }
        }
    }

    /// Time passes in line. The queue or the message may not be what they were.
    fn why_not_now(&self, job: &Job) -> Option<CameTo> {
        let (spool, part) = (&self.engine.spool, job.part());
        let stops = self.room.is_none() || self.engine.stopping.is_cancelled();
        let poisoned = matches!(spool.health(), Health::Poisoned(_));
        if stops || poisoned || !spool.is_wanted(&part.claim) {
            Some(CameTo::Withdrawn)
        } else if !self.engine.is_current(&part.situation)
            || self.engine.freezer.holds_any(&part.recipients)
        {
            Some(CameTo::Outdated)
        } else {
            None
        }
    }

    /// Tries the kept connection; nothing where it cannot serve this job.
    async fn reuse(&mut self, job: &Job, plan: &DeliveryPlan) -> Option<Vec<Outcome>> {
        let part = job.part();
        let kept = self.kept.take()?;
        let sent = match kept.rejudge(part, plan) {
            Ok(connection) => hand_over(connection, part).await,
            Err(cause) => {
                debug!(next_hop = %self.post.hops(), %cause, "a kept connection is not used");
                return None;
            }
        };
        match sent {
            Sent::Settled(outcomes, left) => {
                self.kept = left.map(|connection| *connection);
                Some(outcomes)
            }
            Sent::Stale => {
                debug!(next_hop = %self.post.hops(), "a kept connection was closed");
                None
            }
        }
    }

    /// Sends a first message over a new connection, unless the configuration changed while it
    /// was made: then nothing is sent that was permitted under the old one.
    async fn begin(&mut self, connection: Connection, job: Job, began: Instant) -> ControlFlow<()> {
        let part = job.part();
        self.carried = 0;
        let Stands { posts, awaited_by } = self.post.stands();
        self.send_to(posts);
        self.engine.hasten(awaited_by);
        if !self.engine.is_current(&part.situation) {
            self.kept = Some(connection);
            job.finish(CameTo::Outdated);
            return ControlFlow::Continue(());
        }
        let peer = connection.peer().clone();
        let outcomes = match hand_over(connection, part).await {
            Sent::Settled(outcomes, left) => {
                self.kept = left.map(|connection| *connection);
                outcomes
            }
            Sent::Stale => {
                let text = format!("{peer} closed the connection before the message began");
                let failed = FailedAttempt::not_connected(&text, SystemTime::now());
                part.all(&Outcome::Failed(failed))
            }
        };
        self.finish(job, outcomes, began)
    }

    fn finish_all(&mut self, job: Job, failed: &FailedAttempt, began: Instant) -> ControlFlow<()> {
        let outcomes = job.part().all(&Outcome::Failed(failed.clone()));
        self.finish(job, outcomes, began)
    }

    fn finish(&mut self, job: Job, outcomes: Vec<Outcome>, began: Instant) -> ControlFlow<()> {
        self.post.finished(began);
        self.carried = self.carried.saturating_add(1);
        self.judge_session(&outcomes);
        let part = job.part();
        let delivered = outcomes.iter().find_map(Outcome::handover);
        if let Some(handover) = delivered {
            accounts::handed_over(&part.situation, &part.way.destination, &handover.basis);
        }
        job.finish(CameTo::Tried(outcomes));
        ControlFlow::Continue(())
    }

    /// A destination that takes messages may have more connections, and one that breaks off
    /// sessions fewer.
    fn judge_session(&self, outcomes: &[Outcome]) {
        let broke_off = |outcome: &Outcome| match outcome {
            Outcome::Failed(failed) => failed.broke_off(),
            Outcome::Delivered(_) | Outcome::TakenIn => false,
        };
        if outcomes.iter().any(broke_off) {
            self.post.broke_off();
        } else if outcomes.iter().any(|it| it.handover().is_some()) {
            self.send_to(self.post.took_a_message());
        }
    }

    fn send_to(&self, posts: Vec<Post>) {
        for post in posts {
            start(&self.engine, post);
        }
    }

    /// What comes for the destination is to wait.
    fn not_reached(&self, jobs: &[Job], failed: &FailedAttempt) {
        let schedule = &self.engine.situation().settings.schedule;
        self.post.not_reached(jobs, failed, schedule.wait_after(1));
    }

    /// No connection can be made. Where others have one, they get the work; else what is in
    /// line need not find that out one by one, each with all its time-outs.
    fn give_way(&mut self, job: Job, failed: &FailedAttempt) -> ControlFlow<()> {
        let Err(jobs) = self.post.give_way(job) else {
            debug!(next_hop = %self.post.hops(), "there are enough connections");
            return ControlFlow::Break(());
        };
        self.not_reached(&jobs, failed);
        for job in jobs {
            let outcomes = job.part().all(&Outcome::Failed(failed.clone()));
            job.finish(CameTo::Tried(outcomes));
        }
        ControlFlow::Continue(())
    }
}
