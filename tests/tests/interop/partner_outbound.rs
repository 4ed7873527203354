//! Mail to a partner: over TLS with both ends authenticated, whichever way it came in.

use postern_tests::certificates::{Authority, Credentials, Key, Leaf, Usage};
use postern_tests::configuration::{Partner, Rule};
use postern_tests::fault::Fault;
use postern_tests::mailbox;
use postern_tests::message::{Delivered, Message};
use postern_tests::openssl;
use postern_tests::postfix::{ClientCertificates, Postfix, ServerTls, Setup};
use postern_tests::programs::Program;
use postern_tests::queue::Queued;
use postern_tests::swaks::{Swaks, Tls};

use crate::Scenario;
use crate::gateway::{self, GATEWAY, Gateway, Plan, RECEIVER, SENDER};

/// All of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "mail_of_our_hosts_reaches_the_partner_over_mutual_tls",
        needs: &[Program::Swaks, Program::Postfix],
        run: mail_of_our_hosts_reaches_the_partner,
    },
    Scenario {
        name: "mail_of_strangers_reaches_the_partner_behind_our_mx_over_mutual_tls",
        needs: &[Program::Swaks, Program::Postfix],
        run: mail_of_strangers_reaches_the_partner,
    },
    Scenario {
        name: "our_certificate_is_for_servers_alone_and_serves_a_partner_that_lists_it",
        needs: &[Program::Swaks, Program::Openssl, Program::Postfix],
        run: a_partner_lists_our_certificate,
    },
    Scenario {
        name: "without_a_certificate_that_the_partner_demands_nothing_leaves",
        needs: &[Program::Swaks, Program::Postfix],
        run: without_our_certificate,
    },
    Scenario {
        name: "a_profile_holds_the_connection_to_what_it_allows",
        needs: &[Program::Swaks, Program::Postfix],
        run: suite_b,
    },
    Scenario {
        name: "a_pinned_key_is_known_whoever_vouches_for_it",
        needs: &[Program::Swaks, Program::Openssl, Program::Postfix],
        run: pinned,
    },
];

/// The partner, which takes mail from holders of certificates of `clients` alone.
struct Receiver {
    authority: Authority,
    postfix: Postfix,
}

impl Receiver {
    fn demanding(clients: ClientCertificates) -> Result<Self, Fault> {
        let authority = Authority::new("Partner CA", Key::Ecdsa)?;
        let certificate = authority.issue(&Leaf::named("mx.receiver.example"))?;
        let postfix = Setup::named("mx.receiver.example")
            .serving("receiver.example")
            .tls(ServerTls::Demanded, &certificate)
            .client_certificates(clients)
            .start()?;
        Ok(Self { authority, postfix })
    }

    fn rule(&self) -> Rule {
        Rule::authenticated("mx.receiver.example", self.authority.root())
            .host(self.postfix.address())
    }
}

fn mail_of_our_hosts_reaches_the_partner() -> Result<(), Fault> {
    let ours = gateway::authority()?;
    let receiver = Receiver::demanding(demanded(&ours))?;
    let partner = Partner::called("Receiver", "receiver.example")
        .outbound(&receiver.rule().presenting("default"));
    let gateway = Plan::new(&ours.issue(&Leaf::named(GATEWAY))?)?
        .with(|it| it.partner(&partner))
        .start()?;
    all_arrive(&gateway, || gateway.host_of_ours(), &receiver, &ours)
}

fn mail_of_strangers_reaches_the_partner() -> Result<(), Fault> {
    let ours = gateway::authority()?;
    let receiver = Receiver::demanding(demanded(&ours))?;
    // The host is that of the domain; what it must prove is the partner's.
    let rule = Rule::authenticated("mx.receiver.example", receiver.authority.root());
    let partner =
        Partner::called("Receiver", "receiver.example").outbound(&rule.presenting("default"));
    let gateway = Plan::new(&ours.issue(&Leaf::named(GATEWAY))?)?
        .with(|it| it.domain("receiver.example", receiver.postfix.address()))
        .with(|it| it.partner(&partner))
        .start()?;
    all_arrive(&gateway, || gateway.stranger(), &receiver, &ours)
}

