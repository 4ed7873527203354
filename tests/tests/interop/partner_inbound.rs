//! Mail from a partner: accepted from a holder of the partner's certificate and from nobody else.

use postern_tests::certificates::{Authority, Credentials, Key, Leaf, Validity};
use postern_tests::configuration::{Configuration, Partner, Rule};
use postern_tests::fault::Fault;
use postern_tests::mailbox;
use postern_tests::message::{Delivered, Message};
use postern_tests::postfix::{Postfix, Setup, Upstream};
use postern_tests::programs::Program;
use postern_tests::swaks::{Swaks, Tls};

use crate::Scenario;
use crate::gateway::{GATEWAY, Gateway, Plan, RECEIVER, SENDER, unwrapped};

/// All of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "the_right_certificate_is_accepted",
        needs: &[Program::Swaks, Program::Postfix],
        run: the_right_certificate,
    },
    Scenario {
        name: "a_wrong_certificate_is_refused_with_550_and_the_sender_is_told",
        needs: &[Program::Swaks, Program::Postfix],
        run: wrong_certificates,
    },
    Scenario {
        name: "no_certificate_is_refused_with_530_and_the_sender_is_told",
        needs: &[Program::Swaks, Program::Postfix],
        run: no_certificate,
    },
    Scenario {
        name: "stage_observe_accepts_everything_and_tells_what_it_would_refuse",
        needs: &[Program::Swaks, Program::Postfix],
        run: observed,
    },
    Scenario {
        name: "a_reload_puts_a_rule_in_force",
        needs: &[Program::Swaks, Program::Postfix],
        run: reloaded,
    },
    Scenario {
        name: "an_exclusive_certificate_speaks_for_no_other_domain",
        needs: &[Program::Swaks, Program::Postfix],
        run: exclusive,
    },
];

/// The partner's name as a client, and the text of refusals.
const NAME: &str = "out.sender.example";
const PARTNER: &str = "Sender";

/// Two mailbox servers and the gateway between the partner and ours.
struct Gate {
    partner: Authority,
    receiver: Postfix,
    gateway: Gateway,
}

impl Gate {
    fn at_stage(stage: &str) -> Result<Self, Fault> {
        Self::with_rule(stage, |rule| rule)
    }

    fn with_rule(stage: &str, add: impl FnOnce(Rule) -> Rule) -> Result<Self, Fault> {
        let partner = Authority::new("Partner CA", Key::Ecdsa)?;
        let receiver = Setup::named("mail.receiver.example")
            .serving("receiver.example")
            .start()?;
        let rule = add(Rule::authenticated(NAME, partner.root()));
        let add = |it: Configuration| {
            it.domain("receiver.example", receiver.address())
                .partner(&Partner::at_stage(stage, PARTNER, "sender.example").inbound(&rule))
        };
        let gateway = Plan::ordinary()?.with(add).start()?;
        Ok(Self {
            partner,
            receiver,
            gateway,
        })
    }

    /// A Postfix that sends for `sender.example` through the gateway, and takes what comes back.
    fn sending(
        &self,
        upstream: Upstream,
        presented: Option<&Credentials>,
    ) -> Result<Postfix, Fault> {
        let setup = Setup::named(NAME)
            .serving("sender.example")
            .relaying("receiver.example", self.gateway.mx)
            .upstream(upstream);
        presented.into_iter().fold(setup, Setup::presenting).start()
    }
}

fn the_right_certificate() -> Result<(), Fault> {
    let gate = Gate::at_stage("enforce")?;
    let right = gate.partner.issue(&Leaf::named(NAME))?;
    let sender = gate.sending(Upstream::Encrypted, Some(&right))?;
    let message = Message::awkward("authenticated");
    through(&sender).send(&message)?.accepted()?;
    let trace = mailbox::only(&gate.receiver.delivered(1)?, &message)?;
    let ours = format!("(client authenticated as {NAME} by root.pem) by {GATEWAY} with ESMTPS");
    assert!(unwrapped(&trace).contains(&ours), "{trace}");
    let line = gate.gateway.postern.logged("accepted")?;
    for part in ["authenticated", NAME, PARTNER] {
        assert!(line.contains(part), "{part}: {line}");
    }
    Ok(())
}

fn wrong_certificates() -> Result<(), Fault> {
    let gate = Gate::at_stage("enforce")?;
    let other = Authority::new("Other CA", Key::Ecdsa)?;
    let expired = Leaf::named(NAME).validity(Validity::Expired);
    for (wrong, reason) in [
        (
            gate.partner.issue(&Leaf::named("out.stranger.example"))?,
            "the certificate is not for out.sender.example; it is for out.stranger.example",
        ),
        (
            other.issue(&Leaf::named(NAME))?,
            "the certificate leads to CN=Other CA, which is not among the trusted",
        ),
        (gate.partner.issue(&expired)?, "expired on 2021-01-01"),
    ] {
        let sender = gate.sending(Upstream::Encrypted, Some(&wrong))?;
        check_returned(&gate, &sender, "550", "5.7.1", reason)?;
    }
    Ok(())
}

