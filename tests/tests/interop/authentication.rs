//! Who wrote it: mail of strangers is judged by SPF, DKIM and DMARC against a DNS of our own.

use std::net::UdpSocket;

use postern_tests::configuration::Configuration;
use postern_tests::fault::Fault;
use postern_tests::loopback::Loopback;
use postern_tests::message::Message;
use postern_tests::ports;
use postern_tests::programs::Program;
use postern_tests::second_opinion::Key;
use postern_tests::sink::{self, Sink};
use postern_tests::swaks::{Session, Swaks};
use postern_tests::zones::{Dns, Flaw, Zone};

use crate::Scenario;
use crate::gateway::{GATEWAY, Gateway, Plan, RECEIVER, SENDER};

const NEEDS: &[Program] = &[
    Program::Nsd,
    Program::Unbound,
    Program::LdnsSignzone,
    Program::Swaks,
    Program::Dkimpy,
    Program::Opendkim,
];

/// All of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "signed_mail_arrives_with_our_results_and_without_forged_ones",
        needs: NEEDS,
        run: signed,
    },
    Scenario {
        name: "mail_that_its_author_domain_disowns_is_refused",
        needs: NEEDS,
        run: disowned,
    },
    Scenario {
        name: "suspicious_mail_is_marked_held_or_redirected",
        needs: NEEDS,
        run: suspicious,
    },
    Scenario {
        name: "mail_without_one_author_domain_is_refused",
        needs: NEEDS,
        run: authors,
    },
    Scenario {
        name: "mail_of_domains_that_take_none_is_refused",
        needs: NEEDS,
        run: null_mx,
    },
    Scenario {
        name: "what_cannot_be_found_out_is_put_off_and_accepted_later",
        needs: NEEDS,
        run: put_off,
    },
];

/// The host that `sender.example` sends from, and one that it does not.
const RIGHT: &str = "127.0.0.1";
const WRONG: &str = "127.0.0.2";

/// The DNS, with a key of `sender.example` in it.
struct World {
    dns: Dns,
    key: Key,
}

impl World {
    fn start() -> Result<Self, Fault> {
        let key = Key::generate("sender.example", "s1")?;
        let zones = [
            Zone::signed("sender.example")
                .text("sender.example", "v=spf1 ip4:127.0.0.1 -all")
                .text("_dmarc.sender.example", "v=DMARC1; p=reject")
                .text(&key.name(), &key.record()?),
            Zone::unsigned("careful.example")
                .text("careful.example", "v=spf1 ip4:127.0.0.1 -all")
                .text("_dmarc.careful.example", "v=DMARC1; p=quarantine"),
            Zone::unsigned("mute.example").record("mute.example", "MX", "0 ."),
            Zone::unsigned("lost.example").with(Flaw::Lost),
        ];
        let dns = Dns::start(&zones, Loopback::claim()?)?;
        Ok(Self { dns, key })
    }

    /// A gateway in front of the sink whose listener for strangers says these lines, with more in
    /// its configuration.
    fn gateway(
        &self,
        sink: &Sink,
        lines: &[&str],
        add: impl FnOnce(Configuration) -> Configuration,
    ) -> Result<Gateway, Fault> {
        let add = |it: Configuration| add(it.dns(self.dns.relaying(), self.dns.anchor()));
        judging(sink, lines, add)
    }
}

fn judging(
    sink: &Sink,
    lines: &[&str],
    add: impl FnOnce(Configuration) -> Configuration,
) -> Result<Gateway, Fault> {
    let judging = ports::free()?;
    let mut gateway = Plan::ordinary()?
        .with(|it| it.judging_mx(judging, lines))
        .with(|it| it.domain("receiver.example", sink.address()))
        .with(add)
        .start()?;
    gateway.mx = judging;
    Ok(gateway)
}

/// Mail of `author` from the host at `client`.
fn mail(
    gateway: &Gateway,
    client: &str,
    author: &str,
    message: &Message,
) -> Result<Session, Fault> {
    Swaks::with(gateway.mx)
        .from(author)
        .to(RECEIVER)
        .option("--local-interface", client)
        .send(message)
}

/// A message whose From field names `author`.
fn written_by(author: &str, subject: &str) -> Result<Message, Fault> {
    let header = format!("From: {author}\r\nTo: <{RECEIVER}>\r\nSubject: {subject}\r\n");
    let date = "Date: Mon, 02 Mar 2026 09:00:00 +0000\r\n";
    Message::new(format!("{header}{date}\r\nHello.\r\n"))
}