/// Sends in clear, by STARTTLS, and with a client certificate; everything must arrive octet by octet
/// over a channel that each end knows to be with the other.
fn all_arrive(
    gateway: &Gateway,
    session: impl Fn() -> Swaks,
    receiver: &Receiver,
    ours: &Authority,
) -> Result<(), Fault> {
    let clients = Authority::new("Client CA", Key::Rsa)?;
    let client = clients.issue(&Leaf::named("client.sender.example").key(Key::Rsa))?;
    let secured = || session().trusting(ours.root()).tls(Tls::StartTls);
    let sent = [
        (Message::plain("in clear"), session(), "ESMTP"),
        (Message::awkward("over TLS"), secured(), "ESMTPS"),
        (
            Message::eight_bit("with a certificate"),
            secured().presenting(&client),
            "ESMTPS",
        ),
    ];
    for (message, session, _) in &sent {
        session.clone().send(message)?.accepted()?;
    }

    let delivered = receiver.postfix.delivered(sent.len())?;
    assert_eq!(delivered.len(), sent.len());
    for (message, _, with) in &sent {
        let trace = trace_of(&delivered, message)?;
        let theirs = format!("(Client CN \"{GATEWAY}\", Issuer \"Gateway CA\" (verified OK))");
        assert!(trace.contains(&theirs), "{trace}");
        let ours = format!("by {GATEWAY} with {with} id ");
        assert!(trace.contains(&ours), "{trace}");
    }
    receiver
        .postfix
        .logged("Trusted TLS connection established from")?;
    gateway.installation.wait_for_empty_queue()?;
    check_verdicts(&gateway.postern.stderr(), sent.len());
    Ok(())
}

/// Every delivery is told with the channel's verdict and the name that was proven.
fn check_verdicts(log: &str, expected: usize) {
    let delivered: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("delivered") && line.contains("authenticated as"))
        .collect();
    assert_eq!(delivered.len(), expected, "{log}");
    for line in delivered {
        for part in [
            "authenticated as mx.receiver.example by ",
            "TLSv1.3",
            RECEIVER,
            SENDER,
        ] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
}

fn a_partner_lists_our_certificate() -> Result<(), Fault> {
    let ours = gateway::authority()?;
    let certificate = ours.issue(&Leaf::named(GATEWAY).usage(Usage::ServerOnly))?;
    let listed = ClientCertificates::Listed(vec![certificate.clone()]);
    let receiver = Receiver::demanding(listed)?;
    let partner = |rule: &Rule| Partner::called("Receiver", "receiver.example").outbound(rule);
    let gateway = |certificate: &Credentials, rule: &Rule| {
        Plan::new(certificate)?
            .with(|it| it.partner(&partner(rule)))
            .start()
    };
    let message = Message::plain("listed");
    let right = gateway(&certificate, &receiver.rule().presenting("default"))?;
    right.host_of_ours().send(&message)?.accepted()?;
    trace_of(&receiver.postfix.delivered(1)?, &message)?;

    // Another certificate of the same authority is not listed: the recipient is refused for good.
    let unlisted = ours.issue(&Leaf::named(GATEWAY))?;
    let wrong = gateway(&unlisted, &receiver.rule().presenting("default"))?;
    wrong.host_of_ours().send(&message)?.accepted()?;
    let line = wrong.postern.logged("not delivered")?;
    assert!(line.contains("554 5.7.1"), "{line}");
    assert_eq!(receiver.postfix.mailbox().messages()?.len(), 1);
    Ok(())
}

fn without_our_certificate() -> Result<(), Fault> {
    let ours = gateway::authority()?;
    let receiver = Receiver::demanding(demanded(&ours))?;
    let unknown = Authority::new("Unknown CA", Key::Ecdsa)?;
    for (rule, status, reason) in [
        (
            receiver.rule(),
            "4.7.1",
            "421 4.7.1 mx.receiver.example Error: No client certificate presented",
        ),
        (
            receiver.rule().presenting("default"),
            "4.7.1",
            "421 4.7.1 mx.receiver.example Error: Client certificate not trusted",
        ),
    ] {
        let partner = Partner::called("Receiver", "receiver.example").outbound(&rule);
        let gateway = Plan::new(&unknown.issue(&Leaf::named(GATEWAY))?)?
            .with(|it| it.partner(&partner))
            .start()?;
        let message = Message::plain("without a right certificate");
        gateway.host_of_ours().send(&message)?.accepted()?;
        let line = gateway.postern.logged("not delivered")?;
        for part in ["deferred", status, reason] {
            assert!(line.contains(part), "{part}: {line}");
        }
        let queue = gateway
            .installation
            .wait_for_queue("a deferred message", |it| {
                it.iter().any(|message| message.failure().is_some())
            })?;
        let failures = queue.iter().filter_map(Queued::failure);
        let statuses: Vec<&str> = failures.map(|it| it.status.as_str()).collect();
        assert_eq!(statuses, [status], "{queue:#?}");
    }
    assert!(receiver.postfix.mailbox().messages()?.is_empty());
    Ok(())
}

