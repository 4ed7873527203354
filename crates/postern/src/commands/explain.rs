//! `postern explain`: which way a message goes, which rules it meets, and why.
//!
//! The way and the requirement are those that a delivery or a session would be given; nothing is
//! worked out here.

use std::{fmt, path::Path};

use postern_config::{Listener, Role, Settings};
use postern_mail::{Domain, ForwardPath, Host, Mailbox, ReversePath};
use postern_policy::{DeliveryRequest, Explanation, Policy};
use rustls_pki_types::UnixTime;
use serde::Serialize;

use crate::{
    cli::{Direction, Explain, Party},
    failure::{Exit, Failure},
    load::load,
    output, wiring,
};

pub(crate) fn run(config: &Path, question: &Explain) -> Result<Exit, Failure> {
    let settings = load(config)?.settings;
    let answer = match (question.direction, &question.to, &question.from) {
        (None | Some(Direction::Outbound), Some(to), _) => {
            let outbound = Outbound::of(&settings, question.from.as_ref(), to)?;
            Answer::Outbound(Box::new(outbound))
        }
        (Some(Direction::Outbound), None, _) => {
            let why = "where mail goes depends on its recipient: give --to";
            return Err(Failure::plain(why).usage());
        }
        (None | Some(Direction::Inbound), to, from) => {
            Answer::Inbound(inbound(&settings, from.as_ref(), to.as_ref())?)
        }
    };
    if question.format.json {
        output::print_json(&answer)?;
    } else {
        output::print(&answer)?;
    }
    Ok(Exit::Fine)
}

/// What is said of a message.
#[derive(Debug, Serialize)]
#[serde(tag = "direction", rename_all = "kebab-case")]
enum Answer {
    Outbound(Box<Outbound>),
    Inbound(Inbound),
}

/// Of a message that we deliver.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Outbound {
    /// It plays no part: no rule for mail that leaves is about its sender.
    from: Option<String>,
    to: String,
    route: Route,
    /// In the order in which they are tried; empty where MX records name them.
    next_hops: Vec<String>,
    /// Which of our certificates is shown.
    present: Option<String>,
    requirement: Explanation,
}

/// What decides on the next hop.
#[derive(Debug, Serialize)]
#[serde(tag = "by", content = "name", rename_all = "kebab-case")]
enum Route {
    /// The `hosts` of a partner.
    Partner(String),
    /// A `[[domain]]` or `[[route]]`, by its domains.
    Configured(String),
    /// The MX records of this domain.
    Mx(String),
    /// The address that the sender wrote.
    Literal(String),
}

/// Of a message that comes in.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Inbound {
    from: Option<String>,
    to: Option<String>,
    listeners: Vec<AtListener>,
}

/// Of a message that comes in at one listener.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct AtListener {
    address: String,
    role: &'static str,
    /// What must hold for mail from this sender.
    requirement: Option<Explanation>,
    /// Who may send to this recipient.
    accepted_from: Option<String>,
}

impl Outbound {
    fn of(settings: &Settings, from: Option<&Party>, to: &Party) -> Result<Self, Failure> {
        let path = forward_path(to)?;
        let way = wiring::routes(settings).way(&path);
        let way = way.map_err(|error| Failure::new(&path, &error))?;
        let request = DeliveryRequest::to(&way.destination).over(way.floor());
        let plan = settings.policy.plan_delivery(&request, UnixTime::now());
        let hops = way.fixed_hops(&plan);
        let partner = plan.partner().filter(|_| !plan.next_hops().is_empty());
        let route = match (partner, &way.destination) {
            (Some(partner), _) => Route::Partner(partner.name().to_string()),
            (None, _) if !hops.is_empty() => Route::Configured(
                way.floor()
                    .map_or_else(String::new, |it| it.label().to_string()),
            ),
            (None, Host::Domain(domain)) => Route::Mx(domain.to_string()),
            (None, Host::Literal(literal)) => Route::Literal(literal.to_string()),
        };
        Ok(Self {
            from: from.map(ToString::to_string),
            to: to.to_string(),
            route,
            next_hops: hops.iter().map(ToString::to_string).collect(),
            present: plan.present().map(ToString::to_string),
            requirement: plan.explanation(),
        })
    }
}

