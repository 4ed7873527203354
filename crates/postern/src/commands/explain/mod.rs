//! `postern explain`: which way a message goes, which rules it meets, and why.
//!
//! The way and the requirement are those that a delivery or a session would be given; nothing is
//! worked out here. Whoever a delivery asks before it dials is asked: name servers, and policy
//! hosts of MTA-STS. With `--offline` nobody is, and what the network would add is left out.

mod fate;
mod inbound;
mod outbound;

use std::{fmt, path::Path};

use postern_mail::{Domain, ForwardPath, Mailbox, ReversePath};
use serde::Serialize;

use self::{inbound::Inbound, outbound::Outbound};
use crate::{
    cli::{Direction, Explain, Party},
    failure::{Exit, Failure},
    load::load_to_start,
    output,
};

pub(crate) fn run(config: &Path, question: &Explain) -> Result<Exit, Failure> {
    // A certificate or a list whose time is over is no reason to explain nothing.
    let settings = load_to_start(config)?.settings;
    let answer = match (question.direction, &question.to) {
        (None, None) | (Some(Direction::Inbound), _) => {
            question.check_inbound()?;
            Answer::Inbound(inbound::inbound(&settings, question)?)
        }
        (Some(Direction::Outbound), None) => {
            let why = "where mail goes depends on its recipient: give --to";
            return Err(Failure::plain(why).usage());
        }
        (None | Some(Direction::Outbound), Some(to)) => {
            question.check_outbound()?;
            Answer::Outbound(Box::new(Outbound::of(settings, question, to)?))
        }
    };
    if question.format.json {
        output::print_json(&answer)?;
    } else {
        output::print(&answer)?;
    }
    Ok(match &answer {
        Answer::Outbound(outbound) => outbound.exit(),
        Answer::Inbound(_) => Exit::Fine,
    })
}

impl Explain {
    /// Nothing that is asked may go unanswered.
    fn check_outbound(&self) -> Result<(), Failure> {
        if self.helo.is_some() {
            let why = "--helo is about mail that comes in: give --direction inbound";
            return Err(Failure::plain(why).usage());
        }
        Ok(())
    }

    fn check_inbound(&self) -> Result<(), Failure> {
        if self.wish.is_some() {
            let why = "--wish is about mail that we deliver: give --to";
            return Err(Failure::plain(why).usage());
        }
        Ok(())
    }
}

/// What is said of a message.
#[derive(Debug, Serialize)]
#[serde(tag = "direction", rename_all = "kebab-case")]
enum Answer {
    Outbound(Box<Outbound>),
    Inbound(Inbound),
}

/// Any mailbox stands for a domain: rules go by domains.
pub(super) fn forward_path(party: &Party) -> Result<ForwardPath, Failure> {
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
