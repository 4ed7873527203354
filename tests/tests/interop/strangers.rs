//! Mail to hosts that nothing is agreed with: TLS where it works, in clear where it does not.

use std::net::SocketAddr;

use postern_tests::certificates::{Authority, Key, Leaf};
use postern_tests::exim::Exim;
use postern_tests::fault::Fault;
use postern_tests::mailbox;
use postern_tests::message::{Delivered, Message};
use postern_tests::opensmtpd::OpenSmtpd;
use postern_tests::postfix::{ServerTls, Setup};
use postern_tests::programs::Program;
use postern_tests::sink::Sink;
use postern_tests::stranger::Stranger;
use postern_tests::swaks::Swaks;

use crate::Scenario;
use crate::gateway::{self, Gateway, Plan, RECEIVER, SENDER};

/// All of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "exim_is_reached_over_starttls",
        needs: &[Program::Swaks, Program::Exim],
        run: exim_is_reached_over_starttls,
    },
    Scenario {
        name: "opensmtpd_without_tls_is_reached_in_clear",
        needs: &[Program::Swaks, Program::OpenSmtpd],
        run: opensmtpd_is_reached_in_clear,
    },
    Scenario {
        name: "opensmtpd_whose_handshake_fails_is_reached_in_clear_and_it_is_told",
        needs: &[Program::Swaks, Program::OpenSmtpd],
        run: a_broken_handshake_is_followed_by_clear,
    },
    Scenario {
        name: "postfix_with_a_certificate_nobody_vouches_for_is_reached_over_starttls",
        needs: &[Program::Swaks, Program::Postfix],
        run: an_unknown_certificate_still_encrypts,
    },
    Scenario {
        name: "exim_brings_mail_by_bdat_over_starttls",
        needs: &[Program::Swaks, Program::Exim],
        run: exim_brings_mail,
    },
    Scenario {
        name: "opensmtpd_brings_mail_over_starttls",
        needs: &[Program::Swaks, Program::OpenSmtpd],
        run: opensmtpd_brings_mail,
    },
];

fn exim_is_reached_over_starttls() -> Result<(), Fault> {
    let exim = Exim::start(&offering_tls(&stranger_authority()?)?)?;
    let gateway = to(exim.address())?;
    let trace = send_all(&gateway, |count| exim.delivered(count))?;
    assert!(trace.contains("with esmtps (TLS1.3)"), "{trace}");
    let line = gateway.postern.logged("delivered")?;
    assert!(
        line.contains("encrypted (unauthenticated), TLSv1.3"),
        "{line}"
    );
    Ok(())
}

fn opensmtpd_is_reached_in_clear() -> Result<(), Fault> {
    let opensmtpd = OpenSmtpd::start(&stranger())?;
    let gateway = to(opensmtpd.address())?;
    send_all(&gateway, |count| opensmtpd.delivered(count))?;
    let line = gateway.postern.logged("delivered")?;
    assert!(
        line.contains("plain (the peer does not offer STARTTLS)"),
        "{line}"
    );
    Ok(())
}

fn a_broken_handshake_is_followed_by_clear() -> Result<(), Fault> {
    let opensmtpd = OpenSmtpd::start(&offering_tls(&stranger_authority()?)?)?;
    let gateway = to(opensmtpd.address())?;
    send_all(&gateway, |count| opensmtpd.delivered(count))?;
    let line = gateway
        .postern
        .logged("TLS failed and nothing demands it; trying in clear")?;
    assert!(
        line.contains("the peer refused the TLS handshake"),
        "{line}"
    );
    let line = gateway.postern.logged("delivered")?;
    assert!(
        line.contains("plain (the peer refused the TLS handshake"),
        "{line}"
    );
    Ok(())
}

fn an_unknown_certificate_still_encrypts() -> Result<(), Fault> {
    let authority = Authority::new("Nobody's CA", Key::Rsa)?;
    let certificate = authority.issue(&Leaf::named("elsewhere.example").key(Key::Rsa))?;
    let postfix = Setup::named("mx.receiver.example")
        .serving("receiver.example")
        .tls(ServerTls::Demanded, &certificate)
        .start()?;
    let gateway = to(postfix.address())?;
    let trace = send_all(&gateway, |count| postfix.delivered(count))?;
    assert!(trace.contains("(using TLSv1.3 with cipher"), "{trace}");
    let line = gateway.postern.logged("delivered")?;
    assert!(line.contains("encrypted (unauthenticated)"), "{line}");
    Ok(())
}

