//! A partner's host that does not prove what it must: nothing leaves, the mail waits, and the same
//! reason is told in the log, in the queue, and to the sender.

use std::net::SocketAddr;

use postern_tests::certificates::{Authority, Key, Leaf, Validity};
use postern_tests::configuration::{Partner, Rule};
use postern_tests::fault::Fault;
use postern_tests::mailbox;
use postern_tests::message::{Delivered, Message};
use postern_tests::opensmtpd::OpenSmtpd;
use postern_tests::postfix::{Postfix, ServerTls, Setup};
use postern_tests::programs::Program;
use postern_tests::queue::Failure;
use postern_tests::sink::Sink;
use postern_tests::stranger::Stranger;

use crate::Scenario;
use crate::gateway::{self, Gateway, Plan, RECEIVER, SENDER, unwrapped};

/// All of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "a_certificate_of_another_name_is_given_nothing",
        needs: &[Program::Swaks, Program::Postfix],
        run: another_name,
    },
    Scenario {
        name: "a_certificate_of_another_authority_is_given_nothing",
        needs: &[Program::Swaks, Program::Postfix],
        run: another_authority,
    },
    Scenario {
        name: "an_expired_certificate_is_given_nothing",
        needs: &[Program::Swaks, Program::Postfix],
        run: expired,
    },
    Scenario {
        name: "a_host_without_starttls_is_given_nothing",
        needs: &[Program::Swaks, Program::Postfix],
        run: no_starttls,
    },
    Scenario {
        name: "a_host_whose_handshake_fails_is_given_nothing",
        needs: &[Program::Swaks, Program::Postfix, Program::OpenSmtpd],
        run: broken_handshake,
    },
    Scenario {
        name: "mail_that_waited_leaves_once_the_host_proves_itself",
        needs: &[Program::Swaks, Program::Postfix],
        run: mended,
    },
    Scenario {
        name: "one_recipient_that_waits_does_not_hold_up_the_other",
        needs: &[Program::Swaks, Program::Postfix],
        run: two_recipients,
    },
    Scenario {
        name: "at_stage_warn_mail_leaves_and_the_operator_is_told",
        needs: &[Program::Swaks, Program::Postfix],
        run: at_stage_warn,
    },
];

const PARTNER: &str = "Receiver";
const NAME: &str = "mx.receiver.example";

fn another_name() -> Result<(), Fault> {
    let authority = partner_authority()?;
    let leaf = Leaf::named("mx.impostor.example");
    let impostor = postfix_showing(&authority, &leaf)?;
    check_postfix(
        &authority,
        &impostor,
        "4.7.5",
        "the certificate is not for mx.receiver.example; it is for mx.impostor.example",
    )
}

fn another_authority() -> Result<(), Fault> {
    let authority = partner_authority()?;
    let other = Authority::new("Other CA", Key::Ecdsa)?;
    let impostor = postfix_showing(&other, &Leaf::named(NAME))?;
    check_postfix(
        &authority,
        &impostor,
        "4.7.5",
        "the certificate leads to CN=Other CA, which is not among the trusted",
    )
}

fn expired() -> Result<(), Fault> {
    let authority = partner_authority()?;
    let leaf = Leaf::named(NAME).validity(Validity::Expired);
    let late = postfix_showing(&authority, &leaf)?;
    check_postfix(&authority, &late, "4.7.5", "expired on 2021-01-01")
}

fn no_starttls() -> Result<(), Fault> {
    let authority = partner_authority()?;
    let stripped = Setup::named(NAME).serving("receiver.example").start()?;
    check_postfix(
        &authority,
        &stripped,
        "4.7.10",
        "the channel is plain: the peer does not offer STARTTLS",
    )
}

fn broken_handshake() -> Result<(), Fault> {
    let authority = partner_authority()?;
    let stranger = Stranger::named(NAME, "receiver.example");
    let certificate = authority.issue(&Leaf::named(NAME).key(Key::Rsa))?;
    let broken = OpenSmtpd::start(&stranger.offering(&certificate))?;
    let case = Case::start(&authority, broken.address())?;
    case.check(
        "4.7.5",
        "the channel is plain: the peer refused the TLS handshake",
    )?;
    assert!(broken.mailbox().messages()?.is_empty());
    let log = broken.log();
    assert!(!log.contains(" smtp message"), "{log}");
    Ok(())
}

