//! What a sender wants of TLS for one message (RFC 8689): more than anybody demands, or less than
//! the network does.

use postern_tests::certificates::{Authority, Leaf};
use postern_tests::configuration::{Configuration, Partner, Rule};
use postern_tests::fault::Fault;
use postern_tests::message::Message;
use postern_tests::postern::Installation;
use postern_tests::secured::{End, Secured};
use postern_tests::sink::Sink;
use postern_tests::smtp_dialogue::Dialogue;

use crate::Scenario;
use crate::dane::{self, NEEDS, NEXT, NEXT_AT};
use crate::gateway::{self, GATEWAY, Gateway, Plan, SENDER};
use crate::handover::{self, Outcome};

/// All of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "mail_that_requires_tls_goes_nowhere_without_it",
        needs: NEEDS,
        run: required,
    },
    Scenario {
        name: "the_requirement_is_handed_on",
        needs: NEEDS,
        run: handed_on,
    },
    Scenario {
        name: "tls_that_is_not_required_waives_the_network_s_demands_alone",
        needs: NEEDS,
        run: waived,
    },
];

/// No host here offers REQUIRETLS: neither one that is authenticated, nor one whose certificate
/// proves nothing, nor one without TLS is given such a message (RFC 8689 §4.2.1).
fn required() -> Result<(), Fault> {
    let world = dane::shared()?;
    let authority = gateway::authority()?;
    let gateway = start(&authority, &world, |it| it)?;
    let mut dialogue = Dialogue::open(gateway.relay)?;
    dialogue.expect("EHLO client.sender.example", 250)?;
    dialogue.expect(&format!("MAIL FROM:<{SENDER}> REQUIRETLS"), 530)?;
    for (domain, status) in [
        ("ee.secure.example", "5.7.30"),
        ("none.secure.example", "5.7."),
        ("none-plain.secure.example", "5.7."),
    ] {
        let mailbox = format!("required@{domain}");
        send_requiring(&gateway, &authority, &mailbox)?;
        let line = gateway.postern.logged_beside("accepted", &mailbox)?;
        for part in ["not delivered", status] {
            assert!(line.contains(part), "{part}: {line}");
        }
        let copies = world.hosts.mailbox().messages()?;
        let to = format!("Delivered-To: {mailbox}\n");
        assert!(copies.iter().all(|it| !it.text().contains(&to)));
    }
    Ok(())
}

/// From a gateway to another one, which keeps to it as well: its next hop has no TLS.
fn handed_on() -> Result<(), Fault> {
    let world = dane::shared()?;
    let authority = gateway::authority()?;
    let first = start(&authority, &world, |it| it)?;
    let sink = Sink::start()?;
    let installation = Installation::new()?;
    let (chain, key) = installation.keep("next", world.certificate_of_next())?;
    let configuration = Configuration::of(&installation, &format!("mx.{NEXT}"))
        .mx(world.dns.loopback().port(NEXT_AT, 25))
        .certificate("next", &chain, &key)
        .domain(NEXT, sink.address());
    installation.configure(&configuration.text())?;
    let next = installation.serve()?;

    handover::send(&first, "unstated", [NEXT])?;
    sink.wait_for(1)?;
    let mailbox = format!("required@{NEXT}");
    send_requiring(&first, &authority, &mailbox)?;
    let line = first.postern.logged_beside("accepted", &mailbox)?;
    assert!(
        line.contains(" delivered ") && line.contains("authenticated as"),
        "{line}"
    );
    let line = next.logged_beside("accepted", &mailbox)?;
    assert!(
        line.contains("not delivered") && line.contains("5.7."),
        "{line}"
    );
    assert_eq!(sink.taken().len(), 1);
    Ok(())
}

/// `TLS-Required: No` takes DANE out of force, and no rule of ours (RFC 8689 §3).
fn waived() -> Result<(), Fault> {
    let world = dane::shared()?;
    let authority = gateway::authority()?;
    let partner = Partner::called("Receiver", "ee-certificate.secure.example");
    let rule = Rule::authenticated("mx.elsewhere.example", authority.root());
    let gateway = start(&authority, &world, |it| {
        it.partner(&partner.outbound(&rule))
    })?;
    let message = Message::new(
        [
            b"TLS-Required: No\r\n".as_slice(),
            Message::plain("waived").octets(),
        ]
        .concat(),
    )?;
    for (domain, expected) in [
        ("ee-other.secure.example", Outcome::Encrypted),
        ("ee-plain.secure.example", Outcome::Clear),
        ("ee-certificate.secure.example", Outcome::Deferred),
    ] {
        let mailbox = format!("waived@{domain}");
        let mut session = Dialogue::open(gateway.relay)?;
        session.expect("EHLO client.sender.example", 250)?;
        assert_eq!(session.transact(SENDER, &mailbox, &message)?.code, 250);
        let (outcome, why) = handover::outcome(&gateway, &world.hosts, &mailbox)?;
        assert_eq!(outcome, expected, "{domain}: {why}");
    }
    Ok(())
}

/// A gateway with a certificate of `authority` that asks the DNS of `world`.
fn start(
    authority: &Authority,
    world: &dane::World,
    add: impl FnOnce(Configuration) -> Configuration,
) -> Result<Gateway, Fault> {
    Plan::new(&authority.issue(&Leaf::named(GATEWAY))?)?
        .with(|it| it.dns(world.dns.relaying(), world.dns.anchor()))
        .with(|it| it.private_targets())
        .with(add)
        .start()
}

/// Hands the gateway a message that requires TLS, within TLS.
fn send_requiring(gateway: &Gateway, authority: &Authority, to: &str) -> Result<(), Fault> {
    let mut session = Secured::starttls(gateway.relay, GATEWAY, authority)?;
    session.expect("EHLO client.sender.example", "REQUIRETLS")?;
    session.expect(&format!("MAIL FROM:<{SENDER}> REQUIRETLS"), "250 2.1.0")?;
    session.expect(&format!("RCPT TO:<{to}>"), "250 2.1.5")?;
    session.expect("DATA", "354 ")?;
    session.send(&Message::plain("for your eyes").dot_stuffed())?;
    session.hear("250 2.0.0")?;
    session.end(End::Announced).map(drop)
}
