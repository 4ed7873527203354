//! Mail that comes in: what must hold at each listener, and who may send where.

use std::fmt;

use postern_config::{Listener, Role, Settings};
use postern_mail::{Domain, ForwardPath, ReversePath};
use postern_policy::{Explanation, MailClaim, Policy};
use rustls_pki_types::UnixTime;
use serde::Serialize;

use super::{forward_path, reverse_path};
use crate::{
    cli::{Explain, Party},
    failure::Failure,
    output, wiring,
};

/// Of a message that comes in.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Inbound {
    from: Option<String>,
    helo: Option<String>,
    to: Option<String>,
    listeners: Vec<AtListener>,
}

/// Of a message that comes in at one listener.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct AtListener {
    address: String,
    role: &'static str,
    /// Its own crypto profile and the general one, where it has its own.
    profiles: Option<[&'static str; 2]>,
    /// What must hold for mail from this sender.
    requirement: Option<Explanation>,
    /// Who may send to this recipient.
    accepted_from: Option<String>,
}

/// What is said of mail that `question` is about.
pub(super) fn inbound(settings: &Settings, question: &Explain) -> Result<Inbound, Failure> {
    let (from, to) = (question.from.as_ref(), question.to.as_ref());
    let helo = question.helo.as_ref();
    // Who greets and says no more brings a notification.
    let from = from.or(helo.and_then(|_| to.is_none().then_some(&Party::Nobody)));
    let sender = from.map(reverse_path).transpose()?;
    let recipient = to.map(forward_path).transpose()?;
    let at = |listener: &Listener| AtListener {
        address: listener.address.to_string(),
        role: match &listener.role {
            Role::Mx => "mx",
            Role::Relay { .. } => "relay",
        },
        profiles: profiles(&settings.policy, listener),
        requirement: sender
            .as_ref()
            .map(|sender| requirement(&settings.policy, sender, helo, listener)),
        accepted_from: recipient
            .as_ref()
            .map(|recipient| accepted_from(settings, recipient, listener)),
    };
    Ok(Inbound {
        from: from.map(ToString::to_string),
        helo: helo.map(ToString::to_string),
        to: to.map(ToString::to_string),
        listeners: settings.listeners.iter().map(at).collect(),
    })
}

/// The greeting speaks where the reverse-path is null.
fn requirement(
    policy: &Policy,
    reverse_path: &ReversePath,
    helo: Option<&Domain>,
    listener: &Listener,
) -> Explanation {
    let claim = MailClaim { reverse_path, helo };
    let floor = wiring::floor(listener);
    policy.explain_mail(&claim, floor.as_ref(), UnixTime::now())
}

/// A floor carries no profile: what is negotiated is settled before anybody is known.
fn profiles(policy: &Policy, listener: &Listener) -> Option<[&'static str; 2]> {
    let own = listener.profile?.name().as_str();
    Some([own, policy.defaults().profile.name().as_str()])
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
            if let Some([own, general]) = at.profiles {
                writeln!(
                    f,
                    "TLS is of what both {own}, the profile of the listener, and {general} allow"
                )?;
            }
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
        let said = |at: &Self| {
            (
                at.profiles,
                at.requirement.clone(),
                at.accepted_from.clone(),
            )
        };
        said(self) == said(other)
    }
}