/// The host proves the wrong thing at first, and the right thing when it is tried again.
fn mended() -> Result<(), Fault> {
    let authority = partner_authority()?;
    let impostor = postfix_showing(&authority, &Leaf::named("mx.impostor.example"))?;
    let address = impostor.address();
    let case = Case::start(&authority, address)?;
    case.wait_for_failure()?;
    drop(impostor);
    let right = authority.issue(&Leaf::named(NAME))?;
    let honest = Setup::named(NAME)
        .serving("receiver.example")
        .tls(ServerTls::Demanded, &right)
        .start_at(address)?;
    honest.delivered(1)?;
    case.gateway
        .installation
        .wait_for_queue("only notices", |queue| {
            queue.iter().all(|it| it.reverse_path == "<>")
        })?;
    mailbox::only(&honest.mailbox().messages()?, &case.message)?;
    let line = case.gateway.postern.logged("authenticated as")?;
    assert!(
        line.contains("authenticated as mx.receiver.example"),
        "{line}"
    );
    Ok(())
}

/// A message for the partner, whose host is an impostor, and for somebody else.
fn two_recipients() -> Result<(), Fault> {
    let authority = partner_authority()?;
    let impostor = postfix_showing(&authority, &Leaf::named("mx.impostor.example"))?;
    let stranger = Sink::start()?;
    let rule = Rule::authenticated(NAME, authority.root()).host(impostor.address());
    let gateway = Plan::ordinary()?
        .with(|it| it.route("*", stranger.address()))
        .with(|it| it.partner(&Partner::called(PARTNER, "receiver.example").outbound(&rule)))
        .start()?;
    let message = Message::plain("to two");
    let session = gateway.host_of_ours().to("carol@elsewhere.example");
    session.send(&message)?.accepted()?;
    // Notices to the sender go the stranger's way here.
    let taken = stranger.wait_for(1)?;
    let to_carol = taken.iter().find(|it| it.mail.contains(SENDER));
    let to_carol = to_carol.ok_or_else(|| Fault::Unexpected(format!("{taken:#?}")))?;
    assert_eq!(to_carol.rcpt, ["TO:<carol@elsewhere.example>"]);
    to_carol.added_before(&message)?;
    gateway
        .installation
        .wait_for_queue("one of two that waits", |queue| {
            let mut of_the_sender = queue.iter().filter(|it| it.reverse_path != "<>");
            of_the_sender.any(|it| it.waiting == 1 && it.attempts() >= 2)
        })?;
    let copies = stranger.taken();
    let copies = copies.iter().filter(|it| it.mail.contains(SENDER));
    assert_eq!(copies.count(), 1);
    assert!(impostor.mailbox().messages()?.is_empty());
    Ok(())
}

