//! One message on its way: split by destination, put together again when the outcomes are in.

use std::{collections::HashMap, sync::Arc, time::SystemTime};

use postern_mail::EnhancedStatusCode;
use postern_policy::PartnerName;
use postern_spool::Claim;
use tokio::sync::mpsc;
use tracing::error;

use crate::{
    attempt::{FailedAttempt, Outcome, Weight},
    destination::{Enqueued, Hops, Job, Key},
    engine::Engine,
    part::Part,
    route::Way,
    settlement::Tally,
    situation::Situation,
    worker,
};

/// Delivers what is due of a message, and settles it with the queue.
///
/// What was delivered is settled as soon as its part is over, so that a crash repeats as little
/// as possible. What failed waits for the last part, so that the sender gets one notice.
pub(crate) async fn deliver(engine: Arc<Engine>, claim: Claim) {
    let situation = engine.situation();
    let claim = Arc::new(claim);
    let mut tally = Tally::new(Arc::clone(&claim));
    let parts = split(&claim, &situation, &mut tally);
    let mut open = parts.len();
    let (done, mut results) = mpsc::channel(open.max(1));
    for (key, part) in parts {
        let part = Arc::new(part);
        hand_to_worker(
            &engine,
            &situation,
            key,
            Job {
                part,
                done: done.clone(),
            },
        )
        .await;
    }
    drop(done);
    while let Some((part, outcomes)) = results.recv().await {
        open -= 1;
        tally.record(&part, outcomes);
        if open > 0 {
            report(&claim, tally.settle_delivered(&engine, &situation).await);
        }
    }
    report(&claim, tally.settle(&engine, &situation).await);
}

async fn hand_to_worker(engine: &Arc<Engine>, situation: &Situation, key: Key, job: Job) {
    match engine
        .destinations
        .enqueue(key, job, situation.settings.connections)
    {
        Enqueued::InLine => {}
        Enqueued::WorkerDue(line) => {
            engine.tasks.spawn(worker::serve(Arc::clone(engine), line));
        }
        Enqueued::Full(job) => {
            // X.4.5: mail system congestion (RFC 3463 §3.5).
            let status = EnhancedStatusCode::transient(4, 5);
            let text = "too many messages wait for this destination already";
            let failed = FailedAttempt::here(status, text, Weight::NotReached, SystemTime::now());
            let outcomes = job.part.all(&Outcome::Failed(failed));
            job.finish(outcomes).await;
        }
    }
}

/// Groups recipients that one transaction can serve: same next hop, same connections, and for
/// partners the same domain, because whom to authenticate may depend on it.
fn split(claim: &Arc<Claim>, situation: &Situation, tally: &mut Tally) -> Vec<(Key, Part)> {
    let mut parts: HashMap<_, (Key, Part)> = HashMap::new();
    for claimed in claim.recipients() {
        let way = match situation
            .settings
            .routes
            .way(&claimed.recipient.forward_path)
        {
            Ok(way) => way,
            Err(no_way) => {
                // X.3.5: system incorrectly configured (RFC 3463 §3.4).
                let status = EnhancedStatusCode::transient(3, 5);
                let text = no_way.to_string();
                let now = SystemTime::now();
                let failed = FailedAttempt::here(status, &text, Weight::NotReached, now);
                tally.record_one(claimed, Outcome::Failed(failed));
                continue;
            }
        };
        let (key, partner) = key_of(&way, situation);
        let group = (
            key.clone(),
            partner.map(|name| (name, way.destination.clone())),
        );
        let empty = || Part {
            claim: Arc::clone(claim),
            recipients: Vec::new(),
            way,
        };
        let (_, part) = parts.entry(group).or_insert_with(|| (key, empty()));
        part.recipients.push(claimed.clone());
    }
    parts.into_values().collect()
}

fn key_of(way: &Way, situation: &Situation) -> (Key, Option<PartnerName>) {
    let plan = situation
        .policy
        .plan_delivery(&way.destination, way.floor());
    let fixed = way.fixed_hops(&plan);
    let hops = if fixed.is_empty() {
        Hops::Found(way.destination.clone())
    } else {
        Hops::Fixed(fixed.to_vec())
    };
    let partner = plan.partner().map(|partner| partner.name().clone());
    (
        Key {
            hops,
            pool: plan.pool_key(),
        },
        partner,
    )
}

fn report(claim: &Claim, settled: Result<(), postern_spool::SpoolError>) {
    if let Err(cause) = settled {
        error!(
            queue_id = %claim.id(),
            %cause,
            "what became of this message could not be recorded; it may be delivered again"
        );
    }
}
