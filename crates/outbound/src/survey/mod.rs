//! What a delivery would do, without doing it.
//!
//! [`survey`] asks everybody whom a delivery asks and dials nobody; [`probe`](probe::probe) dials
//! as well, and takes leave where a delivery would begin. Both go by the plan, the search for
//! hosts, the facts and the dialling of deliveries: there is no second opinion here, only words
//! for the first one.

mod channel;
mod host;
mod probe;
mod sts;
mod trouble;

use std::{
    fmt,
    time::{Duration, Instant},
};

use postern_mail::TlsWish;
use postern_policy::{BreakGlass, DnsProof, Explanation, Lowered, Partner};
use postern_tls::Date;
use serde::Serialize;

use crate::{
    clock,
    host::{MxAnswer, Unreachable, mail_hosts},
    planning::{Freshness, Planned},
    prospect::Prospect,
    route::Way,
    situation::Situation,
};

pub use self::{
    channel::{Certificate, Channel, Conformance, Contents, Finding},
    host::{Address, AddressAnswer, Alias, Dane, HostSurvey, Judged, TlsaNote},
    probe::{AddressProbe, HostProbe, Link, Outcome, Probe, ProbeOptions, Rule, probe},
    sts::{Sts, StsPolicyNote},
    trouble::Trouble,
};

/// What is asked about: mail that goes this way, whose sender wishes this.
#[derive(Debug, Clone)]
pub struct Question {
    /// Which way.
    pub way: Way,
    /// What the sender wishes of TLS.
    pub wish: TlsWish,
}

/// What is known of a destination before anybody is dialled, and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Survey {
    /// What the mail is for.
    pub destination: String,
    /// The route that the configuration gives it.
    pub route: Option<String>,
    /// What decides on the next hop.
    pub by: DecidedBy,
    /// Which of our certificates is shown.
    pub present: Option<String>,
    /// What holds at every next hop, before anything is known of one.
    pub requirement: Explanation,
    /// The exception to the partner's rule that is made at present.
    pub break_glass: Option<BrokenGlass>,
    /// What the destination says by MTA-STS; nothing where MX records do not decide.
    pub mta_sts: Option<Sts>,
    /// What DNS said of its MX records, where it was asked.
    pub mx: Option<Mx>,
    /// Why no host was found.
    pub trouble: Option<Trouble>,
    /// The hosts, in the order in which they are tried.
    pub hosts: Vec<HostSurvey>,
}

/// What decides on the next hop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "name", rename_all = "kebab-case")]
pub enum DecidedBy {
    /// The hosts of this partner.
    Partner(String),
    /// The next hops of the route.
    Route,
    /// MX records.
    Mx,
    /// The address that the sender wrote.
    Literal,
}

/// An exception to a partner's rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct BrokenGlass {
    /// What is still demanded.
    pub allow: Lowered,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub approved_by: String,
    /// Until when.
    pub until: String,
}

/// What DNS said of the MX records of a domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Mx {
    /// Whether there are none, so that the domain is its own host (RFC 5321 §5.1).
    pub implicit: bool,
    /// How well the records, or their absence, are proven.
    pub proof: DnsProof,
    /// How many seconds ago the answer came, where that is known.
    pub age: Option<u64>,
    /// For how many seconds more it counts, where it says.
    pub valid_for: Option<u64>,
}

/// Finds out what a delivery would find out before it dials.
pub async fn survey(situation: &Situation, question: &Question) -> Survey {
    Look::at(situation, question).await.told()
}

/// What a look at a destination found.
struct Look<'a> {
    question: &'a Question,
    planned: Planned,
    /// What kept the look from going on.
    trouble: Option<Unreachable>,
    mx: Option<MxAnswer>,
    prospects: Vec<Prospect>,
}

impl<'a> Look<'a> {
    async fn at(situation: &Situation, question: &'a Question) -> Self {
        let Question { way, wish } = question;
        let mut look = Self {
            question,
            planned: Planned::without_sts(situation.plan_locally(way, *wish)),
            trouble: None,
            mx: None,
            prospects: Vec::new(),
        };
        match situation.plan(way, *wish, Freshness::AsKnown).await {
            Ok(planned) => look.planned = planned,
            Err(unreachable) => {
                look.trouble = Some(unreachable);
                return look;
            }
        }
        let plan = &look.planned.plan;
        let surroundings = situation.surroundings();
        match mail_hosts(&way.destination, way.fixed_hops(plan), &surroundings).await {
            Ok(found) => {
                look.mx = found.mx;
                for host in found.hosts {
                    let prospect = Prospect::learn(host, found.mx.as_ref(), plan, situation).await;
                    look.prospects.push(prospect);
                }
            }
            Err(unreachable) => look.trouble = Some(unreachable),
        }
        look
    }

    fn told(&self) -> Survey {
        let (way, plan) = (&self.question.way, &self.planned.plan);
        let by_mx = way.destination.domain().is_some() && way.fixed_hops(plan).is_empty();
        Survey {
            destination: way.destination.to_string(),
            route: way.floor().map(|floor| floor.label().to_string()),
            by: self.decided_by(),
            present: plan.present().map(ToString::to_string),
            requirement: plan.explanation(),
            break_glass: plan.broken_glass().map(BrokenGlass::from),
            mta_sts: by_mx.then(|| Sts::of(&self.planned.sts, clock::unix_time())),
            mx: self.mx.map(Mx::from),
            trouble: self.trouble.as_ref().map(Trouble::from),
            hosts: self.prospects.iter().map(HostSurvey::of).collect(),
        }
    }

    fn decided_by(&self) -> DecidedBy {
        let (way, plan) = (&self.question.way, &self.planned.plan);
        match (plan.next_hops(), way.fixed_hops(plan)) {
            ([_, ..], _) => {
                let name = plan.partner().map(Partner::name);
                DecidedBy::Partner(name.map_or_else(String::new, ToString::to_string))
            }
            ([], [_, ..]) => DecidedBy::Route,
            ([], []) if way.destination.domain().is_some() => DecidedBy::Mx,
            ([], []) => DecidedBy::Literal,
        }
    }
}

impl From<&BreakGlass> for BrokenGlass {
    fn from(broken: &BreakGlass) -> Self {
        Self {
            allow: broken.allow,
            reason: broken.reason.to_string(),
            approved_by: broken.approved_by.to_string(),
            until: Date(broken.until).to_string(),
        }
    }
}

impl From<MxAnswer> for Mx {
    fn from(answer: MxAnswer) -> Self {
        Self {
            implicit: answer.implicit,
            proof: answer.proof,
            age: answer.received.map(age),
            valid_for: answer.valid_until.map(left),
        }
    }
}

/// How many seconds ago something came.
fn age(received: Instant) -> u64 {
    Instant::now().saturating_duration_since(received).as_secs()
}

/// For how many seconds something counts on.
fn left(valid_until: Instant) -> u64 {
    let left: Duration = valid_until.saturating_duration_since(Instant::now());
    left.as_secs()
}

fn words<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> Vec<String> {
    items.into_iter().map(|item| item.to_string()).collect()
}
