//! Next hops in the hands of somebody else: STARTTLS stripped in every way there is, replies that
//! come before they are asked for, and versions of TLS that nobody should speak (RFC 3207 §6).
//!
//! All of them belong to partners that demand no more than encryption: the weakest rule there is
//! must keep mail from leaving in clear, whatever the host says.

use std::net::SocketAddr;

use postern_tests::certificates::{Authority, Key, Leaf};
use postern_tests::configuration::{Partner, Rule};
use postern_tests::fault::Fault;
use postern_tests::message::Message;
use postern_tests::postfix::{ServerTls, Setup};
use postern_tests::programs::Program;
use postern_tests::queue::Queued;
use postern_tests::scripted::{Script, Scripted, Then};
use postern_tests::smtp_dialogue::Dialogue;

use crate::Scenario;
use crate::gateway::{Gateway, Plan, SENDER};

/// All of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "a_host_without_tls_is_given_nothing_whatever_it_says",
        needs: &[],
        run: stripped,
    },
    Scenario {
        name: "a_host_of_weak_versions_is_given_nothing",
        needs: &[Program::Postfix],
        run: weak_versions,
    },
];

/// A reply to STARTTLS, and what follows it.
const fn answering(starttls: &'static [u8], then: Then) -> Script {
    Script {
        starttls,
        then,
        ..Script::offering()
    }
}

/// Every way of not beginning a handshake (threat T4), and of being ahead of one (T2, T3).
const SCRIPTS: &[(&str, Script)] = &[
    (
        "offers it in the greeting alone",
        Script {
            greeting: "220 scripted.example ESMTP STARTTLS\r\n",
            ehlo: "250 scripted.example\r\n",
            ..Script::offering()
        },
    ),
    (
        "offers something like it",
        Script {
            ehlo: "250-scripted.example\r\n250-XSTARTTLSX\r\n250 X-STARTTLS\r\n",
            ..Script::offering()
        },
    ),
    (
        "knows no EHLO",
        Script {
            ehlo: "500 5.5.1 what?\r\n",
            ..Script::offering()
        },
    ),
    (
        "has no time",
        answering(b"454 4.7.0 TLS not available\r\n", Then::Closes),
    ),
    (
        "does not know it",
        answering(b"502 5.5.1 what?\r\n", Then::Closes),
    ),
    ("refuses it", answering(b"554 5.7.1 no\r\n", Then::Closes)),
    ("hangs up", answering(b"220 go ahead\r\n", Then::Closes)),
    ("resets", answering(b"220 go ahead\r\n", Then::Resets)),
    (
        "goes on in clear",
        answering(b"220 go ahead\r\n", Then::GoesOn),
    ),
    (
        "answers in clear",
        answering(b"220 go ahead\r\n250 ok\r\n", Then::Closes),
    ),
    (
        "says what is no TLS",
        answering(
            b"220 go ahead\r\n\x00\x01\x02\x03\xff\xfe garbage",
            Then::Closes,
        ),
    ),
    (
        "sends an alert: handshake failure",
        answering(
            b"220 go ahead\r\n\x15\x03\x03\x00\x02\x02\x28",
            Then::Closes,
        ),
    ),
    (
        "answers the whole session in advance",
        answering(
            b"220 go ahead\r\n250 evil\r\n250 ok\r\n250 ok\r\n354 go\r\n250 stolen\r\n",
            Then::GoesOn,
        ),
    ),
    (
        "answers before it is asked",
        Script {
            greeting: "220 scripted.example ESMTP\r\n250-scripted.example\r\n250 STARTTLS\r\n\
                       220 go ahead\r\n250 ok\r\n250 ok\r\n354 go\r\n250 stolen\r\n",
            ..Script::offering()
        },
    ),
];

/// What may not be said in clear.
const HARMFUL: [&str; 6] = ["MAIL", "RCPT", "DATA", "BDAT", "AUTH", "Subject:"];

