//! The foreign programs among themselves: that the harness runs and reads them rightly.

use std::net::TcpListener;

use postern_tests::certificates::{Authority, Credentials, Key, Leaf, Validity};
use postern_tests::exim::Exim;
use postern_tests::fault::Fault;
use postern_tests::mailbox;
use postern_tests::message::{Delivered, Message};
use postern_tests::opensmtpd::OpenSmtpd;
use postern_tests::openssl::{self, Version};
use postern_tests::postfix::{ClientCertificates, Postfix, ServerTls, Setup, Upstream};
use postern_tests::programs::Program;
use postern_tests::smtp_dialogue::Dialogue;
use postern_tests::stranger::Stranger;
use postern_tests::swaks::{Session, Swaks, Tls};

use crate::Scenario;

/// All of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "postfix_stores_every_octet_that_swaks_sends",
        needs: &[Program::Swaks, Program::Postfix],
        run: postfix_stores_every_octet,
    },
    Scenario {
        name: "postfix_takes_a_raw_dialogue",
        needs: &[Program::Postfix],
        run: postfix_takes_a_raw_dialogue,
    },
    Scenario {
        name: "postfix_demands_a_client_certificate_of_its_authority",
        needs: &[Program::Swaks, Program::Postfix],
        run: postfix_demands_a_client_certificate,
    },
    Scenario {
        name: "postfix_accepts_listed_client_certificates_alone",
        needs: &[Program::Swaks, Program::Openssl, Program::Postfix],
        run: postfix_accepts_listed_client_certificates,
    },
    Scenario {
        name: "postfix_relays_to_postfix_with_its_client_certificate",
        needs: &[Program::Swaks, Program::Postfix],
        run: postfix_relays_with_its_client_certificate,
    },
    Scenario {
        name: "postfix_keeps_a_message_from_an_impostor",
        needs: &[Program::Swaks, Program::Postfix],
        run: postfix_keeps_a_message_from_an_impostor,
    },
    Scenario {
        name: "postfix_returns_a_refused_message_to_its_sender",
        needs: &[Program::Swaks, Program::Postfix],
        run: postfix_returns_a_refused_message,
    },
    Scenario {
        name: "nothing_is_left_of_a_stopped_instance",
        needs: &[Program::Postfix, Program::Exim, Program::OpenSmtpd],
        run: nothing_is_left_of_a_stopped_instance,
    },
    Scenario {
        name: "exim_takes_messages_over_starttls",
        needs: &[Program::Swaks, Program::Exim],
        run: exim_takes_messages_over_starttls,
    },
    Scenario {
        name: "opensmtpd_takes_messages_in_clear_and_breaks_the_handshake_it_offers",
        needs: &[Program::Swaks, Program::OpenSmtpd],
        run: opensmtpd_breaks_the_handshake_it_offers,
    },
    Scenario {
        name: "strangers_without_certificate_offer_no_starttls",
        needs: &[Program::Exim, Program::OpenSmtpd],
        run: strangers_without_certificate_offer_no_starttls,
    },
    Scenario {
        name: "openssl_sees_the_certificate_of_the_kind_it_knows",
        needs: &[Program::Openssl, Program::Postfix],
        run: openssl_sees_the_certificate_of_its_kind,
    },
];

const RECEIVER: &str = "bob@receiver.example";

fn postfix_stores_every_octet() -> Result<(), Fault> {
    let authority = Authority::new("Receiver CA", Key::Ecdsa)?;
    let postfix = receiver(ServerTls::Offered, &authority)?.start()?;
    let messages = [
        Message::plain("plain"),
        Message::awkward("awkward"),
        Message::eight_bit("8"),
    ];
    for (sent, tls) in messages
        .iter()
        .zip([Tls::Clear, Tls::StartTls, Tls::StartTls])
    {
        swaks(&postfix, tls)
            .trusting(authority.root())
            .send(sent)?
            .accepted()?;
    }
    let delivered = postfix.delivered(messages.len())?;
    for sent in &messages {
        let found = delivered
            .iter()
            .filter(|it| it.trace_before(sent).is_ok())
            .count();
        assert_eq!(found, 1, "{delivered:#?}");
    }
    assert_eq!(delivered.len(), messages.len());
    Ok(())
}