fn check_refused(session: &Session, parts: &[&str]) {
    for part in parts {
        let said = &session.transcript;
        assert!(said.contains(part), "{part:?} is not in\n{said}");
    }
    assert_ne!(session.status, Some(0), "{}", session.transcript);
}

fn signed() -> Result<(), Fault> {
    let world = World::start()?;
    let sink = Sink::start()?;
    let spf = "[authentication]\nreceived-spf = true";
    let gateway = world.gateway(&sink, &[], |it| it.table(spf))?;
    let forged =
        format!("authentication-RESULTS : (ours)\r\n {GATEWAY}/1; dmarc=pass forged=yes\r\n");
    let message = world.key.sign(&Message::awkward("signed"))?;
    let with_forged = Message::new([forged.as_bytes(), message.octets()].concat())?;
    mail(&gateway, RIGHT, SENDER, &with_forged)?.accepted()?;
    let added = sink::only(&sink.wait_for(1)?, &message)?;
    assert!(!added.contains("forged"), "{added}");
    let unfolded = added.replace("\r\n ", " ").replace("\r\n\t", " ");
    let lines: Vec<&str> = unfolded.lines().collect();
    assert!(
        lines
            .first()
            .is_some_and(|it| it.starts_with(&format!("Authentication-Results: {GATEWAY};"))),
        "{added}"
    );
    for part in [
        "spf=pass",
        "dkim=pass",
        "header.d=sender.example",
        "header.s=s1",
        "dmarc=pass",
    ] {
        assert!(lines.iter().any(|it| it.contains(part)), "{part}: {added}");
    }
    assert!(
        lines
            .iter()
            .any(|it| it.to_ascii_lowercase().starts_with("received-spf: pass")),
        "{added}"
    );
    // The signature alone is enough where the host is another: mail that was forwarded.
    mail(&gateway, WRONG, SENDER, &message)?.accepted()?;
    let taken = sink.wait_for(2)?;
    let added = taken
        .last()
        .map(|it| it.added_before(&message))
        .transpose()?
        .unwrap_or_default();
    for part in ["spf=fail", "dkim=pass", "dmarc=pass"] {
        assert!(added.contains(part), "{part}: {added}");
    }
    gateway.installation.wait_for_empty_queue()
}

fn disowned() -> Result<(), Fault> {
    let world = World::start()?;
    let sink = Sink::start()?;
    let gateway = world.gateway(&sink, &[], |it| it)?;
    let unsigned = Message::plain("unsigned");
    let changed = world.key.sign(&Message::plain("changed"))?;
    let changed = String::from_utf8_lossy(changed.octets()).replace("One line.", "Another.");
    let changed = Message::new(changed)?;
    // SHA-1 counts for nothing (RFC 8301 §3.1).
    let old = world.key.sign_with_sha1(&Message::plain("old"))?;
    for message in [&unsigned, &changed, &old] {
        let session = mail(&gateway, WRONG, SENDER, message)?;
        check_refused(&session, &["550-5.7.26 ", "sender.example", "reject"]);
    }
    // The same mail from the right host, and mail of somebody else who says nothing.
    mail(&gateway, RIGHT, SENDER, &unsigned)?.accepted()?;
    let other = written_by("<eve@nothing.example>", "nothing")?;
    mail(&gateway, WRONG, "eve@nothing.example", &other)?.accepted()?;
    sink.wait_for(2)?;
    gateway.installation.wait_for_empty_queue()?;
    assert_eq!(sink.taken().len(), 2);
    Ok(())
}

