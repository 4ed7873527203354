//! Dialling a destination without sending mail.

use std::{
    net::SocketAddr,
    time::{Duration, SystemTime},
};

use postern_mail::{Host, TlsWish};
use postern_policy::{RuleVerdict, Source};
use postern_smtp::client::Capabilities;
use postern_tls::{Hello, NotSecured, Profile, ProfileName};
use serde::Serialize;

use super::{
    Look, Question, Survey,
    channel::{Channel, Conformance},
    host::Judged,
    words,
};
use crate::{
    attempt::{FailedAttempt, Peer, status_of_refused, text_of},
    clock,
    connection::Connection,
    dial::{Dial, Undelivered},
    prospect::Prospect,
    situation::Situation,
    trace::{self, Trace},
};

/// The most addresses of one host that are dialled. Each may cost its whole limit, and whoever is
/// probed says how many there are; the largest providers have about ten.
const MOST_ADDRESSES: usize = 16;

/// What to dial, and what to look at.
#[derive(Debug, Clone)]
pub struct ProbeOptions {
    /// Hold each handshake against this profile, point by point.
    pub profile: Option<ProfileName>,
    /// Dial the addresses of a host, not only the first: sixteen at the most, of which the survey
    /// tells all.
    pub all_addresses: bool,
    /// Dial these hosts only; all where there is none.
    pub hosts: Vec<Host>,
    /// How long one address may take. A delivery has more patience than whoever waits for this.
    pub limit: Duration,
}

impl Default for ProbeOptions {
    fn default() -> Self {
        Self {
            profile: None,
            all_addresses: false,
            hosts: Vec::new(),
            limit: Duration::from_secs(60),
        }
    }
}

/// A survey, and what came of dialling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Probe {
    /// What was known before.
    pub survey: Survey,
    /// The hosts that were asked for, in the order of the survey.
    pub hosts: Vec<HostProbe>,
}

/// What came of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct HostProbe {
    /// Its name, or its address.
    pub host: String,
    /// Why it was not dialled, where it was not.
    pub not_dialled: Option<String>,
    /// The addresses that were dialled.
    pub addresses: Vec<AddressProbe>,
}

/// What came of an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct AddressProbe {
    /// The address.
    pub address: String,
    /// What a delivery would have made of it.
    pub outcome: Outcome,
    /// The connections that were made, in their order: a failed handshake is followed by another.
    pub connections: Vec<Link>,
    /// How the last one is protected, where it is.
    pub channel: Option<Channel>,
    /// What each rule says of it, taken by itself.
    pub rules: Vec<Rule>,
    /// What the host offers in clear.
    pub offered_in_clear: Vec<String>,
    /// What it offers over the channel that was permitted.
    pub offered: Option<Vec<String>>,
    /// How the handshake stands to the profile that was asked for.
    pub conformance: Option<Conformance>,
}

/// What a delivery would have made of an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "result",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case"
)]
pub enum Outcome {
    /// It would have been given the message.
    Permitted {
        /// On what basis.
        basis: String,
        /// As whom the host is known.
        identity: Option<String>,
        /// What would stand against it if every rule that is only measured were in force.
        if_enforced: Judged,
    },
    /// The policy would have refused it.
    Refused {
        /// Why.
        reason: String,
        /// With which status the message would wait or go back.
        status: String,
    },
    /// It did not come so far, or the host does not offer REQUIRETLS to mail that needs it.
    Failed {
        /// Why.
        reason: String,
        /// With which status the message would wait.
        status: String,
    },
}

/// One connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Link {
    /// The hello that TLS was tried with: `full`, `reduced`; nothing where it is not offered, or
    /// was not tried again.
    pub hello: Option<&'static str>,
    /// How it was protected, or why not.
    pub security: String,
}

/// What one rule says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Rule {
    /// Whose rule it is.
    pub source: Source,
    /// On what basis it is met.
    pub met: Option<String>,
    /// Why it is not.
    pub refused: Option<String>,
}

/// Dials a destination as a delivery would, and takes leave where the message would begin: no
/// mail transaction is opened. Nothing of it is counted.
pub async fn probe(situation: &Situation, question: &Question, options: &ProbeOptions) -> Probe {
    let look = Look::at(situation, question).await;
    let mut hosts = Vec::new();
    for prospect in &look.prospects {
        if options.hosts.is_empty() || options.hosts.contains(prospect.plan.host()) {
            hosts.push(probe_host(situation, prospect, question.wish, options).await);
        }
    }
    Probe {
        survey: look.told(),
        hosts,
    }
}