fn postfix_takes_a_raw_dialogue() -> Result<(), Fault> {
    let authority = Authority::new("Receiver CA", Key::Ecdsa)?;
    let postfix = receiver(ServerTls::Offered, &authority)?.start()?;
    let mut dialogue = Dialogue::open(postfix.address())?;
    assert!(
        dialogue
            .expect("EHLO client.sender.example", 250)?
            .offers("STARTTLS")
    );
    let message = Message::awkward("raw");
    assert_eq!(
        dialogue
            .transact("alice@sender.example", RECEIVER, &message)?
            .code,
        250
    );
    let reply = dialogue.command("RCPT TO:<bob@receiver.example>")?;
    assert!(reply.code == 503 && reply.has_status("5.5.1"), "{reply:?}");
    dialogue.expect("QUIT", 221)?;
    assert_eq!(dialogue.rest()?, b"");
    mailbox::only(&postfix.delivered(1)?, &message)?;
    Ok(())
}

fn postfix_demands_a_client_certificate() -> Result<(), Fault> {
    let authority = Authority::new("Partner CA", Key::Ecdsa)?;
    let stranger = Authority::new("Other CA", Key::Ecdsa)?;
    let demanded = ClientCertificates::Demanded {
        root: authority.root().to_owned(),
    };
    let postfix = receiver(ServerTls::Demanded, &authority)?
        .client_certificates(demanded)
        .start()?;
    let send = |credentials: Option<&Credentials>| -> Result<Session, Fault> {
        let session = swaks(&postfix, Tls::StartTls);
        let session = credentials.into_iter().fold(session, Swaks::presenting);
        session.send(&Message::plain("demanded"))
    };
    let right = authority.issue(&Leaf::named("out.sender.example").key(Key::Rsa))?;
    let expired = authority.issue(&client().validity(Validity::Expired))?;
    for wrong in [None, Some(&stranger.issue(&client())?), Some(&expired)] {
        let session = send(wrong)?;
        assert_ne!(session.status, Some(0), "{}", session.transcript);
    }
    let clear = swaks(&postfix, Tls::Clear).send(&Message::plain("clear"))?;
    assert!(
        clear
            .refusal()
            .is_some_and(|it| it.starts_with("530 5.7.0")),
        "{clear:?}"
    );
    send(Some(&right))?.accepted()?;
    let trace = mailbox::only(&postfix.delivered(1)?, &Message::plain("demanded"))?;
    assert!(
        trace.contains("Client CN \"out.sender.example\""),
        "{trace}"
    );
    Ok(())
}

fn postfix_accepts_listed_client_certificates() -> Result<(), Fault> {
    let authority = Authority::new("Partner CA", Key::Ecdsa)?;
    let listed = authority.issue(&client())?;
    let postfix = receiver(ServerTls::Demanded, &authority)?
        .client_certificates(ClientCertificates::Listed(vec![listed.clone()]))
        .start()?;
    let message = Message::plain("listed");
    let unlisted = authority.issue(&client())?;
    let refused = swaks(&postfix, Tls::StartTls)
        .presenting(&unlisted)
        .send(&message)?;
    assert_eq!(refused.status, Some(24), "{}", refused.transcript);
    assert!(
        refused
            .refusal()
            .is_some_and(|it| it.starts_with("554 5.7.1")),
        "{refused:?}"
    );
    swaks(&postfix, Tls::StartTls)
        .presenting(&listed)
        .send(&message)?
        .accepted()?;
    mailbox::only(&postfix.delivered(1)?, &message)?;
    Ok(())
}

fn postfix_relays_with_its_client_certificate() -> Result<(), Fault> {
    let authority = Authority::new("Partner CA", Key::Ecdsa)?;
    let demanded = ClientCertificates::Demanded {
        root: authority.root().to_owned(),
    };
    let receiver = receiver(ServerTls::Demanded, &authority)?
        .client_certificates(demanded)
        .start()?;
    let relay = Setup::named("out.sender.example")
        .relaying("receiver.example", receiver.address())
        .upstream(authenticated(&authority))
        .presenting(&authority.issue(&client())?)
        .start()?;
    let message = Message::awkward("relayed");
    swaks(&relay, Tls::Clear).send(&message)?.accepted()?;
    let trace = mailbox::only(&receiver.delivered(1)?, &message)?;
    assert!(
        trace.contains("Client CN \"out.sender.example\""),
        "{trace}"
    );
    assert!(trace.contains("(verified OK)"), "{trace}");
    relay.logged("Verified TLS connection established to 127.0.0.1")?;
    relay.logged("status=sent")?;
    Ok(())
}

