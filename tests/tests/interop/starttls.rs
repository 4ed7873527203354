//! What surrounds STARTTLS: nothing that came in clear counts inside, and a handshake that fails is
//! the end (CVE-2011-0411, RFC 3207 §4.2).

use postern_tests::certificates::{Authority, Leaf};
use postern_tests::fault::Fault;
use postern_tests::message::Message;
use postern_tests::ports;
use postern_tests::programs::Program;
use postern_tests::secured::{End, Secured};
use postern_tests::sink::{self, Sink};
use postern_tests::smtp_dialogue::Dialogue;
use postern_tests::swaks::{Swaks, Tls};

use crate::Scenario;
use crate::gateway::{self, GATEWAY, Gateway, Plan, RECEIVER, SENDER};

/// All of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "octets_behind_starttls_end_the_session",
        needs: &[],
        run: octets_behind_starttls,
    },
    Scenario {
        name: "what_is_no_handshake_is_answered_by_no_reply",
        needs: &[],
        run: no_handshake,
    },
    Scenario {
        name: "a_listener_that_requires_tls_takes_nothing_in_clear",
        needs: &[Program::Swaks],
        run: required_and_implicit,
    },
    Scenario {
        name: "a_session_that_is_cut_within_content_leaves_nothing",
        needs: &[],
        run: truncated,
    },
];

fn gateway(sink: &Sink) -> Result<Gateway, Fault> {
    Plan::ordinary()?
        .with(|it| it.domain("receiver.example", sink.address()))
        .start()
}

/// Content cut short by somebody on the way must not pass for content that is whole (RFC 8446 §6.1).
fn truncated() -> Result<(), Fault> {
    let sink = Sink::start()?;
    let authority = gateway::authority()?;
    let gateway = Plan::new(&authority.issue(&Leaf::named(GATEWAY))?)?
        .with(|it| it.domain("receiver.example", sink.address()))
        .start()?;
    let message = Message::plain("cut short");
    let whole = message.dot_stuffed();
    let pieces: [&[u8]; 4] = [
        b"Subject: cut",
        message.octets(),
        whole.strip_suffix(b"\r\n").unwrap_or_default(),
        whole.strip_suffix(b"\n").unwrap_or_default(),
    ];
    for piece in pieces {
        for end in [End::Announced, End::Cut] {
            let mut session = in_content(&gateway, &authority)?;
            session.send(piece)?;
            let said = session.end(end)?;
            assert!(
                !said.starts_with(b"250"),
                "{end:?}: {}",
                said.escape_ascii()
            );
        }
    }
    assert_eq!(gateway.installation.queue()?, []);
    // What is whole is taken, whatever comes of the session afterwards.
    let mut session = in_content(&gateway, &authority)?;
    session.send(&whole)?;
    session.hear("250 ")?;
    session.end(End::Cut)?;
    sink::only(&sink.wait_for(1)?, &message).map(drop)
}

/// A session within TLS in which content may begin.
fn in_content(gateway: &Gateway, authority: &Authority) -> Result<Secured, Fault> {
    let mut session = Secured::starttls(gateway.mx, GATEWAY, authority)?;
    session.send(b"EHLO client.sender.example\r\n")?;
    session.hear("\r\n250 ")?;
    let transaction = format!("MAIL FROM:<{SENDER}>\r\nRCPT TO:<{RECEIVER}>\r\nDATA\r\n");
    session.send(transaction.as_bytes())?;
    session.hear("354 ")?;
    Ok(session)
}

fn octets_behind_starttls() -> Result<(), Fault> {
    let sink = Sink::start()?;
    let gateway = gateway(&sink)?;
    let transaction = [
        format!("MAIL FROM:<{SENDER}>\r\nRCPT TO:<{RECEIVER}>\r\nDATA\r\n").into_bytes(),
        Message::plain("injected").dot_stuffed(),
    ]
    .concat();
    let injected: [&[u8]; 6] = [
        b"NOOP\r\n",
        b"NO",
        b"\n",
        b"EHLO client.sender.example\r\n",
        &b"NOOP\r\n".repeat(2000),
        &transaction,
    ];
    for octets in injected {
        let mut dialogue = introduced(&gateway)?;
        dialogue.send(&[b"STARTTLS\r\n", octets].concat())?;
        let said = dialogue.rest()?;
        let said = String::from_utf8_lossy(&said);
        assert!(
            said.starts_with("554 5.5.0 ") && said.matches("\r\n").count() == 1,
            "{}: {said:?}",
            octets.escape_ascii()
        );
    }
    check_nothing_came_of_it(&gateway, &sink)
}

