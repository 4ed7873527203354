//! A worker serves the line of one destination with one connection at a time.

use std::{sync::Arc, time::SystemTime};

use postern_policy::DeliveryPlan;
use tracing::debug;

use crate::{
    attempt::{FailedAttempt, Outcome},
    connect,
    connection::{Connection, Sent},
    destination::{Destinations, Job, Line},
    engine::Engine,
    situation::Situation,
};

/// Serves job after job, until none has come for a while or the daemon stops.
pub(crate) async fn serve(engine: Arc<Engine>, line: Arc<Line>) {
    let mut kept = None;
    loop {
        let patience = engine.situation().settings.keep_alive;
        let next = engine.destinations.next_job(&line, patience);
        let job = tokio::select! {
            job = next => job,
            () = engine.stopping.cancelled() => engine.destinations.leave(&line),
        };
        let Some(job) = job else { break };
        kept = attempt(&engine, &line, job, kept).await;
    }
    if let Some(connection) = kept {
        connection.quit().await;
    }
}

/// Delivers one job over the kept connection or a new one, and returns what can be kept.
async fn attempt(
    engine: &Engine,
    line: &Line,
    job: Job,
    kept: Option<Connection>,
) -> Option<Connection> {
    let situation = engine.situation();
    let way = &job.part.way;
    let plan = situation
        .policy
        .plan_delivery(&way.destination, way.floor());
    if let Some(connection) = kept {
        match reuse(connection, &situation, &plan, &job).await {
            Some((outcomes, left)) => {
                job.finish(outcomes).await;
                return left;
            }
            None => debug!(next_hop = %line.hops(), "a kept connection is no longer good"),
        }
    }
    match connect::connect(&plan, way, &situation).await {
        Ok(connection) => deliver(connection, job).await,
        Err(failed) => {
            give_up(line, job, &failed).await;
            None
        }
    }
}

/// Tries the kept connection; nothing where it cannot serve this job.
async fn reuse(
    connection: Connection,
    situation: &Situation,
    plan: &DeliveryPlan,
    job: &Job,
) -> Option<(Vec<Outcome>, Option<Connection>)> {
    let connection = connection.rejudge(&situation.policy, plan).ok()?;
    match connection.send(&job.part).await {
        Sent::Settled(outcomes, left) => Some((outcomes, left.map(|connection| *connection))),
        Sent::Stale => None,
    }
}

async fn deliver(connection: Connection, job: Job) -> Option<Connection> {
    let peer = connection.peer().clone();
    match connection.send(&job.part).await {
        Sent::Settled(outcomes, left) => {
            job.finish(outcomes).await;
            left.map(|connection| *connection)
        }
        Sent::Stale => {
            let text = format!("{peer} closed the connection before the message began");
            let failed = FailedAttempt::not_connected(&text, SystemTime::now());
            let outcomes = job.part.all(&Outcome::Failed(failed));
            job.finish(outcomes).await;
            None
        }
    }
}

/// The destination cannot be reached: what else is in line for it need not find that out one
/// by one, each with all its time-outs.
async fn give_up(line: &Line, job: Job, failed: &FailedAttempt) {
    let mut waiting = Destinations::drain(line);
    waiting.push_front(job);
    for job in waiting {
        let outcomes = job.part.all(&Outcome::Failed(failed.clone()));
        job.finish(outcomes).await;
    }
}
