//! A part handed over in as many transactions as the peer's limit of recipients takes.

use postern_mail::{EnhancedStatusCode, ReplyCode};
use postern_spool::Cause;

use crate::{
    attempt::{FailedAttempt, Outcome, Permanence},
    connection::{Connection, Sent},
    part::Part,
};

/// Hands a part over. Recipients that the peer turned away because there were too many get a
/// transaction of their own, as long as each transaction delivers to somebody
/// (RFC 5321 §4.5.3.1.10).
pub(crate) async fn hand_over(connection: Connection, part: &Part) -> Sent {
    let (mut outcomes, mut left) = match connection.send(part).await {
        Sent::Settled(outcomes, left) => (outcomes, left),
        Sent::Stale => return Sent::Stale,
    };
    let mut rest = rest_of(&outcomes, (0..outcomes.len()).collect());
    while !rest.is_empty()
        && let Some(connection) = left.take()
        && let Sent::Settled(further, still_left) = connection.send(&part.only(&rest)).await
    {
        left = still_left;
        let still_rest = rest_of(&further, rest.clone());
        for (at, outcome) in rest.into_iter().zip(further) {
            if let Some(earlier) = outcomes.get_mut(at) {
                *earlier = outcome;
            }
        }
        rest = still_rest;
    }
    Sent::Settled(outcomes, left)
}

/// Those of `places` for whom there was no room in a transaction that came to these outcomes;
/// nobody where it delivered nothing, since another one would do no better.
fn rest_of(outcomes: &[Outcome], places: Vec<usize>) -> Vec<usize> {
    let delivered = |outcome: &Outcome| matches!(outcome, Outcome::Delivered(_));
    if !outcomes.iter().any(delivered) {
        return Vec::new();
    }
    let turned_away = |outcome: &Outcome| match outcome {
        Outcome::Delivered(_) | Outcome::TakenIn => false,
        Outcome::Failed(failed) => speaks_of_too_many(failed),
    };
    let outcomes = outcomes.iter().zip(places);
    outcomes
        .filter(|(outcome, _)| turned_away(outcome))
        .map(|(_, place)| place)
        .collect()
}

/// X.5.3 says it (RFC 3463 §3.6). 452, and 552 in its old meaning, say it unless a status code
/// says something else.
fn speaks_of_too_many(failed: &FailedAttempt) -> bool {
    let failure = &failed.failure;
    let by_code = match failure.cause() {
        Cause::Reply { reply, .. } => {
            let codes = [ReplyCode::INSUFFICIENT_STORAGE, ReplyCode::TOO_LARGE];
            reply.status().is_none() && codes.contains(&reply.code())
        }
        Cause::Here(_) => false,
    };
    let by_status = failure.status() == EnhancedStatusCode::transient(5, 3);
    failed.permanence == Permanence::Transient && (by_status || by_code)
}
