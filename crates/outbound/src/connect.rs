//! From a plan to a connection that may carry mail: the search for a host.
//!
//! Hosts are tried in their order, each at its addresses, until one of them is permitted. A host
//! that may not be used, or of which what matters could not be found out, is passed over. What is
//! told in the end is the failure that weighs most: that a host did not prove what it had to is
//! worth more to an administrator than that the next one could not be reached.

use std::{
    net::SocketAddr,
    time::{Duration, Instant, SystemTime},
};

use postern_mail::Host;
use postern_policy::{Mismatch, Provenance, Refusal, Source};
use tracing::debug;

use crate::{
    accounts,
    attempt::{FailedAttempt, Peer, Weight},
    connection::Connection,
    dial::{Dial, Undelivered},
    host::{self, Unreachable},
    part::Part,
    planning::{Freshness, Planned},
    prospect::Prospect,
    situation::Situation,
    trace::Trace,
};

/// The most addresses that are dialled for one message in one attempt. Each can cost all the
/// time-outs of a session that never gets anywhere; what is left is for the next attempt.
const MOST_ADDRESSES: usize = 5;

/// After this long no further address is dialled. Hosts that answer everything at the last
/// moment could otherwise hold a worker for hours.
const LONGEST_SEARCH: Duration = Duration::from_secs(5 * 60);

/// Finds a next hop that is permitted.
///
/// Where the destination's MTA-STS policy kept the message from every host, a newer policy is
/// looked for before that counts (RFC 8461 §5.1): it may have named its new hosts in the
/// meantime.
pub(crate) async fn connect(part: &Part, planned: &Planned) -> Result<Connection, FailedAttempt> {
    let unserved = match Search::new(part, planned).run().await {
        Ok(connection) => return Ok(connection),
        Err(unserved) => unserved,
    };
    if !unserved.by_mta_sts {
        return Err(unserved.failed);
    }
    let wish = part.tls_wish();
    let renewed = part
        .situation
        .plan(&part.way, wish, Freshness::Renewed)
        .await;
    match renewed {
        Ok(renewed) if !renewed.has_the_policy_of(planned) => {
            let again = Search::new(part, &renewed).run().await;
            again.map_err(|unserved| unserved.failed)
        }
        Ok(_) | Err(_) => Err(unserved.failed),
    }
}

/// No host took the mail.
struct Unserved {
    failed: FailedAttempt,
    /// Whether the destination's MTA-STS policy refused one of them.
    by_mta_sts: bool,
}

/// A search for a host, and how far it has gone.
struct Search<'a> {
    part: &'a Part,
    planned: &'a Planned,
    dialled: usize,
    until: Instant,
    told: Option<FailedAttempt>,
    by_mta_sts: bool,
}

impl<'a> Search<'a> {
    fn new(part: &'a Part, planned: &'a Planned) -> Self {
        Self {
            part,
            planned,
            dialled: 0,
            until: Instant::now() + LONGEST_SEARCH,
            told: None,
            by_mta_sts: false,
        }
    }

    async fn run(mut self) -> Result<Connection, Unserved> {
        let (way, plan) = (&self.part.way, &self.planned.plan);
        let surroundings = self.situation().surroundings();
        let fixed = way.fixed_hops(plan);
        let found = match host::mail_hosts(&way.destination, fixed, &surroundings).await {
            Ok(found) => found,
            Err(unreachable) => {
                let failed = self.unreachable(&unreachable);
                self.tell(failed);
                return Err(self.over());
            }
        };
        let mut hosts = found.hosts.into_iter();
        while let Some(host) = hosts.next() {
            let configured = host.provenance == Provenance::Configured;
            let (mx, situation) = (found.mx.as_ref(), self.situation());
            let prospect = Prospect::learn(host, mx, plan, situation).await;
            let failed = match self.try_host(&prospect).await {
                Ok(connection) => return Ok(connection),
                Err(failed) => failed,
            };
            debug!(host = %prospect.host.next_hop, cause = ?failed, "a host did not serve");
            // What is behind ourselves among MX hosts hands mail to us (RFC 5321 §5.1).
            let behind_us = failed.is_loop() && !configured;
            self.tell(failed);
            if behind_us {
                break;
            }
            if self.is_over() {
                if let Some(next) = hosts.next() {
                    self.tell(not_tried(next.next_hop.host()));
                }
                break;
            }
        }
        Err(self.over())
    }