fn stripped() -> Result<(), Fault> {
    let mut hosts = Vec::new();
    for (way, script) in SCRIPTS {
        hosts.push((way, Scripted::start(*script)?));
    }
    let addresses: Vec<SocketAddr> = hosts.iter().map(|(_, host)| host.address()).collect();
    let gateway = partners_at(&addresses)?;
    // Again and again, on one connection after the other.
    let queue = all_wait(&gateway, addresses.len())?;
    for (place, (way, host)) in hosts.iter().enumerate() {
        host.wait_for_connections(2)?;
        let heard = host.heard();
        // Where the host goes on in clear, it takes the octets of our handshake for lines.
        let harmful = |line: &String| HARMFUL.iter().any(|verb| line.starts_with(verb));
        assert!(!heard.iter().any(harmful), "{way}: {heard:?}");
        let to = recipient(place);
        let waits = |it: &&Queued| it.recipients.iter().any(|it| it.forward_path.contains(&to));
        let failure = queue.iter().find(waits).and_then(Queued::failure);
        let status = failure.map(|it| it.status.as_str()).unwrap_or_default();
        assert!(status.starts_with("4."), "{way}: {failure:?}");
    }
    Ok(())
}

/// TLS 1.0 and 1.1 are no TLS (RFC 8996).
fn weak_versions() -> Result<(), Fault> {
    let certificate = Authority::new("Partner CA", Key::Rsa)?
        .issue(&Leaf::named("mx.receiver.example").key(Key::Rsa))?;
    let mut hosts = Vec::new();
    for version in ["TLSv1", "TLSv1.1"] {
        let only = format!(">={version}, <={version}");
        let host = Setup::named("mx.receiver.example")
            .serving("partner.example")
            .tls(ServerTls::Offered, &certificate)
            .parameter("smtpd_tls_protocols", &only)
            .parameter("smtpd_tls_ciphers", "low")
            .parameter("tls_low_cipherlist", "ALL:@SECLEVEL=0")
            .start()?;
        hosts.push(host);
    }
    let addresses: Vec<SocketAddr> = hosts.iter().map(|host| host.address()).collect();
    let gateway = partners_at(&addresses)?;
    all_wait(&gateway, addresses.len())?;
    for host in &hosts {
        host.logged("starttls=")?;
        assert!(host.mailbox().messages()?.is_empty());
        assert!(!host.log().contains(" mail="), "{}", host.log());
    }
    Ok(())
}

fn recipient(place: usize) -> String {
    format!("bob@p{place}.example")
}

/// A gateway with a partner at each of these addresses and a message for each of them.
fn partners_at(addresses: &[SocketAddr]) -> Result<Gateway, Fault> {
    let mut plan = Plan::ordinary()?;
    for (place, address) in addresses.iter().enumerate() {
        let partner = Partner::called(&format!("Partner {place}"), &format!("p{place}.example"));
        let rule = Rule::encrypted().host(*address);
        plan = plan.with(|it| it.partner(&partner.outbound(&rule)));
    }
    let gateway = plan.start()?;
    let mut dialogue = Dialogue::open(gateway.relay)?;
    dialogue.expect("EHLO client.sender.example", 250)?;
    for place in 0..addresses.len() {
        let message = Message::plain("not in clear");
        let reply = dialogue.transact(SENDER, &recipient(place), &message)?;
        assert_eq!(reply.code, 250, "{reply:?}");
    }
    dialogue.expect("QUIT", 221)?;
    Ok(gateway)
}

/// Waits until every message has been tried twice, and gives the queue.
fn all_wait(gateway: &Gateway, count: usize) -> Result<Vec<Queued>, Fault> {
    let what = "two attempts for every message";
    gateway.installation.wait_for_queue(what, |queue| {
        let tried = queue
            .iter()
            .filter(|it| it.reverse_path != "<>" && it.attempts() >= 2);
        tried.count() == count
    })
}