fn postfix_keeps_a_message_from_an_impostor() -> Result<(), Fault> {
    let authority = Authority::new("Partner CA", Key::Ecdsa)?;
    let impostor = authority.issue(&Leaf::named("mx.impostor.example"))?;
    let receiver = Setup::named("mx.receiver.example")
        .serving("receiver.example")
        .tls(ServerTls::Offered, &impostor)
        .start()?;
    let relay = Setup::named("out.sender.example")
        .relaying("receiver.example", receiver.address())
        .upstream(authenticated(&authority))
        .start()?;
    swaks(&relay, Tls::Clear)
        .send(&Message::plain("kept"))?
        .accepted()?;
    let line = relay.logged("status=deferred")?;
    assert!(line.contains("not verified"), "{line}");
    relay.flush()?;
    assert!(receiver.mailbox().messages()?.is_empty());
    Ok(())
}

fn postfix_returns_a_refused_message() -> Result<(), Fault> {
    let authority = Authority::new("Partner CA", Key::Ecdsa)?;
    let receiver = receiver(ServerTls::Demanded, &authority)?
        .client_certificates(ClientCertificates::Listed(Vec::new()))
        .start()?;
    let relay = Setup::named("out.sender.example")
        .serving("sender.example")
        .relaying("receiver.example", receiver.address())
        .upstream(Upstream::Encrypted)
        .presenting(&authority.issue(&client())?)
        .start()?;
    swaks(&relay, Tls::Clear)
        .send(&Message::plain("refused"))?
        .accepted()?;
    let bounces = relay.delivered(1)?;
    let text = bounces.first().map(Delivered::text).unwrap_or_default();
    for expected in [
        "multipart/report",
        "Status: 5.7.1",
        "Final-Recipient: rfc822; bob@receiver.example",
    ] {
        assert!(text.contains(expected), "{text}");
    }
    Ok(())
}

fn nothing_is_left_of_a_stopped_instance() -> Result<(), Fault> {
    let postfix = Setup::named("mx.receiver.example").start()?;
    let exim = Exim::start(&stranger())?;
    let opensmtpd = OpenSmtpd::start(&stranger())?;
    let addresses = [postfix.address(), exim.address(), opensmtpd.address()];
    let directories = [postfix.mailbox(), exim.mailbox(), opensmtpd.mailbox()]
        .map(|mailbox| mailbox.directory().to_owned());
    // Held open, so that a process forked for it is at work while its daemon is stopped.
    let held = addresses.map(Dialogue::open);
    assert!(held.iter().all(Result::is_ok), "{held:?}");
    drop((postfix, exim, opensmtpd));
    for address in addresses {
        TcpListener::bind(address)
            .map_err(|error| Fault::Unexpected(format!("{address}: {error}")))?;
    }
    for dialogue in held {
        // Whatever was said to the end, the connection is closed.
        dialogue?.rest()?;
    }
    for mailbox in directories {
        let home = mailbox.ancestors().nth(2);
        let kept = std::env::var_os("POSTERN_TEST_KEEP").is_some();
        assert!(kept || home.is_some_and(|it| !it.exists()), "{home:?}");
    }
    Ok(())
}

fn exim_takes_messages_over_starttls() -> Result<(), Fault> {
    let authority = Authority::new("Stranger CA", Key::Rsa)?;
    let exim = Exim::start(&stranger().offering(&authority.issue(&server(Key::Rsa))?))?;
    for message in [Message::awkward("to Exim"), Message::eight_bit("to Exim")] {
        let session = Swaks::with(exim.address())
            .from("alice@sender.example")
            .to(RECEIVER);
        session
            .tls(Tls::StartTls)
            .trusting(authority.root())
            .send(&message)?
            .accepted()?;
    }
    for delivered in exim.delivered(2)? {
        let trace = delivered
            .trace_before(&Message::awkward("to Exim"))
            .or_else(|_| delivered.trace_before(&Message::eight_bit("to Exim")))?;
        assert!(trace.contains("with esmtps"), "{trace}");
    }
    let elsewhere = Swaks::with(exim.address())
        .from("alice@sender.example")
        .to("eve@other.example");
    assert_eq!(
        elsewhere.send(&Message::plain("no relay"))?.status,
        Some(24)
    );
    Ok(())
}

