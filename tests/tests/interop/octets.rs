//! Content leaves as it came, octet by octet, behind one more Received field.

use postern_tests::fault::Fault;
use postern_tests::loopback::Loopback;
use postern_tests::message::Message;
use postern_tests::programs::Program;
use postern_tests::sink::{self, Carried, Sink};
use postern_tests::smtp_dialogue::Dialogue;
use postern_tests::zones::{Dns, Zone};

use crate::Scenario;
use crate::gateway::{GATEWAY, Gateway, Plan, RECEIVER, SENDER};

/// All of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "awkward_content_by_data_leaves_by_data_as_it_came",
        needs: &[],
        run: by_data,
    },
    Scenario {
        name: "awkward_content_of_strangers_leaves_below_our_results_as_it_came",
        needs: &[Program::Nsd, Program::Unbound, Program::LdnsSignzone],
        run: judged,
    },
    Scenario {
        name: "awkward_content_leaves_to_a_host_with_chunking_as_it_came",
        needs: &[],
        run: to_a_host_with_chunking,
    },
    Scenario {
        name: "content_by_bdat_leaves_by_data_as_it_came",
        needs: &[],
        run: by_bdat,
    },
    Scenario {
        name: "content_with_bare_line_ends_is_refused_whole",
        needs: &[],
        run: bare_line_ends,
    },
];

/// Content of which systems on the way have been known to change something.
fn awkward() -> Result<Vec<Message>, Fault> {
    let lines = |lines: &[&str]| Message::new(lines.concat());
    let long = |length: usize| format!("{}\r\n", "x".repeat(length));
    let header = "Subject: awkward\r\n";
    // The doubled dot at either side of the boundaries that buffers usually have.
    let dots_at = |place: usize| {
        let filler = "y".repeat(place.saturating_sub(header.len() + 4));
        lines(&[header, "\r\n", &filler, "\r\n", ".", "dot\r\n..\r\n.\r\n"])
    };
    let many_dots = ".\r\n".repeat(30_000);
    Ok(vec![
        Message::plain("plain"),
        Message::awkward("awkward"),
        Message::eight_bit("8"),
        lines(&[header])?,
        lines(&[header, "\r\n"])?,
        lines(&["\r\n"])?,
        lines(&["\r\n", "body without header\r\n"])?,
        lines(&["no header at all\r\n"])?,
        lines(&[" folded before any field\r\n", header, "\r\n", "x\r\n"])?,
        lines(&[".\r\n"])?,
        lines(&["..\r\n"])?,
        lines(&[header, "\r\n", &long(998)])?,
        lines(&[header, "\r\n", &long(999)])?,
        lines(&[header, "\r\n", &long(70_000)])?,
        lines(&[header, "\r\n", ".", &long(70_000)])?,
        lines(&[header, "\r\n", &many_dots])?,
        dots_at(1024)?,
        dots_at(4096)?,
        dots_at(8192)?,
        dots_at(16_384)?,
        dots_at(65_536)?,
        // Larger than what is kept in memory.
        lines(&[header, "\r\n", &long(70).repeat(30_000)])?,
    ])
}

fn gateway(sink: &Sink) -> Result<Gateway, Fault> {
    Plan::ordinary()?
        .with(|it| it.domain("receiver.example", sink.address()))
        .start()
}

fn by_data() -> Result<(), Fault> {
    let sink = Sink::start()?;
    send_all(&gateway(&sink)?, &sink, Carried::Data, check_added)
}

/// What is found out of who wrote it stands on top.
fn judged() -> Result<(), Fault> {
    let sink = Sink::start()?;
    let zone = Zone::unsigned("sender.example").text("sender.example", "v=spf1 -all");
    let dns = Dns::start(&[zone], Loopback::claim()?)?;
    let judging = postern_tests::ports::free()?;
    let mut gateway = Plan::ordinary()?
        .with(|it| it.judging_mx(judging, &["authentication = \"mark\""]))
        .with(|it| it.dns(dns.relaying(), dns.anchor()))
        .with(|it| it.domain("receiver.example", sink.address()))
        .start()?;
    gateway.mx = judging;
    send_all(&gateway, &sink, Carried::Data, |added| {
        let results = format!("Authentication-Results: {GATEWAY};");
        assert!(added.starts_with(&results), "{added:?}");
        let (_, received) = added.split_once("\r\nReceived: ").unwrap_or_default();
        check_added(&format!("Received: {received}"));
    })
}

fn to_a_host_with_chunking() -> Result<(), Fault> {
    // Where commands can be pipelined as well, BDAT wins nothing and is not used.
    let sink = Sink::offering(&["8BITMIME", "SIZE", "CHUNKING"])?;
    send_all(&gateway(&sink)?, &sink, Carried::Bdat, check_added)
}

