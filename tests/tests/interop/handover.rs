//! Mail of a gateway to many domains whose hosts a DNS names, and what became of each message.

use std::net::SocketAddr;

use postern_tests::configuration::Configuration;
use postern_tests::fault::Fault;
use postern_tests::message::{Delivered, Message};
use postern_tests::postfix::Postfix;
use postern_tests::queue::Failure;
use postern_tests::smtp_dialogue::Dialogue;
use postern_tests::wait::{self, PATIENCE};
use postern_tests::zones::Dns;

use crate::gateway::{self, Gateway, Plan, SENDER};

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is handed over to a host that has proven what was demanded.
    Authenticated,
    /// It is handed over within TLS, to whomever.
    Encrypted,
    /// It is handed over in clear.
    Clear,
    /// It waits, and no host has been given anything.
    Deferred,
}

impl Outcome {
    /// What a text says in which a basis stands.
    pub(crate) fn of_basis(text: &str) -> Self {
        if text.contains("authenticated as") {
            Self::Authenticated
        } else if text.contains("encrypted (") {
            Self::Encrypted
        } else {
            Self::Clear
        }
    }
}

/// What must become of the message to a domain.
pub(crate) type Expected = (&'static str, Outcome);

/// A gateway that asks `resolver` and proves its answers from the anchor of `dns` down.
pub(crate) fn gateway(
    dns: &Dns,
    resolver: SocketAddr,
    add: impl FnOnce(Configuration) -> Configuration,
) -> Result<Gateway, Fault> {
    Plan::ordinary()?
        .with(|it| it.dns(resolver, dns.anchor()).private_targets())
        .with(add)
        .start()
}

/// Hands the gateway a message to `user` in each of these domains, in one session.
pub(crate) fn send(
    gateway: &Gateway,
    user: &str,
    domains: impl IntoIterator<Item = &'static str>,
) -> Result<(), Fault> {
    let mut dialogue = Dialogue::open(gateway.relay)?;
    dialogue.expect("EHLO client.sender.example", 250)?;
    for domain in domains {
        let message = Message::plain(&format!("to {domain}"));
        let reply = dialogue.transact(SENDER, &format!("{user}@{domain}"), &message)?;
        assert_eq!(reply.code, 250, "{reply:?}");
    }
    dialogue.expect("QUIT", 221).map(drop)
}

/// Sends a message to `user` in every domain and checks what becomes of it; all that is wrong is
/// told at once. Nobody may have written to this user before.
pub(crate) fn check(
    gateway: &Gateway,
    hosts: &Postfix,
    user: &str,
    expected: impl IntoIterator<Item = Expected> + Clone,
) -> Result<(), Fault> {
    send(
        gateway,
        user,
        expected.clone().into_iter().map(|(domain, _)| domain),
    )?;
    let mut wrong = Vec::new();
    for (domain, expected) in expected {
        let (outcome, why) = outcome(gateway, hosts, &format!("{user}@{domain}"))?;
        if outcome != expected {
            wrong.push(format!(
                "{domain}: {outcome:?} instead of {expected:?}: {why}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// Waits until the message to `mailbox` has come somewhere or nowhere, and says which and why.
pub(crate) fn outcome(
    gateway: &Gateway,
    hosts: &Postfix,
    mailbox: &str,
) -> Result<(Outcome, String), Fault> {
    let look = || match delivered(gateway, hosts, mailbox)? {
        Some(found) => Ok(Some(found)),
        None => Ok(failure(gateway, mailbox)?
            .map(|it| (Outcome::Deferred, format!("{} {}", it.status, it.text)))),
    };
    let log = || wait::tail(&gateway.postern.stderr());
    let (outcome, why) = wait::until(&format!("an outcome for {mailbox}"), PATIENCE, look, log)?;
    let given = !copies(hosts, mailbox)?.is_empty();
    match outcome {
        Outcome::Deferred if given => Err(Fault::Unexpected(format!(
            "mail to {mailbox} was handed over and waits all the same: {why}"
        ))),
        _ => Ok((outcome, why)),
    }
}

/// The line that tells of the delivery, with what it says of the channel. The host must say the same
/// as far as it can know.
fn delivered(
    gateway: &Gateway,
    hosts: &Postfix,
    mailbox: &str,
) -> Result<Option<(Outcome, String)>, Fault> {
    let log = gateway.postern.stderr();
    let tells = |line: &&str| line.contains(" delivered") && line.contains(mailbox);
    let Some(line) = log.lines().find(tells) else {
        return Ok(None);
    };
    let copies = copies(hosts, mailbox)?;
    let [copy] = copies.as_slice() else {
        // Postfix has taken it and may still be at work.
        return Ok(None);
    };
    let trace = gateway::unwrapped(&copy.text());
    let secured = trace.contains("(using TLSv1.");
    let outcome = Outcome::of_basis(line);
    assert_eq!(secured, outcome != Outcome::Clear, "{line}\n{trace}");
    Ok(Some((outcome, line.to_owned())))
}

/// What the hosts have for `mailbox`.
fn copies(hosts: &Postfix, mailbox: &str) -> Result<Vec<Delivered>, Fault> {
    let mut copies = hosts.mailbox().messages()?;
    let to = format!("Delivered-To: {mailbox}\n");
    copies.retain(|it| it.text().contains(&to));
    Ok(copies)
}

/// Why the message to `mailbox` waits, once it does.
pub(crate) fn failure(gateway: &Gateway, mailbox: &str) -> Result<Option<Failure>, Fault> {
    let to = format!("<{mailbox}>");
    let queue = gateway.installation.queue()?;
    let mut recipients = queue.iter().flat_map(|it| &it.recipients);
    let recipient = recipients.find(|it| it.forward_path == to);
    Ok(recipient.and_then(|it| it.last_failure.clone()))
}
