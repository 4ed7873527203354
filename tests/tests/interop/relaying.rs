//! Who may send where: strangers to our domains, hosts of ours to everywhere.

use std::net::SocketAddr;

use postern_tests::fault::Fault;
use postern_tests::message::Message;
use postern_tests::programs::Program;
use postern_tests::sink::Sink;
use postern_tests::smtp_dialogue::Dialogue;
use postern_tests::swaks::Swaks;

use crate::Scenario;
use crate::gateway::{Gateway, Plan, RECEIVER, SENDER};

/// All of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "strangers_reach_our_domains_and_nothing_else",
        needs: &[],
        run: strangers,
    },
    Scenario {
        name: "only_hosts_within_networks_relay",
        needs: &[Program::Swaks],
        run: only_hosts_within_networks_relay,
    },
];

/// A gateway for `receiver.example` that could bring mail for everybody else to the same sink.
fn gateway(sink: &Sink) -> Result<Gateway, Fault> {
    Plan::ordinary()?
        .with(|it| it.domain("receiver.example", sink.address()))
        .with(|it| it.route("*", sink.address()))
        .start()
}

fn strangers() -> Result<(), Fault> {
    let sink = Sink::start()?;
    let gateway = gateway(&sink)?;
    let refused = [
        "<eve@elsewhere.example>",
        "<@receiver.example:eve@elsewhere.example>",
        "<eve@receiver.example.elsewhere.example>",
        "<eve@sub.receiver.example>",
        "<eve@[127.0.0.1]>",
        "<eve@gateway.postern.example>",
    ];
    for forward_path in refused {
        let mut dialogue = introduced(gateway.mx)?;
        let reply = dialogue.command(&format!("RCPT TO:{forward_path}"))?;
        assert!(
            reply.code == 550 && reply.has_status("5.7.1"),
            "{forward_path}: {reply:?}"
        );
        dialogue.expect("DATA", 554)?;
        dialogue.expect("QUIT", 221)?;
    }
    // What stands before the @ is for our next hop to understand, and stays as it is.
    let ours = [
        "<bob@receiver.example>",
        "<bob@RECEIVER.example>",
        "<eve%elsewhere.example@receiver.example>",
        "<\"eve@elsewhere.example\"@receiver.example>",
        "<elsewhere.example!eve@receiver.example>",
    ];
    for forward_path in ours {
        let mut dialogue = introduced(gateway.mx)?;
        dialogue.expect(&format!("RCPT TO:{forward_path}"), 250)?;
        dialogue.expect("DATA", 354)?;
        dialogue.send(&Message::plain("ours").dot_stuffed())?;
        assert_eq!(dialogue.reply()?.code, 250);
        dialogue.expect("QUIT", 221)?;
    }
    let taken = sink.wait_for(ours.len())?;
    gateway.installation.wait_for_empty_queue()?;
    assert_eq!(taken.len(), ours.len(), "{taken:#?}");
    for message in taken {
        let [rcpt] = message.rcpt.as_slice() else {
            return Err(Fault::Unexpected(format!("{:?}", message.rcpt)));
        };
        let rcpt = rcpt.to_ascii_lowercase();
        assert!(rcpt.contains("@receiver.example>"), "{rcpt}");
    }
    Ok(())
}

/// A session of a stranger who has begun a transaction.
fn introduced(mx: SocketAddr) -> Result<Dialogue, Fault> {
    let mut dialogue = Dialogue::open(mx)?;
    dialogue.expect("EHLO client.sender.example", 250)?;
    dialogue.expect(&format!("MAIL FROM:<{SENDER}>"), 250)?;
    Ok(dialogue)
}

fn only_hosts_within_networks_relay() -> Result<(), Fault> {
    let sink = Sink::start()?;
    let plan = Plan::ordinary()?;
    let narrow = postern_tests::ports::free()?;
    let gateway = plan
        .with(|it| it.relay(narrow, "127.0.0.1/32"))
        .with(|it| it.route("*", sink.address()))
        .start()?;
    let from = |address: &str| {
        Swaks::with(narrow)
            .from(SENDER)
            .to(RECEIVER)
            .option("--local-interface", address)
            .send(&Message::plain("relayed"))
    };
    let outside = from("127.0.0.2")?;
    assert_eq!(outside.status, Some(24), "{}", outside.transcript);
    assert!(
        outside
            .refusal()
            .is_some_and(|it| it.starts_with("550-5.7.1 ")),
        "{outside:?}"
    );
    from("127.0.0.1")?.accepted()?;
    sink.wait_for(1)?;
    gateway.installation.wait_for_empty_queue()?;
    assert_eq!(sink.taken().len(), 1);
    Ok(())
}
