//! Every workload in small, with the sink alone and with Postern in between; and what goes wrong is
//! noticed.

#![expect(clippy::unwrap_used, reason = "these are helper functions of tests")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use postern_bench::corpus::Corpus;
use postern_bench::generator::Generator;
use postern_bench::ledger::{Ledger, Tally};
use postern_bench::run;
use postern_bench::sink::Sink;
use postern_bench::subject::SubjectName;
use postern_bench::workload::{Workload, WorkloadName};
use postern_tests::certificates::{Authority, Key, Leaf};
use postern_tests::smtp_dialogue::Dialogue;

fn small(name: WorkloadName) -> Workload {
    let workload = Workload::named(name);
    Workload {
        connections: workload.connections.min(4),
        messages: workload.messages.min(12),
        ..workload
    }
}

fn every_workload(name: SubjectName) {
    let subject = postern_bench::subject(name).unwrap();
    for workload in WorkloadName::ALL.map(small) {
        let figures = run::run(workload, &*subject).unwrap();
        assert_eq!(figures.messages, workload.messages, "{figures:?}");
        assert_eq!(
            figures.idle_kib.is_some(),
            workload.messages == 0,
            "{figures:?}"
        );
        assert!(
            figures.idle_kib.is_some() || figures.relayed_per_second > 0.0,
            "{figures:?}"
        );
    }
}

#[test]
fn load_and_sink_do_every_workload() {
    every_workload(SubjectName::Nothing);
}

#[test]
fn postern_does_every_workload() {
    every_workload(SubjectName::Postern);
}

/// What a relay does with the seventh message that it is given and answers with 250.
#[derive(Clone, Copy, Debug)]
enum Manner {
    PassesOn,
    Loses,
    Doubles,
    Damages,
    SendsAnother,
}

#[test]
fn what_a_relay_does_wrong_is_counted() {
    const MESSAGES: usize = 12;
    let check = |manner, expected: Tally| {
        let ledger = Arc::new(Ledger::new(
            Corpus::new(1, "receiver.example", 2048),
            MESSAGES,
        ));
        let sink = Sink::start(Arc::clone(&ledger), None).unwrap();
        let relay = relay(manner, sink.address());
        let counted = Arc::clone(&ledger);
        let generator = Generator::new(relay, "relay.example", None, counted).unwrap();
        let handed = generator.send_many(0..MESSAGES, 1).unwrap();
        assert_eq!(handed.latencies.len(), MESSAGES);
        let tally = ledger.tally();
        let clean = tally.is_clean();
        let expected = Tally {
            accepted: MESSAGES,
            connections: tally.connections,
            octets: tally.octets,
            ..expected
        };
        assert_eq!(tally, expected, "{manner:?}");
        assert_eq!(clean, matches!(manner, Manner::PassesOn), "{manner:?}");
    };
    let all = Tally {
        delivered: MESSAGES,
        ..Tally::default()
    };
    let all_but_one = Tally {
        delivered: MESSAGES - 1,
        lost: 1,
        ..Tally::default()
    };
    check(Manner::PassesOn, all);
    check(Manner::Loses, all_but_one);
    check(
        Manner::Doubles,
        Tally {
            duplicated: 1,
            ..all
        },
    );
    check(
        Manner::Damages,
        Tally {
            damaged: 1,
            ..all_but_one
        },
    );
    check(
        Manner::SendsAnother,
        Tally {
            foreign: 1,
            ..all_but_one
        },
    );
}

/// Where a relay listens for one connection. It passes a message on before it answers: when the
/// answer is there, so is the message.
fn relay(manner: Manner, sink: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || serve(&listener.accept().unwrap().0, manner, sink));
    address
}

fn serve(stream: &TcpStream, manner: Manner, sink: SocketAddr) {
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    let mut say = |text: &str| writer.write_all(text.as_bytes()).unwrap();
    let mut line = String::new();
    let mut messages = 0;
    say("220 relay.example\r\n");
    while lines.read_line(&mut line).unwrap() > 0 {
        if line.starts_with("DATA") {
            say("354 Go ahead\r\n");
            let mut content = String::new();
            while !content.ends_with("\r\n.\r\n") {
                lines.read_line(&mut content).unwrap();
            }
            messages += 1;
            let manner = if messages == 7 {
                manner
            } else {
                Manner::PassesOn
            };
            misbehave(manner, &content, sink);
        }
        say(if line.starts_with("QUIT") {
            "221 Bye\r\n"
        } else {
            "250 Ok\r\n"
        });
        line.clear();
    }
}

fn misbehave(manner: Manner, content: &str, sink: SocketAddr) {
    match manner {
        Manner::PassesOn => pass_on(content, sink),
        Manner::Loses => {}
        Manner::Doubles => {
            pass_on(content, sink);
            pass_on(content, sink);
        }
        // One letter of the body changes its case.
        Manner::Damages => {
            let (text, end) = content.split_at(content.len() - 10);
            pass_on(&[text, &end.to_ascii_lowercase()].concat(), sink);
        }
        Manner::SendsAnother => pass_on("Subject: Undelivered\r\n\r\nSorry\r\n.\r\n", sink),
    }
}

fn pass_on(content: &str, sink: SocketAddr) {
    let mut dialogue = Dialogue::open(sink).unwrap();
    dialogue.expect("EHLO relay.example", 250).unwrap();
    dialogue.expect("MAIL FROM:<>", 250).unwrap();
    dialogue
        .expect("RCPT TO:<bob@receiver.example>", 250)
        .unwrap();
    dialogue.expect("DATA", 354).unwrap();
    dialogue
        .expect(content.strip_suffix("\r\n").unwrap(), 250)
        .unwrap();
}

#[test]
fn a_sink_with_tls_takes_no_mail_in_clear() {
    let authority = Authority::new("Bench CA", Key::Ecdsa).unwrap();
    let credentials = authority.issue(&Leaf::named("sink.example")).unwrap();
    let ledger = Arc::new(Ledger::new(Corpus::new(1, "receiver.example", 2048), 1));
    let sink = Sink::start(Arc::clone(&ledger), Some(&credentials)).unwrap();
    let mut dialogue = Dialogue::open(sink.address()).unwrap();
    dialogue.expect("EHLO relay.example", 250).unwrap();
    dialogue.expect("MAIL FROM:<>", 530).unwrap();
    assert_eq!(ledger.tally().in_clear, 1);
    assert!(!ledger.tally().is_clean());
}
