//! Mail of a gateway to every destination, and what became of it.

use std::net::SocketAddr;

use postern_tests::configuration::Configuration;
use postern_tests::fault::Fault;
use postern_tests::message::{Delivered, Message};
use postern_tests::queue::Failure;
use postern_tests::smtp_dialogue::Dialogue;
use postern_tests::wait::{self, PATIENCE};

use super::destination::Outcome;
use super::world::World;
use crate::gateway::{self, Gateway, Plan, SENDER};

/// A gateway that asks the DNS of a world.
pub(crate) fn gateway(
    world: &World,
    resolver: SocketAddr,
    add: impl FnOnce(Configuration) -> Configuration,
) -> Result<Gateway, Fault> {
    Plan::ordinary()?
        .with(|it| it.dns(resolver, world.dns.anchor()))
        .with(add)
        .start()
}

/// Hands the gateway a message to `bob` in each of these domains, in one session.
pub(crate) fn send(
    gateway: &Gateway,
    domains: impl IntoIterator<Item = &'static str>,
) -> Result<(), Fault> {
    let mut dialogue = Dialogue::open(gateway.relay)?;
    dialogue.expect("EHLO client.sender.example", 250)?;
    for domain in domains {
        let message = Message::plain(&format!("to {domain}"));
        let reply = dialogue.transact(SENDER, &format!("bob@{domain}"), &message)?;
        assert_eq!(reply.code, 250, "{reply:?}");
    }
    dialogue.expect("QUIT", 221).map(drop)
}

/// Waits until the message to `domain` has come somewhere or nowhere, and says which and why.
pub(crate) fn outcome(
    gateway: &Gateway,
    world: &World,
    domain: &str,
) -> Result<(Outcome, String), Fault> {
    let look = || match delivered(gateway, world, domain)? {
        Some(found) => Ok(Some(found)),
        None => Ok(failure(gateway, domain)?
            .map(|it| (Outcome::Deferred, format!("{} {}", it.status, it.text)))),
    };
    let log = || gateway.postern.stderr();
    let (outcome, why) = wait::until(&format!("an outcome for {domain}"), PATIENCE, look, log)?;
    let given = !copies(world, domain)?.is_empty();
    match outcome {
        Outcome::Deferred if given => Err(Fault::Unexpected(format!(
            "mail to {domain} was handed over and waits all the same: {why}"
        ))),
        _ => Ok((outcome, why)),
    }
}

/// The line that tells of the delivery, with what it says of the channel. The host must say the same
/// as far as it can know.
fn delivered(
    gateway: &Gateway,
    world: &World,
    domain: &str,
) -> Result<Option<(Outcome, String)>, Fault> {
    let log = gateway.postern.stderr();
    let to = format!("bob@{domain}");
    let tells = |line: &&str| line.contains(" delivered") && line.contains(&to);
    let Some(line) = log.lines().find(tells) else {
        return Ok(None);
    };
    let copies = copies(world, domain)?;
    let [copy] = copies.as_slice() else {
        // Postfix has taken it and may still be at work.
        return Ok(None);
    };
    let trace = gateway::unwrapped(&copy.text());
    let secured = trace.contains("(using TLSv1.");
    let outcome = if line.contains("authenticated as") {
        Outcome::Authenticated
    } else if line.contains("encrypted (") {
        Outcome::Encrypted
    } else {
        Outcome::Clear
    };
    assert_eq!(secured, outcome != Outcome::Clear, "{line}\n{trace}");
    Ok(Some((outcome, line.to_owned())))
}

/// What the hosts have for `domain`.
fn copies(world: &World, domain: &str) -> Result<Vec<Delivered>, Fault> {
    let mut copies = world.hosts.mailbox().messages()?;
    let to = format!("Delivered-To: bob@{domain}\n");
    copies.retain(|it| it.text().contains(&to));
    Ok(copies)
}

/// Why the message to `domain` waits, once it does.
pub(crate) fn failure(gateway: &Gateway, domain: &str) -> Result<Option<Failure>, Fault> {
    let to = format!("<bob@{domain}>");
    let queue = gateway.installation.queue()?;
    let mut recipients = queue.iter().flat_map(|it| &it.recipients);
    let recipient = recipients.find(|it| it.forward_path == to);
    Ok(recipient.and_then(|it| it.last_failure.clone()))
}