/// Sends one message after the other and finds them in the sink, with what `check` allows in front;
/// some of them must be `carried` so.
fn send_all(
    gateway: &Gateway,
    sink: &Sink,
    carried: Carried,
    check: impl Fn(&str),
) -> Result<(), Fault> {
    let messages = awkward()?;
    let mut dialogue = Dialogue::open(gateway.mx)?;
    dialogue.expect("EHLO client.sender.example", 250)?;
    for (count, message) in messages.iter().enumerate() {
        dialogue.expect(&format!("MAIL FROM:<{SENDER}> BODY=8BITMIME"), 250)?;
        dialogue.expect(&format!("RCPT TO:<{RECEIVER}>"), 250)?;
        dialogue.expect("DATA", 354)?;
        dialogue.send(&message.dot_stuffed())?;
        let reply = dialogue.reply()?;
        assert_eq!(reply.code, 250, "{reply:?}");
        let taken = sink.wait_for(count + 1)?;
        let last = taken.last().ok_or_else(nothing)?;
        check(&last.added_before(message)?);
    }
    gateway.installation.wait_for_empty_queue()?;
    let taken = sink.taken();
    assert_eq!(taken.len(), messages.len());
    assert!(taken.iter().any(|it| it.carried == carried));
    Ok(())
}

fn by_bdat() -> Result<(), Fault> {
    let sink = Sink::start()?;
    let gateway = gateway(&sink)?;
    let mut dialogue = Dialogue::open(gateway.mx)?;
    let offers = dialogue.expect("EHLO client.sender.example", 250)?;
    assert!(offers.offers("CHUNKING"), "{offers:?}");
    let message = Message::awkward("in chunks");
    for size in [1_usize, 7, 1000, usize::MAX] {
        let size = size.min(message.octets().len());
        dialogue.expect(&format!("MAIL FROM:<{SENDER}>"), 250)?;
        dialogue.expect(&format!("RCPT TO:<{RECEIVER}>"), 250)?;
        // One chunk after the other without waiting, as RFC 3030 §3 allows.
        let mut octets = Vec::new();
        let chunks = message.octets().chunks(size);
        for chunk in chunks.clone() {
            octets.extend_from_slice(format!("BDAT {}\r\n", chunk.len()).as_bytes());
            octets.extend_from_slice(chunk);
        }
        octets.extend_from_slice(b"BDAT 0 LAST\r\n");
        dialogue.send(&octets)?;
        for _ in 0..=chunks.len() {
            let reply = dialogue.reply()?;
            assert_eq!(reply.code, 250, "{reply:?}");
        }
    }
    let taken = sink.wait_for(4)?;
    for taken in &taken {
        check_added(&taken.added_before(&message)?);
    }
    without_final_line_end(&mut dialogue, &sink, taken.len())
}

/// Content that ends in the middle of a line: SMTP's DATA cannot carry it, so that it is given the
/// line end it lacks (RFC 5321 §4.1.1.4), and nothing else.
fn without_final_line_end(
    dialogue: &mut Dialogue,
    sink: &Sink,
    before: usize,
) -> Result<(), Fault> {
    let content = b"Subject: cut\r\n\r\nno line end";
    dialogue.expect(&format!("MAIL FROM:<{SENDER}>"), 250)?;
    dialogue.expect(&format!("RCPT TO:<{RECEIVER}>"), 250)?;
    dialogue.send(format!("BDAT {} LAST\r\n", content.len()).as_bytes())?;
    dialogue.send(content)?;
    let reply = dialogue.reply()?;
    assert_eq!(reply.code, 250, "{reply:?}");
    let taken = sink.wait_for(before + 1)?;
    let whole = Message::new([content.as_slice(), b"\r\n"].concat())?;
    check_added(&taken.last().ok_or_else(nothing)?.added_before(&whole)?);
    Ok(())
}

fn bare_line_ends() -> Result<(), Fault> {
    let sink = Sink::start()?;
    let gateway = gateway(&sink)?;
    let smuggled =
        "MAIL FROM:<eve@elsewhere.example>\r\nRCPT TO:<bob@receiver.example>\r\nDATA\r\n";
    for end in [
        "\n.\n",
        "\n.\r\n",
        "\r\n.\n",
        "\r.\r",
        "\r.\r\n",
        "\r\n.\r",
        "\r\n\0.\r\n",
    ] {
        let mut dialogue = Dialogue::open(gateway.mx)?;
        dialogue.expect("EHLO client.sender.example", 250)?;
        dialogue.expect(&format!("MAIL FROM:<{SENDER}>"), 250)?;
        dialogue.expect(&format!("RCPT TO:<{RECEIVER}>"), 250)?;
        dialogue.expect("DATA", 354)?;
        let content = format!("Subject: one\r\n\r\nfirst{end}{smuggled}Subject: two\r\n\r\n.\r\n");
        dialogue.send(content.as_bytes())?;
        let reply = dialogue.reply()?;
        assert!(
            reply.code == 550 && reply.has_status("5.6.0"),
            "{end:?}: {reply:?}"
        );
    }
    let good = Message::plain("good");
    let mut dialogue = Dialogue::open(gateway.mx)?;
    dialogue.expect("EHLO client.sender.example", 250)?;
    assert_eq!(dialogue.transact(SENDER, RECEIVER, &good)?.code, 250);
    sink.wait_for(1)?;
    gateway.installation.wait_for_empty_queue()?;
    check_added(&sink::only(&sink.taken(), &good)?);
    Ok(())
}

/// One Received field of ours, and nothing else.
fn check_added(added: &str) {
    assert!(added.starts_with("Received: from "), "{added:?}");
    let folded = |line: &str| line.starts_with([' ', '\t']);
    assert!(
        added.split_terminator("\r\n").skip(1).all(folded),
        "{added:?}"
    );
}

fn nothing() -> Fault {
    Fault::Unexpected("the sink has nothing".to_owned())
}