async fn probe_host(
    situation: &Situation,
    prospect: &Prospect,
    wish: TlsWish,
    options: &ProbeOptions,
) -> HostProbe {
    let mut probed = HostProbe {
        host: prospect.plan.host().to_string(),
        not_dialled: prospect.plan.judge_host().err().map(|it| it.to_string()),
        addresses: Vec::new(),
    };
    let located = match &prospect.located {
        Ok(located) if probed.not_dialled.is_none() => located,
        Ok(_) => return probed,
        Err(not_located) => {
            probed.not_dialled = Some(not_located.unreachable.text.clone());
            return probed;
        }
    };
    let most = if options.all_addresses {
        MOST_ADDRESSES
    } else {
        1
    };
    for address in located.addresses.iter().take(most) {
        let found = probe_address(situation, prospect, *address, wish, options).await;
        probed.addresses.push(found);
    }
    probed
}

async fn probe_address(
    situation: &Situation,
    prospect: &Prospect,
    address: SocketAddr,
    wish: TlsWish,
    options: &ProbeOptions,
) -> AddressProbe {
    let dial = Dial {
        plan: &prospect.plan,
        known: &prospect.known,
        situation,
        peer: Peer {
            host: prospect.plan.host().to_string(),
            address,
        },
        needs_requiretls: wish == TlsWish::Required,
    };
    let mut trace = Trace::default();
    let dialled = tokio::time::timeout(options.limit, dial.connection(&mut trace)).await;
    let outcome = match dialled {
        Ok(Ok(connection)) => {
            let outcome = permitted(&connection);
            connection.quit().await;
            outcome
        }
        Ok(Err(undelivered)) => not_permitted(&undelivered),
        Err(_elapsed) => {
            let text = format!("{} took more than {} s", dial.peer, options.limit.as_secs());
            not_permitted(&FailedAttempt::not_connected(&text, SystemTime::now()).into())
        }
    };
    told(prospect, address, outcome, &trace, options)
}

fn permitted(connection: &Connection) -> Outcome {
    let permit = connection.permit();
    let basis = permit.basis();
    let in_full = permit.shadow().map(|shadow| shadow.outcome.clone());
    let in_full = in_full.unwrap_or_else(|| Ok(basis.clone()));
    Outcome::Permitted {
        basis: basis.to_string(),
        identity: basis.peer_identity(),
        if_enforced: Judged::of(&in_full.map(drop)),
    }
}

fn not_permitted(undelivered: &Undelivered) -> Outcome {
    let Undelivered { failed, refusal } = undelivered;
    match refusal {
        Some(refusal) => Outcome::Refused {
            reason: refusal.to_string(),
            status: status_of_refused(refusal).to_string(),
        },
        None => Outcome::Failed {
            reason: text_of(&failed.failure),
            status: failed.failure.status().to_string(),
        },
    }
}

fn told(
    prospect: &Prospect,
    address: SocketAddr,
    outcome: Outcome,
    trace: &Trace,
    options: &ProbeOptions,
) -> AddressProbe {
    let now = clock::unix_time();
    let last = trace.last();
    let evidence = last.and_then(|link| link.security().ok());
    let verdicts = last.map(|link| prospect.plan.judge_each(link.security(), now));
    let offered = |capabilities: &Capabilities| words(capabilities.offered());
    AddressProbe {
        address: address.to_string(),
        outcome,
        connections: trace.connections.iter().map(Link::of).collect(),
        channel: evidence.map(|evidence| Channel::of(evidence, now)),
        rules: verdicts.into_iter().flatten().map(Rule::of).collect(),
        offered_in_clear: last.map_or_else(Vec::new, |link| offered(&link.offered_in_clear)),
        offered: last.and_then(|link| link.offered.as_ref()).map(offered),
        conformance: evidence
            .zip(options.profile)
            .map(|(evidence, name)| Conformance::of(evidence, Profile::named(name))),
    }
}

impl Link {
    fn of(link: &trace::Link) -> Self {
        let not_offered = matches!(link.security(), Err(NotSecured::NotOffered));
        let hello = link.hello.filter(|_| !not_offered);
        Self {
            hello: hello.map(|hello| match hello {
                Hello::Full => "full",
                Hello::Reduced => "reduced",
            }),
            security: match link.security() {
                Ok(evidence) => evidence.to_string(),
                Err(reason) => reason.to_string(),
            },
        }
    }
}

impl Rule {
    fn of(verdict: RuleVerdict) -> Self {
        let RuleVerdict { source, outcome } = verdict;
        let (met, refused) = match outcome {
            Ok(basis) => (Some(basis.to_string()), None),
            Err(refusal) => (None, Some(refusal.to_string())),
        };
        Self {
            source,
            met,
            refused,
        }
    }
}