fn inbound(
    settings: &Settings,
    from: Option<&Party>,
    to: Option<&Party>,
) -> Result<Inbound, Failure> {
    let sender = from.map(reverse_path).transpose()?;
    let recipient = to.map(forward_path).transpose()?;
    let at = |listener: &Listener| AtListener {
        address: listener.address.to_string(),
        role: match &listener.role {
            Role::Mx => "mx",
            Role::Relay { .. } => "relay",
        },
        requirement: sender
            .as_ref()
            .map(|sender| requirement(&settings.policy, sender, listener)),
        accepted_from: recipient
            .as_ref()
            .map(|recipient| accepted_from(settings, recipient, listener)),
    };
    Ok(Inbound {
        from: from.map(ToString::to_string),
        to: to.map(ToString::to_string),
        listeners: settings.listeners.iter().map(at).collect(),
    })
}

fn requirement(policy: &Policy, sender: &ReversePath, listener: &Listener) -> Explanation {
    policy.explain_mail(&sender.into(), wiring::floor(listener).as_ref(), UnixTime::now())
}

fn accepted_from(settings: &Settings, recipient: &ForwardPath, listener: &Listener) -> String {
    let own = wiring::own_domains(&settings.domains);
    let ours = |domain: &Domain| own.find(domain).is_some();
    if recipient.domain().is_some_and(ours) {
        return "anybody".to_owned();
    }
    match &listener.role {
        Role::Mx => "nobody".to_owned(),
        Role::Relay { networks } => output::list(networks, "nobody"),
    }
}

/// Any mailbox stands for a domain: rules go by domains.
fn forward_path(party: &Party) -> Result<ForwardPath, Failure> {
    match party {
        Party::Nobody => Err(Failure::plain("<> receives no mail").usage()),
        Party::Mailbox(mailbox) => Ok(mailbox.clone().into()),
        Party::Domain(domain) => anybody(domain).map(ForwardPath::from),
    }
}

fn reverse_path(party: &Party) -> Result<ReversePath, Failure> {
    match party {
        Party::Nobody => Ok(ReversePath::Null),
        Party::Mailbox(mailbox) => Ok(ReversePath::Mailbox(mailbox.clone())),
        Party::Domain(domain) => anybody(domain).map(ReversePath::Mailbox),
    }
}

fn anybody(domain: &Domain) -> Result<Mailbox, Failure> {
    let address = format!("anybody@{domain}");
    let mailbox = address.parse();
    mailbox.map_err(|error: postern_mail::MailboxError| Failure::new(address, &error))
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outbound(outbound) => outbound.fmt(f),
            Self::Inbound(inbound) => inbound.fmt(f),
        }
    }
}

impl fmt::Display for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "mail to {}", self.to)?;
        if let Some(from) = &self.from {
            writeln!(
                f,
                "  from      {from}, which no rule for mail that leaves is about"
            )?;
        }
        writeln!(f, "  goes      {}", self.route)?;
        let hops = output::list(&self.next_hops, "found when it is delivered");
        writeln!(f, "  next hop  {hops}")?;
        if let Some(certificate) = &self.present {
            writeln!(f, "  shown     our certificate {certificate}")?;
        }
        write!(f, "\n{}", self.requirement)
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partner(name) => write!(f, "to the hosts of partner {name}"),
            Self::Configured(label) => write!(f, "to the next hop configured for {label}"),
            Self::Mx(domain) => write!(f, "where the MX records of {domain} say"),
            Self::Literal(address) => write!(f, "to the address {address}"),
        }
    }
}

/// Listeners of which the same is to be said are named together.
impl fmt::Display for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (place, at) in self.listeners.iter().enumerate() {
            let same = |other: &&AtListener| at.says_the_same_as(other);
            if self.listeners.iter().take(place).any(|other| same(&other)) {
                continue;
            }
            let listeners = self.listeners.iter().filter(same);
            let names = listeners.map(|it| format!("{} ({})", it.address, it.role));
            writeln!(f, "{separator}at {}", output::list(names, "no listener"))?;
            separator = "\n";
            if let (Some(to), Some(from)) = (&self.to, &at.accepted_from) {
                writeln!(f, "mail to {to} is accepted from {from}")?;
            }
            if let Some(requirement) = &at.requirement {
                write!(f, "{requirement}")?;
            }
        }
        Ok(())
    }
}

impl AtListener {
    fn says_the_same_as(&self, other: &Self) -> bool {
        (&self.requirement, &self.accepted_from) == (&other.requirement, &other.accepted_from)
    }
}