fn exim_brings_mail() -> Result<(), Fault> {
    let sink = Sink::start()?;
    let gateway = behind_our_mx(&sink)?;
    let exim = Exim::start(&sending(&gateway))?;
    let line = brought(&gateway, &sink, exim.address(), || exim.log())?;
    assert!(line.contains("basis=\"encrypted"), "{line}");
    // C= is what the next hop said; `CHUNKING`: K.
    let log = exim.log();
    assert!(log.contains(" K C=\"250"), "{log}");
    Ok(())
}

fn opensmtpd_brings_mail() -> Result<(), Fault> {
    let sink = Sink::start()?;
    let gateway = behind_our_mx(&sink)?;
    let opensmtpd = OpenSmtpd::start(&sending(&gateway))?;
    let line = brought(&gateway, &sink, opensmtpd.address(), || opensmtpd.log())?;
    assert!(line.contains("basis=\"encrypted"), "{line}");
    Ok(())
}

/// A gateway that serves `receiver.example` and hands its mail to the sink.
fn behind_our_mx(sink: &Sink) -> Result<Gateway, Fault> {
    Plan::ordinary()?
        .with(|it| it.domain("receiver.example", sink.address()))
        .start()
}

/// A stranger who hands mail for `receiver.example` to the gateway.
fn sending(gateway: &Gateway) -> Stranger {
    Stranger::named("mx.sender.example", "sender.example").relaying("receiver.example", gateway.mx)
}

/// Gives awkward messages to the stranger and finds them behind the gateway; gives what the gateway
/// logged of the last one.
fn brought(
    gateway: &Gateway,
    sink: &Sink,
    stranger: SocketAddr,
    log: impl Fn() -> String,
) -> Result<String, Fault> {
    let messages = [
        Message::awkward("from a stranger"),
        Message::eight_bit("from a stranger").longer(1000),
    ];
    for (count, message) in messages.iter().enumerate() {
        let session = Swaks::with(stranger).from(SENDER).to(RECEIVER);
        session.send(message)?.accepted()?;
        let taken = sink.wait_for(count + 1);
        let taken = taken.map_err(|fault| Fault::Unexpected(format!("{fault}\n{}", log())))?;
        for taken in taken.iter().skip(count) {
            taken.added_before(message)?;
        }
    }
    gateway.installation.wait_for_empty_queue()?;
    assert_eq!(sink.taken().len(), messages.len());
    gateway.postern.logged("accepted")
}

/// A gateway that hands mail for the receiver to this stranger.
fn to(address: SocketAddr) -> Result<Gateway, Fault> {
    Plan::ordinary()?
        .with(|it| it.route("receiver.example", address))
        .start()
}

/// Sends awkward messages one after the other and finds each, octet by octet; gives what stands in
/// front of the last one.
fn send_all(
    gateway: &Gateway,
    delivered: impl Fn(usize) -> Result<Vec<Delivered>, Fault>,
) -> Result<String, Fault> {
    let messages = [
        Message::awkward("to a stranger"),
        Message::eight_bit("to a stranger"),
    ];
    for message in &messages {
        gateway.host_of_ours().send(message)?.accepted()?;
    }
    let delivered = delivered(messages.len())?;
    gateway.installation.wait_for_empty_queue()?;
    assert_eq!(delivered.len(), messages.len());
    let mut last = String::new();
    for message in &messages {
        let found: Vec<Delivered> = delivered
            .iter()
            .filter(|it| it.trace_before(message).is_ok())
            .cloned()
            .collect();
        last = mailbox::only(&found, message)?;
    }
    Ok(gateway::unwrapped(&last))
}

fn stranger() -> Stranger {
    Stranger::named("mx.receiver.example", "receiver.example")
}

fn stranger_authority() -> Result<Authority, Fault> {
    Authority::new("Stranger CA", Key::Rsa)
}

fn offering_tls(authority: &Authority) -> Result<Stranger, Fault> {
    let certificate = authority.issue(&Leaf::named("mx.receiver.example").key(Key::Rsa))?;
    Ok(stranger().offering(&certificate))
}