fn opensmtpd_breaks_the_handshake_it_offers() -> Result<(), Fault> {
    let authority = Authority::new("Stranger CA", Key::Rsa)?;
    let certificate = authority.issue(&server(Key::Rsa))?;
    let opensmtpd = OpenSmtpd::start(&stranger().offering(&certificate))?;
    let session = || {
        Swaks::with(opensmtpd.address())
            .from("alice@sender.example")
            .to(RECEIVER)
    };
    let messages = [
        Message::awkward("to OpenSMTPD"),
        Message::eight_bit("to OpenSMTPD"),
    ];
    for message in &messages {
        let broken = session().tls(Tls::StartTls).send(message)?;
        assert_eq!(broken.status, Some(29), "{}", broken.transcript);
        session().tls(Tls::Clear).send(message)?.accepted()?;
    }
    let delivered = opensmtpd.delivered(messages.len())?;
    for sent in &messages {
        let found = delivered
            .iter()
            .filter(|it| it.trace_before(sent).is_ok())
            .count();
        assert_eq!(found, 1, "{delivered:#?}");
    }
    let elsewhere = session()
        .to("eve@other.example")
        .send(&Message::plain("no relay"))?;
    assert!(
        elsewhere.refusal().is_some_and(|it| it.starts_with("550")),
        "{elsewhere:?}"
    );
    Ok(())
}

fn strangers_without_certificate_offer_no_starttls() -> Result<(), Fault> {
    let exim = Exim::start(&stranger())?;
    let opensmtpd = OpenSmtpd::start(&stranger())?;
    for (address, delivered) in [
        (exim.address(), &(|| exim.delivered(1)) as &dyn Fn() -> _),
        (opensmtpd.address(), &|| opensmtpd.delivered(1)),
    ] {
        let mut dialogue = Dialogue::open(address)?;
        assert!(
            !dialogue
                .expect("EHLO client.sender.example", 250)?
                .offers("STARTTLS")
        );
        let message = Message::plain("in clear");
        assert_eq!(
            dialogue
                .transact("alice@sender.example", RECEIVER, &message)?
                .code,
            250
        );
        mailbox::only(&delivered()?, &message)?;
    }
    Ok(())
}

fn openssl_sees_the_certificate_of_its_kind() -> Result<(), Fault> {
    let authority = Authority::new("Receiver CA", Key::Rsa)?;
    let rsa = authority.issue(&server(Key::Rsa))?;
    let ecdsa = authority.issue(&server(Key::Ecdsa))?;
    let postfix = Setup::named("mx.receiver.example")
        .tls(ServerTls::Offered, &rsa)
        .parameter("smtpd_tls_eccert_file", &ecdsa.chain.display().to_string())
        .parameter("smtpd_tls_eckey_file", &ecdsa.key.display().to_string())
        .start()?;
    let pairs = [(Key::Rsa, &rsa), (Key::Ecdsa, &ecdsa)];
    for version in [Version::Tls12, Version::Tls13] {
        for (key, expected) in pairs {
            let seen = openssl::starttls(postfix.address(), "mx.receiver.example", version, key)?;
            assert_eq!(
                seen.certificate,
                expected.certificate(),
                "{version:?} {key:?}"
            );
        }
    }
    Ok(())
}

fn receiver(tls: ServerTls, authority: &Authority) -> Result<Setup, Fault> {
    let certificate = authority.issue(&server(Key::Ecdsa))?;
    Ok(Setup::named("mx.receiver.example")
        .serving("receiver.example")
        .tls(tls, &certificate))
}

fn server(key: Key) -> Leaf {
    Leaf::named("mx.receiver.example").key(key)
}

fn client() -> Leaf {
    Leaf::named("out.sender.example")
}

fn stranger() -> Stranger {
    Stranger::named("mx.receiver.example", "receiver.example")
}

fn authenticated(authority: &Authority) -> Upstream {
    let names = vec!["mx.receiver.example".to_owned()];
    Upstream::Authenticated {
        root: authority.root().to_owned(),
        names,
    }
}

fn swaks(postfix: &Postfix, tls: Tls) -> Swaks {
    Swaks::with(postfix.address())
        .from("alice@sender.example")
        .to(RECEIVER)
        .tls(tls)
}