fn suite_b() -> Result<(), Fault> {
    let authority = Authority::new("Partner CA", Key::Ecdsa)?;
    let host = |key: Key| {
        let certificate = authority.issue(&Leaf::named("mx.receiver.example").key(key))?;
        Setup::named("mx.receiver.example")
            .serving("receiver.example")
            .tls(ServerTls::Offered, &certificate)
            .start()
    };
    let to = |host: &Postfix| {
        let rule = Rule::authenticated("mx.receiver.example", authority.root());
        let partner = Partner::called("Receiver", "receiver.example")
            .profile("suite-b-128")
            .outbound(&rule.host(host.address()));
        Plan::ordinary()?.with(|it| it.partner(&partner)).start()
    };
    let message = Message::plain("by suite B");
    let right = host(Key::Ecdsa)?;
    let gateway = to(&right)?;
    gateway.host_of_ours().send(&message)?.accepted()?;
    mailbox::only(&right.delivered(1)?, &message)?;
    let line = gateway.postern.logged("authenticated as")?;
    let channel = "TLSv1.2 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 secp256r1";
    assert!(line.contains(channel), "{line}");

    // A host with an RSA key has nothing in common with the profile.
    let wrong = host(Key::Rsa)?;
    let gateway = to(&wrong)?;
    gateway.host_of_ours().send(&message)?.accepted()?;
    let line = gateway.postern.logged("not delivered")?;
    assert!(
        line.contains("deferred") && line.contains("4.7.5"),
        "{line}"
    );
    assert!(wrong.mailbox().messages()?.is_empty());
    Ok(())
}

fn pinned() -> Result<(), Fault> {
    let nobody = Authority::new("Nobody's CA", Key::Ecdsa)?;
    let leaf = Leaf::named("whatever.example");
    let (held, other) = (nobody.issue(&leaf)?, nobody.issue(&leaf)?);
    let postfix = Setup::named("mx.receiver.example")
        .serving("receiver.example")
        .tls(ServerTls::Offered, &held)
        .start()?;
    let to = |pin: &str| {
        let rule = Rule::pinned(pin).host(postfix.address());
        let partner = Partner::called("Receiver", "receiver.example").outbound(&rule);
        Plan::ordinary()?.with(|it| it.partner(&partner)).start()
    };
    let message = Message::plain("to the holder of a key");
    let wrong = to(&openssl::spki_pin(&other)?)?;
    wrong.host_of_ours().send(&message)?.accepted()?;
    let line = wrong.postern.logged("not delivered")?;
    assert!(line.contains("not one of those pinned"), "{line}");
    assert!(postfix.mailbox().messages()?.is_empty());

    let right = to(&openssl::spki_pin(&held)?)?;
    right.host_of_ours().send(&message)?.accepted()?;
    mailbox::only(&postfix.delivered(1)?, &message)?;
    right
        .postern
        .logged("authenticated as the holder of key")
        .map(drop)
}

fn demanded(ours: &Authority) -> ClientCertificates {
    ClientCertificates::Demanded {
        root: ours.root().to_owned(),
    }
}

/// What stands in front of the one message that is `sent`.
fn trace_of(delivered: &[Delivered], sent: &Message) -> Result<String, Fault> {
    let found: Vec<String> = delivered
        .iter()
        .filter_map(|it| it.trace_before(sent).ok())
        .collect();
    match found.as_slice() {
        [trace] => Ok(gateway::unwrapped(trace)),
        _ => Err(Fault::Unexpected(format!(
            "delivered {} times among:\n{delivered:#?}",
            found.len()
        ))),
    }
}
