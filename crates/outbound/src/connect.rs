//! From a plan to a connection that may carry mail: the search for a host.
//!
//! Hosts are tried in their order, each at its addresses, until one of them is permitted. What
//! is told in the end is the failure that weighs most: that a host did not prove what it had to
//! is worth more to an administrator than that the next one could not be reached.

use std::time::{Duration, Instant, SystemTime};

use postern_policy::{DaneFacts, DeliveryPlan, HostFacts, Provenance};
use tracing::debug;

use crate::{
    attempt::{FailedAttempt, Peer},
    connection::Connection,
    dial::Dial,
    host::{self, MailHost},
    route::Way,
    situation::Situation,
};

/// The most addresses that are dialled for one message in one attempt. Each can cost all the
/// time-outs of a session that never gets anywhere; what is left is for the next attempt.
const MOST_ADDRESSES: usize = 5;

/// After this long no further address is dialled. Hosts that answer everything at the last
/// moment could otherwise hold a worker for hours.
const LONGEST_SEARCH: Duration = Duration::from_secs(5 * 60);

/// Finds a next hop that is permitted.
pub(crate) async fn connect(
    plan: &DeliveryPlan,
    way: &Way,
    situation: &Situation,
) -> Result<Connection, FailedAttempt> {
    let surroundings = situation.surroundings();
    let hosts = host::mail_hosts(&way.destination, way.fixed_hops(plan), &surroundings)
        .await
        .map_err(|unreachable| FailedAttempt::unreachable(&unreachable, SystemTime::now()))?;
    let mut search = Search {
        dialled: 0,
        until: Instant::now() + LONGEST_SEARCH,
    };
    let mut told: Option<FailedAttempt> = None;
    for host in &hosts {
        let failed = match try_host(plan, host, situation, &mut search).await {
            Ok(connection) => return Ok(connection),
            Err(failed) => failed,
        };
        debug!(host = %host.next_hop, cause = ?failed, "a host did not serve");
        // What is behind ourselves among MX hosts hands mail to us (RFC 5321 §5.1).
        let over =
            search.is_over() || (failed.is_loop() && host.provenance != Provenance::Configured);
        told = Some(worse(told, failed));
        if over {
            break;
        }
    }
    Err(told.unwrap_or_else(|| {
        FailedAttempt::not_connected("there is no host to hand this mail to", SystemTime::now())
    }))
}

/// How far the search for a host has gone.
struct Search {
    dialled: usize,
    until: Instant,
}

impl Search {
    fn is_over(&self) -> bool {
        self.dialled >= MOST_ADDRESSES || Instant::now() >= self.until
    }
}

fn worse(earlier: Option<FailedAttempt>, failed: FailedAttempt) -> FailedAttempt {
    match earlier {
        Some(earlier) => earlier.or_weightier(failed),
        None => failed,
    }
}

async fn try_host(
    plan: &DeliveryPlan,
    host: &MailHost,
    situation: &Situation,
    search: &mut Search,
) -> Result<Connection, FailedAttempt> {
    let name = host.next_hop.host();
    let facts = HostFacts {
        host: name.clone(),
        provenance: host.provenance,
        dane: DaneFacts::NotApplicable("nobody asked".into()),
    };
    let plan = plan.for_host(&facts);
    let judged = plan.judge_host();
    let addresses = host::addresses(host, &situation.surroundings())
        .await
        .map_err(|unreachable| FailedAttempt::unreachable(&unreachable, SystemTime::now()))?;
    let mut told: Option<FailedAttempt> = None;
    for address in addresses {
        if search.is_over() {
            break;
        }
        let peer = Peer {
            host: name.to_string(),
            address,
        };
        if let Err(refusal) = &judged {
            return Err(FailedAttempt::refused(&peer, refusal, SystemTime::now()));
        }
        search.dialled += 1;
        let dial = Dial {
            plan: &plan,
            situation,
            peer,
        };
        match dial.connection().await {
            Ok(connection) => return Ok(connection),
            Err(failed) => told = Some(worse(told, failed)),
        }
    }
    Err(told.unwrap_or_else(|| {
        let text = format!("{name} was not dialled: too many addresses failed before it");
        FailedAttempt::not_connected(&text, SystemTime::now())
    }))
}