fn at_stage_warn() -> Result<(), Fault> {
    let authority = partner_authority()?;
    let impostor = postfix_showing(&authority, &Leaf::named("mx.impostor.example"))?;
    let rule = Rule::authenticated(NAME, authority.root()).host(impostor.address());
    let partner = Partner::at_stage("warn", PARTNER, "receiver.example").outbound(&rule);
    let gateway = Plan::ordinary()?.with(|it| it.partner(&partner)).start()?;
    let message = Message::plain("not yet enforced");
    gateway.host_of_ours().send(&message)?.accepted()?;
    mailbox::only(&impostor.delivered(1)?, &message)?;
    let line = gateway.postern.logged("enforcing would stop this mail")?;
    for part in ["WARN", PARTNER, "it is for mx.impostor.example"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    let line = gateway.postern.logged("delivered")?;
    assert!(line.contains("encrypted (unauthenticated)"), "{line}");
    Ok(())
}

/// One message for a host that is not what the partner's rule demands.
struct Case {
    sender: Postfix,
    gateway: Gateway,
    message: Message,
}

impl Case {
    fn start(authority: &Authority, host: SocketAddr) -> Result<Self, Fault> {
        let sender = gateway::mailboxes_of_the_sender()?;
        let rule = Rule::authenticated(NAME, authority.root()).host(host);
        let partner = Partner::called(PARTNER, "receiver.example").outbound(&rule);
        let gateway = Plan::ordinary()?
            .with(|it| it.domain("sender.example", sender.address()))
            .with(|it| it.partner(&partner))
            .start()?;
        let message = Message::plain("confidential");
        gateway.host_of_ours().send(&message)?.accepted()?;
        Ok(Self {
            sender,
            gateway,
            message,
        })
    }

    /// Checks that the mail waits, and that log, queue and notice tell the same reason, which has
    /// `fragment` in it.
    fn check(&self, status: &str, fragment: &str) -> Result<(), Fault> {
        let failure = self.wait_for_failure()?;
        assert_eq!(failure.status, status, "{failure:#?}");
        assert!(failure.text.contains(fragment), "{failure:#?}");
        let demand = format!("partner {PARTNER} demands ");
        assert!(failure.text.contains(&demand), "{failure:#?}");
        let line = self.gateway.postern.logged(&failure.text)?;
        for part in ["deferred", status, SENDER, RECEIVER] {
            assert!(line.contains(part), "{part}: {line}");
        }
        self.check_notice(status, &failure.text)
    }

    /// Waits for the first failure, and checks that `queue list` and `queue show` agree on it.
    fn wait_for_failure(&self) -> Result<Failure, Fault> {
        let installation = &self.gateway.installation;
        let queue = installation.wait_for_queue("a failed attempt", |queue| {
            let mut of_the_sender = queue.iter().filter(|it| it.reverse_path != "<>");
            of_the_sender.any(|it| it.failure().is_some())
        })?;
        let listed = queue.iter().find(|it| it.failure().is_some());
        let listed = listed.ok_or_else(|| Fault::Unexpected(format!("{queue:#?}")))?;
        let shown = installation.queued(&listed.id)?;
        let gone = || Fault::Unexpected(format!("{shown:#?}"));
        let recipient = shown.recipients.first().ok_or_else(gone)?;
        assert_eq!(recipient.state, "waiting");
        assert_eq!(recipient.forward_path, format!("<{RECEIVER}>"));
        let failure = shown.failure().ok_or_else(gone)?;
        assert_eq!(listed.failure().map(|it| &it.text), Some(&failure.text));
        Ok(failure.clone())
    }

    fn check_notice(&self, status: &str, reason: &str) -> Result<(), Fault> {
        let notices = self.sender.delivered(1)?;
        let text = notices.first().map(Delivered::text).unwrap_or_default();
        let field = format!("Status: {status}\n");
        for expected in [
            "multipart/report",
            "Action: delayed\n",
            "Final-Recipient: rfc822; bob@receiver.example\n",
            "Will-Retry-Until: ",
            &field,
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        // Once in words and once in the field for programs.
        assert_eq!(unwrapped(&text).matches(reason).count(), 2, "{text}");
        // The sender is told once, however often it is tried.
        self.gateway
            .installation
            .wait_for_queue("a further attempt", |queue| {
                queue.len() == 1 && queue.iter().all(|it| it.attempts() >= 3)
            })?;
        assert_eq!(self.sender.mailbox().messages()?.len(), 1);
        Ok(())
    }
}

fn check_postfix(
    authority: &Authority,
    host: &Postfix,
    status: &str,
    fragment: &str,
) -> Result<(), Fault> {
    let case = Case::start(authority, host.address())?;
    case.check(status, fragment)?;
    assert!(host.mailbox().messages()?.is_empty());
    // Postfix counts the commands of each session when it ends; ours and the harness's probe have
    // greeted, upgraded and left.
    host.logged("ehlo=")?;
    let log = host.log();
    for command in [" mail=", " rcpt=", " data=", " bdat=", " unknown="] {
        assert!(!log.contains(command), "{command}: {log}");
    }
    assert!(log.contains(" ehlo=1"), "{log}");
    Ok(())
}

fn partner_authority() -> Result<Authority, Fault> {
    Authority::new("Partner CA", Key::Ecdsa)
}

fn postfix_showing(authority: &Authority, leaf: &Leaf) -> Result<Postfix, Fault> {
    Setup::named(NAME)
        .serving("receiver.example")
        .tls(ServerTls::Offered, &authority.issue(leaf)?)
        .start()
}
