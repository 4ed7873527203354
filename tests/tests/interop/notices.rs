//! What senders are told: the wishes of RFC 3461 through the relay to Postfix and back.

use postern_tests::fault::Fault;
use postern_tests::loopback::Loopback;
use postern_tests::message::{Delivered, Message};
use postern_tests::ports;
use postern_tests::postfix::{Postfix, Setup};
use postern_tests::programs::Program;
use postern_tests::smtp_dialogue::Dialogue;
use postern_tests::zones::{Dns, Zone};

use crate::Scenario;
use crate::gateway::{self, Gateway, Plan, SENDER, unwrapped};

/// All of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "wishes_reach_postfix_and_its_success_comes_back",
        needs: &[Program::Postfix],
        run: success,
    },
    Scenario {
        name: "one_notice_tells_of_all_failures_with_what_was_asked_for",
        needs: &[Program::Postfix],
        run: failures,
    },
    Scenario {
        name: "nobody_is_told_of_mail_in_a_forged_name",
        needs: &[
            Program::Postfix,
            Program::Nsd,
            Program::Unbound,
            Program::LdnsSignzone,
        ],
        run: forged,
    },
];

/// The next hop: it knows everybody at `receiver.example` but those whose name begins with `no`.
fn next_hop(back: std::net::SocketAddr) -> Result<Postfix, Fault> {
    Setup::named("mx.receiver.example")
        .serving("receiver.example")
        .relaying("sender.example", back)
        .parameter(
            "smtpd_recipient_restrictions",
            "check_recipient_access regexp:{{/^no/ REJECT} {/./ OK}}, reject",
        )
        .start()
}

/// A gateway between the sender's mailboxes and the next hop.
fn between(sender: &Postfix) -> Result<(Gateway, Postfix), Fault> {
    let plan = Plan::ordinary()?;
    let postfix = next_hop(plan.relay)?;
    let gateway = plan
        .with(|it| it.domain("sender.example", sender.address()))
        .with(|it| it.domain("receiver.example", postfix.address()))
        .start()?;
    Ok((gateway, postfix))
}

/// Sends a message with these parameters, each recipient with its own.
fn send(
    server: std::net::SocketAddr,
    mail: &str,
    recipients: &[(&str, &str)],
    message: &Message,
) -> Result<(), Fault> {
    let mut dialogue = Dialogue::open(server)?;
    dialogue.expect("EHLO client.sender.example", 250)?;
    dialogue.expect(&format!("MAIL FROM:<{SENDER}>{mail}"), 250)?;
    for (name, parameters) in recipients {
        dialogue.expect(
            &format!("RCPT TO:<{name}@receiver.example>{parameters}"),
            250,
        )?;
    }
    dialogue.expect("DATA", 354)?;
    dialogue.send(&message.dot_stuffed())?;
    let reply = dialogue.reply()?;
    assert_eq!(reply.code, 250, "{reply:?}");
    Ok(())
}

/// The only notice, once there is one.
fn notice(sender: &Postfix, gateway: &Gateway) -> Result<String, Fault> {
    sender.delivered(1)?;
    gateway.installation.wait_for_empty_queue()?;
    match sender.mailbox().messages()?.as_slice() {
        [notice] => Ok(notice.text()),
        several => Err(Fault::Unexpected(format!("{} notices", several.len()))),
    }
}

fn check(notice: &str, parts: &[&str], not: &[&str]) {
    let text = unwrapped(notice);
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in\n{notice}");
    }
    for part in not {
        assert!(!text.contains(part), "{part:?} is in\n{notice}");
    }
}

fn success() -> Result<(), Fault> {
    let sender = gateway::mailboxes_of_the_sender()?;
    let (gateway, postfix) = between(&sender)?;
    let wishes = " NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;robert+2Bold@receiver.example";
    let recipients = [("bob", wishes), ("never", " NOTIFY=FAILURE")];
    send(
        gateway.relay,
        " RET=HDRS ENVID=QQ+2B1",
        &recipients,
        &Message::plain("success"),
    )?;
    postfix.delivered(2)?;
    let notice = notice(&sender, &gateway)?;
    let parts = [
        "Reporting-MTA: dns; mx.receiver.example",
        "Original-Envelope-Id: QQ+1",
        "Original-Recipient: rfc822;robert+old@receiver.example",
        "Final-Recipient: rfc822; bob@receiver.example",
        "Action: delivered",
    ];
    check(&notice, &parts, &["never@", "One line."]);
    Ok(())
}

fn failures() -> Result<(), Fault> {
    for (ret, has_body) in [("HDRS", false), ("FULL", true)] {
        let sender = gateway::mailboxes_of_the_sender()?;
        let (gateway, postfix) = between(&sender)?;
        let recipients = [
            ("bob", ""),
            ("no1", " NOTIFY=FAILURE ORCPT=rfc822;first@receiver.example"),
            ("no2", ""),
            ("no3", " NOTIFY=NEVER"),
        ];
        let mail = format!(" RET={ret} ENVID=envelope-7");
        send(
            gateway.relay,
            &mail,
            &recipients,
            &Message::plain("failure"),
        )?;
        postfix.delivered(1)?;
        let notice = notice(&sender, &gateway)?;
        let parts = [
            "Content-Type: multipart/report",
            "Reporting-MTA: dns; gateway.postern.example",
            "Original-Envelope-Id: envelope-7",
            "Original-Recipient: rfc822; first@receiver.example",
            "Final-Recipient: rfc822; no1@receiver.example",
            "Final-Recipient: rfc822; no2@receiver.example",
            "Action: failed",
            "Subject: failure",
        ];
        check(&notice, &parts, &["no3@", "rfc822; bob@"]);
        assert_eq!(notice.contains("One line."), has_body, "{ret}: {notice}");
    }
    Ok(())
}

/// SPF says that this host does not send for the domain; nothing asks for the mail to be refused.
fn forged() -> Result<(), Fault> {
    let zone = Zone::unsigned("sender.example").text("sender.example", "v=spf1 -all");
    let other = Zone::unsigned("example").record("example", "TXT", "nothing");
    let dns = Dns::start(&[zone, other], Loopback::claim()?)?;
    let sender = gateway::mailboxes_of_the_sender()?;
    let plan = Plan::ordinary()?;
    let (postfix, judging) = (next_hop(plan.relay)?, ports::free()?);
    let gateway = plan
        .with(|it| it.judging_mx(judging, &[]))
        .with(|it| it.domain("sender.example", sender.address()))
        .with(|it| it.domain("receiver.example", postfix.address()))
        .with(|it| it.dns(dns.relaying(), dns.anchor()))
        .start()?;
    let message = Message::plain("forged");
    send(judging, "", &[("no1", "")], &message)?;
    gateway.postern.logged("not to be believed")?;
    gateway.installation.wait_for_empty_queue()?;
    // A host of ours is told, so that the way back is known to be open.
    send(gateway.relay, "", &[("no2", "")], &message)?;
    let told: Vec<Delivered> = sender.delivered(1)?;
    gateway.installation.wait_for_empty_queue()?;
    assert_eq!(sender.mailbox().messages()?.len(), 1);
    assert!(
        told.iter()
            .all(|it| it.text().contains("no2@receiver.example"))
    );
    Ok(())
}
