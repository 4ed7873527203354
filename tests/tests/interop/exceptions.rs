//! What operators do in a hurry: deny a certificate, break the glass; and what tells them that a rule
//! can be enforced. All of it acts on the next message, by a reload.

use std::time::SystemTime;

use postern_tests::certificates::{Authority, Key, Leaf};
use postern_tests::configuration::{Partner, Rule};
use postern_tests::fault::Fault;
use postern_tests::message::Message;
use postern_tests::openssl;
use postern_tests::postfix::{Postfix, ServerTls, Setup};
use postern_tests::programs::Program;
use postern_tests::wait::{self, PATIENCE};
use time::{Date, Duration, OffsetDateTime};

use crate::Scenario;
use crate::gateway::{Gateway, Plan};

/// All of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "a_denied_key_is_given_nothing_from_now_on",
        needs: &[Program::Swaks, Program::Postfix, Program::Openssl],
        run: denied,
    },
    Scenario {
        name: "broken_glass_lets_mail_pass_loudly_until_it_is_mended",
        needs: &[Program::Swaks, Program::Postfix],
        run: broken_glass,
    },
    Scenario {
        name: "what_a_rule_would_have_stopped_is_known_after_a_restart",
        needs: &[Program::Swaks, Program::Postfix],
        run: measured,
    },
];

const NAME: &str = "mx.receiver.example";

/// A partner, and a host with a certificate for another name.
fn impostor() -> Result<(Authority, Postfix), Fault> {
    let authority = Authority::new("Partner CA", Key::Ecdsa)?;
    let certificate = authority.issue(&Leaf::named("mx.impostor.example"))?;
    let postfix = Setup::named(NAME)
        .serving("receiver.example")
        .tls(ServerTls::Offered, &certificate)
        .start()?;
    Ok((authority, postfix))
}

/// A stranger whose key is denied while a connection to it is kept.
fn denied() -> Result<(), Fault> {
    let authority = Authority::new("Stranger's CA", Key::Ecdsa)?;
    let certificate = authority.issue(&Leaf::named(NAME))?;
    let postfix = Setup::named(NAME)
        .serving("receiver.example")
        .tls(ServerTls::Offered, &certificate)
        .start()?;
    let gateway = Plan::ordinary()?
        .with(|it| it.route("receiver.example", postfix.address()))
        .start()?;
    let message = Message::plain("to a stranger");
    gateway.host_of_ours().send(&message)?.accepted()?;
    postfix.delivered(1)?;

    let pin = openssl::spki_pin(&certificate)?;
    let deny = format!("[[deny]]\nspki = {pin:?}\nreason = \"stolen on the train\"\n");
    reload_with(&gateway, &deny)?;
    gateway.host_of_ours().send(&message)?.accepted()?;
    let line = gateway.postern.logged("not delivered")?;
    for part in ["deferred", "stolen on the train"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert_eq!(postfix.mailbox().messages()?.len(), 1);
    Ok(())
}

fn broken_glass() -> Result<(), Fault> {
    let (authority, postfix) = impostor()?;
    let rule = Rule::authenticated(NAME, authority.root()).host(postfix.address());
    let gateway = Plan::ordinary()?
        .with(|it| it.partner(&Partner::called("Receiver", "receiver.example").outbound(&rule)))
        .start()?;
    let message = Message::plain("urgent");
    gateway.host_of_ours().send(&message)?.accepted()?;
    gateway.postern.logged("not delivered")?;

    let before = gateway.installation.configuration()?;
    let glass = format!(
        "[[break-glass]]\npartner = \"Receiver\"\nallow = \"encrypted\"\n\
         reason = \"their certificate expired\"\napproved-by = \"duty officer\"\n\
         until = \"{}T00:00:00Z\"\n",
        next_week()
    );
    reload_with(&gateway, &glass)?;
    postfix.delivered(1)?;
    let line = gateway.postern.logged("their certificate expired")?;
    for part in ["Receiver", "duty officer"] {
        assert!(line.contains(part), "{part}: {line}");
    }

    gateway.installation.configure(&before)?;
    gateway.postern.reload()?;
    wait_for_reloads(&gateway, 2)?;
    gateway.postern.logged("break-glass entry was taken back")?;
    gateway.host_of_ours().send(&message)?.accepted()?;
    gateway
        .installation
        .wait_for_queue("a message that waits again", |queue| {
            let mut of_the_sender = queue.iter().filter(|it| it.reverse_path != "<>");
            of_the_sender.any(|it| it.failure().is_some())
        })?;
    assert_eq!(postfix.mailbox().messages()?.len(), 1);
    Ok(())
}

fn measured() -> Result<(), Fault> {
    let (authority, postfix) = impostor()?;
    let rule = Rule::authenticated(NAME, authority.root()).host(postfix.address());
    let partner = Partner::at_stage("observe", "Receiver", "receiver.example").outbound(&rule);
    let gateway = Plan::ordinary()?.with(|it| it.partner(&partner)).start()?;
    for count in 1..=3 {
        let message = Message::plain(&format!("message {count}"));
        gateway.host_of_ours().send(&message)?.accepted()?;
        postfix.delivered(count)?;
    }
    gateway.installation.wait_for_empty_queue()?;
    check_measured(&gateway)?;
    let Gateway {
        postern,
        installation,
        mx,
        relay,
    } = gateway;
    postern.terminate(PATIENCE)?;
    check_measured(&Gateway {
        postern: installation.serve()?,
        installation,
        mx,
        relay,
    })
}

fn check_measured(gateway: &Gateway) -> Result<(), Fault> {
    let shown = gateway.installation.partner("Receiver")?;
    let outbound = &shown.outbound;
    assert_eq!(outbound.readiness.verdict, "failing", "{shown:#?}");
    let Some(measured) = &outbound.measured else {
        return Err(Fault::Unexpected(format!("not measured: {shown:#?}")));
    };
    assert_eq!((measured.met, measured.failed), (0, 0), "{shown:#?}");
    // Messages that share a connection share its judgement.
    assert!((1..=3).contains(&measured.would_have_failed), "{shown:#?}");
    let reasons: Vec<&str> = measured
        .reasons
        .iter()
        .map(|it| it.reason.as_str())
        .collect();
    let expected = "the certificate is not for mx.receiver.example";
    assert!(reasons.iter().any(|it| it.contains(expected)), "{shown:#?}");
    Ok(())
}

/// The date in seven days. An exception must end within thirty.
fn next_week() -> Date {
    (OffsetDateTime::from(SystemTime::now()) + Duration::days(7)).date()
}

fn reload_with(gateway: &Gateway, table: &str) -> Result<(), Fault> {
    let before = gateway.installation.configuration()?;
    gateway.installation.configure(&(before + table))?;
    gateway.postern.reload()?;
    wait_for_reloads(gateway, 1)
}

fn wait_for_reloads(gateway: &Gateway, count: usize) -> Result<(), Fault> {
    let look = || {
        let log = gateway.postern.stderr();
        let done = log.matches("the new configuration is in force").count();
        Ok((done >= count).then_some(()))
    };
    let log = || wait::tail(&gateway.postern.stderr());
    wait::until("a reload", PATIENCE, look, log)
}