fn no_certificate() -> Result<(), Fault> {
    let gate = Gate::at_stage("enforce")?;
    let anonymous = gate.sending(Upstream::Encrypted, None)?;
    check_returned(&gate, &anonymous, "530", "5.7.0", "no certificate")?;
    let right = gate.partner.issue(&Leaf::named(NAME))?;
    let clear = gate.sending(Upstream::Clear, Some(&right))?;
    check_returned(&gate, &clear, "530", "5.7.10", "the client did not use TLS")
}

/// A message of `sender` is refused with this reply, which Postfix quotes to whoever wrote it.
fn check_returned(
    gate: &Gate,
    sender: &Postfix,
    code: &str,
    status: &str,
    reason: &str,
) -> Result<(), Fault> {
    through(sender)
        .send(&Message::plain("refused"))?
        .accepted()?;
    let returned = sender.delivered(1)?;
    let text = returned.first().map(Delivered::text).unwrap_or_default();
    assert!(text.contains(&format!("Status: {status}\n")), "{text}");
    let reply = format!("smtp; {code}-{status} ");
    let text = unwrapped(&text);
    assert!(text.contains(&reply), "{reply}: {text}");
    assert!(text.contains("(in reply to MAIL FROM command)"), "{text}");
    for part in [reason, "partner Sender demands"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let line = gate.gateway.postern.logged(reason)?;
    assert!(
        line.contains("MAIL refused by a partner's rule") && line.contains(PARTNER),
        "{line}"
    );
    assert!(gate.receiver.mailbox().messages()?.is_empty());
    Ok(())
}

fn observed() -> Result<(), Fault> {
    let gate = Gate::at_stage("observe")?;
    let right = gate.partner.issue(&Leaf::named(NAME))?;
    let wrong = gate.partner.issue(&Leaf::named("out.stranger.example"))?;
    for (count, presented) in [Some(&right), Some(&wrong), None].into_iter().enumerate() {
        let sender = gate.sending(Upstream::Encrypted, presented)?;
        through(&sender)
            .send(&Message::plain("observed"))?
            .accepted()?;
        let delivered = gate.receiver.delivered(count + 1)?;
        assert_eq!(delivered.len(), count + 1);
    }
    let log = gate.gateway.postern.stderr();
    let observed = log
        .lines()
        .filter(|line| line.contains("stage enforce would refuse this"));
    assert_eq!(observed.count(), 2, "{log}");
    Ok(())
}

fn reloaded() -> Result<(), Fault> {
    let gate = Gate::at_stage("observe")?;
    let installation = &gate.gateway.installation;
    let anonymous = gate.sending(Upstream::Encrypted, None)?;
    through(&anonymous)
        .send(&Message::plain("observed"))?
        .accepted()?;
    gate.receiver.delivered(1)?;

    let before = installation.configuration()?;
    installation.configure(&before.replace("\"observe\"", "\"enforce\""))?;
    gate.gateway.postern.reload()?;
    gate.gateway
        .postern
        .logged("the new configuration is in force")?;
    through(&anonymous)
        .send(&Message::plain("refused"))?
        .accepted()?;
    let returned = anonymous.delivered(1)?;
    let text = returned.first().map(Delivered::text).unwrap_or_default();
    assert!(text.contains("Status: 5.7.0\n"), "{text}");
    assert_eq!(gate.receiver.mailbox().messages()?.len(), 1);
    Ok(())
}

fn exclusive() -> Result<(), Fault> {
    let gate = Gate::with_rule("enforce", |rule| rule.line("exclusive = true"))?;
    let right = gate.partner.issue(&Leaf::named(NAME))?;
    let client = |from: &str| {
        let session = Swaks::with(gate.gateway.mx).from(from).to(RECEIVER);
        let session = session.tls(Tls::StartTls).presenting(&right);
        session.send(&Message::plain("exclusive"))
    };
    client(SENDER)?.accepted()?;
    let other = client("carol@elsewhere.example")?;
    assert_eq!(other.status, Some(23), "{}", other.transcript);
    let refusal = other.refusal().unwrap_or_default();
    assert!(
        refusal.starts_with("550-5.7.1 the certificate is that of Sender"),
        "{refusal}"
    );
    // A notification names no domain.
    client("<>")?.accepted()?;
    gate.receiver.delivered(2).map(drop)
}

fn through(sender: &Postfix) -> Swaks {
    Swaks::with(sender.address()).from(SENDER).to(RECEIVER)
}