    async fn try_host(&mut self, prospect: &Prospect) -> Result<Connection, FailedAttempt> {
        let located = match &prospect.located {
            Ok(located) => located,
            Err(not_located) => {
                let failed = self.unreachable(&not_located.unreachable);
                // A host that may not be used does not say of the destination that it is not to
                // be reached: whoever forges MX records could have mail returned by that.
                return Err(match self.refused(prospect) {
                    Some(refused) if !not_located.is_unknown() => refused,
                    Some(_) | None => failed,
                });
            }
        };
        if let Some(refused) = self.refused(prospect) {
            return Err(refused);
        }
        let mut told: Option<FailedAttempt> = None;
        for address in &located.addresses {
            if self.is_over() {
                break;
            }
            match self.try_address(prospect, *address).await {
                Ok(connection) => return Ok(connection),
                Err(failed) => told = Some(worse(told, failed)),
            }
        }
        Err(told.unwrap_or_else(|| not_tried(prospect.plan.host())))
    }

    /// What DNS says of a destination returns no mail that is guarded, unless it is proven:
    /// whoever forges an answer could have all of it returned, and a policy that keeps mail
    /// waiting would be worth nothing.
    fn unreachable(&self, unreachable: &Unreachable) -> FailedAttempt {
        let failed = FailedAttempt::unreachable(unreachable, SystemTime::now());
        if unreachable.may_be_forged() && self.planned.guards(&self.part.way.destination) {
            failed.for_now()
        } else {
            failed
        }
    }

    /// What stands against dialling the host at all.
    fn refused(&mut self, prospect: &Prospect) -> Option<FailedAttempt> {
        let refusal = prospect.plan.judge_host().err()?;
        accounts::not_dialled(self.situation(), self.planned, prospect);
        self.note(&refusal);
        let host = prospect.plan.host();
        let failed = FailedAttempt::refused(host, &refusal, SystemTime::now());
        Some(self.unless_unclear(failed, &refusal))
    }

    async fn try_address(
        &mut self,
        prospect: &Prospect,
        address: SocketAddr,
    ) -> Result<Connection, FailedAttempt> {
        self.dialled += 1;
        let peer = Peer {
            host: prospect.plan.host().to_string(),
            address,
        };
        let dial = Dial {
            plan: &prospect.plan,
            known: &prospect.known,
            situation: &self.part.situation,
            peer,
            needs_requiretls: self.part.needs_requiretls(),
        };
        let mut trace = Trace::default();
        let dialled = dial.connection(&mut trace).await;
        accounts::dialled(self.situation(), self.planned, prospect, address, &trace);
        match dialled {
            Ok(connection) => Ok(connection),
            Err(Undelivered { failed, refusal }) => {
                if let Some(refusal) = &refusal {
                    self.note(refusal);
                }
                Err(failed)
            }
        }
    }

    fn note(&mut self, refusal: &Refusal) {
        let by = refusal.demanded_by();
        self.by_mta_sts |= by.iter().any(|by| matches!(by, Source::MtaSts(_)));
    }

    /// That nothing proves a host to be the destination's is final for a message with REQUIRETLS,
    /// unless there may be an MTA-STS policy that names it, which could not be had.
    fn unless_unclear(&self, failed: FailedAttempt, refusal: &Refusal) -> FailedAttempt {
        let unproven = matches!(refusal.mismatch(), Mismatch::HostUnproven(..));
        if unproven && self.planned.sts.trouble.is_some() {
            failed.for_now()
        } else {
            failed
        }
    }

    /// A notice that no channel is good enough for waits for one: its wish of TLS is not to have
    /// it thrown away (RFC 8689 §5).
    fn tell(&mut self, failed: FailedAttempt) {
        let failed = if self.part.is_notice() && failed.weight == Weight::Policy {
            failed.for_now()
        } else {
            failed
        };
        self.told = Some(worse(self.told.take(), failed));
    }

    fn over(self) -> Unserved {
        Unserved {
            by_mta_sts: self.by_mta_sts,
            failed: self.told.unwrap_or_else(|| {
                let text = "there is no host to hand this mail to";
                FailedAttempt::not_connected(text, SystemTime::now())
            }),
        }
    }

    fn is_over(&self) -> bool {
        self.dialled >= MOST_ADDRESSES || Instant::now() >= self.until
    }

    fn situation(&self) -> &'a Situation {
        &self.part.situation
    }
}

/// A search ended before it came to this host, which may serve the next time.
fn not_tried(host: &Host) -> FailedAttempt {
    let text = format!("{host} was not dialled: too many addresses failed before it");
    FailedAttempt::not_connected(&text, SystemTime::now())
}

fn worse(earlier: Option<FailedAttempt>, failed: FailedAttempt) -> FailedAttempt {
    match earlier {
        Some(earlier) => earlier.or_weightier(failed),
        None => failed,
    }
}