fn suspicious() -> Result<(), Fault> {
    let world = World::start()?;
    let (sink, apart) = (Sink::start()?, Sink::start()?);
    let author = "carla@careful.example";
    let message = written_by(&format!("<{author}>"), "suspicious")?;

    let marking = world.gateway(&sink, &["quarantine = \"mark\""], |it| it)?;
    mail(&marking, WRONG, author, &message)?.accepted()?;
    let added = sink::only(&sink.wait_for(1)?, &message)?;
    let mark = "Postern-Quarantine: dmarc header.from=careful.example\r\n";
    assert!(
        added.contains(mark) && added.contains("dmarc=fail"),
        "{added}"
    );

    let holding = world.gateway(&sink, &["quarantine = \"hold\""], |it| it)?;
    mail(&holding, WRONG, author, &message)?.accepted()?;
    let is_held = |it: &[postern_tests::queue::Queued]| it.iter().any(|it| it.hold.is_some());
    let queue = holding
        .installation
        .wait_for_queue("a held message", is_held)?;
    let held = queue
        .first()
        .and_then(|it| it.hold.clone())
        .unwrap_or_default();
    assert!(held.contains("careful.example"), "{held}");
    assert_eq!(sink.taken().len(), 1, "held mail has left");
    let id = queue.first().map(|it| it.id.clone()).unwrap_or_default();
    let released = holding.installation.run(&["queue", "release", &id])?;
    assert!(released.status.success(), "{released:?}");
    sink.wait_for(2)?;

    let hop = format!(
        "[authentication]\nquarantine-next-hop = [\"{}\"]",
        apart.address()
    );
    let redirecting = world.gateway(&sink, &["quarantine = \"redirect\""], |it| it.table(&hop))?;
    mail(&redirecting, WRONG, author, &message)?.accepted()?;
    mail(&redirecting, RIGHT, author, &message)?.accepted()?;
    let taken = apart.wait_for(1)?;
    sink.wait_for(3)?;
    redirecting.installation.wait_for_empty_queue()?;
    assert_eq!((sink.taken().len(), apart.taken().len()), (3, 1));
    let added = sink::only(&taken, &message)?;
    assert!(added.contains("dmarc=fail"), "{added}");
    Ok(())
}

fn authors() -> Result<(), Fault> {
    let world = World::start()?;
    let sink = Sink::start()?;
    let gateway = world.gateway(&sink, &[], |it| it)?;
    for from in [
        "<alice@sender.example>\r\nFrom: <eve@nothing.example>",
        "<eve@nothing.example>, <alice@sender.example>",
        "Alice <alice@sender.example>\r\nFROM : <eve@nothing.example>",
        "undisclosed-senders:;",
        "alice",
    ] {
        let session = mail(
            &gateway,
            WRONG,
            "eve@nothing.example",
            &written_by(from, "two")?,
        )?;
        check_refused(&session, &["550-5.7.1 "]);
    }
    assert!(gateway.installation.queue()?.is_empty());
    Ok(())
}

fn null_mx() -> Result<(), Fault> {
    let world = World::start()?;
    let sink = Sink::start()?;
    let gateway = world.gateway(&sink, &[], |it| it)?;
    let message = Message::plain("from nowhere");
    let session = mail(&gateway, RIGHT, "nobody@mute.example", &message)?;
    check_refused(&session, &["550-5.7.27 ", "mute.example"]);
    assert_eq!(session.status, Some(23), "{}", session.transcript);
    Ok(())
}

fn put_off() -> Result<(), Fault> {
    let world = World::start()?;
    let sink = Sink::start()?;
    let author = "lara@lost.example";
    let message = written_by(&format!("<{author}>"), "lost")?;
    let gateway = world.gateway(&sink, &[], |it| it)?;
    check_refused(&mail(&gateway, RIGHT, author, &message)?, &["451-4.7."]);
    assert!(gateway.installation.queue()?.is_empty());

    // A name server that takes questions and says nothing.
    let silent = UdpSocket::bind("127.0.0.1:0");
    let silent = silent.map_err(|error| Fault::Unexpected(error.to_string()))?;
    let silent = silent
        .local_addr()
        .map_err(|error| Fault::Unexpected(error.to_string()))?;
    let soon = "[authentication]\ntime-limit = \"1s\"";
    let waiting = |it: Configuration| it.table(soon).dns_unproven(silent);
    let waiting = judging(&sink, &[], waiting)?;
    check_refused(&mail(&waiting, RIGHT, author, &message)?, &["451-4.7."]);
    assert!(waiting.installation.queue()?.is_empty());
    assert_eq!(sink.taken().len(), 0);

    // Where nothing is put off it is taken, and the trouble is told.
    let never = "[authentication]\ntemperror-limit = \"0s\"";
    let patient = world.gateway(&sink, &[], |it| it.table(never))?;
    mail(&patient, RIGHT, author, &message)?.accepted()?;
    let added = sink::only(&sink.wait_for(1)?, &message)?;
    assert!(added.contains("dmarc=temperror"), "{added}");
    Ok(())
}