fn no_handshake() -> Result<(), Fault> {
    let sink = Sink::start()?;
    let gateway = gateway(&sink)?;
    let ssl2_hello = [
        0x80, 0x2e, 0x01, 0x00, 0x02, 0x00, 0x15, 0x00, 0x00, 0x00, 0x10,
    ];
    let huge_record = [vec![0x16, 0x03, 0x01, 0xff, 0xff], vec![0; 0xffff]].concat();
    let transaction = format!("EHLO x\r\nMAIL FROM:<{SENDER}>\r\nRCPT TO:<{RECEIVER}>\r\nDATA\r\n");
    let octets: [&[u8]; 6] = [
        transaction.as_bytes(),
        b"GET / HTTP/1.1\r\nHost: gateway.postern.example\r\n\r\n",
        &[0; 1024],
        &ssl2_hello,
        &huge_record,
        // The fatal alert handshake_failure.
        &[0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x28],
    ];
    for octets in octets {
        let mut dialogue = introduced(&gateway)?;
        dialogue.expect("STARTTLS", 220)?;
        // The other side may have seen enough and be gone before all is sent.
        let _ = dialogue.send(octets);
        let said = dialogue.rest()?;
        // An alert is seven octets; 0x15 is its type.
        assert!(
            said.is_empty() || (said.len() == 7 && said.first() == Some(&0x15)),
            "{}: {}",
            octets.escape_ascii(),
            said.escape_ascii()
        );
    }
    check_nothing_came_of_it(&gateway, &sink)
}

fn required_and_implicit() -> Result<(), Fault> {
    let sink = Sink::start()?;
    let (required, implicit) = (ports::free()?, ports::free()?);
    let gateway = Plan::ordinary()?
        .with(|it| it.relay_with_tls(required, "required"))
        .with(|it| it.relay_with_tls(implicit, "implicit"))
        .with(|it| it.route("*", sink.address()))
        .start()?;
    for command in [
        "MAIL FROM:<alice@sender.example>",
        "RCPT TO:<bob@receiver.example>",
        "DATA",
        "BDAT 0 LAST",
        "VRFY bob",
    ] {
        let mut dialogue = Dialogue::open(required)?;
        dialogue.expect("EHLO client.sender.example", 250)?;
        let reply = dialogue.expect(command, 530)?;
        assert!(reply.has_status("5.7.0"), "{command}: {reply:?}");
        dialogue.expect("NOOP", 250)?;
        dialogue.expect("QUIT", 221)?;
    }
    let session = |listener| Swaks::with(listener).from(SENDER).to(RECEIVER);
    let secured = [
        (required, Tls::StartTls, Message::plain("by STARTTLS")),
        (implicit, Tls::OnConnect, Message::plain("from the start")),
    ];
    for (count, (listener, tls, message)) in secured.iter().enumerate() {
        let session = session(*listener).tls(*tls);
        session.send(message)?.accepted()?;
        let taken = sink.wait_for(count + 1)?;
        let added = taken.last().map(|it| it.added_before(message));
        let added = added.unwrap_or_else(|| Err(Fault::Unexpected("nothing".to_owned())))?;
        assert!(added.contains("with ESMTPS id"), "{added}");
    }
    gateway.installation.wait_for_empty_queue()
}

fn introduced(gateway: &Gateway) -> Result<Dialogue, Fault> {
    let mut dialogue = Dialogue::open(gateway.mx)?;
    let reply = dialogue.expect("EHLO client.sender.example", 250)?;
    assert!(reply.offers("STARTTLS"), "{reply:?}");
    Ok(dialogue)
}

/// The daemon still serves, and one good message is all that ever reached the queue.
fn check_nothing_came_of_it(gateway: &Gateway, sink: &Sink) -> Result<(), Fault> {
    let good = Message::plain("good");
    let mut dialogue = introduced(gateway)?;
    assert_eq!(dialogue.transact(SENDER, RECEIVER, &good)?.code, 250);
    sink.wait_for(1)?;
    gateway.installation.wait_for_empty_queue()?;
    sink::only(&sink.taken(), &good).map(drop)
}
